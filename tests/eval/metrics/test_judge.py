"""Judged success: what counts as one, and that its tables and figures say of how many images."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from cli.command import compose
from eval.analysis.curves import curve_table
from eval.engine.progress import Reporter
from eval.engine.score_pair import score_run
from eval.metrics.base import Reference
from eval.metrics.judge import Judged, open_reader
from eval.metrics.judgement import SAME_SCENE_PSNR, judge_edit, untouched_psnr
from eval.present.figures.curves import draw_run
from eval.present.report.build import write_report
from eval.present.summary import print_summary
from eval.present.text import coverage, curve_title, strength_cells
from eval.runs.writer import RunWriter
from picturebook.judge import WEIGHTS, Judge, Reading
from tedbench.build import build
from tedbench.datasets.base import Dataset
from tedbench.datasets.picturebook import PicturebookPairs
from tedbench.errors import UserError
from tedbench.method import Axis, Sample
from tedbench.pair import EditPair, Entry
from tests.made_runs import made_config

pytestmark = pytest.mark.usefixtures("blank_figures")

CONFIG = made_config()
STANDING = {
    "kind": "dog",
    "state": "dog standing",
    "color": "brown",
    "place": "meadow",
    "accessory": "",
    "count": "1",
    "other": "",
    "time": "day",
    "weather": "clear",
}
BEFORE, SITTING = Reading(STANDING, 0.9), Reading(STANDING | {"state": "dog sitting"}, 0.9)


def read(real=0.9, **differing):
    return Reading(STANDING | differing, real)


@pytest.fixture
def reference(noise_image):
    """Input and true edit are the same but for a quarter of the picture, and read differently."""
    image = noise_image(0, 64)
    truth = image.copy()
    truth[:32, :32] = noise_image(1, 64)[:32, :32]
    return Reference(image, "a dog", None, truth)


def test_the_true_edit_is_a_success_and_the_input_lacks_the_change():
    assert judge_edit(BEFORE, SITTING, SITTING, 40.0).success
    unchanged = judge_edit(BEFORE, SITTING, BEFORE, float("inf"))
    assert (unchanged.changed, unchanged.kept, unchanged.right) == (False, True, 8)
    assert unchanged.faults == ("state standing, not sitting",)


def test_an_edit_that_changes_something_else_too_is_no_success():
    found = judge_edit(BEFORE, SITTING, read(state="dog sitting", color="black"), 30.0)
    assert (found.changed, found.kept, found.success) == (True, False, False)


def test_another_wrong_answer_to_what_was_asked_does_not_spoil_the_rest():
    found = judge_edit(BEFORE, SITTING, read(state="dog lying"), 30.0)
    assert (found.changed, found.kept) == (False, True)


def test_another_scene_with_all_the_right_answers_has_not_kept_the_rest():
    found = judge_edit(BEFORE, SITTING, SITTING, SAME_SCENE_PSNR - 0.1)
    assert (found.changed, found.kept) == (True, False)
    assert "dB" in found.faults[0]
    assert judge_edit(BEFORE, SITTING, SITTING, None).success


def test_what_is_no_picture_of_the_world_has_neither_changed_nor_kept():
    found = judge_edit(BEFORE, SITTING, read(real=0.4, state="dog sitting"), 40.0)
    assert (found.changed, found.kept, found.right) == (False, False, 0)


def test_a_kind_in_the_states_name_counts_once():
    cat = read(kind="cat", state="cat standing")
    half = judge_edit(BEFORE, cat, read(kind="cat", state="dog standing"), 30.0)
    assert half.success and half.right == len(STANDING)
    lying = judge_edit(BEFORE, cat, read(kind="cat", state="cat lying"), 30.0)
    assert (lying.changed, lying.kept, lying.right) == (True, False, len(STANDING) - 1)
    dog = judge_edit(BEFORE, cat, BEFORE, 30.0)
    assert (dog.changed, dog.kept, dog.right) == (False, True, len(STANDING) - 1)


def test_the_untouched_region_is_compared_by_its_pixels_alone(reference):
    image, truth = reference.image, reference.truth
    brighter = np.clip(image.astype(int) + 10, 0, 255).astype(np.uint8)
    found = untouched_psnr(image, truth, np.stack([truth, brighter]))
    outside = np.ones((64, 64), dtype=bool)
    outside[:32, :32] = (image == truth).all(-1)[:32, :32]
    error = (brighter.astype(float) - image)[outside]
    assert found == [float("inf"), pytest.approx(20 * np.log10(255 / np.sqrt((error**2).mean())))]
    assert untouched_psnr(image, 255 - image, image[None]) == [None]


def test_scores_are_0_or_1_and_success_is_both(random_judge, reference, noise_image):
    images = np.stack([reference.image, reference.truth, *(noise_image(seed, 64) for seed in range(2, 8))])
    scores = {what: Judged(what, random_judge).score(reference, images) for what in ("success", "changed", "kept")}
    assert scores["success"].tolist() == (scores["changed"] * scores["kept"]).tolist()
    assert [scores[what][0] for what in ("success", "changed", "kept")] == [0, 0, 1]
    assert [scores[what][1] for what in ("success", "changed", "kept")] == [1, 1, 1]
    assert set(scores["kept"][2:]) == {0}


def test_three_metrics_read_each_image_once(random_judge, reference, monkeypatch):
    read_by, metrics = [], [Judged(what, random_judge) for what in ("success", "changed", "kept")]
    real = Judge.read
    monkeypatch.setattr(Judge, "read", lambda self, images: read_by.append(len(images)) or real(self, images))
    for edited in (reference.truth, 255 - reference.truth):
        for metric in metrics:
            metric.score(reference, np.stack([edited] * 3))
    assert [count for count in read_by if count == 3] == [3, 3]
    assert read_by.count(2) <= 1  # input and true edit; the judge is shared, and may have read them for another test


def test_a_pair_without_a_true_edit_is_not_judged(random_judge, reference):
    scores = Judged("success", random_judge).score(reference._replace(truth=None), reference.image[None])
    assert scores.shape == (1,) and np.isnan(scores).all()


def test_a_pair_whose_input_and_true_edit_read_the_same_is_not_judged(random_judge, reference):
    same = reference._replace(truth=reference.image)
    assert np.isnan(Judged("kept", random_judge).score(same, reference.image[None])).all()


def test_a_pair_of_no_pictures_of_the_world_is_not_judged(random_judge, reference, tmp_path):
    state = load_file(random_judge)
    state["real.bias"].fill_(-100)
    save_file(state, tmp_path / "strict.safetensors")
    strict = Judged("changed", str(tmp_path / "strict.safetensors"))
    assert np.isnan(strict.score(reference, reference.truth[None])).all()


def test_larger_pictures_are_read_at_64(random_judge, reference):
    large = reference._replace(
        image=np.kron(reference.image, np.ones((2, 2, 1), np.uint8)),
        truth=np.kron(reference.truth, np.ones((2, 2, 1), np.uint8)),
    )
    assert Judged("success", random_judge).score(large, large.truth[None]).tolist() == [1]


def test_the_name_says_which_judge(random_judge):
    with open(random_judge, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    assert Judged("kept", random_judge).name == f"judge/kept/{digest[:8]}"


def test_what_cannot_be_a_judge_is_refused(tmp_path):
    with pytest.raises(UserError, match="does not judge 'beauty'"):
        Judged("beauty")
    with pytest.raises(UserError, match=r"picturebook\.train judge"):
        Judged(weights=str(tmp_path / "none.safetensors"))
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match="does not hold"):
        Judged(weights=str(tmp_path / "other.safetensors"))


@pytest.fixture
def job(tmp_path, random_judge, reference):
    """A measured run of two pairs, of which one has no true edit; and what its outputs are made from."""
    entries = [Entry("a.png", "A dog.", category="pose"), Entry("b.png", "A cat.")]
    run = RunWriter.create(tmp_path / "run", CONFIG)
    run.write_json("provenance.json", {"packages": {}, "python": "3", "gpu": "", "device": "cpu", "git": None})
    for entry, truth in zip(entries, (reference.truth, None), strict=True):
        edited = [Sample(0.0, 0, reference.image), Sample(1.0, 0, reference.truth)]
        run.write_shard(EditPair(entry, reference.image, truth), edited)
    settings = compose("run", ["metrics=picturebook", f"metrics.judge_success.weights={random_judge}"]).metrics
    metrics = [build(block, device="cpu") for block in settings.values()]
    editor = SimpleNamespace(axis=Axis("eta", "η", (0.0, 1.0)))
    score_run(run, metrics, Reporter())
    return SimpleNamespace(run=run, dataset=Listed(entries, 64), editor=editor, metrics=metrics)


class Listed(Dataset):
    """Entries whose images nobody reads."""

    name = "folder"

    def read(self, entry):
        raise NotImplementedError


def test_a_run_keeps_judgements_beside_the_other_scores(job):
    scores = job.run.scores().assign(what=lambda t: t["metric"].str.rpartition("/")[0])
    success = scores[scores["what"] == "judge/success"].set_index(["pair_id", "strength"])["score"]
    judged, unjudged = (entry.id for entry in job.dataset.entries)
    assert [success[judged, 0.0], success[judged, 1.0]] == [0, 1]
    assert success[unjudged].isna().all()


def test_a_judgements_mean_is_of_the_images_judged_and_the_table_says_how_many(job):
    table = curve_table(job.run.reader())
    group = table[table["strength"] == 1]
    clip, success = (group[group["metric"].str.startswith(name)].iloc[0] for name in ("clip", "judge/success"))
    assert (clip["n_images"], clip["n_expected"]) == (2, 2)
    assert (success["mean"], success["n_images"], success["n_expected"]) == (1, 1, 2)
    assert strength_cells(group, job.run.metrics)[2:] == ["100% of 1"] * 3
    assert coverage(group, job.run.metrics) == "2 of 2"
    assert "2 pairs, 2 of 2 images a point (1 judged)" in curve_title(job.run, table)


def test_cells_of_judgements_without_any_are_dashes(job):
    table = curve_table(job.run.reader())
    none_judged = table[~table["metric"].str.startswith("judge/")]
    assert strength_cells(none_judged[none_judged["strength"] == 1], job.run.metrics)[2:] == ["–"] * 3


@pytest.mark.parametrize("judged", [True, False])
def test_success_is_a_third_curve_where_images_were_judged(job, judged, monkeypatch):
    kept = []
    monkeypatch.setattr("eval.present.figures.style.plt.close", kept.append)
    table = curve_table(job.run.reader())
    table = table if judged else table[~table["metric"].str.startswith("judge/")]
    draw_run(job.run, table, job.editor.axis)
    labels = [axes.get_ylabel() for axes in kept[0].axes]
    assert labels[2:] == (["judged success"] if judged else [])
    if judged:
        assert list(kept[0].axes[2].lines[0].get_ydata()) == [0, 1]
    monkeypatch.undo()
    plt.close("all")


def test_report_and_curves_csv_bear_pairs_that_were_not_judged(job):
    table = curve_table(job.run.reader())
    draw_run(job.run, table, job.editor.axis)
    write_report(job.run, job.run.reader(), table, job.dataset)
    page = (job.run.folder / "report.html").read_text()
    assert "judged success" in page and "100% [–] of 1" in page
    assert '"judged":true' in page and "nan" not in page.lower().replace("nano", "")
    assert not pd.read_csv(job.run.folder / "curves.csv")["mean"].isna().any()


def test_the_summary_says_of_how_many_images_success_is(job, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    ids = [entry.id for entry in job.dataset.entries]
    assert print_summary(job.run.reader(), ids, job.run.metrics, Reporter().console, 60) == 0
    said = capsys.readouterr()
    assert "100% of 1" in said.out + said.err
    assert "judged success: judge/success/" in said.out + said.err


def test_a_summary_of_fewer_metrics_than_the_run_has_is_of_these(job, capsys):
    ids, clip = [entry.id for entry in job.dataset.entries], job.run.metrics.of_kind("alignment")
    assert print_summary(job.run.reader(), ids, clip, Reporter().console, 60) == 0
    said = "".join(capsys.readouterr())
    assert "CLIP score" in said and "2 of 2" in said and "judged" not in said


def test_the_trained_judge_calls_true_edits_successes_and_inputs_none():
    reader, known, unread = open_reader(str(WEIGHTS)), 0, []
    for pair in PicturebookPairs(64, split="all"):
        found = reader.judge(Reference(pair.image, "", None, pair.truth), np.stack([pair.image, pair.truth]))
        if found is None:
            unread.append(pair.id)
            continue
        before, after = found
        assert not before.success, pair.id
        known += after.success
    assert known >= 99, f"{known} of 100 true edits are successes; unread: {unread}"
