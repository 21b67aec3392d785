"""Comparison of runs in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from eval.analysis.methods import Method, Picked, open_methods
from eval.api.view import RunView
from tedbench.errors import UserError

RunLike = RunView | Path | str


def compare(
    runs: Sequence[RunLike] | Mapping[str, RunLike],
    *,
    threshold: float | None = None,
    strengths: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Return the metrics of several methods on the pairs that all of them have, at one image a pair.

    The image of each pair is the one that ``eval.select`` chose in the run's folder, if neither of the two arguments
    says otherwise; without a choice the middle strength is taken. Nothing is written.

    Args:
        runs: runs or their folders, or these by the name of the method.
        threshold: take each pair's image of the highest alignment (CLIP score) among those with a fidelity (1 − LPIPS)
            of at least this, or its most faithful one: the rule ``best`` of ``eval.select``.
        strengths: by method, a strength that is the same for every pair.

    Returns:
        A row for each method and metric, with mean and 95% interval, seconds per edit and the numbers of pairs; ``rule``
        says how the images were picked.

    Raises:
        UserError: the runs are on different datasets or share no pair, or the rule cannot be applied.

    Example:
        >>> compare([evaluate(method="sdedit"), evaluate(method="ddib")], threshold=0.8)     # doctest: +SKIP
    """
    from eval.analysis.common_pairs import compare_on_common
    from eval.analysis.comparison import comparison_table, scores_by_metric
    from eval.analysis.cost import cost

    if threshold is not None and strengths:
        raise UserError("compare takes either a threshold or strengths, and both are given. Leave one out.")
    named = isinstance(runs, Mapping)
    folders = (
        {name: _folder(run) for name, run in runs.items()} if isinstance(runs, Mapping) else [_folder(r) for r in runs]
    )
    if not folders:
        raise UserError(f"compare needs runs, and its {'mapping' if named else 'list'} is empty. Give two or more.")
    methods = open_methods(folders, strengths or {})
    if threshold is not None:
        methods = [_at_best(method, threshold) for method in methods]
    comparison = compare_on_common(methods)
    costs = [cost(method, comparison.pair_ids) for method in comparison.methods]
    return comparison_table(comparison, scores_by_metric(comparison), costs)


def _folder(run: RunLike) -> str:
    return str(run.folder if isinstance(run, RunView) else run)


def _at_best(method: Method, threshold: float) -> Method:
    from eval.analysis.selection_rules import best, candidates

    choice = best(candidates(method.run), threshold)
    return method._replace(picked=Picked(choice.rule, choice.images, choice.left_out))
