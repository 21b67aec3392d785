"""Configurations of runs that tests build by hand, with cards as a command would write them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from eval.runs.cards import FORMAT, AxisCard, Cards, DatasetCard, MethodCard, MetricCard, MetricCards
from tedbench.datasets.folder import Folder
from tedbench.datasets.picturebook import PicturebookPairs

DATASETS = {"picturebook": PicturebookPairs}
UNIT = (-1.0, 1.0)
METRICS: dict[str, dict[str, Any]] = {
    "clip": {"kind": "alignment", "heading": "CLIP score", "bounds": UNIT, "rank": 0, "reads": ()},
    "clip-direction": {
        "kind": "alignment",
        "heading": "CLIP direction",
        "bounds": UNIT,
        "partial": True,
        "rank": 1,
        "reads": ("source_text",),
    },
    "lpips": {
        "kind": "fidelity",
        "heading": "LPIPS",
        "higher_is_better": False,
        "bounds": (0.0, None),
        "pixelwise": True,
        "rank": 0,
        "reads": (),
    },
    "clip-i": {"kind": "fidelity", "heading": "CLIP-I", "bounds": UNIT, "rank": 1, "reads": ()},
    "ssim": {"kind": "fidelity", "heading": "SSIM", "bounds": UNIT, "pixelwise": True, "rank": 3, "reads": ()},
    "psnr": {"kind": "fidelity", "heading": "PSNR", "bounds": (0.0, None), "pixelwise": True, "rank": 4, "reads": ()},
    "judge": {
        "kind": "judgement",
        "bounds": (0.0, 1.0),
        "share": True,
        "partial": True,
        "synthetic": True,
        "reads": ("truth",),
    },
}
"""What the project's metrics say of themselves, so that no network need be imported; a test compares them."""
QUESTIONS = ("success", "changed", "kept")


def card_of(name: str) -> MetricCard:
    """The card of a metric of the project under any name: "clip/a/b", "judge/success/1"."""
    word, rest, *_ = name.split("/")
    about = METRICS[word]
    if word == "judge":
        about = about | {"heading": f"judged {rest}", "rank": QUESTIONS.index(rest)}
    return MetricCard(name, **about)


def made_config(
    method: str = "imagic",
    model: str = "tiny",
    axis: str = "eta",
    metrics: Iterable[str | MetricCard] = (),
    *,
    symbol: str | None = None,
    identity: float | None = None,
    fixed: bool = False,
    elsewhere: bool = False,
    **blocks: Any,
) -> dict[str, Any]:
    """The contents of a config.yaml.

    Args:
        method, model: their names.
        axis: the name of the method's axis, which is its symbol where none is given.
        metrics: names for :func:`card_of`, or cards.
        symbol, identity, fixed: of the axis.
        elsewhere: whether the images were made elsewhere.
        **blocks: ``fit`` (whose ``dataset`` is "folder" where it says nothing), ``numerics`` and others; empty ones are added.
    """
    fit = {"dataset": "folder", **blocks.pop("fit", {})}
    dataset = object.__new__(DATASETS.get(fit["dataset"], Folder))
    cards = Cards(
        DatasetCard.of(dataset, fit["dataset"]),
        MethodCard(method, model, AxisCard(axis, symbol or axis, identity, fixed), "sample", elsewhere),
        MetricCards(each if isinstance(each, MetricCard) else card_of(each) for each in metrics),
    )
    rest = {block: blocks.pop(block, {}) for block in ("numerics", "sweep", "measure", "how")}
    return {"format": FORMAT, "fit": fit, **rest, **blocks, "cards": cards.to_config()}
