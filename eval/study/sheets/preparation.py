"""The page prepare_report.html: a study's contents, balance, left-out pairs, cost and power."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from eval.study.analysis.power import Design, power
from eval.study.answers.raters import Population
from eval.study.design.definition import PRIVATE, Screen, Session, Study
from eval.study.design.material import StudyMaterial
from eval.study.sheets.cost import StudyCost
from tedbench.disk import writing

REPORT = "prepare_report.html"
SHARES = (0.55, 0.6, 0.65, 0.7)
"""True preferences at which the power is simulated; the paper's were all above 0.7."""
ROUNDS = 100


def write_preparation(folder: Path, study: Study, material: StudyMaterial, cost: StudyCost, words: list[str]) -> Path:
    """Write the page into the private folder: it names methods.

    Args:
        folder: of the study.
        study: the prepared study.
        material: its source.
        cost: of the study.
        words: searched for by the leak scan.
    """
    main = [(session, screen) for session, screen in study.screens() if screen.kind == "main"]
    environment = Environment(loader=PackageLoader("eval.study"), autoescape=True, undefined=StrictUndefined)
    page = environment.get_template("prepare_report.html.j2").render(
        study=study,
        material=material,
        cost=cost,
        words=words,
        kinds=Counter(screen.kind for _, screen in study.screens()),
        screens=len(study.sessions[0].screens),
        answers=len(main) * study.assignments,
        comparisons=[_comparison(pair, main, study.assignments) for pair in material.comparisons],
        balance=balance(study),
        shown=Counter(Counter(screen.pair_id for _, screen in main).values()),
        power=simulated_power(study),
        population=Population(),
        rounds=ROUNDS,
    )
    path = folder / PRIVATE / REPORT
    with writing(path):
        path.write_text(page, encoding="utf-8")
    return path


def _comparison(pair: tuple[str, str], main: list[tuple[Session, Screen]], assignments: int) -> dict[str, Any]:
    of_pair = [screen for _, screen in main if (screen.ours, screen.opponent) == pair]
    left = sum(screen.ours_side == "left" for screen in of_pair)
    return {
        "ours": pair[0],
        "opponent": pair[1],
        "screens": len(of_pair),
        "left": left,
        "right": len(of_pair) - left,
        "answers": len(of_pair) * assignments,
    }


def balance(study: Study) -> dict[str, int]:
    """Return the imbalance of the main screens.

    Returns:
        For each kind of count the largest difference between two counts; at most 1 if balanced.
    """
    main = [
        (session.id, s.pair_id, (s.ours, s.opponent), s.ours_side) for session, s in study.screens() if s.kind == "main"
    ]
    opponents, sides = {what for _, _, what, _ in main}, ("left", "right")
    return {
        "opponents in a session": _spread(((session, what) for session, _, what, _ in main), opponents),
        "opponents of a pair": _spread(((pair, what) for _, pair, what, _ in main), opponents),
        "sides in a session": _spread(((session, side) for session, _, _, side in main), sides),
        "sides in a session against one opponent": _spread(
            (((session, what), side) for session, _, what, side in main), sides
        ),
        "sides of a pair against one opponent": _spread((((pair, what), side) for _, pair, what, side in main), sides),
        "sides against one opponent": _spread(((what, side) for _, _, what, side in main), sides),
    }


def _spread(places: Iterable[tuple[Hashable, Hashable]], values: Iterable[Hashable]) -> int:
    counts: dict[Hashable, Counter[Hashable]] = {}
    for place, value in places:
        counts.setdefault(place, Counter())[value] += 1
    values = list(values)
    return max(max(c[v] for v in values) - min(c[v] for v in values) for c in counts.values())


@dataclass(frozen=True)
class DrawnDesign(Design):
    """The screens about one opponent in an existing study, for all its raters.

    Attributes:
        table: see :meth:`eval.study.analysis.power.Design.answers`.
    """

    table: pd.DataFrame = field(default_factory=pd.DataFrame)

    def answers(self, raters: int, rng: np.random.Generator) -> pd.DataFrame:
        """Return the study's own screens, whatever the arguments."""
        return self.table


def simulated_power(study: Study) -> dict[float, float]:
    """Return the share of simulations that detect a preference, by true preference, against the opponent with the fewest
    screens.

    Raters are simulated on the study's own screens, their answers analyzed like real ones, and the level is 5% divided
    by the number of comparisons.
    """
    main = [(session.id, s) for session, s in study.screens() if s.kind == "main"]
    often = Counter((s.ours, s.opponent) for _, s in main)
    rarest = min(often, key=lambda pair: often[pair])
    about = [(session, s) for session, s in main if (s.ours, s.opponent) == rarest]
    table = pd.DataFrame(
        {
            "rater": [f"{session}-{rater}" for session, _ in about for rater in range(study.assignments)],
            **{
                column: np.repeat(values, study.assignments)
                for column, values in {
                    "image": [s.source_group for _, s in about],
                    "pair_id": [s.pair_id for _, s in about],
                    "left": ["ours" if s.ours_side == "left" else "theirs" for _, s in about],
                    "right": ["theirs" if s.ours_side == "left" else "ours" for _, s in about],
                }.items()
            },
        }
    )
    raters, alpha = table["rater"].nunique(), 0.05 / len(often)
    return {
        share: power(share, raters, DrawnDesign(table=table), Population(), alpha=alpha, rounds=ROUNDS, seed=study.seed)
        for share in SHARES
    }
