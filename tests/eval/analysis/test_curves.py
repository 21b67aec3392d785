from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eval.analysis.curves import curve_table, of_most_pairs, region
from eval.analysis.stats import clustered_mean
from eval.present.text import coverage, curve_title
from eval.runs.writer import RunWriter
from tedbench.method import Sample
from tedbench.pair import EditPair, Entry
from tests.made_runs import made_config

CONFIG = made_config(metrics=["clip/a/b", "lpips/alex/64"])
ENTRIES = [
    Entry(image, text)
    for image, text in (("a.png", "A dog."), ("a.png", "A cat."), ("b.png", "A dog."), ("c.png", "A dog."))
]
VALUES = [0.1, 0.2, 0.4]


@pytest.fixture
def run(tmp_path, noise_image):
    """Three measured pairs with two seeds, and one that failed."""
    run = RunWriter.create(tmp_path / "run", CONFIG)
    for entry, value in zip(ENTRIES, VALUES, strict=False):
        pair = EditPair(entry, noise_image(ord(entry.image_name[0])))
        run.write_shard(pair, [Sample(0.5, seed, pair.image) for seed in (0, 1)])
        rows = [
            (entry.id, 0.5, seed, metric, value + seed * 0.02)
            for metric in ("clip/a/b", "lpips/alex/64")
            for seed in (0, 1)
        ]
        for metric in ("clip/a/b", "lpips/alex/64"):
            table = pd.DataFrame(rows, columns=["pair_id", "strength", "seed", "metric", "score"])
            run.shard(entry.id).write_scores(metric, table[table["metric"] == metric])
    run.write_failure(ENTRIES[3], [(0.5, 0), (0.5, 1)], "the loss became nan")
    return run


def test_a_point_is_the_mean_over_pairs_of_the_mean_over_seeds(run):
    table = curve_table(run, [e.id for e in ENTRIES]).set_index("metric")
    assert table.loc["clip/a/b", "mean"] == pytest.approx(np.mean(VALUES) + 0.01)
    assert table.loc["1-lpips/alex/64", "mean"] == pytest.approx(1 - np.mean(VALUES) - 0.01)


def test_a_failed_pair_is_missing_in_the_count_and_is_no_zero(run):
    row = curve_table(run, [e.id for e in ENTRIES]).iloc[0]
    assert (row["n_pairs"], row["n_images"], row["n_expected"]) == (3, 6, 8)
    assert "3 pairs, 6 of 8 images" in curve_title(run, curve_table(run, [e.id for e in ENTRIES]))


def test_intervals_cluster_by_source_image(run):
    row = curve_table(run, [e.id for e in ENTRIES]).set_index("metric").loc["clip/a/b"]
    wanted = clustered_mean([v + 0.01 for v in VALUES], ["a.png", "a.png", "b.png"]).within((-1.0, 1.0))
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((wanted.low, wanted.high))


def test_a_table_is_about_the_pairs_asked_for(run):
    row = curve_table(run, [ENTRIES[2].id]).set_index("metric").loc["clip/a/b"]
    assert (row["mean"], row["n_pairs"], row["n_expected"]) == (pytest.approx(0.41), 1, 2)
    assert np.isnan(row["ci_low"])


def rows(means, metric):
    return [{"strength": s, "metric": metric, "mean": m} for s, m in zip((0.0, 0.5, 1.0), means, strict=True)]


@pytest.mark.parametrize(
    ("alignment", "fidelity", "ends"),
    [
        ((0, 1, 3), (1, 1, 0), (0.5, 0.833)),  # a third of the gain at 0.5, two thirds lost at 5/6
        ((0, 3, 3), (3, 2, 0), (0.167, 0.75)),
        ((0, 0, 3), (3, 0, 0), None),
        ((1, 1, 1), (3, 2, 0), None),
    ],
)
def test_the_highlighted_strengths_have_both_means_above_the_worst_third_of_their_range(alignment, fidelity, ends):
    table = pd.DataFrame(rows(alignment, "clip/a") + rows(fidelity, "1-lpips/a"))
    found = region(table, "clip/a", "1-lpips/a")
    assert found == (pytest.approx(ends, abs=0.002) if ends else None)


def test_one_metric_or_one_strength_highlights_nothing():
    table = pd.DataFrame(rows((0, 1, 3), "clip/a"))
    assert region(table, "clip/a", None) is None
    assert region(table.head(1), "clip/a", "clip/a") is None


def test_strengths_of_fewer_pairs_belong_to_no_curve_and_stay_in_the_table(run):
    pair = EditPair(Entry("d.png", "A dog."), np.zeros((8, 8, 3), np.uint8))
    run.write_shard(pair, [Sample(0.5, 0, pair.image), Sample(0.9, 0, pair.image)])
    rows = [(pair.entry.id, strength, 0, "clip/a/b", 0.3, "") for strength in (0.5, 0.9)]
    columns = ["pair_id", "strength", "seed", "metric", "score", "reason"]
    run.shard(pair.entry.id).write_scores("clip/a/b", pd.DataFrame(rows, columns=columns))
    table = curve_table(run.reader())
    drawn, others = of_most_pairs(table)
    assert set(table["strength"]) == {0.5, 0.9} and set(drawn["strength"]) == {0.5} and others == [0.9]
    assert curve_title(run.reader(), table).endswith("not drawn, of fewer pairs: eta = 0.9")
    assert coverage(table, run.metrics) == "1 to 7 of 10"


def test_a_curve_keeps_the_strengths_that_single_pairs_lack():
    table = pd.DataFrame({"strength": [0.0, 0.5, 1.0, 0.7], "n_pairs": [99, 98, 100, 49]})
    drawn, others = of_most_pairs(table)
    assert drawn["strength"].tolist() == [0.0, 0.5, 1.0] and others == [0.7]
