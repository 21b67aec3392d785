"""A finished run is known without its model: the same command again says so in a moment."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Iterator
from glob import escape
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig

from cli.command import resolved
from eval.runs.config import check_names
from eval.runs.corrections import corrections
from eval.runs.files import file_digest
from eval.runs.folder import Run
from eval.runs.input_digest import Inputs
from eval.runs.listing import listed
from eval.runs.provenance import package_version
from eval.runs.shard import Shard
from eval.runs.writer import RunWriter
from imagic.models.device import cpu_threads
from imagic.models.weights import EMBEDDED, digest, locate, locate_all
from tedbench.datasets.base import Dataset
from tedbench.datasets.build import build_dataset
from tedbench.disk import is_file
from tedbench.errors import UserError
from tedbench.pair import Entry

RECORD = "complete.json"
OUTPUTS = ("samples.parquet", "scores.parquet", "curves.csv", "curves.png", "curves.pdf", "strips.png", "report.html")
ELSEWHERE = ("run_dir", "run", "executor")
"""Settings that say how a run is made, and not what it is."""
WEIGHTS = ("model", "pretrained", "backbone", "weights")
"""Settings of metrics and methods that may name a file or folder of weights."""


def write_record(run: RunWriter, dataset: Dataset, cfg: DictConfig) -> None:
    """Writes down that a run has all that was asked, and what it looks like.

    Args:
        run: without failures, with its tables, curves and report.
        dataset: the pairs that were asked for.
        cfg: the configuration that was given.
    """
    plain = resolved(cfg)
    record = {
        **_asked(plain),
        "shards": {entry.id: _state(run.shard(entry.id)) for entry in dataset.entries},
        "outputs": {name: file_digest(run.folder / name) for name in OUTPUTS if (run.folder / name).exists()},
    }
    run.write_json(RECORD, record)


class Found(NamedTuple):
    """A complete run: its folder, and how many pairs it was asked for."""

    folder: Path
    pairs: int


def find_complete(cfg: DictConfig) -> Found | None:
    """The run that a command asks for, where it is there, whole and made from the same inputs and weights.

    None says nothing: the run is then to be looked at in earnest.

    Raises:
        UserError: a name that no run can have.
    """
    plain = resolved(cfg)
    check_names(plain)
    if plain["executor"].get("shard") is not None:
        return None
    name = "-".join([*(str(plain[block]["name"]) for block in ("dataset", "model", "method")), ""])
    folders = [Path(str(plain["run_dir"]))] if plain["run_dir"] else sorted(Path("runs").glob(f"{escape(name)}*"))
    for folder in folders:
        try:
            record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
            run = Run.open(folder)
            if _asked(plain).items() <= record.items() and _same(run, record, plain):
                return Found(folder, len(record["shards"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, UserError):
            continue
    return None


def _asked(plain: dict[str, Any]) -> dict[str, Any]:
    """What must be the same for a command to mean the same run: its settings, and what it finds of this machine."""
    settings = {key: value for key, value in plain.items() if key not in ELSEWHERE}
    text = json.dumps(settings, sort_keys=True, default=str)
    return {
        "asked": hashlib.sha256(text.encode()).hexdigest(),
        "machine": socket.gethostname(),
        "threads": cpu_threads(plain["numerics"]["threads"]),
        "version": package_version("imagic-bench"),
        "files": sorted(_weights({"metrics": plain["metrics"], "method": plain["method"]})),
    }


def _weights(settings: dict[str, Any]) -> Iterator[str]:
    """Name, size and time of change of every file that settings give metrics and method for their own networks."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _weights(value)
        elif key in WEIGHTS and isinstance(value, str):
            path = locate(value) if value.startswith(EMBEDDED) else Path(value).expanduser()
            for file in (path, *path.glob("*")):
                if is_file(file):
                    stat = file.stat()
                    yield f"{file.absolute()} {stat.st_size} {stat.st_mtime_ns}"


def _same(run: Run, record: dict[str, Any], plain: dict[str, Any]) -> bool:
    model = run.config()["fit"]["model"]
    if model is not None and model["digest"] != digest(*locate_all(plain["model"]).values()):
        return False
    if any(file_digest(run.folder / name) != known for name, known in record["outputs"].items()):
        return False
    dataset = build_dataset(plain["dataset"])
    if [entry.id for entry in dataset.entries] != list(record["shards"]):
        return False
    inputs = Inputs(dataset)
    if listed(run.folder) not in (None, frozenset(dataset.listed)):
        return False
    return all(_whole(run.shard(entry.id), entry, record["shards"][entry.id], inputs) for entry in dataset.entries)


def _whole(shard: Shard, entry: Entry, state: str, inputs: Inputs) -> bool:
    """Whether a shard is as it was, and its pair too, as far as its pictures can be read."""
    return (
        _state(shard) == state
        and not shard.broken(thorough=True)
        and not any(isinstance(table, Exception) for table in shard.score_tables())
        and not corrections(shard, entry, inputs)
        and inputs.truth(entry) is not ...
        and inputs.digest(entry) in (shard.info()["input"], None)
    )


def _state(shard: Shard) -> str:
    """A digest of what a shard says of its files."""
    found = hashlib.sha256((shard.folder / "done").read_bytes())
    sums = shard.folder / "scores" / "sums.json"
    if sums.exists():
        found.update(sums.read_bytes())
    return found.hexdigest()
