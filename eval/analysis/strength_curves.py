"""The comparison along the strength: every method's curves on the pairs that all have, as a whole and by category."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from eval.analysis.common_pairs import Comparison
from eval.analysis.curves import CURVE_COLUMNS, REGION_COLUMNS, curve_rows, with_region
from eval.analysis.methods import Method
from eval.runs.cards import Kind, MetricCard, MetricCards
from tedbench.errors import UserError

ALONG_COLUMNS = ("dataset", "category", *CURVE_COLUMNS, *REGION_COLUMNS)


class Along(NamedTuple):
    """Curves to be drawn.

    Attributes:
        table: :data:`ALONG_COLUMNS`, sorted; the category is empty for all pairs together.
        shown: the metric that figures show of each kind; every method has it.
        n_pairs: number of pairs for which every method has the shown metrics, without the judgement, which not every
            pair can have.
        categories: number of compared pairs in each category.
        notes: remarks for the reader.
    """

    table: pd.DataFrame
    shown: dict[Kind, MetricCard]
    n_pairs: int
    categories: dict[str, int]
    notes: list[str]


def along(comparison: Comparison, alignment: str | None = None, fidelity: str | None = None) -> Along:
    """Return the curves of compared methods.

    A metric's means are over the pairs that are scored for every method with that metric. Strengths of a method that
    not all of these pairs have are left out.

    Args:
        comparison: of methods opened whole (:func:`eval.analysis.methods.open_whole`).
        alignment, fidelity: the metrics to show, raw or as shown; None takes the first that every method has.

    Raises:
        UserError: the methods have no metric in common, or not all have a requested one.
    """
    measured = _measured(comparison)
    cards = comparison.metrics
    shown = _shown(measured, cards, alignment, fidelity)
    names = {kind: card.shown for kind, card in shown.items()}
    about = pd.concat([method.samples for method in comparison.methods]).drop_duplicates("pair_id")
    categories = about.set_index("pair_id")["category"]
    compared = categories[categories.index.isin(comparison.pair_ids)]
    found = {str(name): len(ids) for name, ids in compared[compared != ""].groupby(compared)}
    tables, notes = [], []
    for method, own in zip(comparison.methods, measured, strict=True):
        labels = {"method": method.name, "axis": method.axis.name}
        whole = curve_rows(method.samples, own, comparison.pair_ids, labels, cards, comparison.n_expected)
        kept = whole[whole["n_pairs"] == whole.groupby("metric")["n_pairs"].transform("max")]
        if lacking := sorted(set(whole["strength"]) - set(kept["strength"])):
            notes.append(f"{method.name} lacks {len(lacking)} of its strengths, which not all compared pairs have.")
        everything = {"": (comparison.pair_ids, comparison.n_expected)}
        for name in found:
            ids = compared.index[compared == name]
            everything[name] = (list(ids), int((categories == name).sum()))
        for name, (ids, expected) in everything.items():
            rows = curve_rows(method.samples, own, ids, labels, cards, expected)
            rows = rows.merge(kept[["strength", "metric"]], on=["strength", "metric"])
            rows = with_region(rows, names.get("alignment"), names.get("fidelity"))
            tables.append(rows.assign(dataset=comparison.dataset, category=name))
    table = pd.concat(tables, ignore_index=True)
    drawn = table[
        (table["category"] == "") & table["metric"].isin(name for k, name in names.items() if k != "judgement")
    ]
    n_pairs = int(drawn["n_pairs"].min())
    if (unscored := len(comparison.pair_ids) - n_pairs) > 0:
        pairs = f"{unscored} of the {len(comparison.pair_ids)} pairs lack{'s' if unscored == 1 else ''}"
        notes.append(f"{pairs} scores in some run: python -m eval.score run=FOLDER scores what is missing.")
    order = {method.name: number for number, method in enumerate(comparison.methods)}
    keys = pd.DataFrame({"category": table["category"], "method": table["method"].map(order), "row": table.index})
    table = table.loc[keys.sort_values(list(keys)).index, list(ALONG_COLUMNS)].reset_index(drop=True)
    return Along(table, shown, n_pairs, found, notes)


def _measured(comparison: Comparison) -> list[pd.DataFrame]:
    """Return each method's scores, for pairs that are scored for every method with that metric."""
    each = [method.scores().dropna(subset="score") for method in comparison.methods]
    kept = []
    for metric in sorted({metric for own in each for metric in own["metric"]}):
        pairs = [set(own.loc[own["metric"] == metric, "pair_id"]) for own in each]
        shared = set.intersection(*filter(None, pairs)) & set(comparison.pair_ids)
        kept.append({(metric, pair_id) for pair_id in shared})
    shared_keys = set().union(*kept)
    return [own[pd.MultiIndex.from_frame(own[["metric", "pair_id"]]).isin(shared_keys)] for own in each]


def _shown(
    measured: Sequence[pd.DataFrame], cards: MetricCards, alignment: str | None, fidelity: str | None
) -> dict[Kind, MetricCard]:
    common = cards.only(set.intersection(*(set(own["metric"]) for own in measured)))
    shown = common.first_of_kinds()
    asked: dict[Kind, str | None] = {"alignment": alignment, "fidelity": fidelity}
    for kind, name in asked.items():
        if name is None:
            continue
        if name not in common or common[name].kind != kind:
            has = ", ".join(card.shown for card in common.of_kind(kind)) or "none"
            raise UserError(f"{kind}={name} is no {kind} metric that every run has. There are: {has}.")
        shown[kind] = common[name]
    if not shown.keys() & asked.keys():
        raise UserError(
            "These runs have no metric in common. Give them one: python -m eval.score run=FOLDER metrics=standard."
        )
    return shown


def rows_of(found: Along, method: Method, category: str = "") -> pd.DataFrame:
    """Return one method's part of the table."""
    table = found.table
    return table[(table["method"] == method.name) & (table["category"] == category)]
