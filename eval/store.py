"""A run's folder: its configuration, one immutable shard a pair, and tables made from the shards."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from tedbench.disk import writing
from tedbench.errors import UserError
from tedbench.image import read_image, write_png
from tedbench.method import Sample, format_strength
from tedbench.pair import EditPair, Entry

SAMPLE_COLUMNS = (
    "pair_id",
    "image_name",
    "source_group",
    "category",
    "target_text",
    "method",
    "model",
    "axis",
    "strength",
    "seed",
    "image",
    "status",
    "reason",
)
SCORE_COLUMNS = ("pair_id", "strength", "seed", "metric", "score", "reason")


def input_digest(pair: EditPair) -> str:
    """sha256 of the canonical input's pixels: tells when a file changed behind a name."""
    return hashlib.sha256(str(pair.image.shape).encode() + pair.image.tobytes()).hexdigest()


class Shard:
    """What one pair gave: written beside and renamed, so it is there whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def id(self) -> str:
        return self.folder.name

    def exists(self) -> bool:
        return (self.folder / "done").exists()

    def info(self) -> dict[str, Any]:
        """What ``done`` says: ``status``, ``reason``, ``input`` (digest of the input's pixels, if it was read), texts, objects."""
        return json.loads((self.folder / "done").read_text(encoding="utf-8"))

    def samples(self) -> pd.DataFrame:
        return pd.read_parquet(self.folder / "samples.parquet")

    def input(self) -> np.ndarray:
        return read_image(self.folder / "input.png")

    def truth(self) -> np.ndarray | None:
        """The true edited image, where it is known."""
        path = self.folder / "truth.png"
        return read_image(path) if path.exists() else None

    def image(self, name: str) -> np.ndarray:
        """A sample's picture, named as in the column ``image``."""
        return read_image(self.folder / Path(name).name)

    def scores(self) -> pd.DataFrame:
        """All metrics' scores so far; ``reason`` says why there is none (NaN), and is empty where there is one."""
        files = sorted((self.folder / "scores").glob("*.parquet"))
        frames = [pd.read_parquet(file).reindex(columns=list(SCORE_COLUMNS), fill_value="") for file in files]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(SCORE_COLUMNS))

    def score_file(self, metric: str) -> Path:
        return self.folder / "scores" / f"{metric.replace('/', '~')}.parquet"

    def write_scores(self, metric: str, scores: pd.DataFrame) -> None:
        """Adds (or replaces) one metric's scores."""
        path = self.score_file(metric)
        with writing(path):
            path.parent.mkdir(exist_ok=True)
            _write_table(path, scores.reindex(columns=list(SCORE_COLUMNS), fill_value=""))


class Run:
    """A run's folder.

    Args:
        folder: where it is.
        labels: the columns that are the same in every row: ``method``, ``model``, ``axis``.
    """

    def __init__(self, folder: Path, labels: dict[str, str]) -> None:
        self.folder, self.labels = folder, labels

    @classmethod
    def open(cls, folder: Path) -> Run:
        """An existing run, from its own configuration.

        Raises:
            UserError: there is no run in ``folder``.
        """
        run = cls(folder, {})
        try:
            run.labels = run.config()["labels"]
        except OSError:
            raise UserError(
                f"{folder} is not a run: it has no config.yaml. Give the folder that eval.run printed last."
            ) from None
        return run

    @classmethod
    def create(cls, folder: Path, config: dict[str, Any]) -> Run:
        """A new run, or the same one again.

        Args:
            folder: of the run.
            config: blocks ``fit``, ``numerics``, ``sweep``, ``measure``, ``how`` and ``labels``; the first two are what
                a run *is*, the others may differ from one call to the next.

        Raises:
            UserError: the folder holds a run of another ``fit`` or ``numerics``; says what differs.
        """
        path = folder / "config.yaml"
        if path.exists():
            old = yaml.safe_load(path.read_text(encoding="utf-8"))
            differing = [
                f"{key} was {before!r}, now {after!r}"
                for block in ("fit", "numerics")
                for key, before, after in _differences(old.get(block, {}), config[block], block)
            ]
            if differing:
                raise UserError(
                    f"{folder} holds a run of another configuration ({'; '.join(differing[:3])}). "
                    "Give another run_dir, or leave it out to have one named by its configuration."
                )
        elif folder.exists() and not folder.is_dir():
            raise UserError(f"{folder} is a file. Give another run_dir.")
        elif folder.exists() and any(not p.name.startswith(".config.yaml.") for p in folder.iterdir()):
            raise UserError(f"{folder} is not empty and not a run. Give another run_dir.")
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            _replace_text(path, yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
            (folder / "pairs").mkdir(exist_ok=True)
            _clear_leftovers(folder / "pairs")
        return cls(folder, config["labels"])

    def config(self) -> dict[str, Any]:
        """Its configuration, in the blocks of :meth:`create`."""
        return yaml.safe_load((self.folder / "config.yaml").read_text(encoding="utf-8"))

    def shard(self, pair_id: str) -> Shard:
        return Shard(self.folder / "pairs" / pair_id)

    def shards(self) -> list[Shard]:
        """All that are complete, by pair id."""
        folders = sorted(p for p in (self.folder / "pairs").iterdir() if not p.name.startswith("."))
        return [shard for shard in map(Shard, folders) if shard.exists()]

    def write_shard(self, pair: EditPair, samples: Sequence[Sample]) -> None:
        """Keeps a pair's input and edited images, together with those of an earlier, smaller sweep."""
        if not samples:
            raise ValueError(f"no images for {pair.id}")
        with self._new_shard(pair.entry) as (folder, kept):
            write_png(folder / "input.png", pair.image)
            if pair.truth is not None:
                write_png(folder / "truth.png", pair.truth)
            rows = [] if kept is None else [row for row in kept.to_dict("records") if row["status"] == "ok"]
            for strength, seed, image in samples:
                name = f"{self.labels['axis']}{format_strength(strength)}-s{seed}.png"
                write_png(folder / name, image)
                rows.append(self._row(pair.entry, strength, seed, f"pairs/{pair.id}/{name}", "ok", ""))
            self._finish(folder, pair.entry, rows, {"status": "ok", "input": input_digest(pair)})

    def write_failure(self, entry: Entry, requests: Sequence[tuple[float, int]], reason: str) -> None:
        """Keeps that a pair failed, as one row for each image that it lacks."""
        with self._new_shard(entry) as (folder, kept):
            rows = [] if kept is None else [row for row in kept.to_dict("records") if row["status"] == "ok"]
            have = {(row["strength"], row["seed"]) for row in rows}
            rows += [self._row(entry, s, k, "", "failed", reason) for s, k in requests if (s, k) not in have]
            had = Shard(self.folder / "pairs" / entry.id)
            known = {"input": had.info().get("input")} if had.exists() else {}
            self._finish(folder, entry, rows, {"status": "failed", "reason": reason, **known})

    @contextmanager
    def _new_shard(self, entry: Entry) -> Iterator[tuple[Path, pd.DataFrame | None]]:
        """A folder beside the shard's, which takes its place at the end; starts with what the old one had."""
        final = self.folder / "pairs" / entry.id
        beside, old = (final.with_name(f".{entry.id}.{os.getpid()}.{state}") for state in ("new", "old"))
        with writing(self.folder):
            shutil.rmtree(beside, ignore_errors=True)
            kept = None
            if (final / "done").exists():
                shutil.copytree(final, beside)
                shutil.rmtree(beside / "scores", ignore_errors=True)
                (beside / "done").unlink()
                kept = Shard(final).samples()
            else:
                beside.mkdir(parents=True)
            try:
                yield beside, kept
                if final.exists():
                    shutil.rmtree(old, ignore_errors=True)
                    final.rename(old)
                    beside.rename(final)
                    shutil.rmtree(old, ignore_errors=True)
                else:
                    beside.rename(final)
                _sync_folder(final.parent)
            except BaseException:
                shutil.rmtree(beside, ignore_errors=True)
                raise

    def _row(self, entry: Entry, strength: float, seed: int, image: str, status: str, reason: str) -> dict[str, Any]:
        return {
            "pair_id": entry.id,
            "image_name": entry.image_name,
            "source_group": entry.source_group,
            "category": entry.category or "",
            "target_text": entry.target_text,
            **self.labels,
            "strength": float(strength),
            "seed": int(seed),
            "image": image,
            "status": status,
            "reason": reason,
        }

    def _finish(self, folder: Path, entry: Entry, rows: list[dict[str, Any]], info: dict[str, Any]) -> None:
        table = pd.DataFrame(rows, columns=list(SAMPLE_COLUMNS)).sort_values(["strength", "seed"])
        _write_table(folder / "samples.parquet", table)
        names = ("target_text", "source_text", "source_object", "target_object")
        texts = {name: getattr(entry, name) for name in names}
        _replace_text(folder / "done", json.dumps({**info, **texts}, ensure_ascii=False))
        _sync_folder(folder)

    def samples(self) -> pd.DataFrame:
        """Every row of every shard, sorted."""
        frames = [shard.samples() for shard in self.shards()]
        table = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(SAMPLE_COLUMNS))
        return table.sort_values(["pair_id", "strength", "seed"], ignore_index=True)

    def scores(self) -> pd.DataFrame:
        """Every score of every shard, sorted."""
        frames = [frame for shard in self.shards() if len(frame := shard.scores())]
        table = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(SCORE_COLUMNS))
        return table.sort_values(["metric", "pair_id", "strength", "seed"], ignore_index=True)

    def write_tables(self) -> None:
        """samples.parquet and scores.parquet, made anew from the shards."""
        for name, table in (("samples", self.samples()), ("scores", self.scores())):
            path = self.folder / f"{name}.parquet"
            with writing(path):
                _write_table(path, table)

    def write_text(self, name: str, text: str) -> None:
        """Writes a file into the folder, whole or not at all."""
        with writing(self.folder / name):
            _replace_text(self.folder / name, text)

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        self.write_text(name, json.dumps(content, indent=2, ensure_ascii=False) + "\n")

    def event(self, what: str, **facts: Any) -> None:
        """Appends to events.jsonl: everything that may differ between equal runs."""
        with writing(self.folder / "events.jsonl"), open(self.folder / "events.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps({"time": round(time.time(), 3), "event": what, **facts}, ensure_ascii=False) + "\n")


def _clear_leftovers(pairs: Path) -> None:
    """What killed processes left: half-written shards go; a shard moved aside for its successor comes back."""
    for left in pairs.glob(".*"):
        id, pid, state = left.name.removeprefix(".").rsplit(".", 2)
        if _alive(int(pid)):
            continue
        if state == "old" and not (pairs / id).exists():
            left.rename(pairs / id)
        else:
            shutil.rmtree(left, ignore_errors=True)


def _alive(pid: int) -> bool:
    """Whether another process of this machine has that number."""
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _differences(old: dict[str, Any], new: dict[str, Any], prefix: str) -> list[tuple[str, Any, Any]]:
    found: list[tuple[str, Any, Any]] = []
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            found += _differences(before, after, f"{prefix}.{key}")
        elif before != after:
            found.append((f"{prefix}.{key}", before, after))
    return found


def _write_table(path: Path, table: pd.DataFrame) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with open(beside, "wb") as file:
        table.to_parquet(file, index=False)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _replace_text(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with open(beside, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
