"""The comparison as pages: Markdown to read, LaTeX to print."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pandas as pd
from rich.console import Console
from rich.markup import escape

from eval.analysis.common_pairs import Comparison
from eval.analysis.cost import Cost
from eval.analysis.published import Published
from eval.present.text import CONTROL, brackets, number

LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "%": r"\%",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "'": r"\textquotesingle{}",
    "η": r"$\eta$",
    "₀": r"$_0$",
    "−": r"$-$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "∞": r"$\infty$",
    "·": r"$\cdot$",
    "–": "--",
    "↑": r"$\uparrow$",
    "“": "``",
    "”": "''",
}


class Grid(NamedTuple):
    """A table as text: one row a method. ``numbers`` is the number of right-aligned columns."""

    head: list[str]
    rows: list[list[str]]
    numbers: int


def latex_escape(text: str) -> str:
    """Return LaTeX that prints a text; line ends and other control characters become spaces."""
    return "".join(LATEX.get(letter, letter) for letter in CONTROL.sub(" ", text))


def markdown_escape(text: str) -> str:
    """Return a text as one cell of a Markdown table."""
    plain = html.escape(CONTROL.sub(" ", text), quote=False)
    return re.sub(r"([\\`*_\[\]|~$])", r"\\\1", plain)


def comparison_grid(
    comparison: Comparison, table: pd.DataFrame, costs: Sequence[Cost], join: Callable[..., str]
) -> Grid:
    """Return the comparison as text.

    Args:
        comparison: the compared methods and pairs.
        table: see :func:`eval.analysis.comparison.comparison_table`.
        costs: of each method.
        join: makes one text of a mean, its interval and its number of pairs if that is smaller.
    """
    metrics = list(dict.fromkeys(table["metric"]))
    cards = comparison.metrics.only(metrics)
    peaks = any(not math.isnan(spent.peak_gib) for spent in costs)
    counted = any(not math.isnan(spent.evaluations) for spent in costs)
    more = [*(["evaluations"] if counted else []), *(["peak GiB"] if peaks else [])]
    head = ["method", "chosen by", *(f"{cards.heading(m)} ↑" for m in metrics), "pairs", "s per edit", *more]
    rows = []
    for method, spent in zip(comparison.methods, costs, strict=True):
        of_method = table[table["method"] == method.name].set_index("metric", drop=False)
        cells = [_joined(of_method, metric, comparison, join) for metric in metrics]
        seconds = "–" if math.isnan(spent.seconds) else _seconds(spent.seconds)
        own = f"{len(method.picked.images)} of {comparison.n_expected}"
        row = [method.name, method.picked.rule, *cells, own, seconds]
        row += [_or_dash(spent.evaluations, ".0f")] if counted else []
        rows.append(row + ([_or_dash(spent.peak_gib, ".1f")] if peaks else []))
    return Grid(head, rows, len(metrics) + 2 + len(more))


def _joined(of_method: pd.DataFrame, metric: str, comparison: Comparison, join: Callable[..., str]) -> str:
    if metric not in of_method.index:
        return "–"
    row = of_method.loc[metric]
    fewer = f"of {row['n_pairs']}" if row["n_pairs"] < len(comparison.pair_ids) else ""
    return join(*cell(row, comparison.metrics[metric].share), fewer)


def _or_dash(value: float, form: str) -> str:
    return "–" if math.isnan(value) else format(value, form)


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.1f}" if seconds >= 1 else f"{seconds:.2f}"


def notes(comparison: Comparison, table: pd.DataFrame, costs: Sequence[Cost], more: Sequence[str]) -> list[str]:
    """Return the notes below the table, a line each."""
    metrics = list(dict.fromkeys(table["metric"]))
    cards = comparison.metrics.only(metrics)
    names = "; ".join(f"{cards.heading(metric)}: {metric}" for metric in metrics)
    machines = "; ".join(f"{m.name}: {spent.machine}" for m, spent in zip(comparison.methods, costs, strict=True))
    lines = [
        f"Means over the {len(comparison.pair_ids)} of {comparison.n_expected} pairs of which every method has its chosen "
        "image; in brackets the 95% interval, clustered by source image (Wilson's for shares). “Pairs”: of how many a method has one.",
        f"Metrics: {names}." if metrics else "These runs have no scores: repeat their eval.run commands.",
        "Seconds per edit: the fit and one image's share of the sampling, mean over pairs, on the machine of each run "
        f"({machines}). Evaluations: images that went through the network for it; one with a gradient counts as three.",
    ]
    for metric in metrics:
        by = [method.name for method in comparison.methods if metric in method.picked.rule.split()]
        if by and cards[metric].kind == "alignment":
            lines.append(
                f"The images of {', '.join(by)} were chosen by {metric}: its mean grows with the number of images that there "
                "were to choose from."
            )
    processes = [
        method.name
        for method, spent in zip(comparison.methods, costs, strict=True)
        if spent.of_process and not math.isnan(spent.peak_gib)
    ]
    if processes:
        lines.append(f"Peak memory of {', '.join(processes)} is that of the whole process: no GPU was in use.")
    return [*lines, *comparison.notes, *more]


def published_notes(bands: Sequence[Published]) -> list[str]:
    """Return published numbers as text."""
    if not bands:
        return []
    each = "; ".join(
        f"{b.method} {b.low:.2f}" + (f"–{b.high:.2f}" if b.high > b.low else "") + f" ({b.source})" for b in bands
    )
    return [
        f"1 − LPIPS in print for TEdBench: {each}. Strengths, seeds, choice of images and LPIPS' settings are others' own: "
        f"± {bands[0].reach:g} says no more than that a number is of the right order."
    ]


def markdown(comparison: Comparison, words: Sequence[Grid], lines: Sequence[str], pictures: Sequence[str]) -> str:
    """Return the page: tables, notes, left-out pairs with reasons, images."""
    page = [f"# {markdown_escape(comparison.dataset)}: {comparison.coverage} compared", ""]
    for each in words:
        rule = ["---"] * (len(each.head) - each.numbers) + ["---:"] * each.numbers
        rows = [
            list(map(markdown_escape, each.head)),
            rule,
            *([markdown_escape(cell) for cell in row] for row in each.rows),
        ]
        page += [*(f"| {' | '.join(row)} |" for row in rows), ""]
    page += [*(f"- {markdown_escape(line)}" for line in lines)]
    page += left_out(comparison)
    for picture in pictures:
        page += ["", f"![{picture}]({picture})"]
    return "\n".join(page) + "\n"


def left_out(comparison: Comparison) -> list[str]:
    """Return lines of Markdown: the pairs that are not compared, by reason; none if all are."""
    lines = []
    for why, pair_ids in comparison.reasons().items():
        lines.append(f"- {markdown_escape(why)} ({len(pair_ids)}): {markdown_escape(', '.join(pair_ids))}")
    return ["", "Left out:", "", *lines] if lines else []


def print_left_out(comparison: Comparison, console: Console) -> None:
    """Print the same on the terminal, with the first pairs of each reason."""
    for why, pair_ids in comparison.reasons().items():
        first = ", ".join(pair_ids[:3]) + (", …" if len(pair_ids) > 3 else "")
        count = f"{len(pair_ids)} pair{'' if len(pair_ids) == 1 else 's'}"
        console.print(f"[yellow]left out[/yellow] {count}: {escape(f'{why} ({first})')}", soft_wrap=True)


def latex(comparison: Comparison, words: Sequence[Grid], lines: Sequence[str]) -> str:
    """Return a table environment with one tabular above the other; needs the packages booktabs and textcomp."""
    first, *others = words
    place = first.head.index("chosen by")  # too long for a column of print: it stands in the caption
    rules = "; ".join(f"{row[0]}: {row[place]}" for row in first.rows)
    head, *rows = [[*row[:place], *row[place + 1 :]] for row in (first.head, *first.rows)]
    tabulars = [_tabular(each) for each in (Grid(head, rows, first.numbers), *others)]
    caption = f"{comparison.dataset}, {comparison.coverage}. {lines[0]} Chosen by: {rules}."
    return "\n".join(
        [
            "% Made by python -m eval.compare; needs \\usepackage{booktabs,textcomp}.",
            *(f"% {CONTROL.sub(' ', line)}" for line in lines),
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{latex_escape(caption)}}}",
            r"\label{tab:comparison}",
            "\n\\par\\medskip\n".join(tabulars),
            r"\end{table}",
            "",
        ]
    )


def _tabular(words: Grid) -> str:
    head, *body = [" & ".join(map(latex_escape, row)) + r" \\" for row in (words.head, *words.rows)]
    columns = "l" * (len(words.head) - words.numbers) + "r" * words.numbers
    rules = (r"\toprule", head, r"\midrule", *body, r"\bottomrule")
    return "\n".join([rf"\begin{{tabular}}{{{columns}}}", *rules, r"\end{tabular}"])


def cell(row: pd.Series, percent: bool) -> tuple[str, str]:
    """Format a mean and its interval: "0.576" and "[0.518, 0.634]"; shares in percent."""
    mean = number(row["mean"], ".0%" if percent else ".3f")
    return mean.replace("-", "−"), brackets(row["mean"], row["ci_low"], row["ci_high"], percent).replace("-", "−")
