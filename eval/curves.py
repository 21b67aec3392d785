"""The paper's Figure 9: alignment and fidelity along the strength, mean over pairs with 95% intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib
import pandas as pd

from eval.cells import coverage, judged_images, pairs_of
from eval.metrics.base import Kind, Metric, shown_name, shown_score
from eval.stats import clustered_mean
from eval.store import Run, writing
from tedbench.method import Axis

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"  # Okabe & Ito's colour-blind safe palette


class Look(NamedTuple):
    """How a kind of metric is drawn."""

    color: str
    marker: str
    label: str


LOOKS: dict[Kind, Look] = {
    "alignment": Look(BLUE, "o", "CLIP score (text alignment)"),
    "fidelity": Look(ORANGE, "s", "1 − LPIPS (image fidelity)"),
    "judgement": Look(GREEN, "^", "judged success"),
}
CURVE_COLUMNS = (
    "method",
    "axis",
    "strength",
    "metric",
    "mean",
    "ci_low",
    "ci_high",
    "n_pairs",
    "n_images",
    "n_expected",
)


def curve_table(run: Run, pair_ids: Sequence[str]) -> pd.DataFrame:
    """One row for each strength and metric: the mean over pairs of each pair's mean over seeds.

    Intervals are 95%, clustered by source image. ``n_pairs`` and ``n_images`` are what the mean is of, ``n_expected``
    how many images there should be. Images that a metric has nothing to say of (NaN) are not in its mean.

    Args:
        run: with scores.
        pair_ids: the pairs that the table is about.
    """
    samples, scores = run.samples(), run.scores().dropna(subset="score")
    samples = samples[samples["pair_id"].isin(pair_ids)]
    scores = scores.merge(samples[["pair_id", "strength", "seed", "source_group"]], on=["pair_id", "strength", "seed"])
    seeds = samples.groupby("strength")["seed"].nunique()
    rows = []
    for (metric, strength), group in scores.groupby(["metric", "strength"]):
        pairs = (
            group.assign(value=shown_score(metric, group["score"]))
            .groupby("pair_id")
            .agg(value=("value", "mean"), cluster=("source_group", "first"))
        )
        interval = clustered_mean(pairs["value"].tolist(), pairs["cluster"].tolist())
        counts = {"n_pairs": len(pairs), "n_images": len(group), "n_expected": len(pair_ids) * int(seeds[strength])}
        ends = {"mean": interval.mean, "ci_low": interval.low, "ci_high": interval.high}
        rows.append({**run.labels, "strength": strength, "metric": shown_name(metric), **ends, **counts})
    table = pd.DataFrame(rows, columns=list(CURVE_COLUMNS)).sort_values(["metric", "strength"], ignore_index=True)
    return table.astype(dict.fromkeys(("strength", "mean", "ci_low", "ci_high"), float))  # also where it is empty


def draw_curves(run: Run, table: pd.DataFrame, axis: Axis, metrics: Sequence[Metric], title: str) -> None:
    """Writes curves.csv, curves.png and curves.pdf.

    The figure has the first alignment metric against the first fidelity metric and, where images were judged, the
    first judgement on an axis of its own.
    """
    path = run.folder / "curves.csv"
    with writing(path):
        table.to_csv(path, index=False, float_format="%.6f")
    chosen: dict[Kind, Metric | None] = {kind: next((m for m in metrics if m.kind == kind), None) for kind in LOOKS}
    judged = chosen["judgement"] is not None and bool((table["metric"] == chosen["judgement"].shown).any())
    figure, left = plt.subplots(figsize=(6.5 if judged else 5.2, 3.4), layout="constrained")
    axes: dict[Kind, Axes] = {"alignment": left, "fidelity": left.twinx()}
    if judged:
        axes["judgement"] = left.twinx()
        axes["judgement"].spines["right"].set_position(("outward", 52))
        axes["judgement"].set_ylim(-0.03, 1.03)
        axes["judgement"].yaxis.set_major_formatter(PercentFormatter(1))
    for place, (kind, on) in enumerate(axes.items()):
        metric = chosen[kind]
        if metric is None:
            on.yaxis.set_visible(False)
        else:
            _draw_metric(on, table[table["metric"] == metric.shown], LOOKS[kind], place)
    if table["strength"].nunique() == 1:
        left.set_xticks([] if axis.fixed else [table["strength"].iloc[0]])
        left.set_xlim(table["strength"].iloc[0] - 1, table["strength"].iloc[0] + 1)
    left.set_xlabel(axis.symbol)
    left.grid(axis="x", alpha=0.3)
    left.set_title(title, fontsize=8)
    for suffix in ("png", "pdf"):
        with writing(run.folder):
            figure.savefig(run.folder / f"curves.{suffix}", dpi=200)
    plt.close(figure)


def _draw_metric(on: Axes, rows: pd.DataFrame, look: Look, place: int) -> None:
    """A curve with its band; a single strength is a point with its bar, beside those of the other metrics."""
    if len(rows) == 1:
        (row,) = rows.itertuples()
        reach = [[row.mean - row.ci_low], [row.ci_high - row.mean]]
        x = [row.strength - 0.3 + 0.3 * place]
        on.errorbar(x, [row.mean], reach, color=look.color, marker=look.marker, capsize=4, linestyle="none")
    else:
        on.fill_between(rows["strength"], rows["ci_low"], rows["ci_high"], color=look.color, alpha=0.18, linewidth=0)
        on.plot(rows["strength"], rows["mean"], color=look.color, marker=look.marker, markersize=4)
    on.set_ylabel(look.label, color=look.color)
    on.tick_params(axis="y", colors=look.color)
    on.spines["top"].set_visible(False)


def curve_title(run: Run, table: pd.DataFrame, dataset: str) -> str:
    """Method, model, dataset and how many of how many."""
    model = [] if run.labels["model"] == "none" else [run.labels["model"]]
    head = " · ".join([run.labels["method"], *model, dataset])
    if not len(table):
        return f"{head}\nno scores"
    judged, measured = judged_images(table), coverage(table)
    fewer = f" ({judged} judged)" if judged and not measured.startswith(f"{judged} ") else ""
    n = f"{pairs_of(table)} pairs, {measured} images a point{fewer}"
    return f"{head}\nmean of {n}; bands: 95%, clustered by source image"
