"""A run as one of several compared methods: its name, and one image for each pair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from eval.analysis.curves import most_common
from eval.analysis.selection import chosen
from eval.runs.cards import MetricCards, name_at_size
from eval.runs.folder import Run
from eval.runs.source_groups import in_all
from tedbench.errors import UserError
from tedbench.method import Axis, format_strength


class Picked(NamedTuple):
    """The images that represent a method.

    Attributes:
        rule: by which they were picked, in words.
        images: pair_id, strength, seed, image; existing images only, one row a pair (or all, for whole curves).
        left_out: why other pairs have none, as far as the rule says.
        by_default: True if nothing was chosen.
    """

    rule: str
    images: pd.DataFrame
    left_out: dict[str, str] = {}  # noqa: RUF012  (never changed)
    by_default: bool = False


class Method(NamedTuple):
    """One of the compared methods.

    Attributes:
        name: for tables and figures.
        run: its run.
        axis: its strength.
        config: the run's.
        samples: every row of the run; pairs of one source image share a ``source_group``, the same in all methods.
        picked: the images that represent it.
    """

    name: str
    run: Run
    axis: Axis
    config: dict[str, Any]
    samples: pd.DataFrame
    picked: Picked

    @property
    def dataset(self) -> str:
        """Name of the run's dataset."""
        return self.run.cards.dataset.name

    @property
    def metrics(self) -> MetricCards:
        """The cards of :meth:`scores`."""
        return self.run.metrics.at_size(self.size)

    def scores(self) -> pd.DataFrame:
        """Return the run's scores under their full names (see :func:`eval.runs.cards.name_at_size`)."""
        table = self.run.scores()
        table["metric"] = table["metric"].map(lambda name: name_at_size(name, self.size))
        return table

    @property
    def size(self) -> int | None:
        """Side of the pairs' square in pixels."""
        return self.config["fit"].get("size")

    def lacks(self, pair_id: str) -> str | None:
        """Return why there is no image of a pair; None if there is one."""
        if (self.picked.images["pair_id"] == pair_id).any():
            return None
        rows = self.samples[self.samples["pair_id"] == pair_id]
        reasons = rows.loc[rows["status"] != "ok", "reason"]
        if rows.empty:
            return "not in the run"
        if len(reasons):
            return f"failed, {reasons.iloc[0]}"
        return self.picked.left_out.get(pair_id) or "no image chosen"


def open_methods(runs: Sequence[str] | Mapping[str, str], strengths: Mapping[str, float]) -> list[Method]:
    """Open runs as methods, with their names and the images that represent them.

    Args:
        runs: folders, or folders by name. A method without a given name has the run's, with the run's hash if that is
            not unique.
        strengths: methods that are represented by one strength, whatever was chosen.

    Raises:
        UserError: a folder that is not a run, a name twice, or a strength of no method.
    """
    named = _named(runs)
    names = [name for name, _ in named]
    if unknown := [name for name in strengths if name not in names]:
        raise UserError(f"strengths has {unknown[0]!r}, which is none of the methods. There are: {', '.join(names)}.")
    return _same_groups(
        _open(name, run, lambda axis, samples, name=name, run=run: pick(name, run, axis, samples, strengths.get(name)))  # type: ignore[misc]
        for name, run in named
    )


def _named(runs: Sequence[str] | Mapping[str, str]) -> list[tuple[str, Run]]:
    if isinstance(runs, Mapping):
        opened = [(str(name), Run.open(_folder(folder))) for name, folder in runs.items()]
    else:
        found = [Run.open(_folder(folder)) for folder in runs]
        often = Counter(run.labels["method"] for run in found)
        opened = [(run.labels["method"] if often[run.labels["method"]] == 1 else run.key, run) for run in found]
    names = [name for name, _ in opened]
    if len(set(names)) < len(names) or not all(name.strip() for name in names):
        raise UserError(f"The runs are called {', '.join(names)}. Give each its own name: runs={{NAME: FOLDER}}.")
    return opened


def open_whole(runs: Sequence[str] | Mapping[str, str]) -> list[Method]:
    """Open runs like :func:`open_methods`, each represented by all images of every pair that did not fail.

    Raises:
        UserError: a folder that is not a run, or a name twice.
    """
    return _same_groups(_open(name, run, lambda _, samples: _whole(samples)) for name, run in _named(runs))


def _same_groups(methods: Iterable[Method]) -> list[Method]:
    """Give the samples of all methods the same source groups."""
    opened = list(methods)
    tables = in_all([method.samples for method in opened])
    return [method._replace(samples=samples) for method, samples in zip(opened, tables, strict=True)]


def _whole(samples: pd.DataFrame) -> Picked:
    failed = samples.loc[samples["status"] != "ok", "pair_id"]
    images = samples.loc[~samples["pair_id"].isin(failed), ["pair_id", "strength", "seed", "image"]]
    return Picked("every strength and seed", images)


def folders(runs: Any) -> list[str] | dict[str, str]:
    """Return the value of a command's option ``runs``: a list of folders, or folders by name.

    Raises:
        UserError: it is neither.
    """
    given = runs.values() if isinstance(runs, dict) else runs
    if not isinstance(runs, list | dict) or not runs or not all(isinstance(f, str | int | float) for f in given):
        raise UserError(
            f"runs is {runs!r}. Give the runs' folders: 'runs=[runs/a, runs/b]' or 'runs={{NAME: FOLDER}}'."
        )
    if isinstance(runs, dict):
        return {str(name): str(folder) for name, folder in runs.items()}
    return [str(folder) for folder in runs]


def _folder(text: str) -> Path:
    return Path(text).expanduser()


def _open(name: str, run: Run, picking: Callable[[Axis, pd.DataFrame], Picked]) -> Method:
    samples, axis = run.samples(), run.axis
    if not (samples["status"] == "ok").any():
        raise UserError(f"{run.folder} has no edited images. Give a run that was finished.")
    return Method(name, run, axis, run.config(), samples, picking(axis, samples))


def pick(name: str, run: Run, axis: Axis, samples: pd.DataFrame, strength: float | None) -> Picked:
    """Return the chosen images of a run; one strength for all pairs if one is given, or if nothing was chosen.

    Raises:
        UserError: the run has no such strength.
    """
    there = samples.loc[samples["status"] == "ok", ["pair_id", "strength", "seed", "image"]]
    choice = chosen(run) if strength is None else None
    if choice is not None:
        keys = ["pair_id", "image"]
        return Picked(choice.rule, there.merge(choice.images[keys], on=keys), choice.left_out)
    known, of = list(map(format_strength, axis.grid)), there["strength"].map(format_strength)
    common = most_common(there["pair_id"].groupby([of, there["seed"]]).nunique())  # a smaller run may have added others
    whole = [each for each in known if each in common.get_level_values(0)]
    taken = whole[(len(whole) - 1) // 2] if strength is None else format_strength(strength)
    if taken not in known:
        raise UserError(f"strengths: {name} has no strength {taken}. It has {', '.join(known)}.")
    seeds = there["seed"].unique()
    first = min((seed for each, seed in common if each == taken), default=there.loc[of == taken, "seed"].min())
    images = there[(of == taken) & (there["seed"] == first)]
    if len(known) == len(seeds) == 1:
        return Picked("the only image of each pair", images)
    seed = f", seed {first}" if len(seeds) > 1 else ""
    why = "" if strength is not None else " (the middle of its strengths: none was chosen)"
    return Picked(f"{axis.label(float(taken))}{seed} for all pairs{why}", images, by_default=strength is None)
