"""The difference between a run's folder and a command: read without printing or writing anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from eval.engine.correction_summary import CorrectionSummary
from eval.engine.task import Task
from eval.runs.cards import MetricCards
from eval.runs.corrections import MASK, TABLED, corrections, region_digest
from eval.runs.files import DamagedError
from eval.runs.folder import Run
from eval.runs.input_digest import Inputs
from eval.runs.shard import Shard, damage_text
from tedbench.axis import Axis, format_strength
from tedbench.datasets.base import Dataset
from tedbench.errors import UserError
from tedbench.method import Description
from tedbench.pair import Entry


@dataclass(frozen=True)
class Finding:
    """The state of one pair in a run's folder.

    Attributes:
        entry: the pair, as the dataset has it now.
        requests: the (strength, seed) that are missing.
        damage: description of damaged files in one line; empty if there are none.
        rewrite: True if the undamaged files of a damaged shard must be written again.
        corrected: names of the corrections that its shard should take over, see :mod:`eval.runs.corrections`.
        told: names of the corrections to report to the user; those of a pair without images are not reported.
        scored: names of the metrics with scores of a pair that has corrections to report.
        replaced: True if images made elsewhere come from other files than before.
        unreadable: True if its pictures cannot be read now, although its shard has images.
        failed: the reason that its shard keeps, if it failed and is not tried again.
        unfilled: all requests of a failed pair, if some of them have no row yet, so that the missing rows are written.
        unread: True if it failed because its pictures could not be read.
        others: the (strength, seed) of its images that the command does not ask for.
    """

    entry: Entry
    requests: Sequence[tuple[float, int]] = ()
    damage: str = ""
    rewrite: bool = False
    corrected: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    scored: Sequence[str] = ()
    replaced: bool = False
    unreadable: bool = False
    failed: str | None = None
    unfilled: Sequence[tuple[float, int]] = ()
    unread: bool = False
    others: Sequence[tuple[float, int]] = ()

    @property
    def settled(self) -> bool:
        """True if there is nothing to make or to repair."""
        return not (self.requests or self.damage or self.corrected or self.unfilled)


@dataclass(frozen=True)
class Wanted:
    """The images that every pair of a run should have.

    Attributes:
        dataset: the pairs.
        method: description of the method.
        requests: the (strength, seed) of each pair.
        retry_failed: True if pairs that failed are tried again.
        inputs: digests of the dataset's pictures.
    """

    dataset: Dataset
    method: Description
    requests: Sequence[tuple[float, int]]
    retry_failed: bool = False
    inputs: Inputs = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", Inputs(self.dataset))


def examine(run: Run, wanted: Wanted) -> list[Finding]:
    """Compare a run's folder with the wanted images; return one finding a pair, in the dataset's order.

    Raises:
        UserError: the input of a pair whose input digest is recorded has changed, or a text or mask that finished images
            depend on.
    """
    return [examine_pair(run, wanted, entry) for entry in wanted.dataset.entries]


def examine_pair(run: Run, wanted: Wanted, entry: Entry) -> Finding:
    """Compare one pair's shard with the wanted images; see :func:`examine`.

    A pair that failed is complete unless it is tried again or its files have changed.
    """
    shard, requests = run.shard(entry.id), wanted.requests
    if not shard.exists():
        return Finding(entry, requests)
    info = shard.info()
    try:
        rows = shard.samples()
    except DamagedError as error:
        return Finding(entry, requests, f"{error} The pair is made again.")
    made = bool((rows["status"] == "ok").any())
    if made:
        _require_same_texts(run, wanted, entry, info)
        _require_same_mask(run, wanted, entry, shard)
    if info.get("input"):
        _require_same_input(run, wanted, entry, info["input"])
    found = corrections(shard, entry, wanted.inputs)
    corrected = found if made else tuple(name for name in found if name in TABLED)
    told = found if made else ()
    scored = shard.score_names() if told else ()
    unreadable = made and wanted.inputs.digest(entry) is None
    changed = shard.replaced(wanted.method.origins(entry)).intersection(requests)
    others = tuple(sorted(_keys(rows[rows["status"] == "ok"]) - set(requests)))
    if info["status"] == "failed" and not changed and not _tried_again(wanted, entry, info, rows):
        have = _keys(rows)
        return Finding(
            entry,
            corrected=corrected,
            told=told,
            scored=scored,
            unreadable=unreadable,
            failed=info["reason"],
            unfilled=requests if set(requests) - have else (),
            unread=info.get("unread", False),
            others=others,
        )
    rows = rows[rows["status"] == "ok"]
    broken = shard.broken(thorough=True)
    if broken:
        rows = rows[[Path(image).name not in broken for image in rows["image"]]]
    have = _keys(rows) - changed
    return Finding(
        entry,
        [request for request in requests if request not in have],
        f"{entry.id}: {damage_text(broken)}. What is lost is made again." if broken else "",
        rewrite=bool(broken and have),
        corrected=corrected if have and not broken else (),
        told=told,
        scored=scored,
        replaced=bool(changed),
        unreadable=unreadable,
        others=others,
    )


def _keys(rows: pd.DataFrame) -> set[tuple[float, int]]:
    return set(zip(rows["strength"], rows["seed"], strict=True))


def plan(findings: Sequence[Finding]) -> list[Task]:
    """Return a task for each pair that lacks images, in the findings' order.

    Left out are damaged pairs that keep some undamaged images but whose input cannot be read: :mod:`eval.engine.repair`
    marks their missing images as failed.
    """
    return [
        Task(finding.entry, finding.requests)
        for finding in findings
        if finding.requests and not (finding.rewrite and finding.unreadable)
    ]


def _tried_again(wanted: Wanted, entry: Entry, info: dict[str, Any], rows: pd.DataFrame) -> bool:
    """Return True if a failed pair is to be tried again: on request, or if a missing picture or text exists now."""
    if wanted.retry_failed:
        return True
    if info.get("unread"):
        return wanted.inputs.digest(entry) is not None
    made = (rows["status"] == "ok").any()
    return not made and any(info.get(name) != getattr(entry, name) for name in wanted.method.needs)


def _require_same_texts(run: Run, wanted: Wanted, entry: Entry, info: dict[str, Any]) -> None:
    for name in wanted.method.needs:
        if info.get(name) != getattr(entry, name):
            raise UserError(
                f"The {name} of {entry.id} is {getattr(entry, name)!r}, and {run.folder} was made with "
                f"{info.get(name)!r}. Give another run_dir."
            )


def _require_same_mask(run: Run, wanted: Wanted, entry: Entry, shard: Shard) -> None:
    if MASK in wanted.method.needs and wanted.inputs.mask(entry) not in (region_digest(shard), ...):
        raise UserError(
            f"The mask of {entry.id} is not the one that {run.folder} was made with. "
            "Restore it, or give another run_dir."
        )


def _require_same_input(run: Run, wanted: Wanted, entry: Entry, digest: str) -> None:
    if wanted.inputs.digest(entry) not in (digest, None):  # None: unreadable now, but finished images stay valid
        raise UserError(
            f"The image of {entry.id} is not the one that {run.folder} was made with. "
            "Restore it, or give another run_dir."
        )


def shards_of(run: Run, dataset: Dataset) -> list[Shard]:
    """Return the complete shards of a dataset's pairs."""
    return [shard for entry in dataset.entries if (shard := run.shard(entry.id)).exists()]


def describe_others(run: Run, findings: Sequence[Finding], axis: Axis) -> Iterator[str]:
    """Yield a line if the run has images of other strengths or seeds, which its tables show too."""
    others = [finding.others for finding in findings if finding.others]
    if others:
        strengths = ", ".join(map(format_strength, sorted({strength for each in others for strength, _ in each})))
        seeds = ", ".join(map(str, sorted({seed for each in others for _, seed in each})))
        yield (
            f"{run.folder} has more already: {axis.symbol} {strengths} with seed {seeds} of {len(others)} "
            f"pair{'s' * (len(others) > 1)}. Its tables show these too; run_dir=FOLDER makes a run of its own"
        )


def describe_findings(
    findings: Sequence[Finding], metrics: MetricCards, measured: Sequence[str], retry_failed: bool = False
) -> Iterator[str]:
    """Yield lines that describe findings: damage, corrections, replaced images and the number of finished pairs.

    Args:
        findings: of all pairs.
        metrics: cards of the run's metrics.
        measured: names of the metrics that the command measures.
        retry_failed: True if pairs that failed are tried again.
    """
    yield from (finding.damage for finding in findings if finding.damage)
    summary = CorrectionSummary(metrics)
    for finding in findings:
        summary.add(finding.told, finding.scored)
    yield from summary.lines(measured)
    if count := sum(finding.unreadable for finding in findings):
        of = "1 finished pair" if count == 1 else f"{count} finished pairs"
        yield f"The pictures of {of} cannot be read now; what the run has of them stays as it is."
    if replaced := [finding.entry.id for finding in findings if finding.replaced]:
        yield (
            f"the edited images of {len(replaced)} of {len(findings)} pairs, such as {replaced[0]}, "
            "are other files than before: they are made and scored again"
        )
    if kept := sum(not finding.requests for finding in findings):
        failed = sum(finding.failed is not None for finding in findings)
        again = f", {failed} of them failed; run.retry_failed=true tries again" if failed and not retry_failed else ""
        yield f"{kept} of {len(findings)} pairs are already there{again}"
