"""The text encoder of the cascade, as it is trained."""

from __future__ import annotations

import torch

from picturebook.train.text import attention_mask, new_text_encoder


def test_it_is_trained_without_dropout():
    model = new_text_encoder(20).train()
    text = torch.tensor([[0, 5, 7, 1, 1, 1]])
    first, second = (model(text, attention_mask=attention_mask(text)).last_hidden_state for _ in range(2))
    assert torch.equal(first, second)


def test_its_mask_ends_with_the_first_end_token():
    assert attention_mask(torch.tensor([[0, 5, 7, 1, 1, 1]])).tolist() == [[1, 1, 1, 1, 0, 0]]
