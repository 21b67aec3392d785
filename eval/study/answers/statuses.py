"""The status of a submission, in the words of the platforms: Mechanical Turk's, Prolific's and Connect's."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tedbench.errors import UserError

LEFT_OUT = {
    "rejected": "the requester rejected it",
    "returned": "the rater gave it back",
    "timed out": "its time ran out",
    "screened out": "the rater was screened out",
}
"""Statuses whose answers count in no table, and why; if a row has several, the first of them is its status."""
APPROVED, UNDECIDED = "approved", ""
"""The other statuses; a later export may replace UNDECIDED."""
WORDS = {
    "Submitted": UNDECIDED,
    "Pending": UNDECIDED,
    "Pending review": UNDECIDED,
    "Awaiting review": UNDECIDED,
    "Reserved": UNDECIDED,
    "Active": UNDECIDED,
    "In progress": UNDECIDED,
    "Completed": UNDECIDED,
    "Approved": APPROVED,
    "Auto-approved": APPROVED,
    "Partially approved": APPROVED,
    "Accepted": APPROVED,
    "Paid": APPROVED,
    "Rejected": "rejected",
    "Returned": "returned",
    "Timed out": "timed out",
    "Expired": "timed out",
    "Abandoned": "timed out",
    "Screened out": "screened out",
}
"""The platforms' words, in any case and with any separators (``TIMED-OUT``, ``timed_out``)."""

_WORDS = {re.sub(r"[\W_]", "", word.lower()): status for word, status in WORDS.items()}
_WORDS |= {"": UNDECIDED, "timeout": "timed out", "screenout": "screened out"}
_STATUS = re.compile(r"(assignment|submission|approval|review|participant|participation|worker)?status")
_PLATFORM = re.compile(r"^(prolific|connect|cloudresearch|mturk|turkle|turk)(?=.)")
_UNMARKED = {"", "0", "false"}


def column_key(name: str) -> str:
    """Return a column's name without case, separators and the platform's name: ``Prolific Status`` → ``status``."""
    return _PLATFORM.sub("", re.sub(r"[\W_]", "", name.lower()))


class StatusColumns:
    """The columns of a file that hold a submission's status.

    Args:
        header: the file's columns. A status is in ``AssignmentStatus``, ``Status``, ``Submission status``, … in
            :data:`WORDS`; in ``Reject`` and ``Approve`` as a mark; in ``RejectionTime`` if no other column has one.
    """

    def __init__(self, header: Sequence[str]) -> None:
        keys = [(place, name, column_key(name)) for place, name in enumerate(header)]
        self._words = [(place, name) for place, name, key in keys if _STATUS.fullmatch(key)]
        self._marks = [
            (place, status)
            for status, names in (("rejected", ("reject", "rejected")), (APPROVED, ("approve", "approved")))
            for place, _, key in keys
            if key in names
        ]
        self._times = {key: place for place, _, key in keys if key in ("rejectiontime", "approvaltime")}

    def of(self, cells: Sequence[str], where: str) -> str:
        """Return a row's status: one of :data:`LEFT_OUT`, :data:`APPROVED` or :data:`UNDECIDED`.

        Raises:
            UserError: a column has a word that no platform writes.
        """
        said = {_read(cells[place], name, where) for place, name in self._words}
        said |= {status for place, status in self._marks if cells[place].strip().lower() not in _UNMARKED}
        for status in (*LEFT_OUT, APPROVED):
            if status in said:
                return status
        rejected, approved = (
            key in self._times and cells[self._times[key]].strip() for key in ("rejectiontime", "approvaltime")
        )
        return "rejected" if rejected and not approved else UNDECIDED


def _read(cell: str, name: str, where: str) -> str:
    status = _WORDS.get(re.sub(r"[\W_]", "", cell.lower()))
    if status is None:
        raise UserError(
            f"{where}: {name} is {cell.strip()[:30]!r}. Give one of {', '.join(WORDS)}, or leave the column out."
        )
    return status


def later_status(one: str, other: str) -> str | None:
    """Return the status of a submission that has two; None if they contradict each other."""
    return one or other if UNDECIDED in (one, other) or one == other else None
