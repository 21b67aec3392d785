"""Simulated answers to a study's sheets, as a results file in Mechanical Turk's format."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from eval.study.answers.raters import Population, draw_choices, spammers
from eval.study.answers.submission import SIMULATED
from eval.study.design.definition import PUBLIC, Study
from eval.study.sheets.mturk import ANSWER, CHOICE, INPUT, MILLISECONDS, RESULT_COLUMNS, SESSION, numbered
from eval.study.sheets.sheets import SETTINGS, read_batches
from tedbench.errors import UserError
from tedbench.seeding import derive

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
TIME = "%a %b %d %H:%M:%S PST %Y"
SCREEN_SECONDS, SPAM_SECONDS, PAGE_SECONDS = 6.0, 0.5, 20.0
"""Median seconds of an honest rater and of a spammer on a screen; and the rest of the time on the page."""


def simulated_results(
    folder: Path, study: Study, shares: Mapping[str, float], population: Population, raters: int | None, seed: int
) -> pd.DataFrame:
    """Return a results file: one row a submission, every session answered by as many raters as the study asks for.

    Args:
        folder: of the study; its batches are answered.
        study: the study in that folder.
        shares: how often the first method is preferred to each other one.
        population: of the raters; there are ties only if the study offers them.
        raters: number of people among whom the submissions are shared; None is one each.
        seed: of all draws.

    Raises:
        UserError: the batches are missing.
    """
    sheets = _sheets(folder)
    rng = np.random.default_rng(derive(seed, study.tag, "simulated raters"))
    each = [session for session in study.sessions for _ in range(study.assignments)]
    workers = raters or len(each)
    screens = pd.DataFrame(
        [
            (number, f"R{number % workers}", place, s.source_group, s.pair_id, s.ours, s.opponent, s.ours_side, s.kind)
            for number, session in enumerate(each)
            for place, s in enumerate(session.screens, 1)
        ],
        columns=["submission", "rater", "place", "image", "pair_id", "ours", "opponent", "ours_side", "kind"],
    )
    on_left = screens["ours_side"] == "left"
    screens["left"] = screens["ours"].where(on_left, screens["opponent"])
    screens["right"] = screens["opponent"].where(on_left, screens["ours"])
    screens["right_answer"] = screens["ours_side"].where(screens["kind"] == "attention", "")
    abilities = {study.methods[0].name: 0.0} | {name: -population.ability(share) for name, share in shares.items()}
    if not study.ties:
        population = replace(population, ties=0.0)
    screens["choice"] = draw_choices(screens, abilities, population, rng)
    spam = spammers(screens["rater"], population.spammers) != ""
    median = np.where(spam, SPAM_SECONDS, SCREEN_SECONDS)
    screens["ms"] = np.rint(1000 * median * np.exp(rng.normal(scale=0.5, size=len(screens)))).astype(int)
    settings = _settings(folder)
    rows = [
        _row(sheets[session.id], session.id, number, answers, settings)
        for (number, answers), session in zip(screens.groupby("submission"), each, strict=True)
    ]
    return pd.DataFrame(rows)


def _sheets(folder: Path) -> dict[str, dict[str, str]]:
    again = "Give the folder as eval.study.prepare left it."
    try:
        sheets = {cells[SESSION]: cells for _, cells in read_batches(folder / PUBLIC)}
    except OSError:
        raise UserError(f"{folder / PUBLIC} is missing: no sheets to answer. {again}") from None
    if not sheets:
        raise UserError(f"{folder / PUBLIC} has no batch_001.csv: no sheets to answer. {again}")
    return sheets


def _settings(folder: Path) -> dict[str, str]:
    """Return the columns of a results file that repeat the settings of the HIT."""
    there = json.loads((folder / PUBLIC / SETTINGS).read_text(encoding="utf-8"))
    names = set(RESULT_COLUMNS) & there.keys()
    return {name: str(there[name]) for name in names} | {"Reward": f"${there['Reward']}"}


def _row(
    sheet: Mapping[str, str], session: str, number: int, answers: pd.DataFrame, settings: Mapping[str, str]
) -> dict[str, str]:
    """Return the row of one submission."""
    worker = answers["rater"].iloc[0]
    seconds = round(PAGE_SECONDS + answers["ms"].sum() / 1000)
    accepted = BEGIN + timedelta(minutes=number)
    head = {**dict.fromkeys(RESULT_COLUMNS, ""), **settings}
    head |= {
        "HITId": _id("hit", session),
        "HITTypeId": _id("type", sheet["study"]),
        "CreationTime": BEGIN.strftime(TIME),
        "RequesterAnnotation": SIMULATED,
        "AssignmentId": _id("assignment", session, str(number)),
        "WorkerId": "A" + _id("worker", worker)[:13],
        "AssignmentStatus": "Submitted",
        "AcceptTime": accepted.strftime(TIME),
        "SubmitTime": (accepted + timedelta(seconds=seconds)).strftime(TIME),
        "WorkTimeInSeconds": str(seconds),
        **{f"{when}ApprovalRate": "0% (0/0)" for when in ("Lifetime", "Last30Days", "Last7Days")},
    }
    given = {}
    for place, choice, ms in zip(answers["place"], answers["choice"], answers["ms"], strict=True):
        given[ANSWER + numbered(CHOICE, place)] = choice
        given[ANSWER + numbered(MILLISECONDS, place)] = str(ms)
    return head | {INPUT + name: cell for name, cell in sheet.items()} | given | {"Approve": "", "Reject": ""}


def _id(*what: str) -> str:
    """Return 30 capital letters and digits, in the form of the platform's ids."""
    return "3" + hashlib.sha256("\0".join(what).encode()).hexdigest().upper()[:29]
