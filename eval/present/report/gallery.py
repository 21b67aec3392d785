"""The data of a report's gallery: every pair, its images and scores by method, as plain JSON values."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from eval.analysis.curves import region
from eval.analysis.selection import Choice
from eval.runs.cards import MetricCards, merged
from eval.runs.folder import Run
from tedbench.method import Axis, format_strength
from tedbench.pair import Entry


class RunView(NamedTuple):
    """A run in a report.

    Attributes:
        name: of its method.
        run: the run.
        axis: its strength.
        metrics: to show.
        table: its curve table.
        samples, scores: every row of the run, or those to show (see :mod:`eval.runs.folder`).
        folder: folder of the pairs' folders, relative to the page.
        choice: the images chosen in the run.
    """

    name: str
    run: Run
    axis: Axis
    metrics: MetricCards
    table: pd.DataFrame
    samples: pd.DataFrame
    scores: pd.DataFrame
    folder: str = "pairs"
    choice: Choice | None = None


def gallery(entries: Sequence[Entry], shown: Sequence[RunView], absent: str) -> dict[str, Any]:
    """Return the pairs with their images; frequent keys and values are kept short.

    Args:
        entries: the pairs, in the order of the page.
        shown: the runs, methods side by side.
        absent: text for a pair that a run has nothing of.

    Returns:
        ``axes`` (symbol, strengths), ``seeds``, ``metrics``, ``methods`` (each with its axis's place, and the strength
        to begin with) and ``pairs``. A pair's ``of`` has for each method ``why`` it is incomplete, its ``images``
        (places of strength and seed, file, then a score a metric, null if there is none) and the place of the
        ``chosen`` one; for images made elsewhere also their ``shapes`` ("512×512, squash") by the place of the image,
        and the ``size`` of the input's file.
    """
    axes: dict[tuple[str, bool], tuple[str, set[float]]] = {}
    for each in shown:
        axes.setdefault((each.axis.name, each.axis.fixed), (each.axis.symbol, set()))[1].update(each.axis.grid)
    strengths = {key: sorted(values) for key, (_, values) in axes.items()}
    seeds = sorted({int(seed) for each in shown for seed in _made(each.samples)["seed"]})
    metrics = merged([each.metrics for each in shown])
    first = list(metrics.first_of_kinds().values())
    methods, of = [], []
    for each in shown:
        key = (each.axis.name, each.axis.fixed)
        methods.append(
            {
                "name": each.name,
                "axis": list(axes).index(key),
                "fixed": each.axis.fixed,
                "folder": each.folder,
                "start": strengths[key].index(_start(each)) if each.axis.grid else 0,
                "seeds": [seeds.index(seed) for seed in sorted(_made(each.samples)["seed"].unique())],
            }
        )
        of.append(_images(each, strengths[key], seeds, metrics))
    return {
        "axes": [
            {"symbol": symbol, "strengths": list(map(format_strength, strengths[key]))}
            for key, (symbol, _) in axes.items()
        ],
        "seeds": seeds,
        "metrics": [
            {"short": metrics.short_name(card.name), "judged": card.share, "first": card in first} for card in metrics
        ],
        "methods": methods,
        "pairs": [_pair(entry, shown, of, absent) for entry in entries],
    }


def _pair(
    entry: Entry, shown: Sequence[RunView], of: Sequence[Mapping[str, dict[str, Any]]], absent: str
) -> dict[str, Any]:
    nothing: dict[str, Any] = {"why": absent, "images": [], "chosen": None}
    return {
        "id": entry.id,
        "text": entry.target_text,
        "image": entry.image_name,
        "category": entry.category or "",
        "source": entry.source_text or "",
        "size": next((size for images in of if (size := images.get(entry.id, nothing).get("size"))), ""),
        "of": [images.get(entry.id, nothing) for images in of],
        **{file: _which_has(shown, Path(entry.id, f"{file}.png")) for file in ("input", "truth")},
    }


def _which_has(shown: Sequence[RunView], file: Path) -> int | None:
    """Return the first run that has a file of a pair."""
    return next((n for n, each in enumerate(shown) if (each.run.folder / "pairs" / file).exists()), None)


def _made(samples: pd.DataFrame) -> pd.DataFrame:
    return samples[samples["status"] == "ok"]


def _start(shown: RunView) -> float:
    """Return the strength to begin with: the middle of those where both metrics are good, else of all."""
    found = shown.metrics.only(shown.table["metric"].unique()).first_of_kinds()
    both = {"alignment", "fidelity"} <= found.keys()
    ends = region(shown.table, found["alignment"].shown, found["fidelity"].shown) if both else None
    grid = shown.axis.grid
    return min(grid, key=lambda s: abs(s - sum(ends) / 2)) if ends else grid[(len(grid) - 1) // 2]


def _images(
    shown: RunView, strengths: Sequence[float], seeds: Sequence[int], metrics: MetricCards
) -> dict[str, dict[str, Any]]:
    """Return a method's images and scores by pair."""
    place = {card.name: number for number, card in enumerate(metrics)}
    scores: dict[tuple[str, float, int], list[Any]] = defaultdict(lambda: [None] * len(metrics))
    for row in shown.scores[shown.scores["metric"].isin(place)].itertuples():
        value = metrics[row.metric].shown_score(row.score)
        scores[row.pair_id, row.strength, row.seed][place[row.metric]] = _number(value)
    chosen = set() if shown.choice is None else set(shown.choice.images["image"])
    found: dict[str, dict[str, Any]] = {}
    for row in shown.samples.itertuples():
        pair = found.setdefault(row.pair_id, {"why": "", "images": [], "chosen": None})
        if row.status != "ok":
            pair["why"] = f"failed: {row.reason}"
            continue
        if row.image in chosen:
            pair["chosen"] = len(pair["images"])
        at = [strengths.index(row.strength), seeds.index(row.seed)]
        if row.edit_size:
            pair["size"] = row.input_size
            pair.setdefault("shapes", {})[len(pair["images"])] = ", ".join(filter(None, (row.edit_size, row.geometry)))
        pair["images"].append([*at, Path(row.image).name, *scores[row.pair_id, row.strength, row.seed]])
    return found


def _number(value: float) -> float | str | None:
    """Return a number for JSON, which has no infinity: PSNR is infinite for an unchanged image."""
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return None if math.isnan(value) else float(np.round(value, 4))
