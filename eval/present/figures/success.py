"""What ``eval.analysis.success`` shows: its table, its figure, and the pairs that were never solved."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from PIL import Image

from eval.metrics.judge import QUESTIONS_OF_SUCCESS, SAME_SCENE_PSNR
from eval.present.text import brackets
from eval.runs.folder import Run
from tedbench.fonts import cover_figure
from tedbench.method import format_strength
from tedbench.sheet import TILE, Cell, draw_sheet

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import PercentFormatter

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")  # Okabe & Ito
DASHES = ("-", "--", ":", "-.")
FAILURES = 4
"""So many unsolved pairs of each category are shown."""

PANELS = {"success": "Success", "changed": "Asked change made", "kept": "Rest kept"}


def markdown(
    table: pd.DataFrame, best: Mapping[str, float], left_out: Mapping[str, str], symbol: str, digest: str
) -> str:
    """The rates of every run at its best strength, all pairs and by category, and what they are of."""
    counts = table[table["category"] == "all"].iloc[0]
    head = f"| category | pairs | run | {symbol} | images | success | changed | kept | any |"
    lines = [
        "# Judged success, Picturebook (synthetic)",
        "",
        f"Judge {digest}. {counts['n_pairs']} of {counts['n_pairs_expected']} pairs: those that every run has whole and "
        "that can be judged.",
        "",
        f"*Success*, *changed* (the asked change made) and *kept* (the rest left alone, and {SAME_SCENE_PSNR:g} dB where "
        f"nothing should change) are percent of images, all seeds, at the one {symbol} of the run at which most images "
        f"succeed; it is chosen on these same pairs, so they are a little too high. *Any* is percent of pairs that some "
        f"{symbol} and seed solves; it grows with the number of images a pair. In brackets: 95% (Wilson's), clustered by source "
        "image.",
        "",
        head,
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for category in ("all", *sorted(set(table["category"]) - {"all"})):
        rows = table[table["category"] == category]
        lines += [_line(rows[rows["run"] == run], strength) for run, strength in best.items()]
    if left_out:
        lines += ["", "Left out:", "", *(f"- {id}: {why}" for id, why in left_out.items())]
    return "\n".join(lines) + "\n"


def _line(rows: pd.DataFrame, strength: float) -> str:
    at = rows[rows["strength"] == strength].set_index("question")
    some = rows[rows["strength"].isna()].set_index("question").loc["success"]
    return (
        f"| {some['category']} | {some['n_pairs']} of {some['n_pairs_expected']} | {some['run']} "
        f"| {format_strength(strength)} | {at.loc['success', 'n']} | "
        + " | ".join(_percent(at.loc[what]) for what in QUESTIONS_OF_SUCCESS)
        + f" | {_percent(some)} |"
    )


def _percent(row: pd.Series) -> str:
    """ "43% [35, 51]"."""
    return f"{row['mean']:.0%} {brackets(row['mean'], row['ci_low'], row['ci_high'], percent=True)}"


def draw_rates(table: pd.DataFrame, symbol: str, out: Path) -> None:
    """Writes success.png and success.pdf: three panels along the strength, one colour a run."""
    table = table[(table["category"] == "all") & table["strength"].notna()]
    figure, panels = plt.subplots(1, 3, figsize=(9.0, 3.2), sharex=True, sharey=True, layout="constrained")
    runs = list(dict.fromkeys(table["run"]))
    for panel, (what, title) in zip(panels, PANELS.items(), strict=True):
        for number, run in enumerate(runs):
            rows = table[(table["run"] == run) & (table["question"] == what)].sort_values("strength")
            color, dash = COLORS[number % len(COLORS)], DASHES[number // len(COLORS) % len(DASHES)]
            panel.fill_between(rows["strength"], rows["ci_low"], rows["ci_high"], color=color, alpha=0.15, linewidth=0)
            panel.plot(
                rows["strength"], rows["mean"], color=color, linestyle=dash, marker="o", markersize=3.5, label=run
            )
        panel.set_title(title, fontsize=9)
        panel.set_xlabel(symbol)
        panel.grid(axis="x", alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylim(-0.02, 1.02)
    panels[0].yaxis.set_major_formatter(PercentFormatter(1))
    panels[0].set_ylabel("images, judged")
    counts = table.iloc[0]
    n = f"{counts['n_pairs']} of {counts['n_pairs_expected']} pairs"
    figure.suptitle(f"Picturebook (synthetic) · {n}, all seeds · bands: 95%, clustered by source image", fontsize=8)
    if len(runs) > 1:
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8)
    cover_figure(figure)
    for suffix in ("png", "pdf"):
        figure.savefig(out / f"success.{suffix}", dpi=200)
    plt.close(figure)


def draw_failures(name: str, run: Run, attempts: pd.DataFrame, symbol: str, path: Path) -> None:
    """Writes a page of pairs that no strength and seed solved, category under category; none if all were solved.

    Args:
        name: of the run.
        run: where the pictures are.
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
            about = f"{name} · Picturebook (synthetic) · input, best attempt, true edit · {len(cells)} shown"
            pages.append(draw_sheet(cells, title, about, columns=FAILURES))
    path.unlink(missing_ok=True)
    if not pages:
        return
    whole = Image.new("RGB", (max(page.width for page in pages), sum(page.height for page in pages)), "white")
    top = 0
    for page in pages:
        whole.paste(page, (0, top))
        top += page.height
    whole.save(path)


def _cell(run: Run, attempt: pd.Series, symbol: str) -> Cell:
    shard = run.shard(attempt["pair_id"])
    shown = (shard.input(), shard.image(attempt["image"]), shard.truth())
    at = f"{symbol} = {format_strength(attempt['strength'])}, seed {attempt['seed']}"
    note = f"{at}: {attempt['faults']}"
    return Cell(tuple(_enlarged(picture) for picture in shown if picture is not None), attempt["target_text"], note)


def _enlarged(image: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((TILE, TILE), Image.Resampling.LANCZOS))
