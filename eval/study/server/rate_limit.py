"""A limit on the rate of requests."""

from __future__ import annotations

import time

MOST_KEYS = 10_000


class RateLimit:
    """Token buckets: so many requests at once, and as many again a minute.

    Args:
        per_minute: for each key.
    """

    def __init__(self, per_minute: int) -> None:
        self._most = float(per_minute)
        self._left: dict[str, tuple[float, float]] = {}

    def allows(self, who: str) -> bool:
        """Count a request and return True if it may be answered."""
        now = time.monotonic()
        if len(self._left) >= MOST_KEYS:  # full buckets need not be kept
            self._left = {key: (left, at) for key, (left, at) in self._left.items() if now - at < 60}
        left, at = self._left.get(who, (self._most, now))
        left = min(self._most, left + (now - at) * self._most / 60)
        allowed = left >= 1
        self._left[who] = (left - allowed, now)
        return allowed
