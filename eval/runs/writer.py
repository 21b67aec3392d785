"""A run's folder, written: shards that are there whole or not at all, and what is made from them."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pandas as pd
import yaml
from filelock import FileLock

from eval.runs.cards import Cards, MetricCard, MetricCards
from eval.runs.corrections import TRUTH, corrected_texts, depends, truth_digest
from eval.runs.files import (
    DamagedError,
    clear_half_written,
    file_digest,
    link_or_copy,
    replace_text,
    sync_folder,
    write_table,
)
from eval.runs.folder import Run
from eval.runs.input_digest import input_digest, pixel_digest
from eval.runs.listing import Listing, write_listing
from eval.runs.lock import RunLock
from eval.runs.place import read_config, require_place, with_own_list
from eval.runs.shard import KEY, SAMPLE_COLUMNS, SIZE_COLUMNS, Shard, sizes
from tedbench.disk import writing
from tedbench.image import write_png
from tedbench.method import Origins, Sample, format_strength, rounded_strength
from tedbench.pair import EditPair, Entry

LEFTOVER = re.compile(r"\.(?P<id>.+)\.[0-9a-f]{8}\.(?P<state>new|old)", re.DOTALL)
"""What a shard's folder is called while it is written, or moved aside for its successor."""


class RunWriter(Run):
    """A run's folder that is being written. Its tables are read anew each time; whoever adds pairs holds its lock."""

    @classmethod
    def create(
        cls, folder: Path, config: dict[str, Any], lock: RunLock | None = None, listing: Listing | None = None
    ) -> Self:
        """A new run, or the same one again.

        Args:
            folder: of the run.
            config: of :func:`eval.runs.config.run_config`. Its blocks ``fit`` and ``numerics`` are what a run *is*, the
                others may differ from one call to the next; cards of metrics that the run has already stay.
            lock: of the folder; it is taken before anything is written, and stays with the caller.
            listing: the list that its pairs are from; what it lacks of them is left out from now on.

        Raises:
            UserError: the folder holds a run of another ``fit`` or ``numerics`` (says what differs), of another list, or
                something else; or another command works on it.
        """
        require_place(folder, config, listing)
        if lock is not None:
            lock.acquire()
            require_place(folder, config, listing)
        config = with_own_list(folder, config)
        with writing(folder), _configuring(folder):
            folder.mkdir(parents=True, exist_ok=True)
            if (folder / "config.yaml").exists():
                config = _with_metrics(config, read_config(folder / "config.yaml")["cards"]["metrics"])
            _write_config(folder, config)
            (folder / "pairs").mkdir(exist_ok=True)
            if listing is not None:
                write_listing(folder, listing)
        return cls(folder)

    def reader(self) -> Run:
        """Return the run as it is now, to be read: its tables are read once."""
        return Run(self.folder)

    @property
    def metrics(self) -> MetricCards:
        return Cards.from_config(self.config()["cards"]).metrics

    def add_metrics(self, cards: Iterable[MetricCard]) -> None:
        """Write metrics' cards into config.yaml; those of other metrics stay, also where other commands add some now.

        Raises:
            UserError: config.yaml is damaged, or cannot be written.
        """
        with writing(self.folder), _configuring(self.folder):
            config = self.config()
            known = config["cards"]["metrics"]
            more = known | {card.name: card.to_config() for card in cards}
            if more != known:
                config["cards"]["metrics"] = more
                _write_config(self.folder, config)

    def samples(self) -> pd.DataFrame:
        return self._read_samples()

    def scores(self) -> pd.DataFrame:
        return self._read_scores()

    def write_shard(self, pair: EditPair, samples: Sequence[Sample], origins: Origins | None = None) -> None:
        """Keeps a pair's input and edited images, together with those of an earlier, smaller sweep.

        What the earlier ones lack, or what was changed since, is left out of them. Without ``samples`` the pair's input
        and true edit alone are written again. Scores that are of other texts or another true edit are forgotten.

        Args:
            pair: the input, and the true edit where it is known.
            samples: of the pair.
            origins: the files that images made elsewhere come from; what was read from others is left out too.
        """
        with self._new_shard(pair.entry, origins) as (folder, rows):
            if not samples and not rows:
                raise ValueError(f"no images for {pair.id}")
            _write_png(folder / "input.png", pair.image)
            truth = self._write_truth(folder, pair)
            made = {(rounded_strength(sample.strength), sample.seed) for sample in samples}
            rows[:] = [row for row in rows if (row["strength"], row["seed"]) not in made]
            Shard(folder).forget_scores(made)
            for strength, seed, image in samples:
                name = f"{self.labels['axis']}{format_strength(strength)}-s{seed}.png"
                _write_png(folder / name, image)
                row = self._row(pair.entry, strength, seed, f"pairs/{pair.id}/{name}", "ok", "")
                rows.append(row | sizes(pair, (origins or {}).get((strength, seed))))
            info = {"status": "ok", "input": input_digest(pair), "truth": truth}
            self._finish(folder, pair.entry, rows, info, origins)

    def _write_truth(self, folder: Path, pair: EditPair) -> str | None:
        """Keeps a pair's true edit in a folder that takes its shard's place; gives its digest, None where there is none."""
        truth, old = None if pair.truth is None else pixel_digest(pair.truth), self.shard(pair.id)
        if pair.truth is None:
            (folder / "truth.png").unlink(missing_ok=True)
        else:
            _write_png(folder / "truth.png", pair.truth)
        if old.exists() and truth_digest(old) != truth:
            metrics = self.metrics
            Shard(folder).forget_metrics(lambda metric: depends(metrics, metric, {TRUTH}))
        return truth

    def correct(self, entry: Entry, pair: EditPair | None = None) -> None:
        """Writes a shard again with what is known of its pair now; its images stay, and scores as :meth:`write_shard` says.

        Args:
            entry: the pair's.
            pair: with its true edit, where that may have changed.
        """
        old = self.shard(entry.id)
        info, lost = old.info(), old.broken(thorough=True)
        before = old.samples().to_dict("records")
        with self._new_shard(entry) as (folder, rows):
            have = {(row["strength"], row["seed"]) for row in rows}
            for row in before:
                if (row["strength"], row["seed"]) not in have:
                    why = (
                        row["reason"] or f"{Path(row['image']).name} {lost.get(Path(row['image']).name, 'is missing')}"
                    )
                    rows.append(self._row(entry, row["strength"], row["seed"], "", "failed", why))
            kept: dict[str, Any] = {
                name: info[name] for name in ("status", "reason", "unread", "input", "truth") if name in info
            }
            if pair is not None:
                kept["truth"] = self._write_truth(folder, pair)
            self._finish(folder, entry, rows, kept)

    def write_failure(
        self,
        entry: Entry,
        requests: Sequence[tuple[float, int]],
        reason: str,
        origins: Origins | None = None,
        *,
        unread: bool = False,
    ) -> None:
        """Keeps that a pair failed, as one row for each image that it lacks.

        Args:
            entry: the pair's.
            requests: the (strength, seed) that it should have.
            reason: in one line.
            origins: as in :meth:`write_shard`.
            unread: whether its pictures could not be read, so that it is tried again once they can.
        """
        with self._new_shard(entry, origins) as (folder, rows):
            have = {(row["strength"], row["seed"]) for row in rows}
            rows += [self._row(entry, s, k, "", "failed", reason) for s, k in requests if (s, k) not in have]
            had = self.shard(entry.id)
            known = {name: had.info().get(name) for name in ("input", "truth")} if had.exists() else {}
            known |= {"unread": True} if unread else {}
            self._finish(folder, entry, rows, {"status": "failed", "reason": reason, **known}, origins)

    @contextmanager
    def _new_shard(self, entry: Entry, origins: Origins | None = None) -> Iterator[tuple[Path, list[dict[str, Any]]]]:
        """A folder beside the shard's, which takes its place at the end.

        It starts with the pictures and scores of the old one, as far as they are whole and of the same texts and
        origins; the pictures' rows are given too, as the pair is known now.
        """
        final, token = self.folder / "pairs" / entry.id, secrets.token_hex(4)
        beside, old = (final.with_name(f".{entry.id}.{token}.{state}") for state in ("new", "old"))
        with writing(self.folder):
            try:
                beside.mkdir(parents=True)
                rows = _take_over(Shard(final), beside, Shard(final).replaced(origins or {}))
                if rows and (changed := corrected_texts(Shard(final), entry)):
                    metrics = self.metrics
                    Shard(beside).forget_metrics(lambda metric: depends(metrics, metric, changed))
                yield beside, [row | _known(entry) for row in rows]
                if final.exists():
                    final.rename(old)
                beside.rename(final)
                sync_folder(final.parent)
            except BaseException:
                if old.exists() and not final.exists():
                    old.rename(final)
                shutil.rmtree(beside, ignore_errors=True)
                raise
            finally:
                shutil.rmtree(old, ignore_errors=True)

    def clear_leftovers(self, ids: Collection[str] | None = None) -> None:
        """Takes away what killed processes left half-written; a shard moved aside for its successor comes back.

        Args:
            ids: the pairs that nobody else is writing; None for all. Whoever calls this holds the folder's lock.
        """
        with writing(self.folder):
            clear_half_written(self.folder)
            for left in (self.folder / "pairs").iterdir():
                named = LEFTOVER.fullmatch(left.name)
                if not named or (ids is not None and named["id"] not in ids):
                    continue
                id, state = named["id"], named["state"]
                if state == "old" and not self.shard(id).folder.exists():
                    left.rename(self.shard(id).folder)
                else:
                    shutil.rmtree(left, ignore_errors=True)

    def _row(self, entry: Entry, strength: float, seed: int, image: str, status: str, reason: str) -> dict[str, Any]:
        return {
            **_known(entry),
            **self.labels,
            "strength": rounded_strength(strength),
            "seed": int(seed),
            "image": image,
            "status": status,
            "reason": reason,
            **dict.fromkeys(SIZE_COLUMNS, ""),
        }

    def _finish(
        self,
        folder: Path,
        entry: Entry,
        rows: list[dict[str, Any]],
        info: dict[str, Any],
        origins: Origins | None = None,
    ) -> None:
        had = self.shard(entry.id)
        digests = (had.origins() if had.exists() else {}) | {key: each.digest for key, each in (origins or {}).items()}
        if digests:
            info = info | {"origins": [[*key, digest] for key, digest in sorted(digests.items())]}
        table = pd.DataFrame(rows, columns=list(SAMPLE_COLUMNS)).sort_values(KEY)
        write_table(folder / "samples.parquet", table)
        texts = {"target_text": entry.target_text, **entry.texts()}
        paths = sorted(path for path in folder.iterdir() if path.is_file())
        files = {path.name: [path.stat().st_size, file_digest(path)] for path in paths}
        replace_text(folder / "done", json.dumps({**info, **texts, "files": files}, ensure_ascii=False))
        sync_folder(folder)

    def write_tables(self) -> None:
        """samples.parquet and scores.parquet, made anew from the shards."""
        for name, table in (("samples", self.samples()), ("scores", self.scores())):
            path = self.folder / f"{name}.parquet"
            with writing(path):
                write_table(path, table)

    def write_text(self, name: str, text: str) -> None:
        """Writes a file into the folder, whole or not at all."""
        with writing(self.folder / name):
            replace_text(self.folder / name, text)

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        self.write_text(name, json.dumps(content, indent=2, ensure_ascii=False) + "\n")

    def event(self, what: str, **facts: Any) -> None:
        """Appends to events.jsonl: everything that may differ between equal runs."""
        line = json.dumps({"time": round(time.time(), 3), "event": what, **facts}, ensure_ascii=False) + "\n"
        path = self.folder / "events.jsonl"
        with writing(path), open(path, "ab+") as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                line = line if file.read() == b"\n" else f"\n{line}"  # after a line that was cut off
            file.write(line.encode())


@contextmanager
def _configuring(folder: Path) -> Iterator[None]:
    """Keep out other commands that write the configuration of the same run, for a moment."""
    (folder / ".locks").mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".locks" / "config.lock"):
        yield


def _with_metrics(config: dict[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with the cards of more metrics, of which its own take precedence."""
    cards = config["cards"]
    return {**config, "cards": {**cards, "metrics": {**known, **cards["metrics"]}}}


def _write_config(folder: Path, config: Mapping[str, Any]) -> None:
    replace_text(folder / "config.yaml", yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True))


def _take_over(old: Shard, folder: Path, without: Collection[tuple[float, int]] = ()) -> list[dict[str, Any]]:
    """Gives what is whole of a shard to the folder that will take its place, without its tables; the rows of its images.

    Images and scores of the (strength, seed) ``without`` stay behind.
    """
    if not old.exists():
        return []
    broken = old.broken(thorough=True)  # what was changed must get no checksum of its own
    try:
        table = old.samples()
    except DamagedError:
        return []
    rows = [row for row in table.to_dict("records") if row["status"] == "ok"]
    rows = [row for row in rows if Path(row["image"]).name not in broken]
    rows = [row for row in rows if (row["strength"], row["seed"]) not in without]
    for name in {"input.png", "truth.png", *(Path(row["image"]).name for row in rows)} - broken.keys():
        if (old.folder / name).exists():
            link_or_copy(str(old.folder / name), str(folder / name))
    if (old.folder / "scores").is_dir():
        ignore = shutil.ignore_patterns(".*")
        shutil.copytree(old.folder / "scores", folder / "scores", ignore=ignore, copy_function=link_or_copy)
    if without:
        Shard(folder).forget_scores(without)
    return [{str(key): value for key, value in row.items()} for row in rows]


def _known(entry: Entry) -> dict[str, Any]:
    """What a row says of its pair."""
    return {
        "pair_id": entry.id,
        "image_name": entry.image_name,
        "source_group": entry.image_name,
        "category": entry.category or "",
        "target_text": entry.target_text,
    }


def _write_png(path: Path, image: Any) -> None:
    path.unlink(missing_ok=True)  # another name of the old shard's picture, which must not change
    write_png(path, image)
