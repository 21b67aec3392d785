"""A pair that fails is a row with its reason; the others are made, and a retry makes what is lacking."""

from __future__ import annotations

import pytest
import torch

from tedbench.errors import UserError
from tedbench.method import Axis, Edit, Editor, Sample, silent


class Fragile(Editor):
    """Fails with the second pair, while it is fitted or after its first image."""

    randomness = "none"
    axis = Axis("depth", "depth", (0.0, 1.0), identity=0.0)

    def __init__(self, error=None, stage="fit"):
        self.error, self.stage = error, stage

    def fit(self, pair, progress=silent):
        self.fail("fit", pair)
        return FragileEdit(self, pair)

    def fail(self, stage, pair):
        if self.error and stage == self.stage and pair.entry.image_name == "b.png":
            raise self.error


class FragileEdit(Edit):
    def __init__(self, editor, pair):
        self.editor, self.pair = editor, pair

    def sample(self, requests, progress=silent):
        for number, (strength, seed) in enumerate(requests):
            if number:
                self.editor.fail("sample", self.pair)
            yield Sample(strength, seed, self.pair.image // (1 + int(strength)))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("the loss became nan"), "the loss became nan"),
        (torch.OutOfMemoryError("CUDA out of memory"), "out of memory: a smaller"),
        (MemoryError(), "out of memory: a smaller"),
        (KeyError("attention"), "KeyError: 'attention' (test_failures.py:"),
        (OSError(5, "Input/output error"), "Input/output error"),
        (FloatingPointError("overflow"), "FloatingPointError: overflow"),
    ],
)
@pytest.mark.parametrize("stage", ["fit", "sample"])
def test_whatever_a_model_does_stays_with_its_pair_and_can_be_tried_again(job, error, words, stage, shards):
    first = job(Fragile(error, stage))
    first.execute()
    table = first.run.samples()
    failed = table[table["status"] == "failed"]
    assert set(failed["image_name"]) == {"b.png"} and len(failed) == (3 if stage == "fit" else 2)
    assert all(words in reason for reason in failed["reason"])
    assert len(table) == 9
    job(Fragile()).execute()  # what failed is left alone
    assert len(first.run.samples().query("status == 'failed'")) == len(failed)
    job(Fragile(), retry_failed=True).execute()
    job(Fragile(), name="uncut").execute()
    assert shards(first.run.folder) == shards(first.run.folder.parent / "uncut")


def test_an_input_that_cannot_be_read_fails_its_pair_alone(job):
    first = job(Fragile(), lost=True)
    first.execute()
    assert dict(first.run.samples().groupby("image_name")["reason"].first()) == {
        "a.png": "",
        "b.png": "b.png cannot be read.",
        "c.png": "",
    }


def test_what_is_no_pairs_fault_stops_the_run(job):
    first = job(Fragile(UserError("The disk is full.")))
    with pytest.raises(UserError, match="disk is full"):
        first.execute()
    assert [shard.samples()["image_name"].iloc[0] for shard in first.run.shards()] == ["a.png"]


def test_a_lost_image_is_made_again_and_a_lost_input_is_written_again(job, shards):
    first = job(Fragile())
    first.execute()
    whole = shards(first.run.folder)
    a, b, c = first.run.shards()
    (a.folder / "depth1-s0.png").unlink()
    (b.folder / "input.png").write_bytes(b"")
    (c.folder / "samples.parquet").write_bytes(b"")
    said = []
    again = job(Fragile())
    again.reporter.say = said.append
    todo = again.todo()
    assert [(pair.entry.image_name, len(pair.requests)) for pair in todo] == [("a.png", 1), ("c.png", 3)]
    again.execute()
    words = ("depth1-s0.png is missing", "input.png has been", "is not as")
    assert [word in " ".join(said) for word in words] == [True] * 3
    assert shards(first.run.folder) == whole


@pytest.mark.parametrize("name", ["depth1-s0.png", "input.png"])
def test_what_a_flipped_bit_has_changed_is_made_again(job, name, shards, flip):
    first = job(Fragile())
    first.execute()
    whole = shards(first.run.folder)
    flip(first.run.shards()[0].folder / name)
    job(Fragile()).execute()
    assert shards(first.run.folder) == whole


def test_an_image_that_a_flipped_bit_has_changed_gets_no_new_checksum(job, flip):
    first = job(Fragile())
    first.execute()
    shard = first.run.shards()[0]
    flip(shard.folder / "depth1-s0.png")
    first.run.write_failure(first.context.dataset.entries[0], [(3.0, 0)], "out of memory")
    assert list(shard.samples()["strength"]) == [0.0, 2.0, 3.0]


@pytest.mark.parametrize("name", ["depth1-s0.png", "input.png"])
def test_a_damaged_pair_whose_source_is_lost_fails_alone(job, name, shards):
    first = job(Fragile())
    first.execute()
    a, b, _ = first.run.shards()
    for shard in (a, b):
        (shard.folder / name).unlink()
    job(Fragile(), lost=True).execute()
    failed = b.samples().query("status == 'failed'")
    assert len(b.samples()) == 3 and list(failed["strength"]) == ([1.0] if name == "depth1-s0.png" else [])
    assert set(failed["reason"]) <= {"b.png cannot be read."}
    assert a.info()["status"] == "ok" and len(a.samples()) == 3 and not a.broken(thorough=True)
    job(Fragile(), retry_failed=True).execute()
    job(Fragile(), name="uncut").execute()
    assert shards(first.run.folder) == shards(first.run.folder.parent / "uncut")
