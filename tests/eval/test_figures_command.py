"""eval.figures: the paper's figures of pictures from saved runs, made up here by the real store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cli.command import command, compose
from eval.present.figures.failures import case
from eval.present.figures.material import FigureOptions, thinned
from eval.present.figures.page import figure
from eval.present.figures.style import COLUMN, PAGE
from eval.runs.writer import RunWriter
from tedbench.errors import UserError
from tedbench.method import Sample
from tedbench.pair import EditPair, Entry
from tests.made_runs import made_config

pytestmark = pytest.mark.usefixtures("blank_figures")

CLIP, LPIPS = "clip/a/b", "lpips/alex/64"
ENTRIES = [
    Entry("a.png", "A dog."),
    Entry("a.png", "A cat."),
    Entry("b.png", "A <b>$5$</b> dog."),
    Entry("c.png", "Snow."),
]
GRID = (0.0, 0.25, 0.5, 0.75, 1.0)


def options(name, tiles=9, rows=2, **asked):
    return FigureOptions(name, tiles, rows, **asked)


@pytest.fixture
def make_run(tmp_path, noise_image):
    """Makes runs of Imagic whose every image is of one colour, told by strength and seed."""

    def make(name, steps=100, tuned=True, seeds=(0,), grid=GRID, failed=(), score=None, method="imagic", **fit):
        variant = {"finetune": "full" if tuned else "none"}
        settings = {
            "name": name,
            "embedding": {"steps": steps, "lr": 1e-3},
            "finetune": {"steps": 9},
            "variant": variant,
        }
        fit = {"dataset": "picturebook", "size": 16, "method": settings if method == "imagic" else {}, "seed": 0, **fit}
        config = made_config(method, metrics=[CLIP, LPIPS], symbol="η", identity=0.0, fit=fit)
        run = RunWriter.create(tmp_path / name, config)
        run.event("start", pairs=len(ENTRIES))
        for place, entry in enumerate(ENTRIES):
            if entry in failed:
                run.write_failure(entry, [(s, k) for s in grid for k in seeds], "the loss became nan")
                continue
            samples = [Sample(s, k, np.full((16, 16, 3), round(200 * s) + k, np.uint8)) for s in grid for k in seeds]
            run.write_shard(EditPair(entry, noise_image(place)), samples)
            for metric in (CLIP, LPIPS) if score else ():
                rows = [(entry.id, s, k, metric, score(metric, place, s)) for s in grid for k in seeds]
                table = pd.DataFrame(rows, columns=["pair_id", "strength", "seed", "metric", "score"])
                run.shard(entry.id).write_scores(metric, table)
        return str(run.folder)

    return make


def places(out, name):
    return pd.read_csv(out / f"figure-{name}.csv")


def test_texts_on_one_image_stand_beside_its_input(make_run, tmp_path, capsys):
    figure([make_run("imagic")], tmp_path / "out", options("2", rows=1, strength=0.75))
    found = places(tmp_path / "out", "2")
    assert list(found["column"]) == [1, 2, 3] and set(found["target_text"]) == {"A dog.", "A cat."}
    assert found["image"].iloc[0].endswith("input.png") and set(found["strength"][1:]) == {0.75}
    assert "Picturebook (synthetic) · 2 of 4 pairs" in capsys.readouterr().out


def test_the_table_names_images_that_are_there(make_run, tmp_path):
    figure([make_run("imagic", seeds=(0, 1, 2))], tmp_path / "out", options("seeds"))
    for row in places(tmp_path / "out", "seeds").itertuples():
        shown = np.asarray(Image.open(Path(row.run) / row.image))
        if not row.image.endswith("input.png"):
            assert (shown == round(200 * row.strength) + row.seed).all()


def test_every_seed_of_one_strength_in_a_row(make_run, tmp_path):
    figure([make_run("imagic", seeds=range(3))], tmp_path / "out", options("4", rows=1, strength=0.5))
    edits = places(tmp_path / "out", "4").iloc[1:]
    assert list(edits["seed"]) == [0, 1, 2] and set(edits["strength"]) == {0.5}


def test_the_strength_is_by_default_in_the_middle_of_the_shaded_ones(make_run, tmp_path, capsys):
    score = lambda metric, place, s: min(s, 0.5) if metric == CLIP else max(0.0, s - 0.5)
    figure([make_run("imagic", seeds=(0, 1), score=score)], tmp_path / "out", options("4"))
    assert set(places(tmp_path / "out", "4")["strength"].dropna()) == {0.5}
    assert "the strengths that Figure 9 shades" in capsys.readouterr().out


def test_a_strength_that_only_some_pairs_or_one_seed_have_is_not_taken_by_default(make_run, tmp_path):
    run = RunWriter.open(Path(make_run("imagic", seeds=(0, 1), grid=(0.0, 0.4, 1.0))))
    run.write_shard(
        EditPair(ENTRIES[0], np.zeros((16, 16, 3), np.uint8)), [Sample(0.5, 0, np.zeros((16, 16, 3), np.uint8))]
    )
    for name in ("2", "4"):
        figure([str(run.folder)], tmp_path / "out", options(name))
        assert set(places(tmp_path / "out", name)["strength"].dropna()) == {0.4}


def test_pretrained_stands_above_fine_tuned_at_the_same_seed_and_strengths(make_run, tmp_path):
    runs = [make_run("tuned", grid=(0.0, 0.5, 1.0)), make_run("pretrained", tuned=False)]
    figure(runs, tmp_path / "out", options("7", rows=1))
    found = places(tmp_path / "out", "7").dropna(subset="strength")
    assert [Path(run).name for run in found["run"]] == ["pretrained"] * 3 + ["tuned"] * 3
    assert list(found["strength"]) == [0, 0.5, 1] * 2 and set(found["seed"]) == {0}


def test_embedding_steps_are_rows_in_order(make_run, tmp_path):
    runs = [make_run(f"m{n}{t}", n, t) for n in (1000, 10, 100) for t in (True, False)]
    figure(runs, tmp_path / "out", options("embedding_steps", rows=1, strengths=[0.0, 1.0]))
    order = places(tmp_path / "out", "embedding_steps").dropna(subset="strength")["run"].map(lambda run: Path(run).name)
    names = ["m10False", "m100False", "m1000False", "m10True", "m100True", "m1000True"]
    assert list(order.drop_duplicates()) == names


def test_the_animation_goes_through_every_strength_and_back(make_run, tmp_path):
    figure([make_run("imagic")], tmp_path / "out", options("5", rows=1, strengths=[0.0, 1.0]))
    (path,) = (tmp_path / "out").glob("figure-5-*.webp")
    assert Image.open(path).n_frames == 2 * len(GRID) - 2
    assert list(places(tmp_path / "out", "5")["strength"].dropna()) == [0, 1]


def test_a_failures_measures_follow_their_rules():
    grid = pd.Index([0.0, 0.25, 0.5, 0.75, 1.0])
    found = case(pd.Series([0.2, 0.2, 0.25, 0.5, 0.6], grid), pd.Series([1.0, 0.9, 0.6, 0.5, 0.4], grid))
    assert found.gained == (pytest.approx(0.4), 1.0)
    assert found.lost == (pytest.approx(0.4), 0.5)  # the edit arrives at 0.75
    never = case(pd.Series([0.2] * 5, grid), pd.Series([1.0] * 5, grid))
    falling = case(pd.Series([0.5, 0.4, 0.3, 0.2, 0.1], grid), pd.Series([1.0, 0.9, 0.6, 0.5, 0.4], grid))
    assert never.gained.value == never.lost.value == falling.gained.value == falling.lost.value == 0


def test_failures_are_the_pairs_that_gain_least_and_those_that_lose_most_before(make_run, tmp_path):
    def score(metric, place, s):
        if metric == CLIP:
            return 0.01 * s if place == 1 else s**4
        return (0.9 if place == 2 else 0.1) * s

    figure([make_run("imagic", score=score)], tmp_path / "out", options("10", rows=1))
    found = places(tmp_path / "out", "10")
    framed = found.dropna(subset="framed_by").set_index("kind")
    assert framed.loc["gained", "target_text"] == "A cat." and framed.loc["gained", "value"] == pytest.approx(0.01)
    assert framed.loc["lost", "target_text"] == ENTRIES[2].target_text
    assert framed.loc["lost", "strength"] == 0.75 and framed.loc["lost", "value"] == pytest.approx(0.675)
    page = (tmp_path / "out" / "figure-10.md").read_text()
    assert "before alignment has risen by half of its gain" in page and "among 4 pairs at seed 0" in page


@pytest.mark.parametrize(("width", "inches"), [("page", PAGE), ("column", COLUMN)])
def test_figures_are_as_wide_as_print_with_text_as_text_and_equal_bytes_again(
    make_run, own_style, drawn_figures, tmp_path, width, inches
):
    run = make_run("imagic")
    figure([run], tmp_path / "out", options("5", 5), width)
    first = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert Image.open(tmp_path / "out" / "figure-5.png").width == pytest.approx(inches * 300, abs=1)
    assert b"/FontType 42" in first["figure-5.pdf"] or b"/Type0" in first["figure-5.pdf"]
    figure([run], tmp_path / "out", options("5", 5), width)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == first


def test_failed_pairs_are_left_out_and_named(make_run, tmp_path, capsys):
    figure([make_run("imagic", failed=ENTRIES[:1])], tmp_path / "out", options("5", rows=9))
    said, page = capsys.readouterr().out, (tmp_path / "out" / "figure-5.md").read_text()
    assert "3 of 4 pairs" in said and "the loss became nan" in said and "the loss became nan" in page


def test_runs_that_lack_what_a_figure_needs_are_told_the_command_that_makes_it(make_run, tmp_path):
    one, two = make_run("one"), make_run("two", steps=10)
    short = make_run("short", grid=(0.5,))
    other = make_run("sdedit", method="sdedit", tuned=False)
    makes = lambda experiment: rf"python -m eval\.run \+experiment={experiment} model=tiny"
    for name, runs, message in (
        ("4", [one], "needs several seeds.*" + makes("fig4")),
        ("seeds", [one], "needs several seeds.*" + makes("seeds")),
        ("5", [short], "needs several strengths.*" + makes("fig5")),
        ("7", [one], "one run with fine-tuning and one without.*" + makes("fig7")),
        ("7", [two, make_run("off", tuned=False)], "differ in method.embedding.steps .10, 100.*" + makes("fig7")),
        ("7", [one, other], "is of Imagic, and .*sdedit is a run of sdedit.*" + makes("fig7")),
        ("embedding_steps", [one], "different numbers of embedding steps.*" + makes("embedding_steps")),
        ("embedding_steps", [one, make_run("seeded", 10, seed=1)], "differ in seed .0, 1"),
        ("10", [one], r"no metric in common.*eval\.score"),
        ("2", [one, two], "is of one run, and 2 are given"),
    ):
        with pytest.raises(UserError, match=message):
            figure(runs, tmp_path / "out", options(name))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"strengths": [0.3]}, "not every run has images with η = 0.3"),
        ({"seed": 7}, "They share 0"),
        ({"pairs": ["zebra"]}, "no compared pair starts with 'zebra'"),
    ],
)
def test_what_the_runs_do_not_have_is_refused(make_run, tmp_path, asked, message):
    with pytest.raises(UserError, match=message):
        figure([make_run("imagic")], tmp_path / "out", options("5", **asked))


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["figure=3"], "Give one of 2, 4, 5"),
        (["figure=5"], "Give the runs' folders"),
        (["figure=5", "width=wide"], "page or column"),
        (["figure=5", "rows=0"], "whole number from 1"),
        (["figure=5", "strengths=0.5"], "list of finite numbers"),
        (["figure=9", "runs=[nowhere]"], "is not a run"),
    ],
)
def test_errors_are_one_line(command, arguments, hint):
    status, _, said = command("eval.figures", *arguments)
    assert status == 2 and hint in said and said.count("\n") == 1


def test_many_strengths_are_thinned_evenly():
    assert thinned(list(range(11)), 8) == [0, 2, 4, 6, 8, 10]
    assert thinned(list(range(8)), 8) == list(range(8))
    assert thinned(list(range(8)), 4) == [0, 2, 5, 7]


@pytest.mark.parametrize("name", ["fig2", "fig4", "fig5", "fig7", "fig9", "embedding_steps", "seeds"])
def test_every_experiment_composes_with_the_embedded_model_and_with_any_other(name):
    own = compose("run", [f"+experiment={name}"])
    assert (own.model.name, own.dataset.name) == ("picturebook", "picturebook")
    real = compose("run", [f"+experiment={name}", "model=sd15", "dataset=tedbench", "method=sdedit"])
    assert (real.model.name, real.dataset.name, real.method.name) == ("sd15", "tedbench", "sdedit")
    assert "split" not in real.dataset and real.dataset.ids is None


@command("run", "about", "")
def tell_settings(cfg):
    print(cfg.method.name, cfg.recipe.imagic.embedding.steps)


def test_experiments_of_several_runs_are_one_command(tmp_path, call_main):
    for arguments, lines in (
        (["+experiment=fig7"], ["imagic 120", "imagic_no_finetune 120"]),
        (["+experiment=embedding_steps", "recipe.imagic.embedding.steps=7"], ["imagic 7", "imagic_no_finetune 7"]),
    ):
        done = call_main(tell_settings, *arguments, cwd=tmp_path)
        assert (done.returncode, done.stdout.splitlines()) == (0, lines), done.stderr
    assert not list(tmp_path.iterdir())  # Hydra leaves nothing behind
