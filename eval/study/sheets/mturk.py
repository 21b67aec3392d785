"""Mechanical Turk's formats: the columns of a batch, the names of the answers, and texts that survive both.

A batch is a CSV whose header names are the template's ``${placeholders}`` and whose rows are HITs; a HIT is one session.
Turkle reads the same files. Screens are numbered by their place in the session, from 01:

    batch:    study, session, screen_01, text_01, input_01, left_01, right_01, screen_02, …
    results:  RESULT_COLUMNS, Input.study, Input.session, Input.screen_01, …, Answer.choice_01, Answer.ms_01, …

``choice_01`` is ``left``, ``right`` or, where ties are offered, ``tie``; ``ms_01`` is the time from when the screen's
images were decoded and shown to its last answer, in whole milliseconds, and empty where the page ran without scripts.
"""

from __future__ import annotations

import html
import re
import unicodedata

STUDY, SESSION = "study", "session"
"""Columns of every row: :attr:`eval.study.design.definition.Study.tag` and the session's id."""
SCREEN_COLUMNS = ("screen", "text", "input", "left", "right")
"""Columns of every screen, each with its number: id, target text as HTML (:func:`as_html`), URLs of the images."""
CHOICE, MILLISECONDS = "choice", "ms"
"""Fields of every screen's answer, each with its number."""
INPUT, ANSWER = "Input.", "Answer."
"""Prefixes of the columns of a results file."""

RESULT_COLUMNS = (
    "HITId",
    "HITTypeId",
    "Title",
    "Description",
    "Keywords",
    "Reward",
    "CreationTime",
    "MaxAssignments",
    "RequesterAnnotation",
    "AssignmentDurationInSeconds",
    "AutoApprovalDelayInSeconds",
    "Expiration",
    "NumberOfSimilarHITs",
    "LifetimeInSeconds",
    "AssignmentId",
    "WorkerId",
    "AssignmentStatus",
    "AcceptTime",
    "SubmitTime",
    "AutoApprovalTime",
    "ApprovalTime",
    "RejectionTime",
    "RequesterFeedback",
    "WorkTimeInSeconds",
    "LifetimeApprovalRate",
    "Last30DaysApprovalRate",
    "Last7DaysApprovalRate",
)
"""First columns of a results file of Mechanical Turk; the last are Approve and Reject. Turkle writes 11 of them."""


def numbered(name: str, place: int) -> str:
    """Return a screen's column or field, places from 1: ``numbered("choice", 1)`` → ``choice_01``."""
    return f"{name}_{place:02d}"


def batch_columns(screens: int) -> list[str]:
    """Return the header of a batch whose sessions have that many screens."""
    places = range(1, screens + 1)
    return [STUDY, SESSION, *(numbered(name, place) for place in places for name in SCREEN_COLUMNS)]


_UNSAFE = re.compile(r"[^ !#%()*,./0-9:;?A-Z\[\]^_a-z|~\u00a1-\u2027\u2030-\ud7ff\uf900-\ufdcf\ufdf0-\uffef]|^[^\w]")
"""Characters written as numeric entities, because of HTML, the template's ``${…}``, a spreadsheet's formulas or the ban
on characters beyond U+FFFF."""


def as_html(text: str) -> str:
    r"""Return HTML that shows a text, safe to be put raw into the template and into a spreadsheet.

    Mechanical Turk replaces ``${name}`` by the raw cell and refuses characters beyond U+FFFF. A character that HTML
    cannot show (a control character, half of a surrogate pair) becomes U+FFFD; line ends become ``\n``.
    """
    text = re.sub(r"\r\n?", "\n", text)
    text = "".join("\ufffd" if _unprintable(letter) else letter for letter in text)
    return _UNSAFE.sub(lambda match: f"&#{ord(match[0])};", text)


def as_text(markup: str) -> str:
    """Return the text of :func:`as_html`'s result (except what HTML cannot show)."""
    return html.unescape(markup)


def _unprintable(letter: str) -> bool:
    category = unicodedata.category(letter)
    return (category == "Cc" and letter not in "\t\n") or category == "Cs" or ord(letter) & 0xFFFE == 0xFFFE
