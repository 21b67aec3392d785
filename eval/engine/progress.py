"""Progress on the terminal: bars with the time left, or plain lines where there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from eval.engine.signals import SignalGuard
from runtime.tables import open_console
from tedbench.pair import Entry


class Reporter:
    """Reports progress: pairs, the stages of the current pair, and messages.

    Attributes:
        console: the console to print to; standard output by default.
        failed: the pairs whose failure was printed.
        stop: while active, :meth:`step` and :meth:`advance` raise :class:`eval.engine.signals.Stopped` after a signal.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or open_console()
        self.failed: set[str] = set()
        self.stop = SignalGuard()
        self._bars: Progress | None = None
        self._total = self._count = 0
        self._start = 0.0
        self._started: dict[str, float] = {}

    def say(self, text: str) -> None:
        """Print a line."""
        self.console.print(escape(text), soft_wrap=True)

    @contextmanager
    def pairs(self, total: int, what: str = "pairs") -> Iterator[None]:
        """Show a bar while ``total`` pairs are worked on, if there is a terminal; ``what`` is its label."""
        self._total, self._count, self._start, self._started = total, 0, time.monotonic(), {}
        if not total or not self.console.is_terminal:
            yield
            return
        columns = (
            TextColumn("{task.description:<12}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            _TimeLeft(),
        )
        with Progress(*columns, console=self.console) as self._bars:
            self._pair_task = self._bars.add_task(what, total=total, end=None)
            self._step_task = self._bars.add_task("", total=1, end=None)
            try:
                yield
            finally:
                self._bars.remove_task(self._step_task)
        self._bars = None

    def start_pair(self, entry: Entry) -> None:
        """Note the start of a pair; several can be in progress at a time."""
        self._started[entry.id] = time.monotonic()

    @property
    def shows_steps(self) -> bool:
        """True if :meth:`step` is visible."""
        return self._bars is not None

    def step(self, stage: str, step: int, steps: int) -> None:
        """Show a step of a stage; a :data:`tedbench.method.Progress`.

        Raises:
            Stopped: the user interrupted the command.
        """
        self.stop.check()
        if self._bars is None:
            return
        if step == 1 or self._bars.tasks[-1].description != stage:
            self._bars.reset(self._step_task, description=stage, total=steps)
        self._bars.update(self._step_task, completed=step)

    def advance(self) -> None:
        """Advance the bar of pairs by one, without a message.

        Raises:
            Stopped: the user interrupted the command.
        """
        self.stop.check()
        self._count_one()

    def end_pair(self, entry: Entry, failure: str | None) -> None:
        """Report the end of a pair; ``failure`` is the reason if it failed."""
        took = time.monotonic() - self._started.pop(entry.id)
        self._count_one()
        if failure:
            self.failed.add(entry.id)
            self.console.print(f"[red]failed[/red] {escape(entry.id)}: {escape(failure)}", soft_wrap=True)
        elif self._bars is None:
            left = f", about {duration(self._seconds_left())} left" if self._count < self._total else ""
            self.say(f"[{self._count}/{self._total}] {entry.id}  {took:.0f} s{left}")

    def _count_one(self) -> None:
        self._count += 1
        if self._bars is not None:
            self._bars.update(self._pair_task, advance=1, end=time.monotonic() + self._seconds_left())

    def _seconds_left(self) -> float:
        """Return the time that the other pairs will take at the pace so far; those in progress count as half done."""
        done = self._count + len(self._started) / 2
        return (time.monotonic() - self._start) / done * (self._total - done)


class _TimeLeft(TimeRemainingColumn):
    """The time left: of a bar with the field ``end`` until then, of others at their own pace."""

    def render(self, task: Task) -> Text:
        end = task.fields["end"]
        if end is None:
            return super().render(task)
        seconds = timedelta(seconds=round(max(0.0, end - time.monotonic())))
        return Text(str(seconds), style="progress.remaining")


def duration(seconds: float) -> str:
    """Format seconds: "12 s", "3 min", "2.5 h"."""
    return (
        f"{seconds:.0f} s"
        if seconds < 100
        else f"{seconds / 60:.0f} min"
        if seconds < 6000
        else f"{seconds / 3600:.1f} h"
    )
