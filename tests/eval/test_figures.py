from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from eval.curves import CURVE_COLUMNS, draw_curves
from eval.metrics.clip_score import ClipScore
from eval.metrics.lpips_distance import LpipsDistance
from eval.store import Run
from tedbench.method import Axis

CONFIG = {
    "fit": {},
    "numerics": {},
    "sweep": {},
    "measure": {},
    "how": {},
    "labels": {"method": "m", "model": "n", "axis": "eta"},
}


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """The figure of two strengths, and its run's folder."""
    metrics = [ClipScore("picturebook:clip"), LpipsDistance("alex", 64, "picturebook:perceptual/alex.safetensors")]
    rows = [
        ("m", "eta", s, metric.shown, s / 2, s / 2 - 0.1, s / 2 + 0.1, 3, 3, 4)
        for metric in metrics
        for s in (0.0, 1.0)
    ]
    run = Run.create(tmp_path / "run", CONFIG)
    kept = []
    monkeypatch.setattr("eval.curves.plt.close", kept.append)
    draw_curves(
        run, pd.DataFrame(rows, columns=list(CURVE_COLUMNS)), Axis("eta", "η", (0.0, 1.0)), metrics, "What it is of"
    )
    yield kept[0], run.folder
    monkeypatch.undo()
    plt.close("all")


def test_curves_say_what_they_are_of_and_show_both_metrics(drawn):
    figure, folder = drawn
    left, right = figure.axes
    assert left.get_title() == "What it is of"
    assert (left.get_xlabel(), left.get_ylabel(), right.get_ylabel()) == (
        "η",
        "CLIP score (text alignment)",
        "1 − LPIPS (image fidelity)",
    )
    for axes in (left, right):
        assert list(axes.lines[0].get_ydata()) == [0.0, 0.5]
    assert len(pd.read_csv(folder / "curves.csv")) == 4
    assert (folder / "curves.pdf").read_bytes().startswith(b"%PDF")


def test_a_single_strength_is_points_side_by_side(tmp_path, monkeypatch):
    metrics = [ClipScore("picturebook:clip"), LpipsDistance("alex", 64, "picturebook:perceptual/alex.safetensors")]
    rows = [("m", "as_published", 1.0, metric.shown, 0.5, 0.4, 0.7, 3, 3, 4) for metric in metrics]
    run = Run.create(tmp_path / "run", CONFIG)
    kept = []
    monkeypatch.setattr("eval.curves.plt.close", kept.append)
    axis = Axis("as_published", "as published", (1.0,), fixed=True)
    draw_curves(run, pd.DataFrame(rows, columns=list(CURVE_COLUMNS)), axis, metrics, "")
    left, right = kept[0].axes
    places = [on.lines[0].get_xdata()[0] for on in (left, right)]
    assert abs(places[0] - places[1]) > 0.1
    assert list(left.get_xticks()) == [] and left.get_xlabel() == "as published"
    monkeypatch.undo()
    plt.close("all")
