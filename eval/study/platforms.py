"""Where raters come from: how a platform says who comes, and how it learns that somebody has finished."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

PARTICIPANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""What a participant's id may be."""


@dataclass(frozen=True)
class Platform:
    """A way of recruiting.

    Attributes:
        name: for people.
        parameter: of the study's address that names the participant.
        query: what the address that is given to the platform ends in; the platform fills it in, or appends it itself.
        completion: address that tells the platform of the completion, with ``{code}``; "" where the code is only shown.
        asks: a participant without an id may type one.
    """

    name: str
    parameter: str
    query: str = ""
    completion: str = ""
    asks: bool = False

    def participant(self, query: Mapping[str, str]) -> str:
        """The participant's id in an address's query; "" where there is none that can be one."""
        given = query.get(self.parameter, "").strip()
        return given if PARTICIPANT.fullmatch(given) else ""


PLATFORMS = {
    "prolific": Platform(
        "Prolific",
        "PROLIFIC_PID",
        "?PROLIFIC_PID={{%PROLIFIC_PID%}}",
        "https://app.prolific.com/submissions/complete?cc={code}",
    ),
    "connect": Platform("Connect", "participantId"),
    "lab": Platform("the lab", "participant", asks=True),
}
"""By the name of the option ``platform``."""
