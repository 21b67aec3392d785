"""Pairs that are computed together: their errors, their interruption, their shards."""

from __future__ import annotations

from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from baselines.sdedit import SDEdit
from eval.engine.make_pairs import make_pairs
from eval.engine.signals import Stopped
from eval.engine.task import Task
from eval.runs.writer import RunWriter
from tedbench.datasets.folder import Folder
from tests.made_runs import made_config

ASKED = [(0.5, 0), (1.0, 0)]


@pytest.fixture
def make(tmp_path, tiny_model, noise_image, describe):
    """Makes six images of three pairs together, or one by one; gives the run and the outcomes."""
    rows = []
    for i, name in enumerate("abc"):
        Image.fromarray(noise_image(i)).save(tmp_path / f"{name}.png")
        rows.append(f"{name}.png,A dog.")
    (tmp_path / "pairs.csv").write_text("\n".join(["image,target_text", *rows]))

    def run(name, together=True, editor=None, progress=lambda *_: None):
        dataset = Folder(str(tmp_path / "pairs.csv"), 16)
        editor = editor or SDEdit(tiny_model(), sampling={"steps": 4, "guidance": 2.0}, sample_batch=4)
        folder = RunWriter.create(tmp_path / name, made_config("sdedit", axis="t0", fit={"size": 16}))
        tasks = [Task(entry, ASKED) for entry in dataset.entries]
        bundles = [tasks] if together else [[task] for task in tasks]
        outcomes = {}
        for bundle in bundles:
            for task, outcome in make_pairs(folder, dataset, describe(editor), editor, bundle, {}, progress):
                outcomes[task.entry.image_name[0]] = outcome
        return folder, outcomes

    return run


def pixels(run):
    return {shard.id: [shard.image(name) for name in shard.samples()["image"].dropna()] for shard in run.shards()}


def test_shards_are_those_of_pairs_made_one_by_one(make):
    (one, outcomes), (other, _) = make("together"), make("apart", together=False)
    assert {name: outcome.images for name, outcome in outcomes.items()} == {"a": 2, "b": 2, "c": 2}
    assert all(outcome.facts["together"] == 3 and outcome.facts["sample_batch"] == 4 for outcome in outcomes.values())
    # six images take two batches of four, each of three or four steps with guidance
    assert sum(outcome.facts["sample_evaluations"] for outcome in outcomes.values()) == pytest.approx(2 * 4 * 8, abs=2)
    assert all(outcome.facts["fit_evaluations"] == 0 for outcome in outcomes.values())
    a, b = pixels(one), pixels(other)
    assert a.keys() == b.keys() and all(np.array_equal(a[key], b[key]) for key in a)


def test_a_pairs_seconds_are_its_part_of_each_batchs_and_not_those_until_it_was_finished(make, monkeypatch):
    ticks = count()
    monkeypatch.setattr("imagic.models.batched.time", SimpleNamespace(monotonic=lambda: next(ticks)))
    _, outcomes = make(
        "run"
    )  # each of two batches takes a second: the first strength's three images and a's second, then the others' two
    assert {name: outcome.facts["sample_s"] for name, outcome in outcomes.items()} == {"a": 0.5, "b": 0.75, "c": 0.75}


def test_a_picture_that_cannot_be_read_fails_alone(make, tmp_path):
    (tmp_path / "b.png").write_bytes(b"no picture")
    _, outcomes = make("run")
    assert {name: outcome.images for name, outcome in outcomes.items()} == {"a": 2, "b": 0, "c": 2}
    assert "cannot be read" in outcomes["b"].reason and outcomes["a"].reason is None


def test_an_error_within_a_batch_is_looked_for_pair_by_pair(make, tiny_model):
    class Fragile(SDEdit):
        def make(self, rows):
            if any(row.edit.pair_id.startswith("b") for row in rows):
                raise RuntimeError("b is too much")
            return super().make(rows)

    _, outcomes = make("run", editor=Fragile(tiny_model(), sampling={"steps": 2, "guidance": 2.0}, sample_batch=4))
    assert {name: outcome.images for name, outcome in outcomes.items()} == {"a": 2, "b": 0, "c": 2}
    assert outcomes["b"].reason == "RuntimeError: b is too much"


def test_what_is_finished_when_the_user_stops_is_kept(make):
    def stop(stage, step, steps):
        if (stage, step) == ("sampling", 4):
            raise Stopped

    run, outcomes = make("run", progress=stop)
    assert {name: (o.images, o.stopped) for name, o in outcomes.items()} == {
        "a": (2, False),
        "b": (1, True),
        "c": (1, True),
    }
    assert [len(images) for images in pixels(run).values()] == [2, 1, 1]
