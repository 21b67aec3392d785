from __future__ import annotations

import pytest
import torch

from baselines.negative_prompt import proximal
from tedbench.errors import UserError
from tests.baselines.editors import BEFORE, editor_of, latents, pair_with


def test_without_guidance_the_target_text_makes_no_difference(tiny_model, noise_image):
    editor = editor_of(tiny_model(), "negative_prompt")
    one, two = (
        latents(editor, pair_with(noise_image(0, 16), after=after), [0.0, 2.0]) for after in ("A dog.", "A red tree.")
    )
    assert torch.equal(one[0], two[0]) and not torch.allclose(one[1], two[1], atol=1e-3)


def test_one_text_is_reconstructed_at_every_guidance(tiny_model, noise_image):
    editor = editor_of(tiny_model(), "negative_prompt")
    found = latents(editor, pair_with(noise_image(0, 16), after=BEFORE), [0.0, 1.0, 7.5])
    torch.testing.assert_close(found, found[1:2].expand(3, -1, -1, -1), atol=1e-4, rtol=0)


def test_guidance_1_is_ddib(tiny_model, noise_image):
    pair = pair_with(noise_image(0, 16))
    one, two = (
        latents(editor_of(tiny_model(), name, sampling__steps=4), pair, [1.0]) for name in ("negative_prompt", "ddib")
    )
    torch.testing.assert_close(one, two, atol=1e-4, rtol=0)


def test_a_threshold_leaves_the_largest_differences():
    difference = torch.tensor([[-4.0, 1.0, 3.0, -2.0, 0.5]]).reshape(1, 1, 1, 5)
    hard = proximal("hard", 0.5)(0, "text", difference)
    soft = proximal("soft", 0.5)(0, "text", difference)
    assert hard.flatten().tolist() == [-4.0, 0.0, 3.0, -2.0, 0.0]
    assert soft.flatten().tolist() == [-2.0, 0.0, 1.0, 0.0, 0.0]
    assert torch.equal(proximal("hard", 0.0)(0, "text", difference), difference)


@pytest.mark.parametrize("threshold", ["hard", "soft"])
def test_a_threshold_changes_less(tiny_model, noise_image, threshold):
    pair = pair_with(noise_image(0, 16))
    plain = editor_of(tiny_model(), "negative_prompt")
    near = editor_of(tiny_model(), "negative_prompt", proximal__threshold=threshold)
    start = latents(plain, pair, [0.0])
    far, close = ((latents(editor, pair, [5.0]) - start).norm() for editor in (plain, near))
    assert close < far
    with pytest.raises(UserError, match="quantile"):
        editor_of(tiny_model(), "negative_prompt", proximal__quantile=1.5)
