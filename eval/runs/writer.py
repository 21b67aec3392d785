"""Write access to a run's folder: configuration, atomic shards, tables and events."""

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
from eval.runs.corrections import TRUTH, corrected_texts, depends, region_digest, truth_digest
from eval.runs.files import (
    DamagedError,
    clear_half_written,
    file_digest,
    link_or_copy,
    replace_text,
    sync_folder,
    write_parquet,
)
from eval.runs.folder import Run
from eval.runs.input_digest import input_digest, mask_digest, pixel_digest
from eval.runs.listing import Listing, write_listing
from eval.runs.lock import RunLock
from eval.runs.place import read_config, require_place, with_own_list
from eval.runs.shard import KEY, SAMPLE_COLUMNS, SIZE_COLUMNS, Shard, sizes
from tedbench.axis import format_strength, rounded_strength
from tedbench.disk import writing
from tedbench.geometry import Returned
from tedbench.image import write_png
from tedbench.method import Origins, Sample
from tedbench.pair import EditPair, Entry

LEFTOVER = re.compile(r"\.(?P<id>.+)\.[0-9a-f]{8}\.(?P<state>new|old)", re.DOTALL)
"""Name of a shard's folder while it is written, or moved aside to be replaced."""


class RunWriter(Run):
    """A run's folder with write access. Tables are read at each call. Adding pairs requires the folder's lock."""

    @classmethod
    def create(
        cls, folder: Path, config: dict[str, Any], lock: RunLock | None = None, listing: Listing | None = None
    ) -> Self:
        """Create a run, or open the same one again.

        Args:
            folder: the run's folder.
            config: result of :func:`eval.runs.config.run_config`. The blocks ``fit`` and ``numerics`` must be the same
                as before, others may differ; cards of other metrics that the run has are kept.
            lock: the folder's lock, which is acquired before anything is written, and not released here.
            listing: the list of the pairs; pairs of the run that it lacks are left out of shards and tables.

        Raises:
            UserError: the folder holds a run with another ``fit`` or ``numerics``, of another list, or something else;
                another command works on it; or it cannot be written to.
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
        """Return a read-only view of the run, whose tables are read once."""
        return Run(self.folder)

    @property
    def metrics(self) -> MetricCards:
        return Cards.from_config(self.config()["cards"]).metrics

    def add_metrics(self, cards: Iterable[MetricCard]) -> None:
        """Write metrics' cards into config.yaml; cards of other metrics are kept, also those that other commands add.

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

    def write_shard(
        self,
        pair: EditPair,
        samples: Sequence[Sample],
        origins: Origins | None = None,
        returned: Mapping[tuple[float, int], Returned] | None = None,
    ) -> None:
        """Write a pair's input, true edit and edited images, together with the undamaged images of its existing shard.

        A new sample replaces the old image of the same (strength, seed), and its scores are deleted. Scores that depend
        on corrected texts or another true edit are deleted too. Without ``samples`` no image is added: input, true edit
        and texts are written again, and rows of damaged or failed images are dropped.

        Args:
            pair: the pair.
            samples: its new edited images.
            origins: the files of images made elsewhere; existing images from other files are dropped.
            returned: the forms of images whose size their editor chose.

        Raises:
            ValueError: there are neither new nor existing images.
            UserError: the folder cannot be written to.
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
                found = (origins or {}).get((strength, seed)) or (returned or {}).get((strength, seed))
                rows.append(row | sizes(pair, found))
            info = {"status": "ok", "input": input_digest(pair), "truth": truth} | _region(pair)
            self._finish(folder, pair.entry, rows, info, origins)

    def _write_truth(self, folder: Path, pair: EditPair) -> str | None:
        """Write a pair's true edit into a new shard's folder; return its digest, None if there is none.

        Scores that depend on the true edit are deleted if it has changed.
        """
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
        """Write a shard again with corrected texts, category, true edit or mask; images are kept.

        Scores that depend on a correction are deleted. Damaged and missing images become rows with status "failed".

        Args:
            entry: the corrected entry.
            pair: the pair with its corrected true edit and mask; None keeps those that were recorded.
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
                name: info[name] for name in ("status", "reason", "unread", "input", "truth", "region") if name in info
            }
            if pair is not None:
                kept.pop("region", None)
                kept |= {"truth": self._write_truth(folder, pair)} | _region(pair)
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
        """Record the failure of a pair, with one row for each missing image.

        Args:
            entry: the pair.
            requests: the (strength, seed) that it should have.
            reason: the reason in one line.
            origins: see :meth:`write_shard`.
            unread: True if its pictures could not be read, so that it is tried again once they can.
        """
        with self._new_shard(entry, origins) as (folder, rows):
            have = {(row["strength"], row["seed"]) for row in rows}
            rows += [self._row(entry, s, k, "", "failed", reason) for s, k in requests if (s, k) not in have]
            had = self.shard(entry.id)
            known = {name: had.info().get(name) for name in ("input", "truth")} if had.exists() else {}
            known |= {"region": region} if had.exists() and (region := region_digest(had)) else {}
            known |= {"unread": True} if unread else {}
            self._finish(folder, entry, rows, {"status": "failed", "reason": reason, **known}, origins)

    @contextmanager
    def _new_shard(self, entry: Entry, origins: Origins | None = None) -> Iterator[tuple[Path, list[dict[str, Any]]]]:
        """Yield a temporary folder, which replaces the shard at the end, and the rows of the images in it.

        It starts with the undamaged images and scores of the old shard, without scores that depend on corrected texts
        and images from other ``origins``; the rows have the present texts.
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
        """Delete temporary files of killed processes; a shard that was moved aside and not replaced is restored.

        The caller must hold the lock of these pairs.

        Args:
            ids: the pairs to clear; None for all.
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
        write_parquet(folder / "samples.parquet", table)
        texts = {"target_text": entry.target_text, **entry.texts()}
        paths = sorted(path for path in folder.iterdir() if path.is_file())
        files = {path.name: [path.stat().st_size, file_digest(path)] for path in paths}
        replace_text(folder / "done", json.dumps({**info, **texts, "files": files}, ensure_ascii=False))
        sync_folder(folder)

    def write_tables(self) -> None:
        """Write samples.parquet and scores.parquet from the shards."""
        for name, table in (("samples", self.samples()), ("scores", self.scores())):
            path = self.folder / f"{name}.parquet"
            with writing(path):
                write_parquet(path, table)

    def write_text(self, name: str, text: str) -> None:
        """Write a text file into the folder atomically."""
        with writing(self.folder / name):
            replace_text(self.folder / name, text)

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        self.write_text(name, json.dumps(content, indent=2, ensure_ascii=False) + "\n")

    def event(self, what: str, **facts: Any) -> None:
        """Append to events.jsonl, which has everything that may differ between equal runs."""
        line = json.dumps({"time": round(time.time(), 3), "event": what, **facts}, ensure_ascii=False) + "\n"
        path = self.folder / "events.jsonl"
        with writing(path), open(path, "ab+") as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                line = line if file.read() == b"\n" else f"\n{line}"  # after an incomplete line
            file.write(line.encode())


def _region(pair: EditPair) -> dict[str, str]:
    """Return the digest of a pair's mask for its record; empty for a pair without one."""
    digest = mask_digest(pair)
    return {} if digest is None else {"region": digest}


@contextmanager
def _configuring(folder: Path) -> Iterator[None]:
    """Hold the lock of a run's configuration."""
    (folder / ".locks").mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".locks" / "config.lock"):
        yield


def _with_metrics(config: dict[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration with the cards of more metrics; its own take precedence."""
    cards = config["cards"]
    return {**config, "cards": {**cards, "metrics": {**known, **cards["metrics"]}}}


def _write_config(folder: Path, config: Mapping[str, Any]) -> None:
    replace_text(folder / "config.yaml", yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True))


def _take_over(old: Shard, folder: Path, without: Collection[tuple[float, int]] = ()) -> list[dict[str, Any]]:
    """Link or copy the undamaged images and scores of a shard to a new folder, and return the rows of the images.

    Images and scores of the (strength, seed) in ``without`` are left out.
    """
    if not old.exists():
        return []
    broken = old.broken(thorough=True)  # a changed file must not get a new checksum
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
    """Return the columns of a row that describe its pair."""
    return {
        "pair_id": entry.id,
        "image_name": entry.image_name,
        "source_group": entry.image_name,
        "category": entry.category or "",
        "target_text": entry.target_text,
    }


def _write_png(path: Path, image: Any) -> None:
    path.unlink(missing_ok=True)  # may be a hard link to the old shard's image, which must not change
    write_png(path, image)
