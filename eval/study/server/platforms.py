"""Recruiting platforms: how each passes a participant's id, and how it is told that somebody has finished."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

LONGEST = 64
PARTICIPANT = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{LONGEST - 1}}}")
"""Pattern of a valid participant's id."""


def refusal(id: str) -> str:
    """Return why an id is not valid, as the end of a sentence; "" if it is valid."""
    if PARTICIPANT.fullmatch(id):
        return ""
    if not id:
        return "it is empty"
    if "{{" in id or "${" in id or "%PROLIFIC" in id:
        return "it is a placeholder that the platform did not fill in"
    if len(id) > LONGEST:
        return f"it has {len(id)} characters, and at most {LONGEST} are possible"
    strange = next((letter for letter in id if not re.fullmatch(r"[A-Za-z0-9_-]", letter)), None)
    if strange is None:
        return f"it begins with {id[0]!r} instead of a letter or digit"
    shown = "a space" if strange.isspace() else f"“{strange}”" if strange.isprintable() else "an invisible character"
    return f"it has {shown} in it, and only the letters A to Z, digits, - and _ are possible"


@dataclass(frozen=True)
class Platform:
    """A way of recruiting.

    Attributes:
        name: for people.
        parameter: of the study's address that names the participant.
        query: end of the address that is given to the platform; the platform fills it in, or appends it itself.
        completion: address that tells the platform of the completion, with ``{code}``; "" if the code is only shown.
        asks: True if a participant without an id may type one.
    """

    name: str
    parameter: str
    query: str = ""
    completion: str = ""
    asks: bool = False

    def given(self, query: Mapping[str, str]) -> str:
        """Return the participant's id in an address's query, valid or not; "" if there is none."""
        return query.get(self.parameter, "").strip()

    def advice(self, id: str) -> str:
        """Return one sentence for a participant whose id is refused: the reason, and what to do."""
        if not id:
            return f"Please open the study by its link on {self.name}: the address has no {self.parameter}."
        why = f"Your participant id cannot be used: {refusal(id)}"
        if self.asks:
            return f"{why}; please type it as it was given to you, or ask the person who gave it to you."
        return f"{why}; please open the study by its link on {self.name} again, or write to us there."


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
"""Platforms by the value of the option ``platform``."""
