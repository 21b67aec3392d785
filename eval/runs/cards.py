"""Cards: properties of a run's dataset, method and metrics, kept in config.yaml, so that no code tests their names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, Self, TypeVar, get_args

import pandas as pd

from tedbench.datasets.base import Dataset
from tedbench.errors import UserError
from tedbench.method import Axis, Description

FORMAT = 1
"""Version of config.yaml's layout; runs of other versions are refused."""

Kind = Literal["alignment", "fidelity", "truth", "judgement", "geometry"]
"""The quantity of a metric: similarity to target text, input or true edit, a judgement (0 or 1), or a movement of the picture."""
KINDS: tuple[Kind, ...] = get_args(Kind)
Reading = Literal["source_text", "truth"]
READINGS: tuple[Reading, ...] = get_args(Reading)
"""The parts of a pair that can be corrected and that a metric may read beside input, target text and edited image."""
DRAWN: tuple[Kind, ...] = ("alignment", "fidelity", "judgement")
"""The kinds that figures along the strength draw."""

Card = TypeVar("Card", "DatasetCard", "AxisCard", "MethodCard", "MetricCard")
Scores = TypeVar("Scores", float, pd.Series, pd.DataFrame)


@dataclass(frozen=True)
class DatasetCard:
    """A dataset.

    Attributes:
        name: part of the run folder's name.
        label: name for figures and tables, with "(synthetic)" if the pictures are, or with the file of the user's list.
        synthetic: True if the pictures are drawn by a program, so that results do not apply to photographs.
        licence: licence of its images, by its name on Hugging Face's hub; None if none is stated.
    """

    name: str
    label: str
    synthetic: bool = False
    licence: str | None = None

    @classmethod
    def of(cls, dataset: Dataset, name: str) -> Self:
        """Return the card of a dataset under the name that the configuration gives it."""
        file = dataset.list_file
        label = f"{name.capitalize()} (synthetic)" if dataset.synthetic else f"{name} ({file.name})" if file else name
        return cls(name, label, dataset.synthetic, dataset.licence)


@dataclass(frozen=True)
class AxisCard:
    """A method's strength: attributes of :class:`tedbench.method.Axis` without the grid and its range."""

    name: str
    symbol: str
    identity: float | None = None
    fixed: bool = False


@dataclass(frozen=True)
class MethodCard:
    """A method.

    Attributes:
        name: part of the run folder's name.
        model: name of the diffusion model; "none" if the method uses none.
        axis: its strength.
        randomness: effect of its seed, see :class:`tedbench.method.Description`.
        elsewhere: True if its images were made elsewhere, so that their time and licence are unknown.
        synthetic: True if its model was trained on drawn pictures alone, so that it cannot edit photographs.
    """

    name: str
    model: str
    axis: AxisCard
    randomness: str = "sample"
    elsewhere: bool = False
    synthetic: bool = False

    @classmethod
    def of(cls, method: Description, name: str, model: str, *, synthetic: bool = False) -> Self:
        """Return the card of a method under the names that the configuration gives it and its model."""
        axis = AxisCard(method.axis.name, method.axis.symbol, method.axis.identity, method.axis.fixed)
        return cls(name, model, axis, method.randomness, method.files is not None, synthetic)

    def axis_with(self, grid: Iterable[float]) -> Axis:
        """Return the axis with the strengths of a run as its grid."""
        return Axis(self.axis.name, self.axis.symbol, tuple(grid), self.axis.identity, self.axis.fixed)


@dataclass(frozen=True)
class MetricCard:
    """A metric: one column of scores.

    Attributes:
        name: name of the column of raw scores, with backbone, weights and size.
        kind: one of :data:`KINDS`.
        heading: heading of the raw score in tables and figures: "CLIP score", "LPIPS".
        higher_is_better: False for a distance, which tables and figures show as 1 − score, named ``1-<name>``.
        bounds: minimum and maximum of the raw score; None for no bound.
        share: True if each score is 0 or 1, so that a mean is a share of the images and is shown in percent.
        partial: True if it may not apply to some pairs, such as those without a source text.
        pixelwise: True if a zoom or shift of the whole picture counts as a change.
        rank: order among the metrics of its kind; figures show the first.
        synthetic: True if it was made for drawn pictures and is meaningless on photographs.
        reads: the :data:`READINGS` on which its scores depend; after a correction of one of them it is measured again.
        about: a sentence for the legend of a page; empty if the heading is enough.

    Raises:
        UserError: ``kind`` or ``reads`` has another value.
    """

    name: str
    kind: Kind
    heading: str
    higher_is_better: bool = True
    bounds: tuple[float | None, float | None] = (None, None)
    share: bool = False
    partial: bool = False
    pixelwise: bool = False
    rank: int = 100
    synthetic: bool = False
    reads: tuple[Reading, ...] = READINGS
    about: str = ""

    def __post_init__(self) -> None:
        check_kind(self.name, self.kind)
        if wrong := [part for part in self.reads if part not in READINGS]:
            raise UserError(f"The metric {self.name} reads {wrong[0]!r}. Give some of: {', '.join(READINGS)}.")

    @staticmethod
    def from_config(name: str, settings: Mapping[str, Any]) -> MetricCard:
        """Read a card as :meth:`to_config` writes it.

        Raises:
            KeyError, TypeError, ValueError: a setting is missing, unknown or of a wrong type.
            UserError: ``kind`` or ``reads`` has another value.
        """
        low, high = (None if end is None else float(end) for end in settings["bounds"])
        return _typed(MetricCard(name, **{**settings, "bounds": (low, high), "reads": tuple(settings["reads"])}))

    def to_config(self) -> dict[str, Any]:
        """Return all attributes except the name as plain YAML values."""
        settings = asdict(self) | {"bounds": list(self.bounds), "reads": list(self.reads)}
        del settings["name"]
        return settings

    @property
    def shown(self) -> str:
        """The column's name as tables and figures show it: ``1-<name>`` for a distance."""
        return self.name if self.higher_is_better else f"1-{self.name}"

    @property
    def shown_heading(self) -> str:
        """The heading of shown scores: "1 − LPIPS"."""
        return self.heading if self.higher_is_better else f"1 − {self.heading}"

    @property
    def shown_bounds(self) -> tuple[float | None, float | None]:
        """Minimum and maximum of the shown score; None for no bound."""
        low, high = self.bounds
        if self.higher_is_better:
            return low, high
        return None if high is None else 1 - high, None if low is None else 1 - low

    def shown_score(self, raw: Scores) -> Scores:
        """Return the shown form of raw scores, in which higher is always better."""
        return raw if self.higher_is_better else 1 - raw


def check_kind(metric: str, kind: Any) -> None:
    """Refuse a metric's ``kind`` that is none of :data:`KINDS`.

    Raises:
        UserError: it is another value, or None.
    """
    if kind not in KINDS:
        has = "no attribute kind" if kind is None else f"the kind {kind!r}"
        raise UserError(f"The metric {metric} has {has}. Give one of: {', '.join(KINDS)}.")


class MetricCards:
    """Cards of metrics in the order of tables, found by their names, raw or as shown."""

    def __init__(self, cards: Iterable[MetricCard] = ()) -> None:
        """
        Args:
            cards: in any order; of two with the same name the last is kept.
        """
        own = {card.name: card for card in cards}
        ordered = sorted(own.values(), key=lambda card: (KINDS.index(card.kind), card.rank, card.name))
        self._cards = {card.name: card for card in ordered}
        self._by_any_name = {card.shown: card for card in ordered} | self._cards

    def __iter__(self) -> Iterator[MetricCard]:
        return iter(self._cards.values())

    def __len__(self) -> int:
        return len(self._cards)

    def __contains__(self, name: object) -> bool:
        return name in self._by_any_name

    def __getitem__(self, name: str) -> MetricCard:
        """Return the card of a metric.

        Raises:
            UserError: there is no card of this name.
        """
        if name not in self._by_any_name:
            raise UserError(f"config.yaml has no card of the metric {name}. Repeat eval.score with that metric.")
        return self._by_any_name[name]

    def __or__(self, other: MetricCards) -> MetricCards:
        """Return the cards of both; the other's if both have a name."""
        return MetricCards([*self, *other])

    def only(self, names: Iterable[str]) -> MetricCards:
        """Return the cards of these metrics, named raw or as shown.

        Raises:
            UserError: one of them has no card.
        """
        return MetricCards(self[name] for name in names)

    def of_kind(self, *kinds: Kind) -> MetricCards:
        """Return the cards of these kinds."""
        return MetricCards(card for card in self if card.kind in kinds)

    def first_of_kinds(self) -> dict[Kind, MetricCard]:
        """Return the metrics that figures show: the first of each kind of :data:`DRAWN`."""
        found: dict[Kind, MetricCard] = {}
        for card in self.of_kind(*DRAWN):
            found.setdefault(card.kind, card)
        return found

    def heading(self, name: str) -> str:
        """Return a column's heading, "CLIP score"; with backbone (and weights) if several metrics share it.

        Raises:
            UserError: there is no card of this name.
        """
        card = self[name]
        alike = [_after_word(each) for each in self if each.shown_heading == card.shown_heading]
        if len(alike) < 2:
            return card.shown_heading
        rest = _after_word(card)
        backbone = rest.partition("/")[0]
        same = [other for other in alike if other.partition("/")[0] == backbone]
        return f"{card.shown_heading} {backbone if len(same) < 2 else rest}"

    def short_name(self, name: str) -> str:
        """Return a :meth:`heading` for a narrow column: "1−LPIPS"."""
        return self.heading(name).replace(" − ", "−")

    def at_size(self, size: int | None) -> MetricCards:
        """Return the same cards under the names of :func:`name_at_size`."""
        return MetricCards(replace(card, name=name_at_size(card.name, size)) for card in self)


def name_at_size(metric: str, size: int | None) -> str:
    """Return a metric's name, completed by the pairs' size if it measures at their own size ("…/native")."""
    return f"{metric}-{size}px" if metric.endswith("/native") else metric


def _after_word(card: MetricCard) -> str:
    """Return the rest of a metric's name after its first word: backbone, weights, size."""
    return card.name.partition("/")[2]


@dataclass(frozen=True)
class Cards:
    """The cards of a run."""

    dataset: DatasetCard
    method: MethodCard
    metrics: MetricCards

    @classmethod
    def from_config(cls, settings: Mapping[str, Any]) -> Self:
        """Read the block ``cards`` of config.yaml.

        Raises:
            KeyError, TypeError, ValueError, UserError: a setting is missing, unknown or of a wrong type.
        """
        method = dict(settings["method"])
        metrics = {name: MetricCard.from_config(name, each) for name, each in settings["metrics"].items()}
        return cls(
            _typed(DatasetCard(**settings["dataset"])),
            _typed(MethodCard(**{**method, "axis": _typed(AxisCard(**method["axis"]))})),
            MetricCards(metrics.values()),
        )

    @property
    def unfit_model(self) -> str | None:
        """A warning that a model of drawn pictures was given other pictures; None if it was not."""
        if self.dataset.synthetic or not self.method.synthetic:
            return None
        return (
            f"The model {self.method.model} was trained on drawn scenes alone and cannot edit other pictures as asked: "
            "this tries the harness, not the method. For photographs give model=sd15 or another that "
            "imagic-bench ls models lists."
        )

    def to_config(self) -> dict[str, Any]:
        """Return the block as plain YAML values."""
        return {
            "dataset": asdict(self.dataset),
            "method": asdict(self.method),
            "metrics": {card.name: card.to_config() for card in self.metrics},
        }


def _typed(card: Card) -> Card:
    """Return a card that was read from a file, after checking the types of its plain attributes.

    Raises:
        TypeError: an attribute has another type.
    """
    kinds = {"str": str, "bool": bool, "int": int, "str | None": str | None, "float | None": float | int | None}
    for field in fields(card):
        value, kind = getattr(card, field.name), kinds.get(str(field.type))
        if kind is not None and not isinstance(value, kind):
            raise TypeError(f"{type(card).__name__} has {value!r} for {field.name}")
    return card


def merged(cards: Collection[MetricCards]) -> MetricCards:
    """Return the cards of several runs' metrics; the last one for each name."""
    return MetricCards(card for each in cards for card in each)
