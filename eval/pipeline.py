"""From a configuration to a run: what is to do, doing it, and what is made from it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from eval.identity import run_config, run_name
from eval.metrics.base import Metric
from eval.progress import Reporter
from eval.provenance import provenance
from eval.store import Run, input_digest
from tedbench.build import build
from tedbench.datasets.base import Dataset
from tedbench.datasets.build import build_dataset
from tedbench.errors import ImageError, UserError
from tedbench.method import Editor, grid
from tedbench.pair import Entry


@dataclass
class Job:
    """Everything that a run needs in one process."""

    run: Run
    dataset: Dataset
    editor: Editor
    metrics: list[Metric]
    requests: list[tuple[float, int]]
    executor: Any
    reporter: Reporter
    retry_failed: bool = False

    def todo(self) -> list[Entry]:
        """Pairs that lack a sample, in the dataset's order.

        Raises:
            UserError: a finished pair's input has changed since.
        """
        return [entry for entry in self.dataset.entries if self._lacks(entry)]

    def _lacks(self, entry: Entry) -> bool:
        shard = self.run.shard(entry.id)
        if not shard.exists():
            return True
        info = shard.info()
        if info["status"] == "failed":
            return self.retry_failed
        self._same_input(entry, info["input"])
        done = shard.samples()
        return bool(set(self.requests) - set(zip(done["strength"], done["seed"], strict=True)))

    def _same_input(self, entry: Entry, digest: str) -> None:
        try:
            pair = self.dataset.load(entry)
        except ImageError:
            return  # what was made while the image was there stays good
        if input_digest(pair) != digest:
            raise UserError(
                f"The image of {entry.id} is not the one that {self.run.folder} was made with. "
                "Restore it, or give another run_dir."
            )

    def missing(self, entry: Entry) -> list[tuple[float, int]]:
        """The (strength, seed) that a pair still lacks, in order."""
        shard = self.run.shard(entry.id)
        if not shard.exists():
            return self.requests
        table = shard.samples()
        table = table[table["status"] == "ok"]
        have = set(zip(table["strength"], table["seed"], strict=True))
        return [request for request in self.requests if request not in have]

    def execute(self) -> None:
        """Fits and samples what is to do; failures stay within their pair."""
        todo = self.todo()
        kept = len(self.dataset) - len(todo)
        if kept:
            self.reporter.say(f"{kept} of {len(self.dataset)} pairs are already there")
        self.executor.run(self, todo)


def prepare(cfg: DictConfig, reporter: Reporter) -> Job:
    """Checks everything that can be checked before the first long step, and opens the run's folder.

    Raises:
        UserError: something that the user can mend.
    """
    import torch

    from imagic.models.device import cpu_threads, resolve_device
    from imagic.models.weights import digest, locate

    device, threads = resolve_device(cfg.numerics.device), cpu_threads(cfg.numerics.threads)
    torch.set_num_threads(threads)
    plain: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    dataset = build_dataset(plain["dataset"])
    metrics = [build(block, device=device) for block in (plain["metrics"] or {}).values()]
    reporter.say(f"loading {cfg.model.name}")
    weights = locate(cfg.model.path, cfg.model.revision)
    model = build(plain["model"], path=str(weights), device=device, dtype=cfg.numerics.dtype)
    method = {key: value for key, value in plain["method"].items() if key != "name"}
    editor: Editor = build(method, model=model, seed=cfg.seed, sample_batch=cfg.numerics.sample_batch)
    requests = sweep_requests(cfg, editor)
    config = run_config(cfg, model_digest=digest(weights), device=device, threads=threads, axis=editor.axis.name)
    config["sweep"]["strengths"] = sorted({strength for strength, _ in requests})
    folder = Path(cfg.run_dir) if cfg.run_dir else Path("runs") / run_name(config)
    run = Run.create(folder, config)
    run.write_json("provenance.json", provenance(device, threads))
    run.event("start", pairs=len(dataset), samples_per_pair=len(requests))
    return Job(run, dataset, editor, metrics, requests, build(plain["executor"]), reporter, cfg.run.retry_failed)


def sweep_requests(cfg: DictConfig, editor: Editor) -> list[tuple[float, int]]:
    """Every (strength, seed) of the sweep, in the fixed order.

    Raises:
        UserError: no strengths or seeds, or one twice.
    """
    strengths = [float(s) for s in (editor.axis.grid if cfg.sweep.strengths is None else cfg.sweep.strengths)]
    seeds = [int(s) for s in cfg.sweep.seeds]
    for name, values in (("strengths", strengths), ("seeds", seeds)):
        if not values or len(set(values)) < len(values):
            raise UserError(f"sweep.{name}={values} must have at least one value, and none twice.")
    return grid(sorted(strengths), sorted(seeds))


def write_outputs(job: Job) -> None:
    """Tables, curves and report, made anew from the shards."""
    from eval.curves import curve_table, curve_title, draw_curves
    from eval.report.build import write_report
    from eval.strips import draw_strips

    start = time.monotonic()
    job.run.write_tables()
    table = curve_table(job.run, [entry.id for entry in job.dataset.entries])
    title = curve_title(job.run, table, job.dataset.label)
    draw_curves(job.run, table, job.editor.axis, job.metrics, title)
    draw_strips(job.run, job.dataset.entries, job.editor.axis)
    write_report(job.run, table, job.editor.axis, job.metrics, job.dataset)
    job.run.event("report", seconds=round(time.monotonic() - start, 2))
