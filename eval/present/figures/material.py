"""The material of a figure: saved runs, and the choice of their pairs, strengths and seeds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
import yaml

from eval.analysis.common_pairs import Comparison, compare_on_common
from eval.analysis.curves import REGION_RULE, region
from eval.analysis.methods import Method, Picked, open_whole, pick
from eval.analysis.selection import chosen
from eval.analysis.strength_curves import along, rows_of
from eval.present.figures.grid import asked_pairs
from eval.present.figures.pictures import Block, Tile
from tedbench.axis import format_strength, rounded_strength
from tedbench.errors import UserError

EXPERIMENTS = {"10": "fig9", "embedding_steps": "embedding_steps", "seeds": "seeds"}
"""The experiment of ``conf/`` that a figure is drawn from, if it is not ``fig<figure>``."""


@dataclass(frozen=True)
class FigureOptions:
    """The user's options for a figure; None leaves an option to the figure.

    Attributes:
        figure: its name.
        tiles: number of images that fit beside each other.
        rows: number of pairs (or images, or failures of each kind).
        pairs: ids or starts of ids.
        strength: for figures that show one.
        strengths: for figures along the strength.
        seed: for figures that show one.
    """

    figure: str
    tiles: int
    rows: int
    pairs: Sequence[str] | None = None
    strength: float | None = None
    strengths: Sequence[float] | None = None
    seed: int | None = None


@dataclass(frozen=True)
class FigureContent:
    """A figure before it is drawn.

    Attributes:
        blocks: see :mod:`eval.present.figures.pictures`.
        caption: below it, a line each.
        pair_ids: the pairs that are shown.
        left_out: pairs that the figure could not show, and why.
    """

    blocks: list[Block]
    caption: list[str]
    pair_ids: list[str]
    left_out: dict[str, str] = field(default_factory=dict)


class FigureMaterial:
    """One or several runs, on the pairs that all have.

    Args:
        runs: see :func:`eval.analysis.methods.open_whole`.
        options: the user's options.

    Raises:
        UserError: the runs cannot be shown together.
    """

    def __init__(self, runs: Sequence[str] | Mapping[str, str], options: FigureOptions) -> None:
        self.options = options
        self.comparison: Comparison = compare_on_common(open_whole(runs))
        self.methods = self.comparison.methods
        about = self.methods[0].samples.drop_duplicates("pair_id").set_index("pair_id")
        self.texts: dict[str, str] = about["target_text"].to_dict()
        self.groups: dict[str, str] = about["source_group"].to_dict()
        self._images = {m.name: m.picked.images for m in self.methods}

    def images(self, method: Method) -> pd.DataFrame:
        """Return a method's images of the pairs that all have."""
        table = self._images[method.name]
        return table[table["pair_id"].isin(self.comparison.pair_ids)]

    @property
    def method(self) -> Method:
        """The only run.

        Raises:
            UserError: there are several.
        """
        if len(self.methods) > 1:
            raise UserError(f"figure={self.options.figure} is of one run, and {len(self.methods)} are given. Give one.")
        return self.methods[0]

    def seed(self) -> int:
        """Return the requested seed, or the lowest that every run has.

        Raises:
            UserError: a run lacks the requested one, or they have none in common.
        """
        each = [set(map(int, self.images(method)["seed"])) for method in self.methods]
        shared = sorted(set.intersection(*each))
        if self.options.seed is None and shared:
            return shared[0]
        if self.options.seed in shared:
            return int(self.options.seed)
        has = f"They share {_listed(shared)}." if shared else "They share none."
        raise UserError(f"seed={self.options.seed}: not every run has images of it. {has}")

    def input_tile(self, pair_id: str) -> Tile:
        """Return the input of a pair."""
        method = self.methods[0]
        file = f"pairs/{pair_id}/input.png"
        return Tile(method.run.shard(pair_id).input(), self._places(method, pair_id, None, None, file))

    def tile(
        self,
        method: Method,
        pair_id: str,
        strength: float,
        seed: int,
        caption: str = "",
        framed: bool = False,
        **more: Any,
    ) -> Tile:
        """Return an edited image; ``more`` goes into the table beside the figure."""
        rows = self.images(method)
        rows = rows[(rows["pair_id"] == pair_id) & (rows["strength"] == strength) & (rows["seed"] == seed)]
        file = str(rows["image"].iloc[0])
        picture = method.run.shard(pair_id).image(file)
        return Tile(picture, self._places(method, pair_id, strength, seed, file) | more, caption, framed)

    def _places(
        self, method: Method, pair_id: str, strength: float | None, seed: int | None, image: str
    ) -> dict[str, Any]:
        what = {"run": str(method.run.folder), "pair_id": pair_id, "target_text": self.texts[pair_id]}
        return {**what, "strength": strength, "seed": seed, "image": image}

    def standing(self, counts: pd.Series) -> Picked:
        """Return one image for each pair of the only run: at the requested strength, or as chosen by eval.select.

        Without either it is at the strength nearest to the middle of those that Figure 9 shades (of all, if it shades
        none).

        Args:
            counts: by strength, the number of useful images; only strengths with the largest number are taken.
        """
        method, seed, strength = self.method, self.options.seed, self.options.strength
        samples = method.samples if seed is None else method.samples[method.samples["seed"] == self.seed()]
        why = ""
        if strength is None and chosen(method.run) is None:
            middle = self._shaded(method)
            why = " (nearest to the middle of the strengths that Figure 9 shades: " + REGION_RULE + ")"
            if middle is None:
                middle, why = sum(method.axis.grid) / len(method.axis.grid), " (in the middle: none was chosen)"
            strength = min(counts.index[counts == counts.max()], key=lambda s: abs(s - middle))
        picked = pick(method.name, method.run, method.axis, samples, strength)
        return picked._replace(rule=picked.rule + why)

    def _shaded(self, method: Method) -> float | None:
        """Return the middle of the strengths that Figure 9 shades."""
        if not len(method.run.scores()):
            return None
        found = along(self.comparison)
        names = {kind: card.shown for kind, card in found.shown.items()}
        ends = region(rows_of(found, method), names.get("alignment"), names.get("fidelity"))
        return None if ends is None else sum(ends) / 2

    def having(self, complete: Collection[str], lacks: Callable[[str], str]) -> tuple[list[str], dict[str, str]]:
        """Return the requested pairs that have all that the figure needs, or all such pairs; and the others, with why.

        Args:
            complete: pairs that have it.
            lacks: returns what another pair lacks.

        Raises:
            UserError: a requested pair lacks it.
        """
        asked = asked_pairs(self.comparison, self.options.pairs)
        left_out = {pair_id: lacks(pair_id) for pair_id in asked if pair_id not in complete}
        if left_out and self.options.pairs is not None:
            pair_id, why = next(iter(left_out.items()))
            raise UserError(f"pairs: {pair_id} {why}. Leave it out, or make them: {self.remake()}")
        return [pair_id for pair_id in asked if pair_id in complete], left_out

    def first(self, pair_ids: list[str]) -> list[str]:
        """Return the requested pairs, or the first ``rows`` if none are requested."""
        return pair_ids if self.options.pairs is not None else pair_ids[: self.options.rows]

    def remake(self) -> str:
        """Return the command that makes what the figure needs, with these runs' method, model and dataset."""
        return how_to_make(self.methods[0], EXPERIMENTS.get(self.options.figure, f"fig{self.options.figure}"))


def how_to_make(method: Method, experiment: str) -> str:
    """Return ``python -m eval.run +experiment=… …`` with the method, model and dataset of a run."""
    defaults = run_defaults()
    own = {"method": method.run.labels["method"], "model": method.run.labels["model"], "dataset": method.dataset}
    if experiment in ("fig7", "embedding_steps") or own["model"] == "none":
        own["method"] = defaults["method"]  # the experiment's own
    more = [f"{key}={value}" for key, value in own.items() if value not in (defaults[key], "none")]
    return " ".join(["python -m eval.run", f"+experiment={experiment}", *more])


def run_defaults() -> dict[str, str]:
    """Return the default choice of ``eval.run`` for each group of ``conf/``."""
    listed = yaml.safe_load(resources.files("conf").joinpath("run.yaml").read_text(encoding="utf-8"))["defaults"]
    return {name: value for each in listed if isinstance(each, dict) for name, value in each.items()}


def most(sets: Mapping[str, Collection[Any]]) -> list[Any]:
    """Return the largest of some sets, sorted; the first if several are equally large."""
    return max((sorted(own) for own in sets.values()), key=len, default=[])


def along_strengths(
    material: FigureMaterial, have: Mapping[str, Collection[float]], what: str = "images"
) -> tuple[list[float], list[str], dict[str, str]]:
    """Return the strengths and pairs for a figure along the strength: the requested ones, or the most that some pair has.

    Args:
        material: the runs.
        have: each pair's strengths.
        what: the thing that it has at them, for messages.

    Returns:
        Strengths, pairs, and the pairs left out with why.

    Raises:
        UserError: no pair has the requested strengths, or none has two.
    """
    options, axis = material.options, material.methods[0].axis
    there = most(have)
    if options.strengths is not None:
        there = sorted(set(map(rounded_strength, options.strengths)))
        known = sorted({strength for own in have.values() for strength in own})
        if unknown := [strength for strength in there if strength not in known]:
            raise UserError(
                f"strengths: not every run has images with {axis.label(unknown[0])}. They have {_listed(known)}."
            )
        if len(there) >= options.tiles:
            raise UserError(f"strengths has {len(there)}, and this width has room for {options.tiles - 1}. Give fewer.")
    if len(there) < 2:
        raise UserError(f"figure={options.figure} needs several strengths. This makes them: {material.remake()}")
    complete = [pair_id for pair_id, own in have.items() if set(there) <= set(own)]
    pairs, left_out = material.having(complete, lambda _: f"lacks {what} at some of the strengths {_listed(there)}")
    return there, pairs, left_out


def thinned(values: Sequence[Any], most: int) -> list[Any]:
    """Return at most ``most`` values, with first and last: every n-th if that leaves five, else about evenly."""
    last = len(values) - 1
    every = [count for count in range(min(most, len(values)), 4, -1) if last % (count - 1) == 0]
    places = np.linspace(0, last, every[0] if every else min(most, len(values)))
    return [values[place] for place in places.round().astype(int)]


def _listed(values: Iterable[float]) -> str:
    return ", ".join(map(format_strength, values))
