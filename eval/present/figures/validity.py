"""The figures of ``eval.validity``; each is drawn from a table that is written beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from eval.analysis.validity.choosing import CHANCE, FIXED, HINDSIGHT, ORACLE
from eval.analysis.validity.misled import UNIT
from eval.analysis.validity.ranking import ALL, MEASURES
from eval.analysis.validity.scores import Score
from eval.present.figures.style import BLUE, COLORS, GREEN, ORANGE, PAGE, plain, plt, save
from eval.runs.folder import Run
from tedbench.sheet import Cell, draw_sheet

ROW = 0.19
"""Inches from one row of a figure to the next."""

FEWEST = 3
"""Smallest number of pairs with good and bad images for which a category has a number."""


def color_of(score: Score) -> str:
    """Return blue for alignment to the text, orange for fidelity to the input, green for combinations, black for the rest."""
    if score.kind == "metric":
        return {"alignment": BLUE, "fidelity": ORANGE}.get(score.measures or "", COLORS[3])
    return GREEN if score.kind == "combination" else "black"


def _title(figure: Figure, lines: str) -> None:
    figure.suptitle("\n".join(map(plain, lines.splitlines())), fontsize=7)


def draw_rankings(table: pd.DataFrame, scores: Sequence[Score], title: str, path: Path) -> None:
    """Draw a panel for each of :data:`MEASURES`, a row for each score: AUC with its interval, single runs as small dots."""
    table = table[(table["category"] == ALL) & (table["question"] == "good")]
    runs = list(dict.fromkeys(table["run"]))
    figure, panels = plt.subplots(
        1, len(MEASURES), figsize=(PAGE, 1.1 + ROW * len(scores)), sharex=True, sharey=True, layout="constrained"
    )
    for panel, (measure, words) in zip(panels, MEASURES.items(), strict=True):
        rows = table[table["measure"] == measure].set_index(["run", "score"])
        for place, score in enumerate(scores):
            if (runs[-1], score.name) not in rows.index:
                continue
            for run in runs[:-1]:
                panel.plot(rows.loc[(run, score.name), "value"], place, "o", color="0.65", markersize=2.5)
            value, low, high = rows.loc[(runs[-1], score.name), ["value", "ci_low", "ci_high"]].astype(float)
            panel.plot([max(low, 0), min(high, 1)], [place, place], color=color_of(score), linewidth=1.2)
            panel.plot(value, place, "o", color=color_of(score), markersize=4.5)
        panel.axvline(0.5, color="0.4", linestyle="--", linewidth=0.8, zorder=0)
        panel.set_title(words, fontsize=7.5)
        panel.set_xlim(-0.02, 1.02)
        panel.set_xlabel("AUC")
        panel.grid(axis="x", alpha=0.25)
    panels[0].set_yticks(range(len(scores)), [plain(score.label) for score in scores], fontsize=6.5)
    panels[0].invert_yaxis()
    _title(figure, title)
    save(figure, path)


def draw_categories(table: pd.DataFrame, scores: Sequence[Score], title: str, path: Path) -> None:
    """Draw AUC among images of the same pair, a column a category; grey with fewer than :data:`FEWEST` such pairs."""
    run = table["run"].iloc[-1]
    rows = table[(table["run"] == run) & (table["measure"] == "auc_same_pair") & (table["question"] == "good")]
    categories = list(dict.fromkeys(rows["category"]))
    mixed = rows.groupby("category")["n_mixed"].first()
    wide = rows.pivot(index="score", columns="category", values="value").loc[[s.name for s in scores], categories]
    values = np.where(mixed[categories] >= FEWEST, wide.to_numpy(dtype=float), np.nan)
    figure, axes = plt.subplots(
        figsize=(min(PAGE, 3 + 0.62 * len(categories)), 1.1 + ROW * len(scores)), layout="constrained"
    )
    axes.set_facecolor("0.93")
    axes.imshow(values, cmap="RdBu", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            shade = "white" if abs(value - 0.5) > 0.35 else "black"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=6.5, color=shade)
    labels = [f"{plain(name)}\n({mixed[name]})" for name in categories]
    axes.set_xticks(range(len(categories)), labels, fontsize=6.5)
    axes.set_yticks(range(len(scores)), [plain(score.label) for score in scores], fontsize=6.5)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    _title(figure, title)
    save(figure, path)


def draw_choices(table: pd.DataFrame, scores: Sequence[Score], title: str, path: Path) -> None:
    """Draw the judgements of images chosen by each score, a panel a run; lines at fixed strength and oracle."""
    table = table[(table["category"] == ALL) & (table["free"] == "strength") & (table["how"] != HINDSIGHT)]
    of = {score.name: score for score in scores}
    ways = list(dict.fromkeys(table["how"]))
    runs = list(dict.fromkeys(table["run"]))
    columns = min(3, len(runs))
    lines = -(-len(runs) // columns)
    figure, panels = plt.subplots(
        lines,
        columns,
        figsize=(PAGE if columns > 1 else 5, 0.6 + lines * (0.4 + ROW * len(ways))),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for panel, run in zip(panels.flat, runs, strict=False):
        rows = table[table["run"] == run].set_index("how")
        for place, way in enumerate(ways):
            color = color_of(of[way]) if way in of else "black"
            value, low, high = 100 * rows.loc[way, ["good", "ci_low", "ci_high"]].astype(float)
            panel.plot([low, high], [place, place], color=color, linewidth=1.2)
            panel.plot(
                value, place, "o", color=color, markersize=4.5, markerfacecolor="white" if way == CHANCE else color
            )
        for way, dash in ((FIXED, "--"), (ORACLE, ":")):
            panel.axvline(100 * rows.loc[way, "good"], color="0.4", linestyle=dash, linewidth=0.8, zorder=0)
        panel.set_title(plain(f"{run} ({rows['n_pairs'].iloc[0]} pairs)"), fontsize=7.5)
        panel.grid(axis="x", alpha=0.25)
    for panel in panels.flat[len(runs) :]:
        panel.set_axis_off()
    for panel in panels[-1]:
        panel.set_xlabel("good images (%)")
    labels = [of[way].label if way in of else way for way in ways]
    panels[0, 0].set_yticks(range(len(ways)), list(map(plain, labels)), fontsize=6.5)
    panels[0, 0].invert_yaxis()
    panels[0, 0].set_xlim(left=-2)
    _title(figure, title)
    save(figure, path)


def draw_misled(rows: pd.DataFrame, score: Score, runs: Mapping[str, Run], about: str, path: Path) -> None:
    """Draw a sheet: input, the bad image with the highest score, a good one with a lower score, the true edit."""
    cells = [_cell(row, runs[row[UNIT[0]]], len(runs) > 1) for row in rows.to_dict("records")]
    sheet = draw_sheet(cells, f"Misled by {score.label}", about, columns=2 if len(cells) > 1 else 1)
    palette = sheet.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    palette.save(path, optimize=True)


def _cell(row: dict[str, object], run: Run, name_run: bool) -> Cell:
    shard, symbol = run.shard(str(row["pair_id"])), run.axis.symbol
    pictures = [shard.input()]
    captions = ["input"]
    for prefix, word in (("picked", "ranked first"), ("good", "good, ranked lower")):
        pictures.append(shard.image(str(row[f"{prefix}_image"])))
        at = f"{symbol} {row[f'{prefix}_strength']:g}, seed {row[f'{prefix}_seed']}"
        captions.append(f"{word}: {row[f'{prefix}_score']:.2f} ({at})")
    truth = shard.truth()
    if truth is not None:
        pictures.append(truth)
        captions.append("true edit")
    wrong = [
        words
        for question, words in (("changed", "not what was asked"), ("kept", "rest not kept"))
        if row.get(question) == 0
    ]
    note = " · ".join([str(row["category"]), *([str(row["run"])] if name_run else []), *wrong])
    return Cell(tuple(pictures), str(row["target_text"]), note, tuple(captions))
