"""Saved runs side by side: small made-up ones, written by the real store, whose scores are known."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from eval.analysis.common_pairs import compare_on_common
from eval.analysis.methods import open_methods
from eval.analysis.published import published
from eval.analysis.selection import Choice, keep
from eval.analysis.stats import clustered_mean, holm, paired_difference
from eval.present.comparison_page import compare_runs
from eval.present.figures.style import COLORS
from eval.present.tables import latex_escape, markdown_escape
from eval.runs.writer import RunWriter
from tedbench.errors import UserError
from tedbench.method import Origin, Sample
from tedbench.pair import EditPair, Entry
from tests.made_runs import card_of, made_config

pytestmark = pytest.mark.usefixtures("blank_figures")

CLIP, LPIPS, JUDGE = "clip/a/b", "lpips/alex-own-1234/64", "judge/success/1234"
DATASET = {"_target_": "tedbench.datasets.picturebook.PicturebookPairs"}
ENTRIES = [
    Entry(image, text)
    for image, text in (("a.png", "A dog."), ("a.png", "A cat."), ("b.png", "A dog."), ("c.png", "A dog."))
]
A_DOG, A_CAT, B_DOG, C_DOG = [entry.id for entry in ENTRIES]


class Ways(NamedTuple):
    """How a made-up run differs from the usual one."""

    axis: str = "eta"
    strengths: tuple[float, ...] = (0.0, 0.5, 1.0)
    seeds: tuple[int, ...] = (0,)
    metrics: tuple[str, ...] = (CLIP, LPIPS)
    entries: tuple[Entry, ...] = tuple(ENTRIES)
    failed: tuple[str, ...] = ()
    fit: dict = {"dataset": "picturebook", "size": 16}  # noqa: RUF012
    how: dict = {"dataset": DATASET}  # noqa: RUF012
    elsewhere: bool = False
    picture: int = 0
    facts: dict = {}  # noqa: RUF012


def score(metric, pair_id, strength, seed, shift=0.0):
    """Every image's own number."""
    place = [entry.id for entry in ENTRIES].index(pair_id)
    number = 0.1 + 0.07 * place + 0.3 * strength + 0.01 * seed + shift
    return float(number > 0.35) if metric.startswith("judge/") else number


@pytest.fixture
def make_run(tmp_path, noise_image):
    def make(method, shift=0.0, folder=None, **ways):
        how = Ways(**ways)
        symbol = {"eta": "η", "t0": "t₀"}.get(how.axis)
        about = {"symbol": symbol, "elsewhere": how.elsewhere, "metrics": how.metrics}
        config = made_config(method, axis=how.axis, fit=how.fit, how=how.how, **about)
        run = RunWriter.create(tmp_path / (folder or method), config)
        requests = [(s, k) for s in how.strengths for k in how.seeds]
        run.event("start", pairs=len(how.entries))
        for entry in how.entries:
            if entry.id in how.failed:
                run.write_failure(entry, requests, "the loss became nan")
                continue
            image = noise_image(10 * how.picture + ord(entry.image_name[0]))
            run.write_shard(EditPair(entry, image), [Sample(s, k, image) for s, k in requests])
            run.event(
                "pair", pair=entry.id, images=len(requests), fit_s=20.0, sample_s=2.0 * len(requests), **how.facts
            )
            for metric in how.metrics:
                rows = [(entry.id, s, k, metric, score(metric, entry.id, s, k, shift)) for s, k in requests]
                table = pd.DataFrame(rows, columns=["pair_id", "strength", "seed", "metric", "score"])
                run.shard(entry.id).write_scores(metric, table)
        return str(run.folder)

    return make


@pytest.fixture
def compared(tmp_path):
    """Compares runs; gives the folder that was written, and its table by method and metric."""

    def do(runs, **options):
        out = tmp_path / "out"
        compare_runs(runs, out, **options)
        return out, pd.read_csv(out / "comparison.csv").set_index(["method", "metric"])

    return do


def choose(folder, strengths, rule="by hand"):
    run = RunWriter.open(Path(folder))
    there = run.samples()
    rows = [there[(there["pair_id"] == i) & (there["strength"] == s)].iloc[0] for i, s in strengths.items()]
    keep(run, Choice(rule, pd.DataFrame(rows)[["pair_id", "strength", "seed", "image"]]))


def test_means_and_intervals_are_those_of_the_chosen_images_by_source_image(make_run, compared):
    one, two = make_run("imagic"), make_run("sdedit", 0.2, axis="t0")
    choose(one, {A_DOG: 0.0, A_CAT: 0.5, B_DOG: 1.0, C_DOG: 0.5}, rule=f"highest {CLIP} there is")
    out, table = compared([one, two])
    values = [score(CLIP, i, s, 0) for i, s in ((A_DOG, 0.0), (A_CAT, 0.5), (B_DOG, 1.0), (C_DOG, 0.5))]
    wanted = clustered_mean(values, ["a.png", "a.png", "b.png", "c.png"])
    row = table.loc["imagic", CLIP]
    assert tuple(row[["mean", "ci_low", "ci_high"]]) == pytest.approx(wanted, abs=1e-6)
    assert row["rule"] == f"highest {CLIP} there is"
    row = table.loc["sdedit", f"1-{LPIPS}"]
    assert row["mean"] == pytest.approx(1 - np.mean([score(LPIPS, i.id, 0.5, 0, 0.2) for i in ENTRIES]), abs=1e-6)
    assert "the middle of its strengths" in row["rule"]
    page = (out / "comparison.md").read_text()
    assert f"images of imagic were chosen by {CLIP}: its mean grows" in page
    assert f"highest {CLIP} there is" in page and "t₀ = 0.5" in page and "Picturebook (synthetic)" in page


def test_a_failed_pair_leaves_every_method_and_is_counted_and_named(make_run, compared, capsys):
    out, table = compared([make_run("imagic", metrics=(CLIP, LPIPS, JUDGE)), make_run("sdedit", failed=(A_CAT,))])
    assert table.loc["imagic", JUDGE]["n_pairs"] == 3  # also in a column of its own
    for method, own in (("imagic", 4), ("sdedit", 3)):
        row = table.loc[method, CLIP]
        assert (row["n_pairs"], row["n_compared"], row["n_expected"], row["n_own"]) == (3, 3, 4, own)
        assert row["mean"] == pytest.approx(np.mean([score(CLIP, i, 0.5, 0) for i in (A_DOG, B_DOG, C_DOG)]), abs=1e-6)
    page = (out / "comparison.md").read_text()
    assert "3 of 4 pairs compared" in page
    assert f"sdedit: failed, the loss became nan (1): {markdown_escape(A_CAT)}" in page
    said = capsys.readouterr().out
    assert "sdedit: failed, the loss became nan" in said
    first, *_, what, where = said.splitlines()
    assert first.endswith(": 3 of 4 pairs compared") and (what, where) == ("open comparison.md in", str(out))
    assert set(pd.read_csv(out / "plane.csv")["n_pairs"]) == {3}


def test_methods_differ_pair_by_pair_with_an_interval_a_test_and_holms_correction(make_run, compared):
    runs = {name: make_run(name, shift) for name, shift in (("one", 0.0), ("two", 0.1), ("three", 0.1))}
    choose(runs["two"], {A_DOG: 0.0, A_CAT: 0.5, B_DOG: 1.0, C_DOG: 0.5})
    out, _ = compared(runs)
    table = pd.read_csv(out / "differences.csv").set_index(["metric", "method", "other"]).loc[CLIP]
    assert list(table.index) == [("one", "two"), ("one", "three"), ("two", "three")]
    wanted = paired_difference([0.15, 0, -0.15, 0], [0.1] * 4, ["a.png", "a.png", "b.png", "c.png"])
    row = table.loc["one", "two"]
    assert tuple(row[["difference", "ci_low", "ci_high", "p"]]) == pytest.approx(wanted, abs=1e-6)
    assert (row["n_pairs"], row["n_source_images"]) == (4, 3)
    assert table["p_holm"].tolist() == pytest.approx(holm(table["p"].tolist()))
    page, tex = ((out / f"comparison.{suffix}").read_text() for suffix in ("md", "tex"))
    assert "| one − three | −0.100" in page and "With 3 source images p cannot be less than 0.250" in page
    assert "one $-$ three & $-$0.100" in tex


def test_one_method_has_no_differences(make_run, compared):
    out, _ = compared([make_run("imagic")])
    assert not (out / "differences.csv").exists()
    assert "difference" not in (out / "comparison.md").read_text().lower()


def test_pairs_that_a_run_never_reached_count_too(make_run, compared):
    folder = make_run("imagic", entries=tuple(ENTRIES[:3]))
    RunWriter.open(Path(folder)).event("start", pairs=4)
    out, table = compared([folder])
    assert table.loc["imagic", CLIP]["n_expected"] == 4
    assert "1 pair has not been run yet" in (out / "comparison.md").read_text()


def test_one_method_alone(make_run, compared):
    out, table = compared([make_run("imagic")])
    assert list(table.index) == [("imagic", CLIP), ("imagic", f"1-{LPIPS}")]
    assert {p.name for p in out.iterdir()} == {
        "comparison.csv",
        "comparison.md",
        "comparison.tex",
        "plane.csv",
        "plane.png",
        "plane.pdf",
        "grid-01.png",
    }


def test_images_without_a_strength_stand_beside_a_curve(make_run, compared):
    published = make_run("published", 0.1, axis="as_published", strengths=(1.0,), elsewhere=True)
    out, table = compared([make_run("imagic"), published])
    assert table.loc["published", CLIP]["rule"] == "the only image of each pair"
    assert np.isnan(table.loc["published", CLIP]["seconds_per_edit"])
    assert table.loc["imagic", CLIP]["seconds_per_edit"] == 22
    assert pd.read_csv(out / "plane.csv")["method"].value_counts().to_dict() == {"imagic": 3, "published": 1}


def test_cost_is_what_the_runs_wrote_down(make_run, compared):
    gpu = make_run("imagic", facts={"peak_gib": 7.5})
    trained_while_sampling = {"sample_fit_s": 4.0, "sample_fits": 2, "peak_process_gib": 1.25}
    cpu = make_run("text2live", facts=trained_while_sampling, seeds=(0, 1))
    out, table = compared([gpu, cpu, make_run("sdedit")])
    costs = table.xs(CLIP, level="metric")[["seconds_per_edit", "peak_gib"]]
    assert tuple(costs.loc["imagic"]) == (22, 7.5)
    assert tuple(costs.loc["text2live"]) == (pytest.approx(20 + 4 / 2 + (12 - 4) / 6), 1.25)
    assert np.isnan(costs.loc["sdedit", "peak_gib"])
    page = (out / "comparison.md").read_text()
    assert "| peak GiB |" in page and "memory of text2live is that of the whole process" in page


def test_metrics_of_another_identity_are_columns_of_their_own(make_run, compared):
    out, table = compared([make_run("imagic"), make_run("sdedit", metrics=(CLIP, "lpips/alex-own-1234/128"))])
    assert ("imagic", "1-lpips/alex-own-1234/128") not in table.index
    assert ("sdedit", f"1-{LPIPS}") not in table.index
    page = (out / "comparison.md").read_text()
    assert "| 1 − LPIPS alex-own-1234/64 ↑ |" in page and "| 1 − LPIPS alex-own-1234/128 ↑ |" in page
    assert page.count("was not measured for") == 2 and "No plane" in page
    assert not (out / "plane.png").exists()


def test_a_metric_at_the_images_own_size_is_another_one_at_every_size(make_run, compared):
    metrics = (CLIP, "lpips/alex/native")
    small = make_run("imagic", metrics=metrics)
    large = make_run("sdedit", metrics=metrics, fit={"dataset": "picturebook", "size": 32})
    out, table = compared([small, large])
    assert {m for _, m in table.index} == {CLIP, "1-lpips/alex/native-16px", "1-lpips/alex/native-32px"}
    assert "pairs of different size: imagic 16 px, sdedit 32 px" in (out / "comparison.md").read_text()


def test_what_a_judge_cannot_judge_is_missing_in_its_count_alone(make_run, compared):
    one, two = (make_run(name, metrics=(CLIP, LPIPS, JUDGE)) for name in ("imagic", "sdedit"))
    for folder in (one, two):
        shard = RunWriter.open(Path(folder)).shard(C_DOG)
        scores = shard.scores()
        shard.write_scores(JUDGE, scores[scores["metric"] == JUDGE].assign(score=np.nan))
    out, table = compared([one, two])
    assert (table.loc["imagic", JUDGE]["n_pairs"], table.loc["imagic", CLIP]["n_pairs"]) == (3, 4)
    assert table.loc["imagic", JUDGE]["mean"] == pytest.approx(1 / 3, abs=1e-6)
    page = (out / "comparison.md").read_text()
    assert "judged success ↑" in page and r"33% \[0, 100\] of 3" in page


def test_a_strength_can_be_asked_for_whatever_was_chosen(make_run, compared):
    one = make_run("imagic", seeds=(3, 5))
    choose(one, {A_DOG: 0.0})
    _, table = compared({"first": one}, strengths={"first": 1.0})
    row = table.loc["first", CLIP]
    assert (row["n_pairs"], row["rule"]) == (4, "η = 1, seed 3 for all pairs")
    with pytest.raises(UserError, match=r"first has no strength 0.3. It has 0, 0.5, 1"):
        compared({"first": one}, strengths={"first": 0.3})
    with pytest.raises(UserError, match="none of the methods"):
        compared({"first": one}, strengths={"second": 1.0})


def test_a_pair_without_a_chosen_image_is_left_out(make_run, compared):
    one, two = make_run("imagic"), make_run("sdedit")
    choose(one, {A_DOG: 0.0, B_DOG: 1.0})
    out, table = compared([one, two])
    assert table.loc["sdedit", CLIP]["n_pairs"] == 2
    assert "imagic: no image chosen (2)" in (out / "comparison.md").read_text()


def test_runs_that_cannot_be_compared_are_refused(make_run, compared):
    one = make_run("imagic")
    other = make_run("sdedit", fit={"dataset": "tedbench", "size": 16})
    with pytest.raises(UserError, match=r"is on picturebook, sdedit .* on tedbench"):
        compared([one, other])
    with pytest.raises(UserError, match=r"no pair in common \(.*: ip2p: not in the run"):
        compared([make_run("ip2p", entries=(ENTRIES[0],)), make_run("ddib", entries=(ENTRIES[1],))])
    with pytest.raises(UserError, match="input image is not the same"):
        compared([one, make_run("repainted", picture=1)])
    with pytest.raises(UserError, match="no edited images"):
        compared([make_run("none", failed=tuple(entry.id for entry in ENTRIES))])
    with pytest.raises(UserError, match="is not a run"):
        compared([one, "nowhere"])


def test_runs_of_one_method_are_told_apart_by_their_hash(make_run):
    one = make_run("imagic", folder="a")
    two = make_run("imagic", folder="b", fit={"dataset": "picturebook", "size": 16, "seed": 1})
    names = [method.name for method in open_methods([one, two], {})]
    assert len(set(names)) == 2 and all(re.fullmatch(r"imagic-[0-9a-f]{8}", name) for name in names)
    with pytest.raises(UserError, match="its own name"):
        open_methods([one, one], {})


def test_hostile_texts_and_names_stay_text(make_run, compared):
    hostile = "\\input{x} $a$ & 50% #_{}~^ | <b>`x` [y](z)\n\x07 _"
    out, _ = compared({hostile: make_run("imagic", failed=(A_CAT,)), "_$": make_run("sdedit")}, pairs=["a.png"])
    row = next(line for line in (out / "comparison.tex").read_text().splitlines() if line.startswith("\\textback"))
    bare = re.sub(r"\\[a-z]+(\{\})?|\\[{}$&#_%]", "", row.removesuffix(r" \\"))
    assert bare.count("&") == 4 and not set(bare) & set("\\{}$#_%~^|<>\n\x07")
    page = (out / "comparison.md").read_text()
    tables = [re.findall(r"^\|.*$", part, re.MULTILINE) for part in page.split("\n\n")]
    assert [len(table) for table in tables if table] == [4, 3]
    for table in filter(None, tables):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1
    assert "<b>" not in page and "[y](z)" not in page


def test_escapes():
    assert latex_escape("50% of\na_b {x} ~") == r"50\% of a\_b \{x\} \textasciitilde{}"
    assert markdown_escape("a|b\n<i>") == r"a\|b &lt;i&gt;"


@pytest.mark.usefixtures("drawn_figures")
def test_the_plane_has_a_colour_for_each_method_and_says_of_how_many(make_run, compared):
    out, _ = compared([make_run("imagic"), make_run("sdedit", 0.1), make_run("ddib", 0.2, failed=(C_DOG,))])
    assert (out / "plane.pdf").read_bytes().startswith(b"%PDF")
    pixels = np.asarray(Image.open(out / "plane.png").convert("RGB")).reshape(-1, 3)
    for color in COLORS[:3]:
        assert (pixels == tuple(bytes.fromhex(color[1:]))).all(axis=1).sum() > 50


def test_points_of_fewer_pairs_are_not_drawn_into_a_curve(make_run, compared, noise_image):
    folder = make_run("imagic")
    run = RunWriter.open(Path(folder))
    run.shard(A_DOG).score_file(CLIP).unlink()
    scores = [(A_DOG, s, 0, CLIP, 0.5) for s in (0.0, 0.5)]
    run.shard(A_DOG).write_scores(
        CLIP, pd.DataFrame(scores, columns=["pair_id", "strength", "seed", "metric", "score"])
    )
    out, _ = compared([folder])
    assert list(pd.read_csv(out / "plane.csv")["strength"]) == [0.0, 0.5]
    assert "The plane lacks 1 strength of imagic" in (out / "comparison.md").read_text()


def test_the_grid_has_pages_and_an_earlier_comparison_leaves_none_behind(make_run, compared, tmp_path):
    one = make_run("imagic")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.png").write_text("kept")
    out, _ = compared([one], rows=1)
    assert len(list(out.glob("grid-*.png"))) == 4
    compared([one], pairs=["a.png"], tile=40)
    assert [p.name for p in out.glob("grid-*.png")] == ["grid-01.png"] and (out / "mine.png").exists()
    with pytest.raises(UserError, match="no compared pair starts with 'z'"):
        compared([one], pairs=["z"])


def test_published_numbers_stand_beside_tedbench_and_the_standard_lpips_only(make_run, compared):
    standard = card_of("lpips/alex/512")
    assert published("tedbench", standard)
    assert not published("tedbench", card_of(LPIPS))
    assert not published("tedbench", card_of("lpips/vgg/512"))
    assert not published("picturebook", standard)
    fit = {"dataset": "tedbench", "size": 16}
    out, _ = compared([make_run("imagic", fit=fit, how={}, metrics=(CLIP, "lpips/alex/512"))])
    page = (out / "comparison.md").read_text()
    assert "in print for TEdBench" in page and "synthetic" not in page


def test_the_command_line(make_run, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    one, two = make_run("imagic"), make_run("sdedit")
    status, said, _ = command("eval.compare", f"runs={{a b: {one}, two: {two}}}", "strengths={two: 1}", "out=here")
    assert (status, said.splitlines()[-1]) == (0, "here")
    assert yaml.safe_load((tmp_path / "imagic" / "config.yaml").read_text())["cards"]["method"]["name"] == "imagic"
    for arguments, message in (
        ([], "runs is None"),
        ([f"runs={one}"], "Give the runs' folders"),
        ([f"runs=[{one}]", "strengths=0.5"], "a number by name, such as {sdedit: 0.5}, or null"),
        ([f"runs=[{one}]", "rows=0"], "whole number from 1"),
        ([f"runs=[{one}]", "pairs=a"], "list of pair ids"),
        ([f"run=[{one}]"], "Did you mean runs"),
        ([f"runs=[{one}]", f"out={one}/config.yaml"], "is a file"),
    ):
        status, _, said = command("eval.compare", *arguments)
        assert status == 2 and said.count("\n") == 1 and message in said, said


def test_edits_of_another_shape_than_their_input_are_told_of_in_a_comparison(tmp_path, noise_image):
    runs = []
    for name, size in (("ours", (16, 16)), ("theirs", (12, 12))):
        config = made_config(name, "none", "as_published", elsewhere=True, fit={"size": 16})
        runs.append(RunWriter.create(tmp_path / name, config))
        pair = EditPair(Entry("a.png", "A dog."), noise_image(), original_size=(24, 16))
        origins = {(1.0, 0): Origin("digest", size, "crop")} if name == "theirs" else {}
        runs[-1].write_shard(pair, [Sample(1.0, 0, noise_image(1))], origins)
    found = compare_on_common(open_methods([str(run.folder) for run in runs], {}))
    (note,) = found.notes
    assert note.startswith("theirs: 1 of 1 edited images have another shape than their input, such as 12×12 of 24×16")
