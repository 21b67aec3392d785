"""A method of one's own, evaluated like any other: python examples/own_method.py [options of eval.run]

The method needs no model: it mixes the input with the colour that the target text names.
"""

import sys
from collections.abc import Iterator, Sequence

import numpy as np

from eval.api import evaluate
from tedbench import Axis, Edit, Editor, EditPair, Sample
from tedbench.errors import PairError
from tedbench.method import Progress, silent

COLORS = {"red": (200, 30, 30), "green": (30, 160, 50), "blue": (40, 70, 200), "brown": (130, 80, 40)}


class Tint(Editor):
    """Its strength is the share of the colour: 0 is the input itself."""

    axis = Axis("mix", "mix", grid=(0.0, 0.25, 0.5, 0.75), identity=0.0)
    randomness = "none"  # one image for each strength, whatever the seeds

    def fit(self, pair: EditPair, progress: Progress = silent) -> "TintEdit":
        """Find the colour; a pair without one fails, with a reason, and the others go on."""
        named = [COLORS[word] for word in pair.target_text.lower().strip(".").split() if word in COLORS]
        if not named:
            raise PairError("its target text names no colour")
        return TintEdit(pair.image, np.array(named[0]))


class TintEdit(Edit):
    """One pair, ready to be sampled."""

    def __init__(self, image: np.ndarray, color: np.ndarray) -> None:
        self.image, self.color = image, color

    def sample(self, requests: Sequence[tuple[float, int]], progress: Progress = silent) -> Iterator[Sample]:
        """Yield the image of each (strength, seed)."""
        for strength, seed in requests:
            mixed = (1 - strength) * self.image + strength * self.color
            yield Sample(strength, seed, mixed.round().astype(np.uint8))


if __name__ == "__main__":
    # By its name, so that the run's folder can tell what made its images.
    run = evaluate("own_method.Tint", overrides=sys.argv[1:])
    print(run.curves().pivot(index="strength", columns="metric", values="mean").round(3).to_string())
    print(run.pairs()[["pair_id", "status", "reason"]].to_string(index=False))
