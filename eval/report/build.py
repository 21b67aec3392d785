"""Writes report.html: curves, a strip of images per pair along the strength, scores, failures, provenance."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from eval.cells import coverage, strength_cells
from eval.metrics.base import Metric, short_name, shown_score
from eval.store import Run, Shard, writing
from tedbench.datasets.base import Dataset
from tedbench.method import Axis, format_strength
from tedbench.pair import Entry


def write_report(run: Run, table: pd.DataFrame, axis: Axis, metrics: Sequence[Metric], dataset: Dataset) -> None:
    """Writes ``report.html`` into the run's folder; links are relative, so that the folder can be moved as a whole."""
    pairs = [_pair(run.shard(entry.id), entry, metrics) for entry in dataset.entries]
    done = [pair for pair in pairs if pair["strips"]]
    environment = Environment(loader=PackageLoader("eval.report"), autoescape=True, undefined=StrictUndefined)
    page = environment.get_template("report.html.j2").render(
        title=f"{run.labels['method']} on {dataset.label}",
        labels=run.labels,
        folder=run.folder.name,
        dataset=dataset.label,
        synthetic=dataset.synthetic,
        toy_metrics=any("picturebook" in metric.name or metric.kind == "judgement" for metric in metrics),
        judged=any(metric.kind == "judgement" for metric in metrics),
        axis=axis,
        strengths=[format_strength(s) for s in sorted(table["strength"].unique())],
        rows=_table_rows(table, metrics),
        metrics=[{"short": short_name(m, metrics), "name": m.shown} for m in metrics],
        pairs=pairs,
        n_done=len(done),
        failures=[pair for pair in pairs if pair["reason"]],
        provenance=json.loads((run.folder / "provenance.json").read_text()),
        config=(run.folder / "config.yaml").read_text(),
    )
    with writing(run.folder / "report.html"):
        (run.folder / "report.html").write_text(page, encoding="utf-8")


def _table_rows(table: pd.DataFrame, metrics: Sequence[Metric]) -> list[dict[str, Any]]:
    """The curves as numbers: one row a strength, one cell a metric."""
    return [
        {
            "strength": format_strength(float(strength)),
            "cells": strength_cells(group, metrics, intervals=True),
            "n": coverage(group),
        }
        for strength, group in table.groupby("strength")
    ]


def _pair(shard: Shard, entry: Entry, metrics: Sequence[Metric]) -> dict[str, Any]:
    """One pair for the page: its texts and, for each seed, the images along the strength with their scores."""
    pair: dict[str, Any] = {
        "entry": entry,
        "reason": "",
        "strips": [],
        "truth": "",
        "input": f"pairs/{entry.id}/input.png",
    }
    if not shard.exists():
        return {**pair, "reason": "not run yet"}
    samples = shard.samples()
    failed = samples[samples["status"] != "ok"]
    if len(failed):
        pair["reason"] = failed["reason"].iloc[0]
    if (shard.folder / "truth.png").exists():
        pair["truth"] = f"pairs/{entry.id}/truth.png"
    score = {(r.metric, r.strength, r.seed): r.score for r in shard.scores().itertuples()}
    for seed, group in samples[samples["status"] == "ok"].groupby("seed"):
        images = [
            {
                "file": row.image,
                "strength": format_strength(row.strength),
                "scores": [_cell(metric, score.get((metric.name, row.strength, row.seed))) for metric in metrics],
            }
            for row in group.itertuples()
        ]
        pair["strips"].append({"seed": seed, "images": images})
    return pair


def _cell(metric: Metric, raw: float | None) -> str:
    if raw is None or math.isnan(raw):
        return "–"
    if metric.kind == "judgement":
        return "✓" if raw else "✗"
    return f"{shown_score(metric.name, raw):.2f}"
