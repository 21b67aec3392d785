"""The sentences that texts are put into before CLIP embeds them, and their random choice."""

from __future__ import annotations

import re

import torch
from torch import Tensor

TEMPLATES = (
    "photo of {}.",
    "high quality photo of {}.",
    "a photo of {}.",
    "the photo of {}.",
    "image of {}.",
    "an image of {}.",
    "high quality image of {}.",
    "a high quality image of {}.",
    "the {}.",
    "a {}.",
    "{}.",
    "{}",
    "{}!",
    "{}...",
)
"""The authors' fourteen templates."""

SCREEN_TEMPLATES = ("{} over a green screen.", "{} in front of a green screen.")
"""Templates for the layer alone."""

_LEAD = re.compile(r"^\s*(?:(?:an?|the)\s+)?(?:(?:photo|image|picture)\s+of\s+)?(?:(?:an?|the)\s+)?", re.IGNORECASE)


def phrase(text: str) -> str:
    """Return a benchmark's sentence as the noun phrase for a template: "A photo of a sitting dog." → "sitting dog"."""
    bare = _LEAD.sub("", text.strip().rstrip(".!").rstrip())
    return bare or text.strip()


def fill(templates: tuple[str, ...], text: str) -> list[str]:
    """Put a text into each template."""
    return [template.replace("{}", text) for template in templates]


def draw(count: int) -> Tensor:
    """Draw the indices of a step's templates: a random number from 1 to ``count`` of them, drawn with replacement.

    Draws come from torch's own generator (see :func:`tedbench.seeding.seeded`).
    """
    chosen = int(torch.randint(1, count + 1, ()))
    return torch.randint(count, (chosen,))
