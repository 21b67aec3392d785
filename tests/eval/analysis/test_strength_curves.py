"""Curves of methods on the pairs that all have, from scores that are written down here."""

from __future__ import annotations

import itertools

import pytest

from eval.analysis.common_pairs import compare_on_common
from eval.analysis.strength_curves import ALONG_COLUMNS, along, rows_of
from tedbench.errors import UserError

from .parts import method_of, samples_of

PAIRS = {"dog": "a", "cat": "a", "cow": "b"}
CLIP, LPIPS = "clip/a/b", "lpips/alex/64"


def compared(one, two, strengths=(0.0, 1.0)):
    """Two methods, whose scores are functions of pair, strength and metric, None for no score."""
    methods = []
    for name, score in (("one", one), ("two", two)):
        samples = samples_of([(pair, group, s, "") for pair, group in PAIRS.items() for s in strengths])
        samples.loc[samples["pair_id"] == "cow", "category"] = "colour"
        keys = itertools.product(PAIRS, strengths, (CLIP, LPIPS))
        rows = [(p, s, 0, metric, value) for p, s, metric in keys if (value := score(p, s, metric)) is not None]
        method = method_of(name, samples, 0.0, rows)
        images = samples[["pair_id", "strength", "seed", "image"]]
        methods.append(method._replace(picked=method.picked._replace(images=images)))
    return compare_on_common(methods)


def rising(pair, strength, metric):
    return 0.2 + 0.1 * strength + 0.01 * list(PAIRS).index(pair)


def means(found, comparison, place, metric, category=""):
    rows = rows_of(found, comparison.methods[place], category)
    return rows[rows["metric"] == metric]["mean"].tolist()


def test_means_are_over_the_compared_pairs_at_each_strength():
    comparison = compared(rising, lambda *key: rising(*key) + 0.1)
    found = along(comparison)
    assert tuple(found.table.columns) == ALONG_COLUMNS and found.n_pairs == 3 and found.notes == []
    assert {kind: card.shown for kind, card in found.shown.items()} == {"alignment": CLIP, "fidelity": f"1-{LPIPS}"}
    assert means(found, comparison, 0, CLIP) == pytest.approx([0.21, 0.31])
    assert means(found, comparison, 1, f"1-{LPIPS}") == pytest.approx([1 - 0.31, 1 - 0.41])


def test_a_category_has_curves_of_its_own_pairs():
    comparison = compared(rising, rising)
    found = along(comparison)
    assert found.categories == {"colour": 1, "pose": 2}
    assert means(found, comparison, 0, CLIP, "colour") == pytest.approx([0.22, 0.32])
    assert means(found, comparison, 0, CLIP, "pose") == pytest.approx([0.205, 0.305])


def test_pairs_that_one_method_was_not_scored_on_count_for_none_and_are_told_of():
    comparison = compared(rising, lambda pair, *rest: None if pair == "cow" else rising(pair, *rest))
    found = along(comparison)
    assert found.n_pairs == 2 and means(found, comparison, 0, CLIP) == pytest.approx([0.205, 0.305])
    assert found.notes == [
        "1 of the 3 pairs lacks scores in some run: python -m eval.score run=FOLDER scores what is missing."
    ]


def test_a_strength_that_not_all_pairs_have_is_left_out_and_told_of():
    comparison = compared(lambda pair, s, m: None if (pair, s) == ("dog", 1.0) else rising(pair, s, m), rising)
    found = along(comparison)
    assert rows_of(found, comparison.methods[0])["strength"].unique().tolist() == [0.0]
    assert found.notes == ["one lacks 1 of its strengths, which not all compared pairs have."]


def test_a_metric_to_show_must_be_of_its_kind_and_of_every_run():
    comparison = compared(rising, rising)
    assert along(comparison, alignment=CLIP, fidelity=LPIPS).shown["fidelity"].name == LPIPS
    for asked in ({"alignment": LPIPS}, {"fidelity": "dino/x"}):
        with pytest.raises(UserError, match=r"metric that every run has\. There are: "):
            along(comparison, **asked)
    with pytest.raises(UserError, match="no metric in common"):
        along(
            compared(
                lambda p, s, m: rising(p, s, m) if m == CLIP else None,
                lambda p, s, m: rising(p, s, m) if m == LPIPS else None,
            )
        )
