"""The time at which a submission was submitted, in the formats of the platforms.

Tue Apr 02 10:11:12 PDT 2024              Mechanical Turk, Turkle
2024-04-02T17:11:12.000Z, 2024-04-02 …    ISO 8601 (Prolific), with a zone or without
1712077872000                             milliseconds since 1970 in UTC; 10 digits are seconds
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple

from eval.study.answers.statuses import column_key

COLUMNS = (
    "submittime",
    "submittedat",
    "submissiontime",
    "timesubmitted",
    "submitdate",
    "submissiondate",
    "completedat",
    "completiontime",
    "completiondate",
    "finishedat",
    "endtime",
    "enddate",
    "recordeddate",
    "timestamp",
)
"""Names of the columns, see :func:`eval.study.answers.statuses.column_key`; if a file has several, the first counts."""
ZONES = {
    **{"UTC": 0, "GMT": 0, "UT": 0, "Z": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "JST": 9},
    **{"AST": -4, "ADT": -3, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7},
    **{"AKST": -9, "AKDT": -8, "HST": -10},
}
"""Hours from UTC of the abbreviations that mean one zone; others are not guessed."""
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TURK = re.compile(r"(?:[A-Z][a-z]{2},? )?([A-Z][a-z]{2}) +(\d{1,2}) +(\d{1,2}:\d\d:\d\d) +(?:(\S+) +)?(\d{4})")
_EPOCH = re.compile(r"(\d{10}|\d{13})(\.\d*)?", re.ASCII)
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d\d?):?(\d\d)?", re.ASCII)


class Moment(NamedTuple):
    """Seconds since 1970, and whether the zone is known; without one they are computed as if in UTC."""

    seconds: float
    zoned: bool


def submit_column(header: Sequence[str]) -> int | None:
    """Return the place of the column with the time of submission; None if there is none."""
    keys = [column_key(name) for name in header]
    return next((keys.index(name) for name in COLUMNS if name in keys), None)


def moment(text: str) -> Moment | None:
    """Parse a time; None if it is in none of the known formats."""
    text = " ".join(text.split())
    if found := _EPOCH.fullmatch(text):
        return Moment(float(text) / (1000 if len(found[1]) == 13 else 1), True)
    zone = None
    if found := _TURK.fullmatch(text):
        month, day, clock, name, year = found.groups()
        if month not in MONTHS:
            return None
        text = f"{year}-{MONTHS.index(month) + 1:02d}-{int(day):02d} {clock.zfill(8)}"
        if name and (zone := _zone(name)) is None:
            return None
    elif len(words := text.split()) == 3:  # a date, a time and a zone
        text = f"{words[0]} {words[1]}"
        if (zone := _zone(words[2])) is None:
            return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    zoned = zone is not None or when.tzinfo is not None
    if when.tzinfo is None:
        when = when.replace(tzinfo=zone or UTC)
    return Moment(when.timestamp(), zoned)


def _zone(name: str) -> timezone | None:
    if name.upper() in ZONES:
        return timezone(timedelta(hours=ZONES[name.upper()]))
    if not (found := _OFFSET.fullmatch(name.upper())):
        return None
    ahead = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    return timezone(ahead if found[1] == "+" else -ahead) if ahead < timedelta(hours=24) else None


def later_time(one: str, other: str) -> str:
    """Return the later of two times of one submission, or the one that exists and can be read."""
    if not one or not other or one == other:
        return one or other
    first, second = moment(one), moment(other)
    return other if first is None or (second is not None and second.seconds > first.seconds) else one
