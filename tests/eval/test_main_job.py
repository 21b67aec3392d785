"""What the project is for, at full length: Imagic edits pictures of the embedded world."""

from __future__ import annotations

import numpy as np
import pytest

import imagic
from eval.metrics.base import Reference
from eval.metrics.clip_score import ClipScore
from eval.metrics.judge import Judged
from eval.metrics.lpips_distance import LpipsDistance
from tedbench.datasets.picturebook import PicturebookPairs

pytestmark = pytest.mark.slow
ETAS = [0.0, 0.4, 0.7, 0.8, 0.9, 1.0]
NAMES = ("dog-01.png", "car-01.png", "tree-01.png")


@pytest.fixture(scope="module")
def edits():
    """Three pairs (a dog sits, a car opens, a tree turns), edited along η; and the model."""
    editor = imagic.load("picturebook")
    pairs = {}
    for pair in PicturebookPairs(size=64, split="all"):
        pairs.setdefault(pair.entry.image_name, pair)
    found = {}
    for name in NAMES:
        with editor.fit(pairs[name]) as edit:
            found[name] = (pairs[name], np.stack([s.image for s in edit.sample([(eta, 0) for eta in ETAS])]))
    return editor.model, found


def test_eta_0_gives_the_input_back(edits):
    model, found = edits
    lpips = LpipsDistance("alex", 64, "picturebook:perceptual/alex.safetensors")
    inputs = [pair.image for pair, _ in found.values()]
    for pair, images in found.values():
        decoded = model.decode(model.encode_image(pair.image))[0]
        others = np.stack([i for i in inputs if i is not pair.image])
        floor, here = lpips.score(Reference(pair.image, ""), np.stack([decoded, images[0]]))
        far = lpips.score(Reference(pair.image, ""), others).mean()
        assert (here - floor) / (far - floor) < 0.15, pair.id


def test_along_eta_fidelity_falls_and_alignment_rises(edits):
    _, found = edits
    lpips, clip = LpipsDistance("alex", 64, "picturebook:perceptual/alex.safetensors"), ClipScore("picturebook:clip")
    references = [(Reference(pair.image, pair.target_text), images) for pair, images in found.values()]
    distance = np.mean([lpips.score(reference, images) for reference, images in references], axis=0)
    alignment = np.mean([clip.score(reference, images) for reference, images in references], axis=0)
    assert distance[-1] > distance[0] + 0.05
    assert alignment[-1] > alignment[0] + 0.1


def test_most_pairs_have_an_eta_that_makes_the_asked_change_and_no_other(edits):
    _, found = edits
    judge = Judged("success")
    judged = [judge.score(Reference(p.image, p.target_text, None, p.truth), images) for p, images in found.values()]
    assert not any(scores[0] for scores in judged)
    assert sum(scores.any() for scores in judged) >= 2
