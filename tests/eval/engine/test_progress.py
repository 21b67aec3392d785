"""Progress on the terminal and in plain lines."""

import io

import pytest
from rich.console import Console

from eval.engine import progress
from eval.engine.progress import Reporter
from tedbench.pair import Entry

ENTRIES = [Entry(f"{number}.png", "A dog.") for number in range(8)]


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def said(reporter: Reporter) -> list[str]:
    return reporter.console.file.getvalue().splitlines()


def work(reporter: Reporter, clock: Clock, entry: Entry, end: float, failure: str | None = None) -> None:
    """Start a pair now, and end it at a time."""
    reporter.start_pair(entry)
    clock.now = end
    reporter.end_pair(entry, failure)


def test_a_line_has_the_time_left_at_the_pace_so_far(clock):
    reporter = Reporter(Console(file=io.StringIO(), width=200))
    with reporter.pairs(8):
        work(reporter, clock, ENTRIES[0], 10.0)
        work(reporter, clock, ENTRIES[1], 20.0, "the loss became nan")
        work(reporter, clock, ENTRIES[2], 24.0)
    assert said(reporter)[0].endswith("10 s, about 70 s left")
    assert said(reporter)[1].startswith("failed")
    assert said(reporter)[2].endswith("4 s, about 40 s left")


def test_pairs_that_are_computed_together_do_not_multiply_the_time_left(clock):
    reporter = Reporter(Console(file=io.StringIO(), width=200))
    with reporter.pairs(8):
        for entry in ENTRIES[:4]:
            reporter.start_pair(entry)
        clock.now = 40.0
        for entry in ENTRIES[:4]:
            reporter.end_pair(entry, None)
    assert said(reporter)[0].endswith("about 88 s left")  # 40 s for one pair, and for half of the other three
    assert said(reporter)[-1].endswith("about 40 s left")


def test_the_bar_has_the_time_left_after_one_long_pair(clock):
    reporter = Reporter(Console(file=io.StringIO(), width=200, force_terminal=True))
    with reporter.pairs(3):
        work(reporter, clock, ENTRIES[0], 90.0)
        clock.now = 100.0
        reporter._bars.refresh()
    assert "0:02:50" in reporter.console.file.getvalue()


def test_the_last_line_has_no_time_left(clock):
    reporter = Reporter(Console(file=io.StringIO(), width=200))
    with reporter.pairs(1):
        work(reporter, clock, ENTRIES[0], 10.0)
    assert said(reporter)[0].endswith("  10 s")
