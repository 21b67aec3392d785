"""Judgements of edited images from what is read in them: was the asked change made, and the rest left alone?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:  # the judge itself needs torch
    from picturebook.judge import Reading

SAME_SCENE_PSNR = 17.0
"""What an edit must leave alone has at least so many dB against the input. Pictures of random other scenes have 10 to
13 there (2% of them 17 or more), of other scenes in the same place 13 (7%)."""

SMALLEST_REGION = 0.1
"""A region that must stay is compared by pixels where it is at least this part of the picture."""

QUESTIONS_OF_SUCCESS = ("success", "changed", "kept")
"""Both of the last two, the asked change made, the rest left alone."""


class Judgement(NamedTuple):
    """The judge's answers to one edited image.

    Attributes:
        changed: it is a picture of the world, and every answer that differs between input and true edit is the true
            edit's.
        kept: it is a picture of the world, every other answer is the input's, and the region that is the same in input
            and true edit is the input's to :data:`SAME_SCENE_PSNR`.
        right: how many answers are the true edit's; none where it is no picture of the world.
        faults: what is wrong, in words.
    """

    changed: bool
    kept: bool
    right: int
    faults: tuple[str, ...]

    @property
    def success(self) -> bool:
        """True if what was asked for was done, and nothing else."""
        return self.changed and self.kept


def compare(before: Reading, after: Reading, edited: Reading, likeness: float | None) -> Judgement:
    """Judges an edited image by what is read in it.

    Args:
        before, after: the readings of the input and of the true edit.
        edited: that of the edited image.
        likeness: PSNR against the input where input and true edit are the same; None where there is too little of it.
    """
    if not edited.is_picture:
        return Judgement(False, False, 0, ("no picture of this world",))
    old, wanted, found = facts(before), facts(after), facts(edited)
    wrong = [question for question in wanted if found[question] != wanted[question]]
    asked = {question for question in wanted if old[question] != wanted[question]}
    faults = [f"{question} {found[question] or 'none'}, not {wanted[question] or 'none'}" for question in wrong]
    unlike = likeness is not None and likeness < SAME_SCENE_PSNR
    if unlike:
        faults.append(f"{likeness:.0f} dB where nothing should change")
    changed, kept = asked.isdisjoint(wrong), asked.issuperset(wrong) and not unlike
    return Judgement(changed, kept, len(wanted) - len(wrong), tuple(faults))


def facts(reading: Reading) -> dict[str, str]:
    """Return a reading's answers, with the state named without the kind: that is a question of its own.

    A dog that becomes a cat and goes on standing changes its kind alone.
    """
    return {**reading.answers, "state": reading.answers["state"].partition(" ")[2]}


def untouched_psnr(image: np.ndarray, truth: np.ndarray, images: np.ndarray) -> list[float | None]:
    """PSNR in dB of each edited image against the input, over the pixels that are the same in input and true edit.

    None for each where these are less than :data:`SMALLEST_REGION` of the picture.
    """
    same = (image == truth).all(axis=-1)
    if same.mean() < SMALLEST_REGION:
        return [None] * len(images)
    error = np.square(images[:, same].astype(float) - image[same].astype(float)).mean(axis=(1, 2))
    return [float(10 * np.log10(255**2 / e)) if e else float("inf") for e in error]
