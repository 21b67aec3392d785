"""Scenes drawn anew while training goes on, and trainings that were interrupted."""

from __future__ import annotations

import random
from collections import Counter
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from picturebook.pairs import planned_edits
from picturebook.train.fresh import FreshScenes, fresh_scene, hard_scene
from picturebook.train.loop import train
from picturebook.world import KINDS


def words(texts, **_):
    return SimpleNamespace(input_ids=torch.tensor([[len(text), hash(text) % 997] for text in texts]))


def flat_latents(scenes):
    mean = torch.tensor([[scene.x, scene.size] for scene in scenes])
    return mean[..., None, None], torch.zeros_like(mean)[..., None, None]


def test_every_kind_state_and_accessory_is_drawn_often():
    rng = random.Random(0)
    scenes = [hard_scene(rng) for _ in range(2000)]
    states = Counter((scene.kind, scene.state) for scene in scenes)
    assert set(states) == {(name, state) for name, kind in KINDS.items() for state in kind.states}
    assert min(states.values()) > 10
    with_more = [scene for scene in scenes if scene.accessory or scene.count > 1 or scene.other]
    able = [scene for scene in scenes if (k := KINDS[scene.kind]).accessories or k.counts[1:] or k.relations]
    assert len(with_more) == len(able) > 1000


def test_no_scene_is_that_of_a_pair():
    pairs = {pair.before for split in ("all", "search") for pair in planned_edits(split)}
    assert not pairs & {fresh_scene(i) for i in range(3000)}


def test_the_oldest_scenes_give_way_to_new_ones():
    pool = FreshScenes(words, flat_latents, size=8, per_batch=3, seed=0)
    rng = torch.Generator().manual_seed(0)
    seen = pool._mean.clone()
    pool.batch(4, rng)
    assert [bool((a != b).any()) for a, b in zip(seen, pool._mean, strict=True)] == [True] * 3 + [False] * 5
    for _ in range(2):
        pool.batch(4, rng)
    assert pool.next == 8 + 9
    new = {fresh_scene(i).x for i in range(9, 17)}
    assert {round(float(x), 5) for x in pool._mean[:, 0, 0, 0]} == {round(x, 5) for x in new}


class StopError(Exception):
    pass


@pytest.mark.parametrize("cut", [4, 6])
@pytest.mark.parametrize("muon", [False, True])
def test_an_interrupted_training_ends_as_an_uncut_one(tmp_path, cut, muon):
    def make(state=None, stop_after=None):
        torch.manual_seed(0)
        model, calls, kept = nn.Linear(3, 1), [], {}

        def loss_at(rng):
            calls.append(1)
            if stop_after and len(calls) > stop_after:
                raise StopError
            return model(torch.randn(4, 3, generator=rng)).square().mean()

        def save(average, step):
            kept[step] = [p.detach().clone() for p in average.parameters()]

        apart = {"matrices": [model.weight], "matrices_lr": 1e-2} if muon else {}
        train(model, loss_at, steps=8, lr=1e-2, seed=1, save=save, save_every=2, state=state, **apart)
        return kept[8]

    whole = make()
    with pytest.raises(StopError):
        make(tmp_path / "state", stop_after=cut)
    again = make(tmp_path / "state")
    assert all(torch.equal(a, b) for a, b in zip(whole, again, strict=True))
    assert not (tmp_path / "state").exists()  # the next training is a new cycle
