"""What goes wrong in the midst of a pair."""

from __future__ import annotations


class DivergedError(RuntimeError):
    """A loss became NaN or infinite, or what was sampled did."""
