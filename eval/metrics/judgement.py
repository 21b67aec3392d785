"""Judgements of edited images from the judge's readings: the requested change is made, the rest is unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np

if TYPE_CHECKING:  # the judge itself needs torch
    from picturebook.judge import Reading

SAME_SCENE_PSNR = 17.0
"""Minimum PSNR in dB against the input of the region that an edit must not change. Pictures of random other scenes
have 10 to 13 (2% of them 17 or more), of other scenes in the same place 13 (7%)."""

SMALLEST_REGION = 0.1
"""Minimum share of the picture of a region that must not change for its pixels to be compared."""

Question = Literal["success", "changed", "kept"]
QUESTIONS_OF_SUCCESS: tuple[str, ...] = get_args(Question)
"""Both of the others; the requested change is made; the rest is unchanged."""


class Judgement(NamedTuple):
    """The judge's answers to one edited image.

    Attributes:
        changed: True if it is a picture of the drawn world, and every answer that differs between input and true edit
            equals the true edit's.
        kept: True if it is a picture of the drawn world, every other answer equals the input's, and the region that is
            equal in input and true edit has at least :data:`SAME_SCENE_PSNR` against the input.
        right: number of answers that equal the true edit's; 0 if it is not a picture of the drawn world.
        faults: descriptions of the errors.
    """

    changed: bool
    kept: bool
    right: int
    faults: tuple[str, ...]

    @property
    def success(self) -> bool:
        """True if the requested change is made and the rest is unchanged."""
        return self.changed and self.kept


def judge_edit(before: Reading, after: Reading, edited: Reading, likeness: float | None) -> Judgement:
    """Judge an edited image by its reading.

    Args:
        before, after: readings of the input and of the true edit.
        edited: reading of the edited image.
        likeness: PSNR in dB against the input, see :func:`untouched_psnr`; None skips this test.
    """
    if not edited.is_picture:
        return Judgement(False, False, 0, ("no picture of this world",))
    old, wanted, found = facts(before), facts(after), facts(edited)
    wrong = [question for question in wanted if found[question] != wanted[question]]
    asked = {question for question in wanted if old[question] != wanted[question]}
    faults = [f"{question} {found[question] or 'none'}, not {wanted[question] or 'none'}" for question in wrong]
    unlike = likeness is not None and likeness < SAME_SCENE_PSNR
    if unlike:
        faults.append(f"{likeness:.1f} dB where nothing should change")
    changed, kept = asked.isdisjoint(wrong), asked.issuperset(wrong) and not unlike
    return Judgement(changed, kept, len(wanted) - len(wrong), tuple(faults))


def facts(reading: Reading) -> dict[str, str]:
    """Return a reading's answers, with the state without the subject's kind, which is an answer of its own.

    If a standing dog becomes a standing cat, only the kind differs.
    """
    return {**reading.answers, "state": reading.answers["state"].partition(" ")[2]}


def untouched_psnr(image: np.ndarray, truth: np.ndarray, images: np.ndarray) -> list[float | None]:
    """Return the PSNR in dB of each edited image against the input, over pixels that are equal in input and true edit.

    It is None for all images if these pixels are less than :data:`SMALLEST_REGION` of the picture.

    Args:
        image, truth: the input and the true edit, (size, size, 3) uint8.
        images: the edited images, (N, size, size, 3) uint8.
    """
    same = (image == truth).all(axis=-1)
    if same.mean() < SMALLEST_REGION:
        return [None] * len(images)
    error = np.square(images[:, same].astype(float) - image[same].astype(float)).mean(axis=(1, 2))
    return [float(10 * np.log10(255**2 / e)) if e else float("inf") for e in error]
