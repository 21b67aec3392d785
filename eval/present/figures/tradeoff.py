"""The figure of ``eval.tradeoff``: success against fidelity, one mark a run."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from eval.present.figures.style import COLORS, MARKERS, plain, plt, save


def draw_tradeoff(table: pd.DataFrame, path: Path) -> None:
    """Draw each run's success and fidelity at its best η, coloured by embedding settings, shaped by fine-tuning.

    Args:
        table: of :func:`eval.analysis.tradeoff.tradeoff`.
        path: of a PNG and a PDF, without suffix.
    """
    figure, axes = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
    colors = {name: COLORS[i % len(COLORS)] for i, name in enumerate(sorted(table["embedding"].unique()))}
    shapes = {name: MARKERS[i % len(MARKERS)] for i, name in enumerate(sorted(table["finetune"].unique()))}
    for row in table.itertuples():
        axes.plot(
            row.fidelity_at_best, 100 * row.success, shapes[row.finetune], color=colors[row.embedding], markersize=6
        )
    keys = [axes.plot([], [], "o", color=c, label=plain(f"A: {name}"), markersize=5)[0] for name, c in colors.items()]
    keys += [
        axes.plot([], [], s, color="0.4", label=plain(f"B: {name}"), markersize=5)[0] for name, s in shapes.items()
    ]
    axes.legend(handles=keys, loc="center left", bbox_to_anchor=(1.01, 0.5))
    axes.set_xlabel(plain(f"fidelity at the best η ({fidelity_heading(table)})"))
    axes.set_ylabel("judged success at the best η (% of images)")
    axes.set_title(
        plain(f"Imagic's two stages, {table['pairs'].min()} pairs of {', '.join(table['dataset'].unique())}")
    )
    axes.grid()
    axes.spines["right"].set_visible(False)
    save(figure, path)


def fidelity_heading(table: pd.DataFrame) -> str:
    """Return the heading of the runs' fidelity, "1 − LPIPS"; "fidelity" if it was not measured."""
    return ", ".join(dict.fromkeys(filter(None, table["fidelity"]))) or "fidelity"
