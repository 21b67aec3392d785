"""Judged success: was what the text asks for done, and the rest left alone? Known where the true edited image is."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
from PIL import Image
from safetensors import SafetensorError

from eval.metrics.base import Kind, Metric, Reference, check_images
from eval.metrics.recent import Recent, content
from eval.runs.files import file_digest
from imagic.models.weights import EMBEDDED, locate
from picturebook.judge import Judge, Reading
from picturebook.world import SIZE
from tedbench.errors import UserError

SAME_SCENE_PSNR = 17.0
"""What an edit must leave alone has at least so many dB against the input. Pictures of random other scenes have 10 to
13 there (2% of them 17 or more), of other scenes in the same place 13 (7%)."""

SMALLEST_REGION = 0.1
"""A region that must stay is compared by pixels where it is at least this part of the picture."""

QUESTIONS_OF_SUCCESS = ("success", "changed", "kept")


class Judgement(NamedTuple):
    """What the judge says of one edited image.

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
        """What was asked for was done, and nothing else."""
        return self.changed and self.kept


class Judged(Metric):
    """0 or 1 for each edited image; NaN where the pair cannot be judged.

    That is a pair without a true edited image, and one whose input and true edit the judge reads as the same or as no
    pictures of the drawn world. The judge reads pictures of 64 × 64, to which others are resized.
    """

    kind: ClassVar[Kind] = "judgement"

    def __init__(
        self, what: str = "success", weights: str = f"{EMBEDDED}judge/judge.safetensors", device: str = "cpu"
    ) -> None:
        """
        Args:
            what: ``success`` (the asked change made and the rest kept), or one of the two alone: ``changed``, ``kept``.
            weights: the judge's safetensors file.
            device: where it computes.

        Raises:
            UserError: another ``what``, or weights that are not there or not the judge's.
        """
        if what not in QUESTIONS_OF_SUCCESS:
            raise UserError(f"The judge does not judge {what!r}. Give {', '.join(QUESTIONS_OF_SUCCESS)}.")
        self.what = what
        self._reader = open_reader(weights, device)
        self.name = f"judge/{what}/{self._reader.digest}"

    def unscored(self, reference: Reference) -> str | None:
        """What cannot be judged (see the class)."""
        if reference.truth is None:
            return "no true edited image"
        return None if self._reader.asked(reference) else "the judge sees no change from input to true edit"

    def score(self, reference: Reference, images: np.ndarray) -> np.ndarray:
        """0, 1 or NaN, (N,) float64."""
        check_images(reference, images)
        judged = self._reader.judge(reference, images)
        if judged is None:
            return np.full(len(images), np.nan)
        return np.array([getattr(each, self.what) for each in judged], dtype=float)


class Reader:
    """A judge that remembers its last pair, so that the metrics which ask about it in turn read its images once."""

    def __init__(self, judge: Judge, digest: str, batch: int = 256) -> None:
        self.digest = digest
        self._judge, self._batch = judge, batch
        self._pair: Recent[tuple[Reading, Reading] | None] = Recent(1)
        self._edited: Recent[list[Judgement]] = Recent(1)

    def asked(self, reference: Reference) -> tuple[Reading, Reading] | None:
        """What is read in input and true edit; None where the pair cannot be judged (see :class:`Judged`)."""
        if reference.truth is None:
            return None
        pair = np.stack([reference.image, reference.truth])
        return self._pair.get(content(pair), lambda: self._read_pair(pair))

    def judge(self, reference: Reference, images: np.ndarray) -> list[Judgement] | None:
        """One judgement an image, (N, size, size, 3) uint8; None where the pair cannot be judged."""
        asked, truth = self.asked(reference), reference.truth
        if asked is None or truth is None:
            return None
        likeness = lambda: untouched_psnr(reference.image, truth, images)
        return self._edited.get(
            content(reference.image, truth, images),
            lambda: [compare(*asked, *each) for each in zip(self._read(images), likeness(), strict=True)],
        )

    def _read_pair(self, pair: np.ndarray) -> tuple[Reading, Reading] | None:
        before, after = self._read(pair)
        return (
            None if facts(before) == facts(after) or not (before.is_picture and after.is_picture) else (before, after)
        )

    def _read(self, images: np.ndarray) -> list[Reading]:
        if images.shape[1:3] != (SIZE, SIZE):
            shrunk = [Image.fromarray(i).resize((SIZE, SIZE), Image.Resampling.BICUBIC) for i in images]
            images = np.stack([np.asarray(i) for i in shrunk])
        parts = range(0, len(images), self._batch)
        return [reading for k in parts for reading in self._judge.read(images[k : k + self._batch])]


def open_reader(weights: str, device: str = "cpu") -> Reader:
    """The reader of these weights, ``picturebook:FILE`` or a path; the same one whenever they are the same.

    Raises:
        UserError: they are not there, or not the judge's.
    """
    name = weights.removeprefix(EMBEDDED)
    path = locate(EMBEDDED) / name if weights.startswith(EMBEDDED) else Path(weights)
    if not path.is_file():
        raise UserError(
            f"The judge's weights {path} are not there. Train them with `python -m picturebook.train judge` and give "
            "metrics.judge_success.weights=train/judge/judge.safetensors, or measure with metrics=picturebook."
        )
    return _reader(path, file_digest(path)[:8], device)


@cache
def _reader(path: Path, digest: str, device: str) -> Reader:
    try:
        return Reader(Judge.load(path, device), digest)
    except (SafetensorError, RuntimeError):
        raise UserError(f"{path} does not hold the judge's weights. Give the file that its trainer wrote.") from None


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
    """A reading's answers, with the state named without the kind: that is a question of its own.

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
