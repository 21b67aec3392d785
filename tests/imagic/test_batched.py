"""Images of several pairs in one batch, and batches that do not fit into memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from imagic.errors import DivergedError
from imagic.models.batched import BatchedEdit, BatchedEditor, batch_size
from tedbench.method import Axis, grid
from tedbench.pair import EditPair, Entry


class Limited(BatchedEditor):
    """Of a memory that holds only so many pictures at a time."""

    axis = Axis("level", "level", (0.0, 1.0))
    randomness = "sample"
    shares = True

    def __init__(self, model, batch, room):
        super().__init__(model, sample_batch=batch)
        self._room, self.tried = room, []

    def fit(self, pair, progress=None):
        return BatchedEdit(self, pair)

    def make(self, rows):
        self.tried.append([row.edit.pair_id[:1] for row in rows])
        if len(rows) > self._room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return torch.stack([torch.full(self.model.latent_shape, row.strength + row.seed) for row in rows])


@pytest.fixture
def pairs(noise_image):
    return [EditPair(Entry(f"{name}.png", "A dog."), noise_image()) for name in "abc"]


@pytest.fixture
def limited(tiny_model):
    return lambda batch, room: Limited(tiny_model(), batch, room)


def test_every_image_is_made_once_in_smaller_batches(limited, pairs):
    requests = grid([0.0, 0.5, 1.0], [0, 1, 2])
    whole, tight = limited(9, 9), limited(9, 3)
    images = {(s.strength, s.seed): s.image for s in whole.fit(pairs[0]).sample(requests)}
    seen = list(tight.fit(pairs[0]).sample(requests))
    assert [(s.strength, s.seed) for s in seen] == requests
    assert [len(rows) for rows in tight.tried] == [9, 5, 3, 3, 3]
    assert all(np.abs(s.image.astype(int) - images[s.strength, s.seed]).max() <= 1 for s in seen)


def test_the_size_of_its_batches_is_a_fact_of_each_edit(limited, pairs):
    for room, size in ((9, 9), (3, 3)):
        edit = limited(9, room).fit(pairs[0])
        assert edit.facts() == {}
        list(edit.sample(grid([0.0, 1.0], [0, 1])))
        assert {**edit.facts(), "sample_s": 0} == {"sample_batch": size, "sample_evaluations": 0, "sample_s": 0}


def test_one_image_that_does_not_fit_fails(limited, pairs):
    with pytest.raises(torch.OutOfMemoryError):
        list(limited(4, 0).fit(pairs[0]).sample(grid([0.0], [0])))


def test_values_that_are_not_finite_are_refused(limited, pairs):
    with pytest.raises(DivergedError, match="not finite"):
        list(limited(1, 1).fit(pairs[0]).sample([(float("nan"), 0)]))


def test_batches_are_filled_with_the_images_of_several_pairs_and_only_the_last_with_copies(limited, pairs):
    editor = limited(4, 4)
    edits = [(edit, [(0.0, 0), (1.0, 0)]) for edit in editor.fit_together(pairs)]
    found = list(editor.sample_together(edits))
    assert editor.tried == [["a", "b", "c", "a"], ["b", "c", "c", "c"]]
    assert [(number, sample.strength) for number, sample in found] == [(i, s) for s in (0.0, 1.0) for i in range(3)]


def test_one_pairs_nan_is_its_own(limited, pairs):
    editor = limited(4, 4)
    one, two = editor.fit_together(pairs[:2])
    found = dict(editor.sample_together([(one, [(float("nan"), 0)]), (two, [(0.5, 0)])]))
    assert isinstance(found[0], DivergedError) and found[1].strength == 0.5


@pytest.mark.parametrize(("work", "size"), [(1, 1), (2, 2), (3, 4), (8, 8), (9, 11), (100, 11)])
def test_a_batch_is_no_larger_than_a_power_of_two_that_the_work_fills(work, size):
    assert batch_size(11, work) == size
