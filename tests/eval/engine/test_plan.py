"""What the state of a run's pairs is reported as, and which of them become tasks."""

from __future__ import annotations

import numpy as np

from eval.engine.plan import Finding, Wanted, describe_findings, describe_others, examine, plan
from eval.runs.cards import MetricCards
from eval.runs.writer import RunWriter
from tedbench.axis import Axis
from tedbench.datasets.base import Dataset
from tedbench.method import Description, Sample
from tedbench.pair import EditPair, Entry
from tests.made_runs import made_config

MISSING = ((0.5, 0),)


class Listed(Dataset):
    """Black pictures."""

    name = "listed"

    def read(self, entry: Entry) -> tuple[np.ndarray, None]:
        return np.zeros((8, 8, 3), np.uint8), None


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


def test_images_of_other_strengths_are_told(tmp_path) -> None:
    run = RunWriter.create(tmp_path / "run", made_config())
    for name, strengths in (("dog", (0.5, 1.0)), ("cat", (0.5,))):
        pair = EditPair(entry(name), np.zeros((8, 8, 3), np.uint8))
        run.write_shard(pair, [Sample(strength, 0, pair.image) for strength in strengths])
    run.write_failure(entry("cow"), [(0.7, 0)], "the loss became nan")
    axis, dataset = Axis("eta", "η", (0.0, 1.0)), Listed([entry("dog"), entry("cat"), entry("cow")], 8)

    def said(*requests: tuple[float, int]) -> list[str]:
        wanted = Wanted(dataset, Description("mine", axis, "sample"), requests)
        return list(describe_others(run, examine(run, wanted), axis))

    assert said((0.5, 0), (1.0, 0)) == []
    (line,) = said((0.5, 0))
    assert "has more already: η 1 with seed 0 of 1 pair." in line and "run_dir=" in line
