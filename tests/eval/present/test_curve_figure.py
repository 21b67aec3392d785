from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from eval.analysis.curves import CURVE_COLUMNS, REGION_RULE
from eval.present.figures.curves import Panel, draw_curves, draw_run
from eval.runs.writer import RunWriter
from tedbench.method import Axis
from tests.made_runs import card_of, made_config

CLIP, LPIPS = "clip/a/b", "1-lpips/alex/64"
CONFIG = made_config("m", "n", metrics=[CLIP, "lpips/alex/64"], fit={"dataset": "picturebook"})
ETA = Axis("eta", "η", (0.0, 0.5, 1.0))
MEANS = {CLIP: (0.2, 0.6, 0.8), LPIPS: (1.0, 0.9, 0.4)}


def table(strengths=ETA.grid, means=MEANS):
    rows = [
        ("m", "eta", s, metric, mean, mean - 0.1, mean + 0.1, 3, 3, 4)
        for metric, along in means.items()
        for s, mean in zip(strengths, along, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(CURVE_COLUMNS))


@pytest.fixture
def figures(monkeypatch):
    """Every figure that is drawn, before it is closed."""
    kept = []
    monkeypatch.setattr("eval.present.figures.style.plt.close", kept.append)
    yield kept
    monkeypatch.undo()
    plt.close("all")


@pytest.fixture
def run(tmp_path):
    return RunWriter.create(tmp_path / "run", CONFIG)


def words(figure):
    return [figure.get_suptitle(), *(text.get_text() for legend in figure.legends for text in legend.get_texts())]


def test_a_runs_figure_says_what_it_is_of_and_shows_both_metrics(run, figures):
    draw_run(run, table(), ETA)
    left, right = figures[0].axes
    assert words(figures[0])[0] == "m · n · Picturebook (synthetic)\nmean of 3 pairs, 3 of 4 images a point"
    assert {CLIP, LPIPS} <= set(words(figures[0]))
    assert (left.get_xlabel(), left.get_ylabel(), right.get_ylabel()) == (
        "η",
        "CLIP score (text alignment)",
        "1 − LPIPS (image fidelity)",
    )
    for axes, metric in ((left, CLIP), (right, LPIPS)):
        assert tuple(axes.lines[0].get_ydata()) == MEANS[metric]
    assert len(pd.read_csv(run.folder / "curves.csv")) == 6


def test_the_shaded_strengths_are_those_of_the_csv_and_their_rule_is_named_in_both(run, figures):
    draw_run(run, table(), ETA)
    kept = pd.read_csv(run.folder / "curves.csv")
    assert set(kept["region_rule"]) == {REGION_RULE}
    ((low, high),) = set(zip(kept["region_low"], kept["region_high"], strict=True))
    (shade,) = figures[0].axes[0].patches
    assert (shade.get_x(), shade.get_x() + shade.get_width()) == pytest.approx((low, high))
    assert f"shaded: {REGION_RULE}" in words(figures[0])


def test_text_in_the_pdf_is_text_and_equal_figures_are_equal_files(run, own_style):
    draw_run(run, table(), ETA)
    first = {name: (run.folder / name).read_bytes() for name in ("curves.csv", "curves.png", "curves.pdf")}
    assert b"/FontType 42" in first["curves.pdf"] or b"/Type0" in first["curves.pdf"]
    assert b"/Type3" not in first["curves.pdf"]
    draw_run(run, table(), ETA)
    assert {name: (run.folder / name).read_bytes() for name in first} == first


def test_a_single_strength_is_points_side_by_side_with_nothing_shaded(run, figures):
    one = table((1.0,), {CLIP: (0.5,), LPIPS: (0.5,)})
    draw_run(run, one, Axis("as_published", "as published", (1.0,), fixed=True))
    left, right = figures[0].axes
    places = [on.lines[0].get_xdata()[0] for on in (left, right)]
    assert abs(places[0] - places[1]) > 0.1
    assert list(left.get_xticks()) == [] and left.get_xlabel() == "as published"
    assert not any(word.startswith("shaded") for word in words(figures[0]))


@pytest.mark.parametrize(("pairs", "limits"), [(2, (-0.49, 1.49)), (10, (-5.0, 6.0))])
def test_wide_bands_of_few_pairs_are_cut_and_leave_the_curves_readable(tmp_path, figures, pairs, limits):
    rows = table(means={CLIP: MEANS[CLIP]}).assign(ci_low=-4.5, ci_high=5.5, n_pairs=pairs)
    draw_curves([Panel("", ETA, rows)], {"alignment": card_of(CLIP)}, "", tmp_path / "curves")
    assert figures[0].axes[0].get_ylim() == pytest.approx(limits)


def test_panels_have_the_same_scales(tmp_path, figures):
    far = table(means={CLIP: (0.0, 0.1, 0.2), LPIPS: (0.1, 0.1, 0.0)})
    panels = [Panel("one", ETA, table()), Panel("two $", ETA, far)]
    shown = {"alignment": card_of(CLIP), "fidelity": card_of("lpips/alex/64")}
    draw_curves(panels, shown, "Both", tmp_path / "curves", columns=2)
    one, two, one_right, two_right = figures[0].axes
    assert one.get_ylim() == two.get_ylim() and one_right.get_ylim() == two_right.get_ylim()
    assert (two.get_ylabel(), one_right.get_ylabel()) == ("", "")
    assert two_right.get_ylabel() == "1 − LPIPS (image fidelity)"
