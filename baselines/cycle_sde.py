"""Cycle-SDE (Nie et al., arXiv 2311.01410): noise maps of the forward process, step by step."""

from __future__ import annotations

from typing import ClassVar

from baselines.noise_map_decoding import NoiseMapDecoder
from imagic.models.noise_maps import Chain


class CycleSDE(NoiseMapDecoder):
    """Cycle-SDE: the input is noised step by step, and the same noise is used on the way back."""

    chain: Chain = "markov"
    recipe: ClassVar[str] = "cycle_sde"
