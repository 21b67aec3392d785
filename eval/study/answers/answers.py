"""The answers as a table: one row an answer, joined with its screen."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from eval.study.answers.exclusions import UNUSABLE
from eval.study.answers.submission import Submission
from eval.study.design.definition import PRIVATE, SECRET, Study
from tedbench.errors import UserError

COLUMNS = (
    "rater",
    "submission",
    "session",
    "screen",
    "kind",
    "pair_id",
    "source_group",
    "target_text",
    "ours",
    "opponent",
    "left",
    "right",
    "choice",
    "preferred",
    "seconds",
    "excluded",
)


class Pseudonyms:
    """Pseudonyms of raters and submissions, which only the study's secret connects with the platform's ids."""

    def __init__(self, study_folder: Path) -> None:
        path = study_folder / PRIVATE / SECRET
        try:
            self._key = path.read_text(encoding="ascii").strip().encode()
        except (OSError, UnicodeDecodeError):
            raise UserError(f"{path} is missing, and raters' pseudonyms are keyed with it. Put it back.") from None

    def of(self, kind: str, name: str) -> str:
        """Return 12 hex digits for a platform's id; the same id has the same pseudonym in all analyses of the study."""
        return hmac.new(self._key, f"{kind}\0{name}".encode(), hashlib.sha256).hexdigest()[:12]


def answer_table(
    submissions: Sequence[Submission], reasons: Sequence[dict[str, str]], study: Study, pseudonyms: Pseudonyms
) -> pd.DataFrame:
    """Return every answer to a screen.

    Args:
        submissions: of the study.
        reasons: why each does not count, see :func:`eval.study.answers.exclusions.reasons`.
        study: the study of these screens.
        pseudonyms: for raters and submissions.

    Returns:
        :data:`COLUMNS`. ``left`` and ``right`` are methods, ``preferred`` is the chosen one ("" for a tie),
        ``excluded`` names the reasons why its submission is excluded, "" if it counts.
    """
    shown = _screens(study)
    first = {session.id: shown.index.get_loc(session.screens[0].id) for session in study.sessions}
    rows, at = [], []
    for submission, why in zip(submissions, reasons, strict=True):
        names = pseudonyms.of("rater", submission.rater), pseudonyms.of("submission", submission.id)
        for place, choice in enumerate(submission.choices):
            if choice and not submission.problem:
                rows.append((*names, choice, submission.seconds[place], ", ".join(why)))
                at.append(first[submission.session] + place)
    given = pd.DataFrame(rows, columns=["rater", "submission", "choice", "seconds", "excluded"])
    table = shown.iloc[at].reset_index().join(given)
    table["preferred"] = (
        table["left"].where(table["choice"] == "left", table["right"]).where(table["choice"] != "tie", "")
    )
    return table.astype({"seconds": float})[list(COLUMNS)]


def _screens(study: Study) -> pd.DataFrame:
    """Return every screen of a study by its id, in order."""
    rows = [
        {
            "screen": screen.id,
            "session": session.id,
            "left": screen.ours if screen.ours_side == "left" else screen.opponent,
            "right": screen.opponent if screen.ours_side == "left" else screen.ours,
            **{
                name: getattr(screen, name)
                for name in ("kind", "pair_id", "source_group", "target_text", "ours", "opponent")
            },
        }
        for session, screen in study.screens()
    ]
    return pd.DataFrame(rows).set_index("screen")


def usable(table: pd.DataFrame) -> pd.DataFrame:
    """Return the preferences before the study's rules: main screens of readable submissions that were not rejected."""
    dropped = table["excluded"].isin(list(UNUSABLE))
    return table[(table["kind"] == "main") & ~dropped].reset_index(drop=True)


def kept(table: pd.DataFrame) -> pd.DataFrame:
    """Return the preferences that count: :func:`usable` without those that the rules exclude."""
    return table[(table["kind"] == "main") & (table["excluded"] == "")].reset_index(drop=True)
