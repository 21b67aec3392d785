"""Cost of a service's answers so far, and the time of its next request, shared by all commands with one folder of answers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from tedbench.disk import writing
from tedbench.download import store
from tedbench.errors import UserError

LONGEST_TURN = 3600.0
"""Seconds to the next turn that are believed; more mean that a clock was set back."""


class Ledger:
    """A file beside the answers, which processes change in turn."""

    def __init__(
        self,
        folder: Path,
        *,
        per_minute: float | None,
        price: float | None,
        most_cost: float | None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """
        Args:
            folder: of the answers.
            per_minute, price, most_cost: see :class:`baselines.service_terms.Terms`.
            wait: called with seconds.
        """
        self._folder, self._wait = folder, wait
        self._per_minute, self._price, self._most_cost = per_minute, price, most_cost

    def spend(self) -> None:
        """Add the price of an image.

        Raises:
            UserError: the limit would be exceeded.
        """
        if not self._price:
            return
        with self._open() as values:
            spent = float(values.get("spent", 0.0))
            if self._most_cost is not None and spent + self._price > self._most_cost + 1e-9:
                raise UserError(
                    f"Another image would cost more than method.terms.most_cost={self._most_cost:g}: {spent:g} is spent in {self._folder}. "
                    "What is finished is kept. Give a higher limit and repeat the command."
                )
            values["spent"] = round(spent + self._price, 6)

    def give_back(self) -> None:
        """Take the price of an image off again, which the service has not made."""
        if self._price:
            with self._open() as values:
                values["spent"] = round(max(0.0, float(values.get("spent", 0.0)) - self._price), 6)

    def take_turn(self) -> None:
        """Wait until the rate allows another request."""
        if self._per_minute is None:
            return
        with self._open() as values:
            now = time.time()
            turn = max(now, float(values.get("next", 0.0)))
            turn = now if turn - now > LONGEST_TURN else turn
            values["next"] = turn + 60 / self._per_minute
        if turn > now:
            self._wait(turn - now)

    @contextmanager
    def _open(self) -> Iterator[dict[str, Any]]:
        """Yield the file's values under its lock, and write them at the end of a block without an error."""
        path = self._folder / "ledger.json"
        with writing(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
        with writing(self._folder), FileLock(self._folder / "ledger.lock"):
            try:
                values: dict[str, Any] = json.loads(path.read_text())
            except (OSError, ValueError):
                values = {}
            yield values
            store(path, json.dumps(values).encode())
