"""Errors that are meant for the reader of the terminal."""

from __future__ import annotations


class UserError(Exception):
    """An error that the user can correct: one sentence what is wrong, one sentence what to do.

    Commands print it as one line without a traceback and exit with status 2.
    """


class PairError(UserError):
    """One pair cannot be edited; the others can. A run keeps the reason with the pair and goes on."""


class ImageError(PairError):
    """An image is missing or cannot be read."""
