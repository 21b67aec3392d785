"""A batch that does not fit into memory is halved."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from imagic.errors import DivergedError
from imagic.models.edit import BatchedEdit
from tedbench.method import grid
from tedbench.pair import EditPair, Entry


class Limited(BatchedEdit):
    """Of a memory that holds only so many pictures at a time."""

    def __init__(self, *given, room):
        super().__init__(*given)
        self._room, self.tried = room, []

    def make(self, requests):
        self.tried.append(len(requests))
        if len(requests) > self._room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return torch.stack([torch.full(self.model.latent_shape, s + seed) for s, seed in requests])


@pytest.fixture
def limited(tiny_model, noise_image):
    pair = EditPair(Entry("a.png", "A dog."), noise_image())
    return lambda batch, room: Limited(tiny_model(), pair, None, 0, batch, room=room)


def test_every_image_is_made_once_in_smaller_batches(limited):
    requests = grid([0.0, 0.5, 1.0], [0, 1, 2])
    whole, tight = limited(9, 9), limited(9, 3)
    images = {(s.strength, s.seed): s.image for s in whole.sample(requests)}
    seen = list(tight.sample(requests))
    assert [(s.strength, s.seed) for s in seen] == requests
    assert tight.tried == [9, 5, 3, 3, 3]
    assert all(np.abs(s.image.astype(int) - images[s.strength, s.seed]).max() <= 1 for s in seen)


def test_the_size_it_came_to_is_a_fact_of_the_run(limited):
    for room, facts in ((9, {}), (3, {"sample_batch": 3})):
        edit = limited(9, room)
        list(edit.sample(grid([0.0, 1.0], [0, 1])))
        assert edit.facts() == facts


def test_one_image_that_does_not_fit_fails(limited):
    with pytest.raises(torch.OutOfMemoryError):
        list(limited(4, 0).sample(grid([0.0], [0])))


def test_values_that_are_not_finite_are_refused(limited):
    with pytest.raises(DivergedError, match="not finite"):
        list(limited(1, 1).sample([(float("nan"), 0)]))
