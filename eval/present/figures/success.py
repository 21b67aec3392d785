"""The figures of ``eval.success``: rates along the strength, and the pairs that were never solved."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.ticker import PercentFormatter

from eval.analysis.success import ALL
from eval.present.figures.style import COLORS, DASHES, PAGE, plain, plt, save
from eval.runs.folder import Run
from tedbench.method import format_strength
from tedbench.sheet import Cell, draw_sheet, stack

FAILURES = 4
"""The number of unsolved pairs of each category that are shown."""

PANELS = {"success": "Success", "changed": "Requested change made", "kept": "Rest kept"}


def draw_rates(table: pd.DataFrame, symbol: str, dataset: str, out: Path) -> None:
    """Draw success.png and success.pdf: three panels along the strength, one colour a run."""
    table = table[(table["category"] == ALL) & table["strength"].notna()]
    figure, panels = plt.subplots(1, 3, figsize=(PAGE, 2.6), sharex=True, sharey=True, layout="constrained")
    runs = list(dict.fromkeys(table["run"]))
    for panel, (what, title) in zip(panels, PANELS.items(), strict=True):
        for number, run in enumerate(runs):
            rows = table[(table["run"] == run) & (table["question"] == what)].sort_values("strength")
            color, dash = COLORS[number % len(COLORS)], DASHES[number // len(COLORS) % len(DASHES)]
            panel.fill_between(rows["strength"], rows["ci_low"], rows["ci_high"], color=color, alpha=0.15, linewidth=0)
            panel.plot(rows["strength"], rows["mean"], color=color, linestyle=dash, marker="o", label=plain(run))
        panel.set_title(title)
        panel.set_xlabel(plain(symbol))
        panel.grid(axis="x")
        panel.spines["right"].set_visible(False)
    panels[0].set_ylim(-0.02, 1.02)
    panels[0].yaxis.set_major_formatter(PercentFormatter(1))
    panels[0].set_ylabel("images, judged")
    counts = table.iloc[0]
    n = f"{counts['n_pairs']} of {counts['n_pairs_expected']} pairs"
    figure.suptitle(f"{plain(dataset)} · {n}, all seeds · bands: 95%, clustered by source image")
    if len(runs) > 1:
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    save(figure, out / "success")


def draw_failures(name: str, run: Run, attempts: pd.DataFrame, symbol: str, path: Path) -> None:
    """Draw a page of pairs that no strength and seed solved, by category; none if all were solved.

    Args:
        name: of the run.
        run: the run.
        attempts: each pair's best.
        symbol: of the strength.
        path: a PNG.
    """
    pages = []
    for category, group in attempts.groupby("category"):
        unsolved = group[group["success"] == 0].sort_values("pair_id")
        if len(unsolved):
            cells = [_cell(run, attempt, symbol) for _, attempt in unsolved.head(FAILURES).iterrows()]
            title = f"{str(category).capitalize()}: {len(unsolved)} of {len(group)} pairs never solved"
            about = f"{name} · {run.dataset_label} · input, best attempt, true edit · {len(cells)} shown"
            pages.append(draw_sheet(cells, title, about, columns=FAILURES))
    path.unlink(missing_ok=True)
    if not pages:
        return
    stack(pages).save(path)


def _cell(run: Run, attempt: pd.Series, symbol: str) -> Cell:
    shard = run.shard(attempt["pair_id"])
    shown = (shard.input(), shard.image(attempt["image"]), shard.truth())
    at = f"{symbol} = {format_strength(attempt['strength'])}, seed {attempt['seed']}"
    note = f"{at}: {attempt['faults']}"
    return Cell(tuple(picture for picture in shown if picture is not None), attempt["target_text"], note)
