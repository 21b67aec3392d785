from __future__ import annotations

import torch

from imagic.models.text import Text


def text(*values, pooled=True, mask=None):
    count = len(values)
    tokens = torch.tensor(values, dtype=torch.float32).reshape(count, 1, 1).expand(count, 2, 3).clone()
    mask = None if mask is None else torch.tensor(mask)
    return Text(tokens, tokens[:, 0] * 10 if pooled else None, mask, tuple(map(str, values)))


def test_texts_are_joined_chosen_and_repeated_with_all_their_parts():
    both = Text.cat([text(1, 2), text(3)])
    assert len(both) == 3 and both.written == ("1", "2", "3")
    assert both[1:].written == ("2", "3") and both[[2, 0]].pooled[:, 0].tolist() == [30, 10]
    assert [each.tokens[0, 0, 0].item() for each in both.split()] == [1, 2, 3]
    assert both.repeat_each(2).written == ("1", "1", "2", "2", "3", "3")
    assert text(5).expand(3).pooled.shape == (3, 3) and text(5).expand(3).written == ("5",) * 3


def test_a_mixture_is_no_longer_a_written_text_and_attends_to_the_tokens_of_both():
    one, two = text(0, mask=[[True, False]]), text(4, mask=[[False, False]])
    mixed = one.lerp(two, 0.25)
    assert mixed.tokens.unique().tolist() == [1] and mixed.pooled.unique().tolist() == [10]
    assert mixed.mask.tolist() == [[True, False]] and mixed.written == ()
    assert one.lerp(two, 1.5).tokens.unique().tolist() == [6]


def test_what_is_optimised_is_what_the_network_reads():
    start = text(1, 2)
    copy = start.clone()
    for part in copy.parameters():
        part.requires_grad_()
    repeated = copy.repeat_each(2)
    (repeated.tokens.sum() + repeated.pooled.sum()).backward()
    assert all(part.grad is not None for part in copy.parameters())
    assert torch.equal(start.tokens, text(1, 2).tokens)
    assert len(text(1, pooled=False).parameters()) == 1


def test_each_row_is_chosen_from_one_of_two_texts():
    found = text(1).where(torch.tensor([True, False, True]), text(2))
    assert found.tokens[:, 0, 0].tolist() == [1, 2, 1] and found.pooled[:, 0].tolist() == [10, 20, 10]
