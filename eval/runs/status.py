"""The status of a run, read from its folder alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from eval.runs.folder import Run
from eval.runs.lock import Owner


class Status(NamedTuple):
    """The status of a run.

    Attributes:
        pairs: number of pairs that the last command asked for, or that have some of its images, if these are more.
        images: expected number of images, those of earlier commands included.
        done: number of pairs that have all images that the last command asked for.
        made: number of images that exist.
        scores: number of images that have a score (or the reason why there is none), by metric.
        failed: reasons of failed pairs, by pair id.
        damaged: descriptions of what is damaged, by pair id.
        owners: the commands that work on the run now.
        running: ids of the pairs that they work on.
        remaining: estimated seconds for the pairs that are left; None if unknown.
    """

    pairs: int
    images: int
    done: int
    made: int
    scores: dict[str, int]
    failed: dict[str, str]
    damaged: dict[str, str]
    owners: list[Owner]
    running: list[str]
    remaining: float | None

    @property
    def complete(self) -> bool:
        """True if every pair has all its images, undamaged."""
        return self.done >= self.pairs and not self.failed and not self.damaged


def status_of(run: Run, thorough: bool = False) -> Status:
    """Return the status of a run.

    Args:
        run: the run.
        thorough: verify the checksum of every file.
    """
    from eval.runs.files import DamagedError
    from eval.runs.folder import last_start
    from eval.runs.lock import owners
    from eval.runs.shard import damage_text

    events, at_work = run.events(), owners(run.folder)
    start = last_start(events)
    done = made = others = concerned = 0
    scores: dict[str, int] = {}
    failed, damaged = {}, {}
    shards = run.shards()
    for shard in shards:
        try:
            info, broken = shard.info(), damage_text(shard.broken(thorough))
            samples = shard.sample_table()
        except DamagedError as error:
            damaged[shard.id] = str(error)
            continue
        except OSError:  # it is being replaced
            continue
        rows = samples.select(["strength", "seed", "status"]).to_pylist()
        status = {(row["strength"], row["seed"]): row["status"] for row in rows}
        have = {key for key in status if status[key] == "ok"}
        made += len(have)
        others += len(status.keys() - start.requests)
        concerned += bool(status.keys() & start.requests)
        for table in shard.score_tables():
            if isinstance(table, DamagedError):
                broken = "; ".join(filter(None, (broken, str(table))))
            elif len(table):
                metric = table["metric"][0].as_py()
                scores[metric] = scores.get(metric, 0) + len(table)
        if broken:
            damaged[shard.id] = broken
        if info.get("status") == "failed":
            failed[shard.id] = info["reason"]
        elif have >= start.requests:
            done += 1
    pairs = max(start.pairs, concerned)
    remaining = time_left(events, at_work, pairs - done - len(failed), time.time())
    images = pairs * len(start.requests) + others
    return Status(pairs, images, done, made, scores, failed, damaged, at_work, _running(events, at_work), remaining)


def _running(events: Sequence[dict[str, Any]], at_work: Sequence[Owner]) -> list[str]:
    """Return the ids of pairs that the current commands have begun and not ended."""
    if not at_work:
        return []
    since = min(owner.since for owner in at_work)
    found: dict[str, None] = {}
    for event in events:
        if event["event"] == "begin" and event["time"] >= since:
            found[event["pair"]] = None
        elif event["event"] in ("pair", "failure"):
            found.pop(event["pair"], None)
    return list(found)


def time_left(events: Sequence[dict[str, Any]], at_work: Sequence[Owner], pairs: int, now: float) -> float | None:
    """Estimate the remaining seconds from the rate since the first of the current commands took its lock.

    Before one of their pairs has ended, or if no command is at work, the mean time of earlier pairs is used instead.

    Args:
        events: of the run.
        at_work: the commands that work on the run.
        pairs: number of remaining pairs.
        now: the time in seconds since 1970.

    Returns:
        Seconds; None if no pair has ended.
    """
    if pairs <= 0:
        return 0.0
    ended = [event for event in events if event["event"] == "pair"]
    if at_work:
        since = min(owner.since for owner in at_work)
        if lately := [event["time"] for event in ended if event["time"] > since]:
            rate = (max(lately) - since) / len(lately)
            return max(rate * pairs - (now - max(lately)), 0.0)
    took = [event.get("fit_s", 0.0) + event.get("sample_s", 0.0) for event in ended]
    return sum(took) / len(took) * pairs / max(len(at_work), 1) if took else None
