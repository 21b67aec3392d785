"""The terms of the objective, each a plain function (Text2LIVE, section 3.1)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def clip_distance(images: Tensor, texts: Tensor) -> Tensor:
    """Return 2 · arcsin(‖î − t̂‖ / 2)², half the squared angle between embeddings; a mean over all views and texts.

    Args:
        images: embeddings of views, (V, D).
        texts: embeddings of a text in its templates, (T, D).
    """
    chord = (F.normalize(images, dim=-1)[:, None] - F.normalize(texts, dim=-1)[None]).norm(dim=-1)
    return (2 * (chord / 2).arcsin().square()).mean()


def directional(before: Tensor, after: Tensor, texts: Tensor) -> Tensor:
    """Return 1 − cos(ΔI, ΔT), a mean over all pairs of views and text directions (Gal et al., arXiv 2108.00946).

    Args:
        before, after: embeddings of views of the input and of the result, (V, D).
        texts: differences of the target's and the source's text embeddings, (T, D).
    """
    return (1 - F.cosine_similarity((after - before)[:, None], texts[None], dim=-1)).mean()


def self_similarity(tokens: Tensor) -> Tensor:
    """Return cosines between all of an image's tokens: (B, L, D) to (B, L, L)."""
    unit = F.normalize(tokens, dim=-1)
    return unit @ unit.transpose(1, 2)


def structure(before: Tensor, after: Tensor) -> Tensor:
    """Return the mean square difference of two images' self-similarities, from their tokens, (B, L, D)."""
    return F.mse_loss(self_similarity(after), self_similarity(before))


def sparsity(alpha: Tensor, *, l1: float, l0: float) -> Tensor:
    """Return l1 · mean α + l0 · mean 2 (σ(5α) − ½); the second term smoothly counts opaque pixels."""
    return l1 * alpha.mean() + l0 * (2 * (torch.sigmoid(5 * alpha) - 0.5)).mean()
