"""A saved run by itself: its pairs and metrics as its folder has them, and what is made from the shards again."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd

from eval.metrics.base import Metric, Reference
from eval.present.labels import axis_of, kind_of, metric_order
from eval.runs.folder import Run, last_start
from tedbench.datasets.base import Dataset
from tedbench.datasets.picturebook import PicturebookPairs
from tedbench.errors import ImageError, UserError
from tedbench.pair import Entry


class SavedRun(Run):
    """A run to which nobody adds: its shards' tables are read once."""

    @classmethod
    def of(cls, run: Run) -> SavedRun:
        """A run as it is now."""
        return cls(run.folder, run.labels)

    @cached_property
    def _samples(self) -> pd.DataFrame:
        return super().samples()

    @cached_property
    def _scores(self) -> pd.DataFrame:
        return super().scores()

    def samples(self) -> pd.DataFrame:
        return self._samples.copy()

    def scores(self) -> pd.DataFrame:
        return self._scores.copy()


class SavedPairs(Dataset):
    """The pairs that a run has reached, in the order of their ids."""

    def __init__(self, run: Run) -> None:
        """
        Raises:
            UserError: the run has none.
        """
        self._run = run
        rows = run.samples().drop_duplicates("pair_id")
        if not len(rows):
            raise UserError(f"{run.folder} has no pairs yet. Repeat its eval.run command first.")
        config = run.config()
        self.name = str(config["fit"]["dataset"])  # type: ignore[misc]
        self.synthetic = self.name == PicturebookPairs.name  # type: ignore[misc]
        entries = []
        for row in rows.itertuples():
            info = run.shard(row.pair_id).info()
            names = ("source_text", "source_object", "target_object")
            texts = {name: info.get(name) for name in names}
            entries.append(Entry(row.image_name, row.target_text, category=row.category or None, **texts))
        super().__init__(entries, int(config["fit"].get("size") or 0))

    def read(self, entry: Entry) -> tuple[np.ndarray, np.ndarray | None]:
        """The input and the true edited image, as the run kept them.

        Raises:
            ImageError: the run has no input of a pair whose image could not be read.
        """
        shard = self._run.shard(entry.id)
        if not (shard.folder / "input.png").exists():
            raise ImageError(f"{shard.folder} has no input. Repeat the run's eval.run command.")
        return shard.input(), shard.truth()


class SavedMetric(Metric):
    """A metric of which only scores are left: it has a name and a kind, and measures nothing."""

    def __init__(self, name: str) -> None:
        kind = kind_of(name)
        self.name = name
        if kind is not None:
            self.kind = kind  # type: ignore[misc]

    def score(self, reference: Reference, images: np.ndarray) -> np.ndarray:
        raise NotImplementedError(f"{self.name} is known by its scores alone")


def saved_metrics(run: Run) -> list[SavedMetric]:
    """Those that a run has scores of and whose kind is known, in the order of figures."""
    names = sorted(run.scores()["metric"].unique(), key=metric_order)
    return [SavedMetric(name) for name in names if kind_of(name) is not None]


def write_again(run: Run) -> None:
    """Everything that is made from the shards: tables, curves, strips and report, of all that the run has."""
    from eval.present.figures.curves import draw_run
    from eval.present.figures.strips import draw_strips

    run = SavedRun.of(run)
    run.write_tables()
    dataset, axis = SavedPairs(run), axis_of(run)
    draw_run(run, _curve_table(run, dataset), axis)
    draw_strips(run, dataset, axis)
    _write_report(run)


def write_report_again(run: Run) -> None:
    """The report alone, of all that the run has."""
    _write_report(SavedRun.of(run))


def _write_report(run: SavedRun) -> None:
    from eval.present.report.build import write_report

    dataset = SavedPairs(run)
    table = _curve_table(run, dataset)
    write_report(run, table, axis_of(run), saved_metrics(run), dataset, _expected(run, dataset))


def _curve_table(run: Run, dataset: Dataset) -> pd.DataFrame:
    from eval.analysis.curves import curve_rows

    ids = [entry.id for entry in dataset.entries]
    return curve_rows(run.samples(), run.scores(), ids, run.labels, _expected(run, dataset))


def _expected(run: Run, dataset: Dataset) -> int:
    """How many pairs there should be."""
    return max(len(dataset), last_start(run.events()).pairs)
