"""Cards: what config.yaml says of a run's dataset, method and metrics, so that nobody need guess it from their names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, Self, TypeVar, get_args

import pandas as pd

from tedbench.datasets.base import Dataset
from tedbench.errors import UserError
from tedbench.method import Axis, Description

FORMAT = 1
"""Version of config.yaml's layout; a run of any other is refused."""

Kind = Literal["alignment", "fidelity", "truth", "judgement"]
"""What a metric measures: likeness to the target text, to the input, to the true edit; or it judges (0 or 1)."""
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
        label: name for figures and tables; says where the pictures are synthetic.
        synthetic: whether the pictures are drawn by a program, so that results say nothing of photographs.
        licence: under which its images may be passed on, by its name on Hugging Face's hub; None where none is stated.
    """

    name: str
    label: str
    synthetic: bool = False
    licence: str | None = None

    @classmethod
    def of(cls, dataset: Dataset, name: str) -> Self:
        """Return the card of a dataset under the name that the configuration gives it."""
        label = f"{name.capitalize()} (synthetic)" if dataset.synthetic else name
        return cls(name, label, dataset.synthetic, dataset.licence)


@dataclass(frozen=True)
class AxisCard:
    """A method's strength: the attributes of :class:`tedbench.method.Axis` but its grid."""

    name: str
    symbol: str
    identity: float | None = None
    fixed: bool = False


@dataclass(frozen=True)
class MethodCard:
    """A method.

    Attributes:
        name: part of the run folder's name.
        model: name of the diffusion model; "none" where the method works on none.
        axis: its strength.
        randomness: where its seed acts, see :class:`tedbench.method.Description`.
        elsewhere: True if its images were made by somebody else, so that neither time nor licence is known of them.
    """

    name: str
    model: str
    axis: AxisCard
    randomness: str = "sample"
    elsewhere: bool = False

    @classmethod
    def of(cls, method: Description, name: str, model: str) -> Self:
        """Return the card of a method under the names that the configuration gives it and its model."""
        axis = AxisCard(method.axis.name, method.axis.symbol, method.axis.identity, method.axis.fixed)
        return cls(name, model, axis, method.randomness, method.files is not None)

    def axis_with(self, grid: Iterable[float]) -> Axis:
        """Return the axis with the strengths of a run."""
        return Axis(self.axis.name, self.axis.symbol, tuple(grid), self.axis.identity, self.axis.fixed)


@dataclass(frozen=True)
class MetricCard:
    """A metric: one column of scores.

    Attributes:
        name: of the column of raw scores; says backbone, weights and size.
        kind: one of :data:`KINDS`.
        heading: of the raw score, for tables and figures: "CLIP score", "LPIPS".
        higher_is_better: False for a distance, which tables and figures show as 1 − score under the name ``1-<name>``.
        bounds: least and greatest raw score; None where there is no such bound.
        share: whether each score is 0 or 1, so that a mean is a share of the images and is shown in percent.
        partial: whether there may be pairs that it cannot score, such as those without a source text.
        rank: order among the metrics of its kind; figures show the first.
        synthetic: whether it was made for drawn pictures and means nothing on photographs.
        reads: the :data:`READINGS` on which its scores depend; when one of them is corrected, they are measured again.
        about: a sentence for the legend of a page; empty where the heading says enough.

    Raises:
        UserError: ``kind`` or ``reads`` has something else.
    """

    name: str
    kind: Kind
    heading: str
    higher_is_better: bool = True
    bounds: tuple[float | None, float | None] = (None, None)
    share: bool = False
    partial: bool = False
    rank: int = 100
    synthetic: bool = False
    reads: tuple[Reading, ...] = READINGS
    about: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UserError(f"The metric {self.name} has the kind {self.kind!r}. Give one of: {', '.join(KINDS)}.")
        if wrong := [part for part in self.reads if part not in READINGS]:
            raise UserError(f"The metric {self.name} reads {wrong[0]!r}. Give some of: {', '.join(READINGS)}.")

    @staticmethod
    def from_config(name: str, settings: Mapping[str, Any]) -> MetricCard:
        """Read a card as :meth:`to_config` writes it.

        Raises:
            TypeError, ValueError: it lacks something, or has too much.
        """
        low, high = (None if end is None else float(end) for end in settings["bounds"])
        return _typed(MetricCard(name, **{**settings, "bounds": (low, high), "reads": tuple(settings["reads"])}))

    def to_config(self) -> dict[str, Any]:
        """Return everything but the name as plain YAML values."""
        settings = asdict(self) | {"bounds": list(self.bounds), "reads": list(self.reads)}
        del settings["name"]
        return settings

    @property
    def shown(self) -> str:
        """The column's name as tables and figures show it: ``1-<name>`` for a distance."""
        return self.name if self.higher_is_better else f"1-{self.name}"

    @property
    def shown_heading(self) -> str:
        """The heading of what tables and figures show: "1 − LPIPS"."""
        return self.heading if self.higher_is_better else f"1 − {self.heading}"

    @property
    def shown_bound(self) -> float | None:
        """The greatest shown score; None where there is none."""
        low, high = self.bounds
        if self.higher_is_better:
            return high
        return None if low is None else 1 - low

    def shown_score(self, raw: Scores) -> Scores:
        """Return raw scores as tables and figures show them, higher is better."""
        return raw if self.higher_is_better else 1 - raw


class MetricCards:
    """Cards of metrics in the order of tables, found by their names, raw or as shown."""

    def __init__(self, cards: Iterable[MetricCard] = ()) -> None:
        """
        Args:
            cards: in any order; of two with one name the last counts.
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
            UserError: there is none.
        """
        if name not in self._by_any_name:
            raise UserError(f"config.yaml has no card of the metric {name}. Repeat eval.score with that metric.")
        return self._by_any_name[name]

    def __or__(self, other: MetricCards) -> MetricCards:
        """Return the cards of both; where both have a name, the other's."""
        return MetricCards([*self, *other])

    def only(self, names: Iterable[str]) -> MetricCards:
        """Return the cards of these metrics, named raw or as shown.

        Raises:
            UserError: one of them has none.
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
        """Return a column's heading, "CLIP score"; with the backbone where several of these metrics have that heading.

        Raises:
            UserError: there is no such metric.
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
    """Return a metric's name that says all: one at the pairs' own size ("…/native") is another one at every size."""
    return f"{metric}-{size}px" if metric.endswith("/native") else metric


def _after_word(card: MetricCard) -> str:
    """What follows the first word of a metric's name: backbone, weights, size."""
    return card.name.partition("/")[2]


@dataclass(frozen=True)
class Cards:
    """All that a run says of itself."""

    dataset: DatasetCard
    method: MethodCard
    metrics: MetricCards

    @classmethod
    def from_config(cls, settings: Mapping[str, Any]) -> Self:
        """Read the block ``cards`` of config.yaml.

        Raises:
            KeyError, TypeError, ValueError, UserError: it lacks something, or has something that is no part of it.
        """
        method = dict(settings["method"])
        metrics = {name: MetricCard.from_config(name, each) for name, each in settings["metrics"].items()}
        return cls(
            _typed(DatasetCard(**settings["dataset"])),
            _typed(MethodCard(**{**method, "axis": _typed(AxisCard(**method["axis"]))})),
            MetricCards(metrics.values()),
        )

    def to_config(self) -> dict[str, Any]:
        """Return the block as plain YAML values."""
        return {
            "dataset": asdict(self.dataset),
            "method": asdict(self.method),
            "metrics": {card.name: card.to_config() for card in self.metrics},
        }


def _typed(card: Card) -> Card:
    """Return a card that was read from a file, if its words are words, its numbers numbers.

    Raises:
        TypeError: they are not.
    """
    kinds = {"str": str, "bool": bool, "int": int, "str | None": str | None, "float | None": float | int | None}
    for field in fields(card):
        value, kind = getattr(card, field.name), kinds.get(str(field.type))
        if kind is not None and not isinstance(value, kind):
            raise TypeError(f"{type(card).__name__} has {value!r} for {field.name}")
    return card


def merged(cards: Collection[MetricCards]) -> MetricCards:
    """Return the metrics of several runs; equal names are equal metrics."""
    return MetricCards(card for each in cards for card in each)
