"""The pairs that compared runs have in common, and the reasons why others are left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from eval.analysis.methods import Method
from eval.analysis.shapes import shape_notes, size_notes
from eval.runs.cards import MetricCards, merged
from eval.runs.folder import last_start
from tedbench.errors import UserError


class Comparison(NamedTuple):
    """Methods and the pairs on which they are compared.

    Attributes:
        methods: in the order of the command.
        pair_ids: pairs for which every method has its picked image, sorted.
        n_expected: number of pairs there should be.
        left_out: by pair id, the reason why it is not compared.
        dataset: label for figures and tables.
        notes: remarks for the reader.
    """

    methods: list[Method]
    pair_ids: list[str]
    n_expected: int
    left_out: dict[str, str]
    dataset: str
    notes: list[str]

    @property
    def coverage(self) -> str:
        """Number of compared pairs, such as "5 of 6 pairs"."""
        return f"{len(self.pair_ids)} of {self.n_expected} pair{'' if self.n_expected == 1 else 's'}"

    @property
    def metrics(self) -> MetricCards:
        """The cards of all methods' metrics; equal names are equal metrics."""
        return merged([method.metrics for method in self.methods])

    @property
    def synthetic(self) -> bool:
        """True if the images are drawn by a program."""
        return self.methods[0].run.cards.dataset.synthetic

    def reasons(self) -> dict[str, list[str]]:
        """Return the left-out pairs by reason."""
        found: dict[str, list[str]] = {}
        for pair_id, why in self.left_out.items():
            found.setdefault(why, []).append(pair_id)
        return found

    def picked(self, method: Method) -> pd.DataFrame:
        """Return a method's images of the compared pairs, one row a pair, with its source image and target text."""
        columns = ["pair_id", "source_group", "target_text"]
        about = method.samples[columns].drop_duplicates("pair_id")
        images = method.picked.images.merge(about, on="pair_id")
        return images[images["pair_id"].isin(self.pair_ids)].sort_values("pair_id", ignore_index=True)


def compare_on_common(methods: Sequence[Method]) -> Comparison:
    """Find the pairs that all methods share.

    Raises:
        UserError: the runs are on different datasets or have no pair in common.
    """
    _same_dataset(methods)
    ids = sorted({pair_id for method in methods for pair_id in method.samples["pair_id"]})
    sizes = {method.size for method in methods}
    digests = [_inputs(method) for method in methods] if len(sizes) == 1 else []
    left_out = {}
    for pair_id in ids:
        reasons = [f"{method.name}: {why}" for method in methods if (why := method.lacks(pair_id))]
        if not reasons and len({digest for inputs in digests if (digest := inputs.get(pair_id))}) > 1:
            reasons = ["its input image is not the same in all runs"]
        if reasons:
            left_out[pair_id] = "; ".join(reasons)
    common = [pair_id for pair_id in ids if pair_id not in left_out]
    if not common:
        first, why = next(iter(left_out.items()))
        raise UserError(
            f"These runs have no pair in common ({first}: {why.rstrip('.')}). Give finished runs on the same pairs."
        )
    notes = []
    if any(method.picked.by_default for method in methods):
        notes.append(
            "Where none was chosen the strength is arbitrary: `python -m eval.select run=…` chooses one per image."
        )
    if len(sizes) > 1:
        each = ", ".join(f"{method.name} {method.size} px" for method in methods)
        notes.append(f"The methods worked on pairs of different size: {each}.")
    for method in methods:
        compared = method.samples[method.samples["pair_id"].isin(common)]
        notes += [f"{method.name}: {note}" for note in (*shape_notes(compared), *size_notes(compared))]
    expected = max(len(ids), *(last_start(method.run.events()).pairs for method in methods))
    if expected > len(ids):
        more = expected - len(ids)
        notes.append(f"{more} {'pair has' if more == 1 else 'pairs have'} not been run yet.")
    return Comparison(list(methods), common, expected, left_out, methods[0].run.dataset_label, notes)


def _same_dataset(methods: Sequence[Method]) -> None:
    first = methods[0]
    for other in methods[1:]:
        if other.dataset != first.dataset:
            raise UserError(
                f"{first.name} ({first.run.folder}) is on {first.dataset}, {other.name} ({other.run.folder}) on "
                f"{other.dataset}. Give runs on one dataset."
            )


def _inputs(method: Method) -> dict[str, Any]:
    return {shard.id: shard.info().get("input") for shard in method.run.shards()}
