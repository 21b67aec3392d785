"""Errors that end a single pair."""

from __future__ import annotations


class DivergedError(RuntimeError):
    """A loss or a sampled latent became NaN or infinite."""
