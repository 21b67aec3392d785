"""The page of ``eval.success``, and the files beside it."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from eval.analysis.success import ALL, SuccessComparison
from eval.metrics.judgement import QUESTIONS_OF_SUCCESS, SAME_SCENE_PSNR
from eval.present.figures.success import draw_failures, draw_rates
from eval.present.tables import markdown_escape
from eval.present.text import brackets
from eval.runs.output_folder import make_room
from tedbench.disk import writing
from tedbench.method import format_strength

WRITTEN = re.compile(r"success\.(md|csv|png|pdf)|pairs\.csv|failures-[^/]+\.png")
SHOWN = ["run", "pair_id", "category", "target_text", "n", "n_success", "strength", "seed"]
"""Columns of pairs.csv before the judge's answers."""


def write_success(found: SuccessComparison, out: Path) -> str:
    """Write page, tables and figures into ``out``; the files of an earlier call are replaced.

    Returns:
        The page.

    Raises:
        UserError: ``out`` is a file, or cannot be written.
    """
    page, attempts = markdown(found), found.attempts
    make_room(out, WRITTEN)
    with writing(out):
        found.table.to_csv(out / "success.csv", index=False, float_format="%.6f")
        columns = [*SHOWN, *QUESTIONS_OF_SUCCESS, "right", "faults"]
        attempts[columns].to_csv(out / "pairs.csv", index=False)
        (out / "success.md").write_text(page, encoding="utf-8")
        draw_rates(found.table, found.symbol, found.dataset, out)
        for name, run, *_ in found.judged:
            own, path = attempts[attempts["run"] == name], out / f"failures-{name}.png"
            draw_failures(name, run, own, found.symbol, path)
    return page


def markdown(found: SuccessComparison) -> str:
    """Return a page with the rates of every run at its best strength, all pairs and by category."""
    table, symbol = found.table, found.symbol
    counts = table[table["category"] == ALL].iloc[0]
    head = f"| category | pairs | run | {symbol} | images | success | changed | kept | any |"
    lines = [
        f"# Judged success, {markdown_escape(found.dataset)}",
        "",
        f"Judge {found.judge}. {counts['n_pairs']} of {counts['n_pairs_expected']} pairs: those that every run has whole and "
        "that can be judged.",
        "",
        f"*Success*, *changed* (the requested change made) and *kept* (the rest left alone, and {SAME_SCENE_PSNR:g} dB where "
        f"nothing should change) are percent of images, all seeds, at the one {symbol} of the run at which most images "
        f"succeed; it is chosen on these same pairs, so they are a little too high. *Any* is percent of pairs that some "
        f"{symbol} and seed solves; it grows with the number of images a pair. In brackets: 95% (Wilson's), clustered by source "
        "image.",
        "",
        head,
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for category in (ALL, *sorted(set(table["category"]) - {ALL})):
        rows = table[table["category"] == category]
        lines += [_line(rows[rows["run"] == run], strength) for run, strength in found.best.items()]
    if found.left_out:
        lines += ["", "Left out:", "", *(f"- {id}: {markdown_escape(why)}" for id, why in found.left_out.items())]
    return "\n".join(lines) + "\n"


def _line(rows: pd.DataFrame, strength: float) -> str:
    at = rows[rows["strength"] == strength].set_index("question")
    some = rows[rows["strength"].isna()].set_index("question").loc["success"]
    category, run = markdown_escape(str(some["category"])), markdown_escape(str(some["run"]))
    return (
        f"| {category} | {some['n_pairs']} of {some['n_pairs_expected']} | {run} "
        f"| {format_strength(strength)} | {at.loc['success', 'n']} | "
        + " | ".join(_percent(at.loc[what]) for what in QUESTIONS_OF_SUCCESS)
        + f" | {_percent(some)} |"
    )


def _percent(row: pd.Series) -> str:
    """Return "43% [35, 51]"."""
    return f"{row['mean']:.0%} {brackets(row['mean'], row['ci_low'], row['ci_high'], percent=True)}"
