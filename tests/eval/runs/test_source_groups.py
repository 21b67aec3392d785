"""Pairs of one picture are one source image, whatever its files are called: in every table, figure and test."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from eval.analysis.common_pairs import compare_on_common
from eval.analysis.curves import curve_table
from eval.analysis.methods import open_methods, open_whole
from eval.analysis.validity.images import gather_judged
from eval.analysis.validity.scores import strength_alone
from eval.present.comparison_page import compare_runs
from eval.present.export.folder import write_folder
from eval.present.figures.material import FigureMaterial, FigureOptions
from eval.present.outputs import write_outputs
from eval.runs.source_groups import by_pixels, in_all
from eval.runs.writer import RunWriter
from tedbench.method import Sample
from tedbench.pair import EditPair, Entry
from tests.made_runs import made_config

pytestmark = pytest.mark.usefixtures("blank_figures")

CLIP, JUDGE = "clip/a/b", "judge/success/1"
ONCE = [Entry(f"src{i}.png", f"text {j}") for i in range(2) for j in range(3)]
COPIED = [Entry(f"{3 * i + j:03d}.png", f"text {j}") for i in range(2) for j in range(3)]
GROUPS = ["000.png"] * 3 + ["003.png"] * 3


@pytest.fixture
def make_run(tmp_path, noise_image):
    """A run of 2 pictures and 3 texts, with a file for each picture or for each pair; every score is a little above 0."""

    def make(name, entries, shift=0.0, failed=(), size=16):
        run = RunWriter.create(tmp_path / name, made_config(name, metrics=[CLIP, JUDGE], fit={"size": size}))
        for place, entry in enumerate(entries):
            if place in failed:
                run.write_failure(entry, [(0.5, 0)], "its image cannot be read")
                continue
            run.write_shard(
                EditPair(entry, noise_image(place // 3, size)), [Sample(0.5, 0, noise_image(50 + place, size))]
            )
            for metric, score in ((CLIP, 0.1 + 0.01 * place + shift), (JUDGE, float(place % 3 < 1 + 5 * shift))):
                row = [(entry.id, 0.5, 0, metric, score)]
                table = pd.DataFrame(row, columns=["pair_id", "strength", "seed", "metric", "score"])
                run.shard(entry.id).write_scores(metric, table)
        return run

    return make


def groups(samples):
    return samples.sort_values("image_name")["source_group"].tolist()


def test_copies_of_one_picture_are_one_source_image(make_run):
    run = make_run("run", COPIED)
    assert groups(run.samples()) == GROUPS
    write_outputs(run)
    assert groups(pd.read_parquet(run.folder / "samples.parquet")) == GROUPS
    assert run.samples()["image_name"].nunique() == 6


def test_means_and_intervals_are_those_of_a_list_that_names_each_picture_once(make_run):
    once, copied = (make_run(name, entries) for name, entries in (("once", ONCE), ("copied", COPIED)))
    tables = [curve_table(run, [e.id for e in pairs]) for run, pairs in ((once, ONCE), (copied, COPIED))]
    numbers = ["metric", "mean", "ci_low", "ci_high", "n_pairs"]
    pd.testing.assert_frame_equal(tables[0][numbers], tables[1][numbers])
    for run in (once, copied):
        write_folder(run, run.folder.with_suffix(".export"), "cc0-1.0")
    exported = [json.loads((r.folder.with_suffix(".export") / "results.json").read_text()) for r in (once, copied)]
    ends = [[(row["ci_low"], row["ci_high"]) for row in each["curves"]] for each in exported]
    assert ends[0] == ends[1] and None not in ends[0][0]


def test_two_pictures_show_no_difference_however_many_files_they_are_in(make_run, tmp_path):
    found = []
    for entries in (ONCE, COPIED):
        name = entries[0].image_name
        runs = {m: str(make_run(f"{m}-{name}", entries, shift).folder) for m, shift in (("a", 0.2), ("b", 0.0))}
        compare_runs(runs, tmp_path / f"out-{name}")
        found.append(pd.read_csv(tmp_path / f"out-{name}" / "differences.csv"))
        assert "With 2 source images" in (tmp_path / f"out-{name}" / "comparison.md").read_text()
    pd.testing.assert_frame_equal(*found)
    assert found[0]["n_source_images"].tolist() == [2, 2] and set(found[0]["p"]) == {0.5}


def test_groups_are_the_same_in_all_compared_runs_whatever_failed_in_one(make_run):
    one, other = make_run("a", COPIED), make_run("b", COPIED, failed=(0, 3), size=32)
    assert groups(other.samples()) == ["000.png", "001.png", "001.png", "003.png", "004.png", "004.png"]
    for opened in (
        open_whole([str(one.folder), str(other.folder)]),
        open_methods({"x": other.folder, "y": one.folder}, {}),
    ):
        for method in opened:
            assert groups(method.samples) == GROUPS
            picked = compare_on_common(opened).picked(method)
            assert picked["source_group"].value_counts().to_dict() == {"000.png": 2, "003.png": 2}


def test_pairs_of_one_name_and_pairs_of_one_picture_are_joined(tmp_path):
    table = pd.DataFrame({"pair_id": list("123456"), "source_group": ["e", "d", "d", "c", "b", "a"]})
    found = by_pixels(table, {"1": "x", "2": "x", "3": "y", "4": "y", "5": None})  # 6 is not there at all
    assert found["source_group"].tolist() == ["c", "c", "c", "c", "b", "a"]
    assert table["source_group"].tolist() == ["e", "d", "d", "c", "b", "a"]
    assert by_pixels(table[:0], {}).empty


def test_runs_with_no_pair_in_common_keep_their_groups():
    one, other = (pd.DataFrame({"pair_id": [i], "source_group": [g]}) for i, g in (("1", "a"), ("2", "b")))
    assert [table["source_group"].tolist() for table in in_all([one, other])] == [["a"], ["b"]]


def test_a_list_of_many_copies_is_joined_without_recursion():
    n = 5000
    table = pd.DataFrame({"pair_id": [str(i) for i in range(2 * n)], "source_group": np.arange(2 * n)[::-1] // 2})
    table["source_group"] = table["source_group"].astype(str).str.zfill(5)
    pictures = {
        str(i): str((i + 1) // 2) for i in range(2 * n)
    }  # each shares a name with one, a picture with the other
    assert set(by_pixels(table, pictures)["source_group"]) == {"00000"}


def test_what_is_learned_on_other_source_images_is_not_learned_on_copies(make_run):
    runs = {name: make_run(name, entries) for name, entries in (("once", ONCE), ("copied", COPIED))}
    found = [strength_alone(gather_judged({"run": run}, "judge/success", [CLIP]).images) for run in runs.values()]
    assert found[0].tolist() == found[1].tolist() == pytest.approx([1 / 3] * 6)
    one, other = make_run("a", COPIED), make_run("b", COPIED, failed=(0,))
    images = gather_judged({"b": other, "a": one}, "judge/success", [CLIP]).images
    assert set(images["source_group"]) == {"000.png", "003.png"}


def test_a_figure_of_texts_on_one_image_finds_copies(make_run):
    material = FigureMaterial([str(make_run("run", COPIED).folder)], FigureOptions("2", 8, 4))
    assert sorted(material.groups.values()) == GROUPS
