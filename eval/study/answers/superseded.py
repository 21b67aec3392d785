"""Choice among a rater's submissions of one session: the one that was completed first counts."""

from __future__ import annotations

from collections.abc import Sequence

from eval.study.answers.submission import Submission
from eval.study.answers.submit_times import moment
from tedbench.errors import UserError

BEFORE, ELSEWHERE = "answered before", "completed otherwise"
"""Reasons why one does not count: another one was complete before, or it is incomplete and another one is not."""
ROW_ORDER = "by the order of the rows, since their times are equal or missing"


def superseded(submissions: Sequence[Submission]) -> dict[int, dict[str, str]]:
    """Return the submissions that do not count because another one of the same rater and session does.

    Of the complete ones the earliest counts or, if none is complete, the earliest of all. If the times of submission
    are equal, or one is missing, the order of the rows decides.

    Args:
        submissions: all submissions; those that were left out, cannot be read or are blank are ignored.

    Returns:
        By place in ``submissions``: {reason: finding}.

    Raises:
        UserError: the times decide, and one cannot be read, or has no zone while another has one.
    """
    together: dict[tuple[str, str], list[int]] = {}
    for place, submission in enumerate(submissions):
        if not submission.left_out and not submission.problem and any(submission.choices):
            together.setdefault((submission.rater, submission.session), []).append(place)
    found = {}
    for places in together.values():
        if len(places) == 1:
            continue
        candidates = [place for place in places if submissions[place].complete] or places
        counts, how = _earliest(candidates, submissions)
        where = f"{submissions[counts].where} counts"
        for place in places:
            if place in candidates and place != counts:
                found[place] = {BEFORE: f"{where}, {how}"}
            elif place != counts:
                found[place] = {ELSEWHERE: f"a screen is not answered; {where}"}
    return found


def by_row_order(submissions: Sequence[Submission]) -> int:
    """Return the number of submissions that do not count because of the order of the rows."""
    return sum(why.get(BEFORE, "").endswith(ROW_ORDER) for why in superseded(submissions).values())


def _earliest(places: Sequence[int], submissions: Sequence[Submission]) -> tuple[int, str]:
    """Return the place of the earliest, and the criterion that decided."""
    if len(places) == 1 or not all(submissions[place].submitted for place in places):
        return places[0], ROW_ORDER
    times = {place: moment(submissions[place].submitted) for place in places}
    for place, time in times.items():
        if time is None:
            raise UserError(
                f"{submissions[place].where}: the time of submission is {submissions[place].submitted[:40]!r}, and it decides "
                "which of the rater's submissions counts. Download the results again, unchanged, or write it as "
                "2024-04-02T17:11:12Z."
            )
    known = {place: time for place, time in times.items() if time is not None}
    if len({time.zoned for time in known.values()}) > 1:
        place = next(place for place, time in known.items() if not time.zoned)
        raise UserError(
            f"{submissions[place].where}: the time of submission {submissions[place].submitted!r} has no zone, and that of "
            "another submission of the rater has one. Write it as 2024-04-02T17:11:12Z."
        )
    first = min(known, key=lambda place: known[place].seconds)  # the first row if several are equal
    ties = [place for place in places if known[place].seconds == known[first].seconds]
    return first, ROW_ORDER if len(ties) > 1 else "which was submitted earlier"
