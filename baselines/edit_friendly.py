"""Edit-friendly DDPM inversion (Huberman-Spiegelglas et al., arXiv 2304.06140): noise maps of independent noise."""

from __future__ import annotations

from typing import ClassVar

from baselines.noise_map_decoding import NoiseMapDecoder
from imagic.models.noise_maps import Chain


class EditFriendly(NoiseMapDecoder):
    """Edit-friendly DDPM inversion: the input is noised independently at every level.

    The noise maps of such a chain are larger than standard normal noise and carry the input's structure.
    """

    chain: Chain = "independent"
    recipe: ClassVar[str] = "edit_friendly"
    cost: ClassVar[str] = "2N + 2Ns"
