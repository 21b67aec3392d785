"""What the names of metrics say: what is measured, the headings of columns, and their order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from eval.metrics.base import Kind, Metric, is_judgement

MEASURES: dict[str, tuple[Kind, str]] = {
    "clip": ("alignment", "CLIP score"),
    "clip-direction": ("alignment", "CLIP direction"),
    "lpips": ("fidelity", "1 − LPIPS"),
    "clip-i": ("fidelity", "CLIP-I"),
    "dino": ("fidelity", "DINO"),
    "ssim": ("fidelity", "SSIM"),
    "psnr": ("fidelity", "PSNR"),
    "truth-lpips": ("truth", "1 − LPIPS to true edit"),
    "judge": ("judgement", "judged"),
}
"""What the first word of a metric's name says: what it measures and its heading. Those that figures prefer come first."""


def kind_of(metric: str) -> Kind | None:
    """What a column measures, from its name (raw or as shown); None where that is not known."""
    return MEASURES.get(_word(metric), (None, ""))[0]


def is_share(metric: str, scores: pd.Series | np.ndarray) -> bool:
    """Whether a column's mean is a share of the images: it judges, or nothing is known of it but that all is 0 or 1.

    Args:
        metric: its name, raw or as shown.
        scores: all of them, of any shape.
    """
    if is_judgement(metric):
        return True
    known = np.asarray(scores, dtype=float)
    known = known[~np.isnan(known)]
    return kind_of(metric) is None and bool(known.size) and bool(np.isin(known, (0.0, 1.0)).all())


def heading(metric: str, among: Sequence[str]) -> str:
    """A column's heading, "CLIP score" or "judged success"; with the backbone where ``among`` has several such.

    Args:
        metric: its name, raw or as shown.
        among: all names in the table.
    """
    word, _, rest = metric.removeprefix("1-").partition("/")
    if word not in MEASURES:
        return metric
    backbone = rest.partition("/")[0]
    alike = [other.removeprefix("1-").partition("/")[2] for other in among if _word(other) == word]
    if word != "judge" and len(alike) < 2:
        return MEASURES[word][1]
    same_backbone = [other for other in alike if other.partition("/")[0] == backbone]
    return f"{MEASURES[word][1]} {backbone if len(same_backbone) < 2 or word == 'judge' else rest}"


def short_name(metric: Metric, among: Sequence[Metric]) -> str:
    """A metric's :func:`heading` for a narrow column: "1−LPIPS"."""
    return heading(metric.shown, [other.shown for other in among]).replace(" − ", "−")


def metric_order(metric: str) -> tuple[int, int, str]:
    """A key to sort names by: as in :data:`MEASURES`, success first of the judgements, then what is not known."""
    words, questions = list(MEASURES), ("success", "changed", "kept")
    word, part = _word(metric), metric.partition("/")[2].partition("/")[0]
    return (
        words.index(word) if word in words else len(words),
        questions.index(part) if part in questions else len(questions),
        metric,
    )


def first_of_kinds(metrics: Sequence[str]) -> dict[Kind, str]:
    """Which metrics a figure shows: the first alignment, the first fidelity and the first judgement."""
    ordered = sorted(metrics, key=metric_order)
    found: dict[Kind, str] = {}
    for metric in ordered:
        kind = kind_of(metric)
        if kind in ("alignment", "fidelity", "judgement"):
            found.setdefault(kind, metric)
    return found


def _word(metric: str) -> str:
    return metric.removeprefix("1-").partition("/")[0]
