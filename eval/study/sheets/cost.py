"""The cost of a study."""

from __future__ import annotations

import math
from dataclasses import dataclass

READING_SECONDS = 60
"""Seconds for consent and instructions, once a session."""


@dataclass(frozen=True)
class StudyCost:
    """The cost of a study, in dollars.

    Attributes:
        wage: for an hour.
        seconds: for a screen.
        screens: of a session.
        submissions: number of answered sessions: sessions × raters for each.
        assignments: raters for each session.
    """

    wage: float
    seconds: float
    screens: int
    submissions: int
    assignments: int

    @property
    def minutes(self) -> float:
        """Duration of a session."""
        return (self.seconds * self.screens + READING_SECONDS) / 60

    @property
    def reward(self) -> float:
        """Reward for a session, rounded up to the cent."""
        return math.ceil(round(self.minutes / 60 * self.wage * 100, 6)) / 100

    @property
    def allotted_minutes(self) -> int:
        """Time limit for a rater: four times the duration, at least half an hour."""
        return max(30, math.ceil(4 * self.minutes))

    @property
    def rewards(self) -> float:
        """Rewards of all raters together."""
        return self.reward * self.submissions

    @property
    def fee(self) -> float:
        """Mechanical Turk's fee: 20%, 40% if a HIT has ten or more assignments; at least a cent an assignment."""
        share = 0.4 if self.assignments >= 10 else 0.2
        return max(self.reward * share, 0.01) * self.submissions
