"""Judged success: the requested change is made and the rest is unchanged. Needs the true edit."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image
from safetensors import SafetensorError

from eval.metrics.base import Kind, Metric, Reference, check_images
from eval.metrics.judgement import QUESTIONS_OF_SUCCESS, Judgement, Question, facts, judge_edit, untouched_psnr
from eval.metrics.recent import Recent, content
from eval.runs.files import file_digest
from imagic.models.weights import EMBEDDED, locate
from picturebook.judge import Judge, Reading
from picturebook.world import SIZE
from tedbench.errors import UserError


class Judged(Metric):
    """0 or 1 for each edited image; NaN if the pair cannot be judged.

    A pair cannot be judged without a true edit, or if the judge reads the same in input and true edit, or recognises
    one of them as no picture of the drawn world. The judge reads pictures of 64 × 64, to which others are resized.
    """

    kind: ClassVar[Kind] = "judgement"
    bounds = (0.0, 1.0)
    synthetic = True
    reads = ("truth",)
    about = (
        "Judged: percent of the images whose requested change is made (changed), whose rest is left alone (kept), or both "
        "(success), read by a network from input, true edit and image; an image that cannot be judged counts for neither."
    )

    def __init__(
        self, what: Question = "success", weights: str = f"{EMBEDDED}judge/judge.safetensors", device: str = "cpu"
    ) -> None:
        """
        Args:
            what: ``changed`` (the requested change is made), ``kept`` (the rest is unchanged), or ``success`` (both).
            weights: the judge's safetensors file.
            device: device of the computation.

        Raises:
            UserError: ``what`` is unknown, or the weights are missing or of another network.
        """
        if what not in QUESTIONS_OF_SUCCESS:
            raise UserError(f"The judge does not judge {what!r}. Give {', '.join(QUESTIONS_OF_SUCCESS)}.")
        self.what, self.heading, self.rank = what, f"judged {what}", QUESTIONS_OF_SUCCESS.index(what)
        self._reader = open_reader(weights, device)
        self.name = f"judge/{what}/{self._reader.digest}"

    def unscored(self, reference: Reference) -> str | None:
        """Return the reason if the pair cannot be judged, see :class:`Judged`."""
        if reference.truth is None:
            return "no true edited image"
        return None if self._reader.asked(reference) else "the judge sees no change from input to true edit"

    def score(self, reference: Reference, images: np.ndarray) -> np.ndarray:
        """Return 0, 1 or NaN, (N,) float64."""
        check_images(reference, images)
        judged = self._reader.judge(reference, images)
        if judged is None:
            return np.full(len(images), np.nan)
        return np.array([getattr(each, self.what) for each in judged], dtype=float)


class Reader:
    """A judge with a cache of its last pair, so that several metrics read its images once.

    Args:
        judge: the network.
        digest: digest of its weights, for the metrics' names.
        batch: number of images at a time.
    """

    def __init__(self, judge: Judge, digest: str, batch: int = 256) -> None:
        self.digest = digest
        self._judge, self._batch = judge, batch
        self._pair: Recent[tuple[Reading, Reading] | None] = Recent(1)
        self._edited: Recent[list[Judgement]] = Recent(1)

    def asked(self, reference: Reference) -> tuple[Reading, Reading] | None:
        """Return the readings of input and true edit; None if the pair cannot be judged, see :class:`Judged`."""
        if reference.truth is None:
            return None
        pair = np.stack([reference.image, reference.truth])
        return self._pair.get(content(pair), lambda: self._read_pair(pair))

    def judge(self, reference: Reference, images: np.ndarray) -> list[Judgement] | None:
        """Return a judgement of each image, (N, size, size, 3) uint8; None if the pair cannot be judged."""
        asked, truth = self.asked(reference), reference.truth
        if asked is None or truth is None:
            return None
        likeness = lambda: untouched_psnr(reference.image, truth, images)
        return self._edited.get(
            content(reference.image, truth, images),
            lambda: [judge_edit(*asked, *each) for each in zip(self._read(images), likeness(), strict=True)],
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
    """Return the reader of weights, ``picturebook:FILE`` or a path; the same object for the same path and content.

    Raises:
        UserError: the weights are missing or of another network.
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
        raise UserError(
            f"{path} does not hold the judge's weights. Give metrics.judge_success.weights "
            "the file that its trainer wrote."
        ) from None
