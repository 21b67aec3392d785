"""Description of a command's method, metrics and placement, cached in the run's folder.

Describing them imports the method and loads the metrics, which takes seconds. The run's folder keeps the description
with a key of everything that it depends on, so that the same command on a finished run ends at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from glob import escape
from pathlib import Path
from typing import Any

from eval.engine.executor import Executor
from eval.engine.placement import Placement
from eval.metrics.base import Metric
from eval.runs.cards import MetricCards
from eval.runs.folder import Run
from eval.runs.provenance import package_version
from imagic.models.weights import EMBEDDED, locate, locate_all
from runtime.threads import usable_cores
from tedbench.disk import is_file
from tedbench.errors import UserError
from tedbench.method import Axis, Description

ELSEWHERE = ("run_dir", "run", "executor")
"""Blocks of settings that a description does not depend on."""

WEIGHTS = ("model", "pretrained", "backbone", "weights")
"""Settings of metrics and methods that may name a file or folder of weights."""


@dataclass(frozen=True)
class Described:
    """A command's method, metrics and placement.

    Attributes:
        key: digest of everything that they depend on, see :func:`key_of`.
        method: description of the method.
        metrics: cards of the metrics.
        placement: where pairs are computed.
        folder: run folder that the description was read from; None if it was made by this command.
        loaded: the metrics, if they were loaded in order to describe them.
    """

    key: str
    method: Description
    metrics: MetricCards
    placement: Placement
    folder: Path | None = None
    loaded: Sequence[Metric] | None = None

    def to_json(self) -> dict[str, Any] | None:
        """Return plain values for config.yaml; None for images made elsewhere, whose files may change at any time."""
        if self.method.files is not None:
            return None
        return {
            "key": self.key,
            "method": {**asdict(self.method), "needs": list(self.method.needs)},
            "metrics": [card.name for card in self.metrics],
            "placement": list(self.placement),
        }


def describe(settings: Mapping[str, Any], executor: Executor) -> Described:
    """Describe what a resolved configuration asks for.

    Raises:
        UserError: a setting of the sweep, the method or a metric is wrong, weights of a metric or the device are missing.
    """
    from eval.metrics.build import build_metrics
    from imagic.api import describe_editor

    method = describe_editor(settings)
    method.requests(settings["sweep"]["strengths"], settings["sweep"]["seeds"])  # refuses before weights are loaded
    if method.takes_model:
        locate_all(settings["model"])  # missing weights of the model are reported before those of metrics
    placement = executor.place(settings["numerics"])
    metrics = build_metrics(settings["metrics"], executor.own_device(placement))
    cards = MetricCards(metric.card for metric in metrics)
    return Described(key_of(settings), method, cards, placement, loaded=metrics)


def recall(settings: Mapping[str, Any]) -> Described | None:
    """Return the description that a run of the same command keeps; None if there is no such run.

    Runs with the command's ``run_dir``, or else with its dataset, model and method in ``runs/``, are searched.
    """
    name = "-".join([*(str(settings[block]["name"]) for block in ("dataset", "model", "method")), ""])
    given = settings["run_dir"]
    folders = [Path(str(given))] if given else sorted(Path("runs").glob(f"{escape(name)}*"))
    key = key_of(settings)
    for folder in folders:
        try:
            run = Run.open(folder)
            known = run.config()["how"]["described"]
            if known["key"] == key:
                metrics, placement = run.metrics.only(known["metrics"]), Placement(*known["placement"])
                return Described(key, _method(known["method"]), metrics, placement, folder)
        except (OSError, ValueError, KeyError, TypeError, UserError):
            continue
    return None


def _method(known: Mapping[str, Any]) -> Description:
    axis = {**known["axis"], "grid": tuple(known["axis"]["grid"])}
    return Description(**{**known, "axis": Axis(**axis), "needs": tuple(known["needs"])})


def key_of(settings: Mapping[str, Any]) -> str:
    """Return a digest of what a description depends on: settings, versions, files of weights, and this machine."""
    facts = {
        "settings": {key: value for key, value in settings.items() if key not in ELSEWHERE},
        "executor": settings["executor"].get("_target_"),
        "machine": socket.gethostname(),
        "gpus": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "cores": usable_cores(),
        "versions": [package_version(name) for name in ("imagic-bench", "torch")],
        "files": sorted(_weights({"metrics": settings["metrics"], "method": settings["method"]})),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def _weights(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield path, size and modification time of every file that settings name as weights."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _weights(value)
        elif key in WEIGHTS and isinstance(value, str):
            path = locate(value) if value.startswith(EMBEDDED) else Path(value).expanduser()
            for file in (path, *path.glob("*")):
                if is_file(file):
                    stat = file.stat()
                    yield f"{file.absolute()} {stat.st_size} {stat.st_mtime_ns}"
