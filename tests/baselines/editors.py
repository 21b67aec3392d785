"""Editors from their Picturebook recipe, quick, on the tiny model."""

from __future__ import annotations

from copy import deepcopy

import torch

from tedbench.build import build
from tedbench.pair import EditPair, Entry
from tests.test_contract import settings_of

BEFORE, AFTER = "A photo of a standing dog.", "A photo of a sitting dog."


def editor_of(model, method, sample_batch=3, seed=0, **changes):
    """Build a method with settings changed by dotted name, dots as double underscores."""
    settings = deepcopy(settings_of(method))
    for dotted, value in changes.items():
        block, names = settings, dotted.split("__")
        for name in names[:-1]:
            block = block[name]
        block[names[-1]] = value
    return build(settings, model=model, seed=seed, sample_batch=sample_batch)


def pair_with(image, before=BEFORE, after=AFTER, source_object="standing dog", target_object="sitting dog"):
    return EditPair(Entry("a.png", after, before, source_object, target_object), image)


def latents(editor, pair, strengths, seed=0):
    """Return the x0 of each strength, (N, C, h, w)."""
    from imagic.models.batched import Row

    with editor.fit(pair) as edit, torch.no_grad():
        return editor.make([Row(edit, strength, seed) for strength in strengths])
