"""Exclusion of submissions: the rules fixed in the study's definition, and reasons that make a submission unusable."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from eval.study.answers.statuses import LEFT_OUT
from eval.study.answers.submission import Submission
from eval.study.answers.superseded import BEFORE, ELSEWHERE, superseded
from eval.study.design.definition import Session, Study

UNUSABLE = {
    **LEFT_OUT,
    "unreadable": "an answer is none of those offered",
    BEFORE: "the same rater had answered the session",
    ELSEWHERE: "it is incomplete, and the same rater completed the session in another submission",
    "no answers": "it is blank",
}
"""Submissions whose answers count in no table, and why."""
RULES = {
    "incomplete": "a screen is not answered",
    "repeat": "the repeat contradicts the first answer",
    "attention": "an attention screen has the wrong answer",
    "speed": "too fast",
}
"""Submissions that the study's rules exclude, and why."""


def reasons(submissions: Sequence[Submission], study: Study) -> list[dict[str, str]]:
    """Return for each submission why it does not count: {reason: finding}, empty if it counts.

    Reasons are names from :data:`UNUSABLE` and :data:`RULES`.
    """
    sessions = {session.id: session for session in study.sessions}
    twice = superseded(submissions)
    return [
        _unusable(submission) or twice.get(place) or _broken_rules(submission, sessions[submission.session], study)
        for place, submission in enumerate(submissions)
    ]


def _unusable(submission: Submission) -> dict[str, str]:
    if submission.left_out:
        return {submission.status: LEFT_OUT[submission.status]}
    if submission.problem:
        return {"unreadable": submission.problem}
    if not any(submission.choices):
        return {"no answers": UNUSABLE["no answers"]}
    return {}


def _broken_rules(submission: Submission, session: Session, study: Study) -> dict[str, str]:
    rules, why = study.rules, {}
    choice = {screen.id: given for screen, given in zip(session.screens, submission.choices, strict=True)}
    answered = sum(map(bool, submission.choices))
    if answered < len(session.screens):
        why["incomplete"] = f"{answered} of {len(session.screens)} screens answered"
    if rules.repeat_must_agree:
        # the sides are swapped, so who chooses the same side twice prefers the other image the second time
        twice = [s for s in session.screens if s.kind == "repeat" and choice[s.id] == choice[s.repeat_of] != "tie"]
        if any(choice[screen.id] for screen in twice):
            why["repeat"] = RULES["repeat"]
    if rules.attention_must_pass:
        checks = [screen for screen in session.screens if screen.kind == "attention" and choice[screen.id]]
        failed = sum(choice[screen.id] != screen.ours_side for screen in checks)
        if failed:
            why["attention"] = f"{failed} of {len(checks)} attention screens wrong"
    seconds = seconds_a_screen(submission, session)
    if seconds is not None and seconds < rules.min_seconds:
        why["speed"] = f"{seconds:.2f} s a screen, and at least {rules.min_seconds:g} are wanted"
    return why


def seconds_a_screen(submission: Submission, session: Session) -> float | None:
    """Return the median time of a submission's screens without practice.

    Without the page's times it is the platform's time divided by the number of screens; None if there are neither.
    """
    timed = zip(session.screens, submission.seconds, strict=True)
    times = [seconds for screen, seconds in timed if screen.kind != "practice" and seconds is not None]
    if times:
        return median(times)
    return None if submission.work_seconds is None else submission.work_seconds / len(session.screens)
