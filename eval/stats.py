"""Means with intervals that respect what is not independent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats


class Interval(NamedTuple):
    """A mean and its confidence interval; the ends are NaN where there are fewer than two clusters."""

    mean: float
    low: float
    high: float


def clustered_mean(values: Sequence[float], clusters: Sequence[str], level: float = 0.95) -> Interval:
    """The mean of ``values`` with a cluster-robust t interval.

    Values that share a cluster (edits of one source image) may be dependent in any way; clusters are independent. The
    variance is the sum over clusters of squared sums of residuals, times G/(G − 1), over n²; t has G − 1 degrees of
    freedom (Cameron & Miller 2015, "A Practitioner's Guide to Cluster-Robust Inference", sections II.B and VI).
    """
    y = np.asarray(values, dtype=float)
    mean = float(y.mean())
    _, index = np.unique(np.asarray(clusters), return_inverse=True)
    groups = int(index.max()) + 1
    if groups < 2:
        return Interval(mean, float("nan"), float("nan"))
    sums = np.bincount(index, weights=y - mean)
    error = np.sqrt(groups / (groups - 1) * (sums**2).sum()) / len(y)
    reach = float(stats.t.ppf((1 + level) / 2, groups - 1) * error)
    return Interval(mean, mean - reach, mean + reach)
