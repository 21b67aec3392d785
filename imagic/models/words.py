"""Words of a text as tokens of its embedding, and the tokens that two texts share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

import torch
from torch import Tensor

from tedbench.errors import UserError

Spans = Sequence[tuple[int, int]]
"""Characters (start, end) that each token stands for, as :meth:`imagic.models.base.TextToImage.spans` gives them."""


def phrase_tokens(text: str, phrase: str, spans: Spans) -> list[int]:
    """Return the positions of the tokens of a phrase in a text, at every place where the text has it.

    Case and punctuation make no difference: "sitting dog" is in "A photo of a Sitting, dog." But words are whole: "cat"
    is not in "category".

    Args:
        text: the text.
        phrase: one word or several in a row.
        spans: of the text's tokens.

    Raises:
        UserError: the text does not have the phrase, or none of its tokens was read before the text was cut.
    """
    words, wanted = _words(text), [word for word, _, _ in _words(phrase)]
    starts = range(len(words) - len(wanted) + 1) if wanted else ()
    places = [i for i in starts if [word for word, _, _ in words[i : i + len(wanted)]] == wanted]
    characters = [(words[i][1], words[i + len(wanted) - 1][2]) for i in places]
    found = sorted({position for first, last in characters for position in _within(spans, first, last)})
    if not found:
        why = "is not in" if not places else "is cut off, with the end of"
        raise UserError(f"{phrase!r} {why} {text!r}.")
    return found


def _words(text: str) -> list[tuple[str, int, int]]:
    """Return the words of a text without case, with their characters."""
    return [(match[0].casefold(), match.start(), match.end()) for match in re.finditer(r"\w+", text)]


class Alignment(NamedTuple):
    """The tokens of a text that correspond to those of another.

    Attributes:
        weights: (L_after, L_before) float32: the share that each token of the second text has in each of the first
            text's: rows of tokens that were added are 0, columns of tokens that were removed.
        same: (L_after,) bool: True for tokens that both texts have.
    """

    weights: Tensor
    same: Tensor


def align(before: str, spans_before: Spans, after: str, spans_after: Spans) -> Alignment:
    """Align the tokens of two texts by the longest sequences that both have.

    As many tokens as they replace correspond one by one; others share the replaced ones evenly. The start, the end and the
    padding correspond to each other, counted from the end on; of a longer first text the last padding takes what is left.

    Args:
        before, after: the texts.
        spans_before, spans_after: of their tokens.
    """
    end_before, end_after = _end(spans_before), _end(spans_after)
    one, two = _pieces(before, spans_before[:end_before]), _pieces(after, spans_after[:end_after])
    weights = torch.zeros(len(spans_after), len(spans_before))
    same = torch.ones(len(spans_after), dtype=torch.bool)
    same[:end_after] = False
    for what, i1, i2, j1, j2 in SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
        if what == "equal":
            weights[range(j1, j2), range(i1, i2)] = 1
            same[j1:j2] = True
        elif what == "replace":
            weights[j1:j2, i1:i2] = _shares(j2 - j1, i2 - i1)
    for position in range(end_after, len(spans_after)):
        weights[position, min(end_before + position - end_after, len(spans_before) - 1)] = 1
    return Alignment(weights, same)


def align_words(before: str, spans_before: Spans, after: str, spans_after: Spans) -> Alignment:
    """Align the tokens of two texts word by word: as many as the word in their place has one by one, others share it evenly.

    Start, end and padding correspond as in :func:`align`. Words are what stands between spaces.

    Args:
        before, after: the texts, with equal numbers of words.
        spans_before, spans_after: of their tokens.
    """
    found = align(before, spans_before, after, spans_after)
    inside = [position for position, (start, end) in enumerate(spans_after) if end > start]
    found.weights[inside] = 0
    found.same[inside] = False
    for one, two in zip(re.finditer(r"\S+", before), re.finditer(r"\S+", after), strict=True):
        first, second = _within(spans_before, *one.span()), _within(spans_after, *two.span())
        if not first or not second:
            continue  # cut off
        found.weights[torch.tensor(second)[:, None], torch.tensor(first)] = _shares(len(second), len(first))
        if one[0].casefold() == two[0].casefold():
            found.same[second] = True
    return found


def _within(spans: Spans, first: int, last: int) -> list[int]:
    """Return the positions of the tokens that stand for any of the characters from ``first`` to before ``last``."""
    return [i for i, (start, end) in enumerate(spans) if start < last and first < end]


def _shares(after: int, before: int) -> Tensor:
    """Return the weights of tokens in the place of others: one by one if there are as many, evenly shared otherwise."""
    return torch.eye(after) if after == before else torch.full((after, before), 1 / after)


def _pieces(text: str, spans: Spans) -> list[str]:
    """Return each token's characters without case; a token without characters is the empty string."""
    return [text[start:end].strip().casefold() for start, end in spans]


def _end(spans: Spans) -> int:
    """Return the position after the last token that stands for characters."""
    return max((position + 1 for position, (start, end) in enumerate(spans) if end > start), default=0)
