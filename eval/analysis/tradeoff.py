"""The trade-off between Imagic's settings: judged success and fidelity of runs with different stages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from eval.analysis.success import ALL, best_strength, judge_run, rates
from eval.runs.folder import Run
from tedbench.errors import UserError

if TYPE_CHECKING:  # reading images needs torch
    from eval.metrics.judge import Reader


def stage(settings: Mapping[str, Any]) -> str:
    """Return a stage's settings in short: ``"250 × 0.01, 4 draws"``, or ``"none"``."""
    if not settings["steps"]:
        return "none"
    more = [f"{settings['draws']} draws"] + [
        f"{key} {settings[key]:g}" for key in ("decay", "empty") if settings.get(key)
    ]
    return f"{settings['steps']} × {settings['lr']:g}, " + ", ".join(more)


def tradeoff(runs: Mapping[str, Run], reader: Reader) -> pd.DataFrame:
    """Return one row a run, the most successful first.

    Columns are the settings of both stages in short (:func:`stage`), ``guidance``, the number of judged ``pairs``,
    ``best_eta`` at which most images succeed, ``success`` there, ``any`` (the share of pairs that some η and seed
    solves), the heading of the run's first metric of ``fidelity`` (such as 1 − LPIPS), its means ``fidelity_at_best``
    and ``fidelity_at_0`` (NaN if it was not measured), ``dataset`` (its label), and ``run``.

    Args:
        runs: of Imagic, by name.
        reader: the judge.

    Raises:
        UserError: a run is of another method, or cannot be judged.
    """
    table = pd.DataFrame([_measure(name, run, reader) for name, run in runs.items()])
    return table.sort_values(["success", "any"], ascending=False)


def _measure(name: str, run: Run, reader: Reader) -> dict[str, Any]:
    method = run.config()["fit"]["method"]
    if method["name"] != "imagic":
        raise UserError(f"{run.folder} is a run of {method['name']}. Give runs of imagic.")
    judged = judge_run(name, run, reader)
    count = judged.images.groupby("category")["pair_id"].nunique()
    count[ALL] = judged.images["pair_id"].nunique()
    table = rates(judged, count)
    best = best_strength(table, name)
    success = table[(table["category"] == ALL) & (table["question"] == "success")]
    measure, fidelity = _fidelity(run)
    return {
        "embedding": stage(method["embedding"]),
        "finetune": stage(method["finetune"]),
        "guidance": method["sampling"]["guidance"],
        "pairs": int(count[ALL]),
        "best_eta": best,
        "success": float(success.loc[success["strength"] == best, "mean"].iloc[0]),
        "any": float(success.loc[success["strength"].isna(), "mean"].iloc[0]),
        "fidelity": measure,
        "fidelity_at_best": float(fidelity.get(best, float("nan"))),
        "fidelity_at_0": float(fidelity.get(0.0, float("nan"))),
        "dataset": run.dataset_label,
        "run": name,
    }


def _fidelity(run: Run) -> tuple[str, pd.Series]:
    """Return heading and means by strength of the run's first metric of fidelity; empty ones if it has none."""
    scores = run.scores()
    card = run.metrics.only(scores["metric"].unique()).first_of_kinds().get("fidelity")
    if card is None:
        return "", pd.Series(dtype=float)
    return card.shown_heading, card.shown_score(
        scores[scores["metric"] == card.name].groupby("strength")["score"].mean()
    )
