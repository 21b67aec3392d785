"""Read access to a run's folder: its configuration, one immutable shard a pair, and the tables of all shards."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self

import pandas as pd
import pyarrow as pa

from eval.runs.cards import Cards, MetricCards
from eval.runs.config import run_hash
from eval.runs.files import DamagedError
from eval.runs.listing import listed
from eval.runs.place import read_config, require_no_links
from eval.runs.shard import KEY, SAMPLE_COLUMNS, SCORE_COLUMNS, Shard
from eval.runs.source_groups import by_pixels
from tedbench.errors import UserError
from tedbench.method import Axis


class Start(NamedTuple):
    """The pairs and images of a command: the number of pairs, and the (strength, seed) of each pair's images."""

    pairs: int
    requests: frozenset[tuple[float, int]]


class Run:
    """A run's folder, read-only. Cards and tables are read once, so later changes are not noticed.

    Args:
        folder: the run's folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open an existing run.

        Raises:
            UserError: there is no run in ``folder``, it contains links, or its configuration is damaged or of another
                format.
        """
        require_no_links(folder)
        run = cls(folder)
        try:
            run.cards  # noqa: B018  (reads the configuration)
        except OSError:
            raise UserError(
                f"{folder} is not a run: it has no config.yaml. Give the folder that eval.run printed last."
            ) from None
        return run

    def config(self) -> dict[str, Any]:
        """Return the configuration, in the blocks of :func:`eval.runs.config.run_config`.

        Raises:
            UserError: it is damaged, or of another format.
        """
        return read_config(self.folder / "config.yaml")

    @cached_property
    def cards(self) -> Cards:
        """The cards of dataset, method and metrics."""
        return Cards.from_config(self.config()["cards"])

    @property
    def metrics(self) -> MetricCards:
        """The cards of the metrics that the run has or will have scores of."""
        return self.cards.metrics

    @property
    def labels(self) -> dict[str, str]:
        """Columns with the same value in every row: ``method``, ``model``, ``axis``."""
        method = self.cards.method
        return {"method": method.name, "model": method.model, "axis": method.axis.name}

    def shard(self, pair_id: str) -> Shard:
        return Shard(self.folder / "pairs" / pair_id)

    def shards(self) -> list[Shard]:
        """Return the complete shards, sorted by pair id, without pairs that the run's list no longer has."""
        known = listed(self.folder)
        folders = sorted(p for p in (self.folder / "pairs").iterdir() if not p.name.startswith("."))
        if known is not None:
            folders = [path for path in folders if path.name in known]
        return [shard for shard in map(Shard, folders) if shard.exists()]

    @cached_property
    def _samples(self) -> pd.DataFrame:
        return self._read_samples()

    @cached_property
    def _scores(self) -> pd.DataFrame:
        return self._read_scores()

    def samples(self) -> pd.DataFrame:
        """Return the rows of all shards, sorted; pairs with equal input pixels share a ``source_group``.

        Damaged shards are left out, with a warning.
        """
        return self._samples.copy()

    def scores(self) -> pd.DataFrame:
        """Return the scores of all shards, sorted. Damaged tables are left out, with a warning."""
        return self._scores.copy()

    def _read_samples(self) -> pd.DataFrame:
        tables, inputs = [], {}
        for shard in self.shards():
            try:
                tables.append(shard.sample_table())
            except DamagedError as error:
                warnings.warn(f"{error} The pair is left out; repeat the run's eval.run to repair it.", stacklevel=2)
            else:
                inputs[shard.id] = shard.input_digest()
        samples = _joined(tables, SAMPLE_COLUMNS).sort_values(["pair_id", *KEY], ignore_index=True)
        return by_pixels(samples, inputs)

    def _read_scores(self) -> pd.DataFrame:
        tables = []
        for table in (table for shard in self.shards() for table in shard.score_tables()):
            if isinstance(table, DamagedError):
                warnings.warn(f"{table} It is left out; eval.run or eval.score measures it again.", stacklevel=2)
            else:
                tables.append(table)
        return _joined(tables, SCORE_COLUMNS).sort_values(["metric", "pair_id", *KEY], ignore_index=True)

    def events(self) -> list[dict[str, Any]]:
        """Return the events of events.jsonl, oldest first; incomplete lines are skipped."""
        found = []
        with suppress(FileNotFoundError):
            for line in (self.folder / "events.jsonl").read_text(encoding="utf-8", errors="replace").splitlines():
                with suppress(ValueError):
                    event = json.loads(line)
                    if isinstance(event, dict) and "event" in event:
                        found.append(event)
        return found

    @property
    def title(self) -> str:
        """Method, model and dataset, for figures and tables."""
        model = [] if self.labels["model"] == "none" else [self.labels["model"]]
        return " · ".join([self.labels["method"], *model, self.dataset_label])

    @property
    def key(self) -> str:
        """Method and hash: independent of the folder's place, and different for runs with different images."""
        return f"{self.labels['method']}-{run_hash(self.config())}"

    @property
    def dataset_label(self) -> str:
        """The dataset's name for figures and tables, with "(synthetic)" if the pictures are."""
        return self.cards.dataset.label

    @property
    def axis(self) -> Axis:
        """The method's axis, with the strengths that the run has images of."""
        samples = self.samples()
        grid = sorted(samples.loc[samples["status"] == "ok", "strength"].unique())
        return self.cards.method.axis_with(map(float, grid))

    @property
    def expected_pairs(self) -> int:
        """The expected number of pairs: that of the last command, or the existing number if it is larger."""
        return max(self.samples()["pair_id"].nunique(), last_start(self.events()).pairs)


def last_start(events: Sequence[Mapping[str, Any]]) -> Start:
    """Return what the last start among a run's events asked for; nothing if there is none."""
    for event in reversed(events):
        if event["event"] == "start":
            requests = frozenset((float(strength), int(seed)) for strength, seed in event.get("requests", ()))
            return Start(int(event.get("pairs", 0)), requests)
    return Start(0, frozenset())


def _joined(tables: Sequence[pa.Table], columns: Sequence[str]) -> pd.DataFrame:
    if not any(map(len, tables)):
        return pd.DataFrame(columns=list(columns))
    return pa.concat_tables([table for table in tables if len(table)], promote_options="permissive").to_pandas()
