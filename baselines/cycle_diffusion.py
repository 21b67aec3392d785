"""CycleDiffusion (Wu & De la Torre, arXiv 2210.05559): noise maps of a chain drawn backwards from the noised input."""

from __future__ import annotations

from typing import ClassVar

from baselines.noise_map_decoding import NoiseMapDecoder
from imagic.models.noise_maps import Chain


class CycleDiffusion(NoiseMapDecoder):
    """CycleDiffusion: the input is noised once, and each level below is drawn given that and the input."""

    chain: Chain = "posterior"
    recipe: ClassVar[str] = "cycle_diffusion"
