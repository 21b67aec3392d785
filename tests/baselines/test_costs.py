"""Evaluations of the network that each method takes, counted by hand from its algorithm."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.baselines.editors import editor_of, pair_with
from tests.test_contract import METHODS

COSTS = {  # with the quick settings of METHODS: a fit; the first image of a seed at the strongest strength; the next one
    "imagic": (2 * (2 * 4 * 3), 4, 4),  # two stages of two steps with four draws; two guided steps
    "sdedit": (0, 4 * 2, 4 * 2),
    "ddib": (2, 2 * 2, 2 * 2),
    "edit_friendly": (0, 4 + 4 * 2, 4 * 2),  # noise maps once a seed
    "cycle_diffusion": (0, 4 + 4 * 2, 4 * 2),
    "cycle_sde": (0, 4 + 4 * 2, 4 * 2),
    "leditspp": (0, 4 + 4 * 2, 4 * 2),
    "negative_prompt": (2, 2 * 2, 2 * 2),
    "p2p": (2, 2 * 3, 2 * 3),
    "null_text": (2 + 2 * (1 + 2 * 3 + 1), 2 * 4, 2 * 4),
    "masactrl": (2, 2 * 3, 2 * 3),
    "pnp": (2, 2 * 3, 2 * 3),
    "pix2pix_zero": (2, 2 * (1 + 2 * 3 + 2), 2 * (1 + 2 * 3 + 2)),
    "diffedit": (4, 2 * 2 + 4 * 2, 3 * 2),  # the mask once a seed; the last strength but one takes three steps
    "blended": (0, 2 * 2 + 4 * 2, 3 * 2),
    "forgedit": (2 * 4 * 3, 4, 4),
    "hiper": (2 * 4 * 3, 4, 4),
    "sine": (2 * 4 * 3, 3 + 2, 3 + 2),  # half of the steps have the tuned network too
    "unitune": (2 * 4 * 3, 4 * 2, 4 * 2),
}


def test_every_method_with_a_network_is_here():
    assert COSTS.keys() == METHODS.keys() - {"text2live"}


def test_images_of_several_pairs_are_batched_by_strength_so_that_none_takes_anothers_steps(tiny_model, noise_image):
    editor = editor_of(tiny_model(), "sdedit", sample_batch=3)
    edits = editor.fit_together([pair_with(noise_image(seed, 16)) for seed in range(3)])
    list(editor.sample_together([(edit, [(0.5, 0), (1.0, 0)]) for edit in edits]))
    assert editor.evaluations == 3 * (2 + 4) * 2


@pytest.mark.parametrize("name", COSTS)
def test_a_method_costs_what_its_algorithm_says(tiny_model, noise_image, name):
    editor = editor_of(tiny_model(), name, sample_batch=1)
    counted = [editor.evaluations]
    with editor.fit(pair_with(noise_image(0, 16))) as edit:
        counted.append(editor.evaluations)
        for strength in (editor.axis.grid[-1], editor.axis.grid[-2]):
            list(edit.sample([(strength, 0)]))
            counted.append(editor.evaluations)
    assert tuple(after - before for before, after in pairwise(counted)) == COSTS[name]
