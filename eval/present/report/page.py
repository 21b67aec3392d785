"""The page of a report: summary, curves, gallery, failures and provenance of one run or of several."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from jinja2.utils import htmlsafe_json_dumps

from eval.analysis.selection import Choice, chosen
from eval.present.report.gallery import RunView, gallery
from eval.present.text import coverage, strength_cells
from eval.runs.cards import DatasetCard, merged
from eval.runs.folder import Run
from tedbench.errors import UserError
from tedbench.method import format_strength
from tedbench.pair import Entry


def page(
    title: str,
    dataset: DatasetCard,
    entries: Sequence[Entry],
    shown: Sequence[RunView],
    *,
    incomplete: Mapping[str, str],
    n_expected: int,
    absent: str,
    curves: bool,
    notes: Sequence[str] = (),
) -> str:
    """Return the whole page as HTML; it loads nothing but the images beside it.

    Args:
        title: of the page.
        dataset: of the pairs.
        entries: the pairs, in this order.
        shown: one run, or methods side by side.
        incomplete: by pair id, the reason why it is not whole.
        n_expected: number of pairs there should be.
        absent: text for a pair that a run has nothing of.
        curves: True if curves.png, .pdf and .csv are beside the page.
        notes: remarks for the reader.
    """
    metrics = merged([each.metrics for each in shown])
    data = gallery(entries, shown, absent)
    return _template().render(
        title=title,
        dataset=dataset.label,
        synthetic=dataset.synthetic,
        unfit=list(dict.fromkeys(text for each in shown if (text := each.run.cards.unfit_model))),
        toy_metrics=any(card.synthetic for card in metrics),
        about=list(dict.fromkeys(_sentence(card.about) for card in metrics if card.about)),
        curves=curves,
        methods=[_method(each, n_expected) for each in shown],
        metrics=[{"short": metrics.short_name(card.name), "name": card.shown} for card in metrics],
        categories=sorted({entry.category for entry in entries if entry.category}),
        n_pairs=len(entries),
        n_chosen=sum(any(of["chosen"] is not None for of in pair["of"]) for pair in data["pairs"]),
        incomplete=incomplete,
        notes=notes,
        data=htmlsafe_json_dumps(data, separators=(",", ":")),
    )


@cache
def _template() -> Template:
    return Environment(
        loader=PackageLoader("eval.present.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template("report.html.j2")


def _sentence(text: str) -> str:
    """Return a text with its full stop."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _method(shown: RunView, n_expected: int) -> dict[str, Any]:
    """Return a run's row of the summary, its curves as numbers and its provenance."""
    made = shown.samples[shown.samples["status"] == "ok"]
    whole = set(made["pair_id"]) - set(shown.samples.loc[shown.samples["status"] != "ok", "pair_id"])
    return {
        "name": shown.name,
        "model": shown.run.labels["model"],
        "axis": shown.axis,
        "folder": shown.run.folder.resolve().name,
        "pairs": f"{len(whole)} of {n_expected}",
        "images": f"{len(made)} of {len(shown.samples)}",
        "chosen": shown.choice,
        "metrics": [shown.metrics.short_name(card.name) for card in shown.metrics],
        "rows": [
            {
                "strength": format_strength(float(strength)),
                "cells": strength_cells(group, shown.metrics, intervals=True),
                "n": coverage(group, shown.metrics),
            }
            for strength, group in shown.table.groupby("strength")
        ],
        "provenance": _provenance(shown.run),
        "config": (shown.run.folder / "config.yaml").read_text(encoding="utf-8"),
    }


def _provenance(run: Run) -> dict[str, Any] | None:
    path = run.folder / "provenance.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def choice_of(run: Run) -> tuple[Choice | None, list[str]]:
    """Return the choice made in a run; if it cannot be read, None and a note."""
    try:
        return chosen(run), []
    except UserError as error:
        return None, [f"No image is marked as chosen. {error}"]
