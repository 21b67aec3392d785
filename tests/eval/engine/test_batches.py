from __future__ import annotations

import pytest

from eval.engine.batches import Batches, bundles
from eval.engine.task import Task
from tedbench.method import Axis, Description
from tedbench.pair import Entry

AXIS = Axis("t0", "t0", (0.5,))
ALONE = Description("alone", AXIS, "sample")
SHARES = Description("shares", AXIS, "sample", shares=True)


@pytest.mark.parametrize(
    ("method", "requests", "listed", "sizes"),
    [
        (ALONE, 11, 100, (11, 1)),  # a sweep fills its batches
        (ALONE, 1, 100, (1, 1)),  # one image a pair, whose weights are its own
        (ALONE, 3, 100, (4, 1)),
        (SHARES, 1, 100, (11, 11)),
        (SHARES, 1, 6, (8, 8)),
        (SHARES, 11, 1, (11, 1)),
        (SHARES, 1, 1, (1, 1)),
    ],
)
def test_sizes_follow_from_the_sweep_and_the_whole_list(method, requests, listed, sizes):
    assert Batches.of(method, requests, listed, 11) == sizes


def test_the_method_is_built_with_them_and_the_settings_stay():
    settings = {"numerics": {"sample_batch": 11, "device": "cpu"}}
    assert Batches(8, 4).within(settings)["numerics"] == {"sample_batch": 8, "fit_batch": 4, "device": "cpu"}
    assert settings["numerics"]["sample_batch"] == 11


@pytest.mark.parametrize(("pairs", "workers", "sizes"), [(1, 1, [1] * 5), (3, 1, [3, 2]), (9, 1, [5]), (9, 2, [3, 2])])
def test_tasks_are_computed_in_bundles_that_leave_no_worker_without_any(pairs, workers, sizes):
    tasks = [Task(Entry(f"{i}.png", "A dog."), [(0.5, 0)]) for i in range(5)]
    found = bundles(tasks, pairs, workers)
    assert [len(bundle) for bundle in found] == sizes
    assert [task for bundle in found for task in bundle] == tasks
