"""What the state of a run's pairs is reported as, and which of them become tasks."""

from __future__ import annotations

from eval.engine.plan import Finding, describe_findings, plan
from eval.runs.cards import MetricCards
from tedbench.pair import Entry

MISSING = ((0.5, 0),)


def entry(name: str) -> Entry:
    return Entry(f"{name}.png", f"A photo of a {name}.")


def test_a_damaged_pair_whose_input_cannot_be_read_is_no_task_and_not_called_there() -> None:
    whole = Finding(entry("dog"))
    damaged = Finding(entry("cat"), MISSING, "cat-1: an image is damaged.", rewrite=True, unreadable=True)
    new = Finding(entry("cup"), MISSING)
    assert [task.entry for task in plan([whole, damaged, new])] == [new.entry]
    said = list(describe_findings([whole, damaged, new], MetricCards(), []))
    assert said[-1] == "1 of 3 pairs are already there" and said[0] == damaged.damage


def test_nothing_is_called_there_where_every_pair_lacks_images() -> None:
    damaged = Finding(entry("cat"), MISSING, "cat-1: an image is damaged.", rewrite=True, unreadable=True)
    assert not any("already there" in line for line in describe_findings([damaged], MetricCards(), []))


def test_failed_pairs_count_as_there_until_they_are_tried_again() -> None:
    findings = [Finding(entry("dog"), failed="no source text"), Finding(entry("cup"), MISSING)]
    (line,) = describe_findings(findings, MetricCards(), [])
    assert line == "1 of 2 pairs are already there, 1 of them failed; run.retry_failed=true tries again"
