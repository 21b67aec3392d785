"""How far a run is, from its folder alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from eval.runs.folder import Run
from eval.runs.lock import Holder


class Status(NamedTuple):
    """How far a run is.

    Attributes:
        pairs: how many there should be.
        images: how many images there should be.
        done: pairs that have all their images.
        made: images that are there.
        scores: by metric, of how many images there are scores (or a reason why there is none).
        failed: reasons by pair id.
        damaged: what is wrong, by pair id.
        holders: the commands at work.
        in_hand: ids of the pairs that they work on.
        left: seconds that the other pairs will take about; None where that is not known.
    """

    pairs: int
    images: int
    done: int
    made: int
    scores: dict[str, int]
    failed: dict[str, str]
    damaged: dict[str, str]
    holders: list[Holder]
    in_hand: list[str]
    left: float | None

    @property
    def complete(self) -> bool:
        """Whether every pair has all its images, whole."""
        return self.done >= self.pairs and not self.failed and not self.damaged


def status_of(run: Run, thorough: bool = False) -> Status:
    """How far a run is.

    Args:
        run: which.
        thorough: compares the content of every file with what was written.
    """
    from eval.runs.files import DamagedError
    from eval.runs.folder import last_start
    from eval.runs.lock import holders
    from eval.runs.shard import listed

    events, at_work = run.events(), holders(run.folder)
    start = last_start(events)
    done = made = 0
    scores: dict[str, int] = {}
    failed, damaged = {}, {}
    shards = run.shards()
    for shard in shards:
        try:
            info, broken = shard.info(), listed(shard.broken(thorough))
            samples = shard.sample_table()
        except DamagedError as error:
            damaged[shard.id] = str(error)
            continue
        except OSError:  # its successor is just taking its place
            continue
        count = samples["status"].to_pylist().count("ok")
        made += count
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
        elif count >= start.samples_per_pair:
            done += 1
    pairs = max(start.pairs, len(shards))
    left = time_left(events, at_work, pairs - done - len(failed), time.time())
    images = pairs * start.samples_per_pair
    return Status(pairs, images, done, made, scores, failed, damaged, at_work, _in_hand(events, at_work), left)


def _in_hand(events: Sequence[dict[str, Any]], at_work: Sequence[Holder]) -> list[str]:
    """Pairs that were begun by those at work and have not ended."""
    if not at_work:
        return []
    since = min(holder.since for holder in at_work)
    found: dict[str, None] = {}
    for event in events:
        if event["event"] == "begin" and event["time"] >= since:
            found[event["pair"]] = None
        elif event["event"] in ("pair", "failure"):
            found.pop(event["pair"], None)
    return list(found)


def time_left(events: Sequence[dict[str, Any]], at_work: Sequence[Holder], pairs: int, now: float) -> float | None:
    """About how many seconds so many pairs take: at the rate of those at work since the first of them began.

    Before one of theirs has ended, or where nobody is at work, as long as earlier pairs took one after another.
    """
    if pairs <= 0:
        return 0.0
    ended = [event for event in events if event["event"] == "pair"]
    if at_work:
        since = min(holder.since for holder in at_work)
        if lately := [event["time"] for event in ended if event["time"] > since]:
            rate = (max(lately) - since) / len(lately)
            return max(rate * pairs - (now - max(lately)), 0.0)
    took = [event.get("fit_s", 0.0) + event.get("sample_s", 0.0) for event in ended]
    return sum(took) / len(took) * pairs / max(len(at_work), 1) if took else None
