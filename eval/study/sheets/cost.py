"""What a study costs."""

from __future__ import annotations

import math
from dataclasses import dataclass

READING_SECONDS = 60
"""For consent and instructions, once a session."""


@dataclass(frozen=True)
class Cost:
    """Of a study, in dollars.

    Attributes:
        wage: an hour.
        seconds: that a screen takes.
        screens: of a session.
        submissions: sessions that are answered: sessions × raters for each.
        assignments: raters for each session.
    """

    wage: float
    seconds: float
    screens: int
    submissions: int
    assignments: int

    @property
    def minutes(self) -> float:
        """A session takes."""
        return (self.seconds * self.screens + READING_SECONDS) / 60

    @property
    def reward(self) -> float:
        """For a session, rounded up to the cent."""
        return math.ceil(round(self.minutes / 60 * self.wage * 100, 6)) / 100

    @property
    def allotted_minutes(self) -> int:
        """That a rater may take at most: four times as long, half an hour or more."""
        return max(30, math.ceil(4 * self.minutes))

    @property
    def rewards(self) -> float:
        """For all raters together."""
        return self.reward * self.submissions

    @property
    def fee(self) -> float:
        """Mechanical Turk's: 20%, and 20% more where a HIT has ten or more assignments; a cent an assignment at least."""
        share = 0.4 if self.assignments >= 10 else 0.2
        return max(self.reward * share, 0.01) * self.submissions
