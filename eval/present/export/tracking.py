"""Export of a run's results to MLflow or Weights & Biases, by their own libraries: into files, or to a given server."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import time
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from eval.present.export.folder import parts_of
from eval.present.export.results import results
from eval.runs.folder import Run
from tedbench.disk import writing
from tedbench.errors import UserError

FILES = ("curves.csv", "curves.png", "curves.pdf")
PICTURES = ("strips.png",)
"""Files that are logged only if inputs and edits may be passed on."""

MLFLOW_BATCH = 100
"""Parameters that MLflow takes at a time; of metrics it takes more."""


class Record(NamedTuple):
    """The content of a run for trackers.

    Attributes:
        name: method and hash.
        parameters: the configuration, dotted keys, without paths of the machine.
        points: at each strength the means of the metrics as shown, if they are finite.
        summary: coverage.
        results: see :func:`eval.present.export.results.results`.
        files: of the run's folder.
    """

    name: str
    parameters: dict[str, Any]
    points: list[tuple[float, dict[str, float]]]
    summary: dict[str, int]
    results: dict[str, Any]
    files: list[Path]


def record(run: Run, licence: str | None = None) -> Record:
    """Return the record of a run.

    Args:
        run: the run.
        licence: of the inputs, see :func:`eval.present.export.folder.write_folder`.

    Raises:
        UserError: it has no edited images.
    """
    samples = run.samples()
    if not (samples["status"] == "ok").any():
        raise UserError(f"{run.folder} has no edited images. Repeat its eval.run command first.")
    found, parts = results(run), parts_of(run, licence)
    points: dict[float, dict[str, float]] = {}
    for row in found["curves"]:
        if row["mean"] is not None and math.isfinite(row["mean"]):
            points.setdefault(row["strength"], {})[re.sub(r"[^\w\-. /:]", "_", row["metric"])] = row["mean"]
    coverage = found["coverage"]
    names = FILES + (PICTURES if parts.inputs and parts.edits else ())
    return Record(
        found["run"],
        {"dataset": found["dataset"], **run.labels, **_dotted(found["config"])},
        sorted(points.items()),
        {name: coverage[name] for name in ("pairs", "pairs_expected", "images")} | {"failed": len(coverage["failed"])},
        found,
        [path for name in names if (path := run.folder / name).exists()],
    )


def log_mlflow(record: Record, out: Path, project: str, server: str | None = None) -> list[str]:
    """Log to MLflow, a step for each strength: into ``out/mlflow.db`` and ``out/artifacts``, or to a tracking server.

    Returns:
        The next steps, in lines.

    Raises:
        UserError: MLflow is not installed, or refuses.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    mlflow = _library("mlflow")
    entities = import_module("mlflow.entities")
    folder = out.resolve()
    uri = server or f"sqlite:///{folder / 'mlflow.db'}"
    now = int(time.time() * 1000)
    metrics = [
        entities.Metric(name, value, now, step)
        for step, (strength, values) in enumerate(record.points)
        for name, value in {"strength": strength, **values}.items()
    ]
    metrics += [entities.Metric(name, value, now, 0) for name, value in record.summary.items()]
    parameters = [entities.Param(name, str(value)[:500]) for name, value in record.parameters.items()]
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    try:
        client = mlflow.MlflowClient(tracking_uri=uri)
        known = client.get_experiment_by_name(project)
        place = None if server else (folder / "artifacts").as_uri()
        experiment = known.experiment_id if known else client.create_experiment(project, artifact_location=place)
        id = client.create_run(experiment, run_name=record.name).info.run_id
        for start in range(0, max(len(metrics), len(parameters)), MLFLOW_BATCH):
            part = slice(start, start + MLFLOW_BATCH)
            client.log_batch(id, metrics=metrics[part], params=parameters[part])
        client.log_text(id, _json(record), "results.json")
        for path in record.files:
            client.log_artifact(id, str(path))
        client.set_terminated(id)
    except mlflow.MlflowException as error:
        raise UserError(
            f"MLflow refuses ({str(error).splitlines()[0]}). Check server={server}, or another out."
        ) from None
    return [
        f"MLflow has it as {record.name} in {project}.",
        *([] if server else [f"mlflow ui --backend-store-uri {uri}"]),
    ]


def log_wandb(record: Record, out: Path, project: str, server: str | None = None) -> list[str]:
    """Log to Weights & Biases, over the strength: offline into ``out/wandb``, or to a server.

    Code, console and facts of the machine are not logged.

    Returns:
        The next steps, in lines.

    Raises:
        UserError: wandb is not installed, or refuses.
    """
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    wandb = _library("wandb")
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    settings = {
        **{"console": "off", "silent": True, "disable_git": True, "save_code": False, "x_save_requirements": False},
        **{"x_disable_meta": True, "x_disable_machine_info": True, "x_disable_stats": True},
        **({"base_url": server} if server else {}),
    }
    try:
        logged = wandb.init(
            project=project,
            name=record.name,
            config=record.parameters,
            dir=str(out),
            mode="online" if server else "offline",
            settings=wandb.Settings(**settings),
        )
        logged.define_metric("*", step_metric="strength")
        for strength, values in record.points:
            logged.log({"strength": strength, **values})
        logged.summary.update(record.summary)
        files = Path(logged.dir)
        (files / "results.json").write_text(_json(record), encoding="utf-8")
        for path in record.files:
            shutil.copyfile(path, files / path.name)
        logged.finish()
    except wandb.Error as error:
        raise UserError(
            f"wandb refuses ({str(error).splitlines()[0]}). Check server={server}, or leave it out."
        ) from None
    lines = [f"Weights & Biases has it as {record.name} in {project}."]
    return lines if server else [*lines, f"wandb sync {files.parent}"]


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise UserError(
            f"to={name} needs {name}, which is not installed: pip install 'imagic-bench[{name}]'."
        ) from None


def _json(record: Record) -> str:
    return json.dumps(record.results, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _dotted(block: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten ``{"fit": {"size": 64}}`` to ``{"fit.size": 64}``, without empty values."""
    found: dict[str, Any] = {}
    for key, value in block.items():
        if isinstance(value, dict):
            found |= _dotted(value, f"{prefix}{key}.")
        elif value is not None and value != []:
            found[f"{prefix}{key}"] = value
    return found
