"""Curves in the plane of fidelity and alignment, from scores that are written down here."""

from __future__ import annotations

import pandas as pd
import pytest

from eval.analysis.common_pairs import compare_on_common
from eval.analysis.comparison import comparison_table, scores_by_metric
from eval.analysis.cost import cost
from eval.present.figures import plane
from eval.present.figures.plane import axes_of, draw_plane
from eval.present.figures.style import COLUMN, PAGE
from eval.present.figures.tracks import tracks
from tests.eval.analysis.parts import method_of, samples_of

CLIP, LPIPS, PSNR = "clip/a/b", "lpips/alex/64", "psnr/native"
ROWS = [(pair, pair, strength, "") for pair in ("dog", "cat") for strength in (0.0, 0.5, 1.0)]


def compared(metrics=(CLIP, LPIPS), only_at=(0.0, 0.5, 1.0), others=()):
    """Two methods, the second measured with ``metrics`` and the cat only at some strengths, and others equal to the first."""
    methods = []
    for name, measured in (("one", (CLIP, LPIPS)), ("two", metrics), *((other, (CLIP, LPIPS)) for other in others)):
        rows = [
            (pair, s, 0, metric, 0.1 + 0.2 * s + 0.1 * (pair == "cat"))
            for pair, _, s, _ in ROWS
            for metric in measured
            if name != "two" or pair == "dog" or s in only_at
        ]
        methods.append(method_of(name, samples_of(ROWS), 0.5, rows))
    comparison = compare_on_common(methods)
    costs = [cost(method, comparison.pair_ids) for method in methods]
    return comparison, comparison_table(comparison, scores_by_metric(comparison), costs)


def test_the_axes_are_the_first_fidelity_and_alignment_that_every_method_has():
    found = axes_of(*compared())
    assert found is not None and [card.name for card in found] == [LPIPS, CLIP]
    assert axes_of(*compared(metrics=(LPIPS, PSNR))) is None


def test_a_curve_has_the_means_at_each_strength_and_the_star_those_of_picked_images():
    comparison, table = compared()
    x, y = axes_of(comparison, table)
    one, _ = tracks(comparison, table, x, y)
    assert one.curve["strength"].tolist() == [0.0, 0.5, 1.0] and one.left_out == 0
    assert one.curve["y"].tolist() == pytest.approx([0.15, 0.25, 0.35])
    assert one.curve["x"].tolist() == pytest.approx([0.85, 0.75, 0.65])
    assert (one.picked["x"]["mean"], one.picked["y"]["mean"]) == pytest.approx((0.75, 0.25))


def test_strengths_that_not_all_pairs_have_are_left_out_and_counted():
    comparison, table = compared(only_at=(0.0, 0.5))
    x, y = axes_of(comparison, table)
    _, two = tracks(comparison, table, x, y)
    assert two.curve["strength"].tolist() == [0.0, 0.5] and two.left_out == 1
    assert pd.api.types.is_numeric_dtype(two.curve["x"])


def test_many_methods_have_a_panel_each(tmp_path, monkeypatch):
    """The panels are in the methods' order, and the page is as wide as two columns."""
    figures = []
    monkeypatch.setattr(plane, "save", lambda figure, path: figures.append(figure))
    for others in ([], [f"other {number}" for number in range(8)]):
        comparison, table = compared(others=others)
        draw_plane(comparison, table, *axes_of(comparison, table), tmp_path)
    few, many = figures
    assert (len(few.axes), few.get_figwidth()) == (1, COLUMN)
    panels = many.axes[:10]
    assert [panel.get_title() for panel in panels] == ["one", "two", *others] and many.get_figwidth() == PAGE
    assert {label.get_text() for label in panels[1].texts} == {"η = 0", "η = 1"}
