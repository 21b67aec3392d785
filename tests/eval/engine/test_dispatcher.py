"""The dispatcher alone: which worker gets which task, without processes."""

from __future__ import annotations

import io
from collections import deque
from itertools import count
from types import SimpleNamespace

import pytest
from rich.console import Console

from eval.engine.dispatcher import Dispatcher
from eval.engine.progress import Reporter
from eval.engine.task import Outcome, Task
from eval.engine.workers import WorkerLostError, Workers
from tedbench.pair import Entry

ENTRIES = [Entry(f"{name}.png", "A dog.") for name in "abcdef"]


class Call:
    """A call of a worker, by its number; without a bundle it is to build."""

    def __init__(self, worker, bundle=()):
        self.worker, self.bundle = worker, bundle


class Written:
    """A stand-in for a run folder: keeps events, and the ids of pairs that were marked as failed."""

    def __init__(self):
        self.events, self.failed = [], []

    def event(self, event, *, pair, **facts):
        self.events.append((event, pair[0]))

    def clear_leftovers(self, ids):
        pass

    def write_failure(self, entry, requests, reason, origins):
        assert "lost 3 times" in reason
        self.failed.append(entry.image_name[0])


class Cluster(Workers):
    """Workers without processes: results are there at once, in the order of the calls."""

    tries = 3

    def __init__(self, deadly=()):
        self.done, self.deadly, self.killed, self._numbers = [], deadly, [], count()

    def start(self):
        return next(self._numbers)

    def build(self, worker):
        return Call(worker)

    def edit(self, worker, bundle):
        return Call(worker, bundle)

    def wait(self, calls, timeout):
        return calls[:1]

    def result(self, call):
        if not call.bundle:
            return None
        names = [task.entry.image_name for task in call.bundle]
        if set(names) & set(self.deadly):
            raise WorkerLostError("killed")
        self.done.append((call.worker, "".join(name[0] for name in names)))
        return [Outcome(len(task.requests), None, {}) for task in call.bundle]

    def kill(self, worker):
        self.killed.append(worker)

    def stop(self, worker):
        pass

    def stage(self, worker):
        return None


@pytest.fixture
def dispatch(monkeypatch):
    """Runs groups of bundles of the entries' letters: "abc" are three bundles, ["ab", "c"] two; gives the cluster and the events."""
    monkeypatch.setattr("eval.engine.dispatcher.examine_pair", lambda run, wanted, entry: Task(entry, [(0.0, 0)]))

    def run(groups, workers, deadly=()):
        cluster, folder = Cluster(deadly), Written()
        context = SimpleNamespace(
            run=folder,
            reporter=Reporter(Console(file=io.StringIO())),
            wanted=None,
            method=SimpleNamespace(origins=lambda entry: {}),
        )
        of = {entry.image_name[0]: entry for entry in ENTRIES}
        queue = deque(
            deque([Task(of[letter.lower()], [(0.0, 0)] * letter.islower()) for letter in bundle] for bundle in group)
            for group in groups
        )
        with context.reporter.pairs(len(ENTRIES)):
            Dispatcher(cluster, context).run(queue, workers)
        assert folder.failed == [name[0] for name in deadly]
        return cluster, folder.events

    return run


def test_a_group_stays_with_one_worker(dispatch):
    cluster, events = dispatch(["abc", "de", "f"], 2)
    of = {letter: worker for worker, letter in cluster.done}
    assert of["a"] == of["b"] == of["c"] != of["d"] == of["e"] and len(cluster.done) == 6
    assert sorted(events) == sorted((what, letter) for what in ("begin", "pair") for letter in "abcdef")


def test_what_only_lacks_scores_is_no_edited_pair(dispatch):
    cluster, events = dispatch(["a", "B"], 1)
    assert cluster.done == [(0, "a"), (0, "b")] and events == [("begin", "a"), ("pair", "a")]


def test_the_rest_of_a_group_goes_to_another_worker_when_a_pair_has_cost_all_its_tries(dispatch):
    cluster, events = dispatch(["abc", "d"], 1, deadly=["b.png"])
    assert cluster.done == [(0, "a"), (1, "c"), (1, "d")] and cluster.killed == [0]
    assert events.count(("failure", "b")) == 1 and ("pair", "b") not in events


def test_a_bundle_is_one_call_and_its_pairs_are_told_one_by_one(dispatch):
    cluster, events = dispatch([["abc"], ["def"]], 2)
    assert sorted(cluster.done) == [(0, "abc"), (1, "def")]
    assert sorted(events) == sorted((what, letter) for what in ("begin", "pair") for letter in "abcdef")


def test_the_pairs_of_a_bundle_that_ends_its_worker_are_tried_one_by_one(dispatch):
    cluster, events = dispatch([["abc"], ["d"]], 1, deadly=["b.png"])
    assert [letters for _, letters in cluster.done] == ["a", "c", "d"]
    assert events.count(("failure", "b")) == 1 and ("pair", "c") in events
