"""Scores of a metric of one's own are checked; its exceptions are told in one line."""

from __future__ import annotations

import numpy as np
import pytest

from eval.engine.progress import Reporter
from eval.engine.score_pair import score_run
from eval.metrics.base import Metric, Reference
from eval.metrics.build import build_metrics
from eval.metrics.measure import MetricError, measure
from eval.runs.writer import RunWriter
from tedbench.errors import UserError
from tedbench.method import Sample
from tedbench.pair import EditPair, Entry
from tests.made_runs import made_config

IMAGES = np.zeros((3, 16, 16, 3), np.uint8)
REFERENCE = Reference(IMAGES[0], "A dog.")


class Given(Metric):
    """Returns what it is given, or raises it."""

    name, kind = "given", "fidelity"

    def __init__(self, returned, bounds=(None, None)):
        self.returned, self.bounds = returned, bounds

    def score(self, reference, images):
        if isinstance(self.returned, Exception):
            raise self.returned
        return self.returned


@pytest.mark.parametrize(
    ("returned", "bounds"),
    [
        (np.array([0.0, np.nan, 1.004]), (0.0, 1.0)),
        (np.array([0.0, 99.0, np.inf]), (0.0, None)),
        (np.array([True, False, True]), (0.0, 1.0)),
        ([1, 2, 3], (None, None)),
    ],
)
def test_a_number_for_each_image_is_a_score(returned, bounds):
    scores, reason = measure(Given(returned, bounds), REFERENCE, IMAGES, "pair")
    assert (
        not reason and scores.dtype == np.float64 and np.array_equal(scores, np.array(returned, float), equal_nan=True)
    )


@pytest.mark.parametrize(
    ("returned", "hint"),
    [
        (0.5, r"returns float of shape \(\) and type float64 for the pair pair\. .* of shape \(3,\)\."),
        (np.zeros(2), r"returns ndarray of shape \(2,\)"),
        (np.zeros((3, 1)), r"of shape \(3, 1\)"),
        (None, "returns NoneType"),
        (["a", "b", "c"], "returns list"),
        (np.array([0.5, 55.0, 0.5]), "gives 55 for the pair pair, outside of its bounds 0 to 1"),
        (np.array([0.5, np.inf, 0.5]), "gives inf"),
        (KeyError("clip"), r"cannot score the pair pair: KeyError: 'clip' \(test_measure\.py:\d+\)\. Mend"),
        (ValueError("first\nsecond"), r"ValueError: first \("),
    ],
)
def test_what_is_no_score_is_refused_in_one_line(returned, hint):
    with pytest.raises(MetricError, match=rf"^The metric given \(.*\.Given\) .*{hint}") as found:
        measure(Given(returned, (0.0, 1.0)), REFERENCE, IMAGES, "pair")
    assert "\n" not in str(found.value)


def test_a_metric_is_not_asked_for_scores_of_a_pair_that_it_gives_a_reason_for():
    partial = Given(ValueError("asked"))
    partial.unscored = lambda reference: "no source text"
    scores, reason = measure(partial, REFERENCE, IMAGES, "pair")
    assert np.isnan(scores).all() and scores.shape == (3,) and reason == "no source text"
    partial.unscored = lambda reference: reference.truth.mean()
    with pytest.raises(MetricError, match="AttributeError: 'NoneType' object has no attribute 'mean'"):
        measure(partial, REFERENCE, IMAGES, "pair")


def test_scores_that_are_finished_are_kept_when_a_metric_fails(tmp_path):
    run = RunWriter.create(tmp_path / "run", made_config(fit={"size": 16}))
    for name in ("a.png", "b.png"):
        run.write_shard(EditPair(Entry(name, "A dog."), IMAGES[0]), [Sample(0.0, 0, IMAGES[0])])

    class Faulty(Given):
        def score(self, reference, images):
            if len(run.scores()):
                raise RuntimeError("the metric's own fault")
            return np.ones(len(images))

    with pytest.raises(MetricError, match="RuntimeError: the metric's own fault"):
        score_run(run, [Faulty(None)], Reporter())
    assert list(run.scores()["score"]) == [1.0]


class Nameless(Given):
    """Sets no name."""

    name = None

    def __init__(self, device):
        pass


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (Nameless, "sets no name. Give self.name in its constructor."),
        (Given, "does not take device, which every Metric is given. Add the parameter device to its constructor."),
        (type("Kindless", (Nameless,), {"kind": None, "name": "a"}), "has no attribute kind. Give one of"),
    ],
)
def test_a_class_that_is_no_whole_metric_is_refused_before_it_measures(wrong, words, monkeypatch):
    monkeypatch.setattr("tedbench.build.find_target", lambda *_: wrong)
    with pytest.raises(UserError, match=words):
        build_metrics({"mine": {"_target_": "own.Mine"}}, "cpu")
