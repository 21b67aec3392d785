"""Calls of a metric, with checks of what it returns: anyone may write one."""

from __future__ import annotations

import traceback
from pathlib import Path

import numpy as np

from eval.metrics.base import Metric, Reference
from tedbench.errors import UserError

ROUNDING = 0.01
"""Distance that a score may lie outside of its bounds. In float32 the SSIM of noise on white exceeds 1 by 0.0005."""


class MetricError(UserError):
    """A metric raised an exception, or returned something that is no score."""


def measure(metric: Metric, reference: Reference, images: np.ndarray, pair_id: str) -> tuple[np.ndarray, str]:
    """Return a metric's raw scores of a pair's edited images, (N,) float64, and the reason if the pair is unscored.

    NaN is no score. Infinite scores are taken where there is no bound: the PSNR of an unchanged image is infinite.

    Raises:
        MetricError: the metric raises an exception, or does not return one number within its bounds for each image.
        UserError: raised by the metric.
    """
    who = f"{metric.name} ({type(metric).__module__}.{type(metric).__qualname__})"
    try:
        reason = metric.unscored(reference) or ""
        returned = np.full(len(images), np.nan) if reason else metric.score(reference, images)
        scores = np.asarray(returned)
    except UserError:
        raise
    except Exception as error:  # metrics raise anything
        first = (str(error).strip().splitlines() or ["no message"])[0][:300]
        raise MetricError(
            f"The metric {who} cannot score the pair {pair_id}: {type(error).__name__}: {first} ({_place(error)}). "
            "Mend it, or leave it out of metrics."
        ) from error
    if scores.shape != (len(images),) or scores.dtype.kind not in "biuf":
        raise MetricError(
            f"The metric {who} returns {type(returned).__name__} of shape {scores.shape} and type {scores.dtype} for "
            f"the pair {pair_id}. Its score must return one number for each image: an array of shape ({len(images)},)."
        )
    scores = scores.astype(np.float64)
    low, high = (np.inf * sign if end is None else end for end, sign in zip(metric.bounds, (-1, 1), strict=True))
    outside = scores[(scores < low - ROUNDING) | (scores > high + ROUNDING)]
    if len(outside):
        raise MetricError(
            f"The metric {who} gives {outside[0]:g} for the pair {pair_id}, outside of its bounds {low:g} to {high:g}. "
            "Mend its score or its attribute bounds."
        )
    return scores, reason


def _place(error: BaseException) -> str:
    """Return file and line of the innermost method of a metric that an exception went through."""
    frames = list(traceback.walk_tb(error.__traceback__))
    own = [each for each in frames if isinstance(each[0].f_locals.get("self"), Metric)]
    frame, line = (own or frames)[-1]
    return f"{Path(frame.f_code.co_filename).name}:{line}"
