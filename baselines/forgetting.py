"""Groups of a UNet's weights that are put back to pretrained for sampling: the forgetting of Forgedit (arXiv 2309.10556)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from tedbench.errors import UserError


class Group(NamedTuple):
    """Weights that are forgotten, by their names in diffusers' UNets.

    Attributes:
        forgotten: a regular expression, searched in the names of the weights that go back to pretrained.
        kept: a regular expression of those among them that stay fine-tuned; empty for none.
        code: the group's name in the authors' code, which says what is kept; empty if they have none.
    """

    forgotten: str
    kept: str = ""
    code: str = ""

    @property
    def pattern(self) -> str:
        """One regular expression for the weights that go back to pretrained."""
        return rf"^(?=.*{self.forgotten})" + (rf"(?!.*(?:{self.kept}))" if self.kept else "")


ENCODER, DECODER = "down_blocks", "up_blocks"
ATTENTION, CROSS_KEYS_AND_VALUES = r"attn", r"attn2\.to_[kv]"

GROUPS: dict[str, Group | None] = {
    "none": None,
    "all": Group(""),
    "encoder": Group(ENCODER, code="noencoder"),
    "encoder_except_attention": Group(ENCODER, ATTENTION, "encoderattn"),
    "encoder_except_kv": Group(ENCODER, CROSS_KEYS_AND_VALUES, "encoderkv"),
    "encoder_except_attention_and_1": Group(ENCODER, rf"{ATTENTION}|{ENCODER}\.1\.", "encoderattn+encoder1"),
    "decoder": Group(DECODER),
    "decoder_except_attention": Group(DECODER, ATTENTION, "decoderattn"),
    "decoder_except_kv": Group(DECODER, CROSS_KEYS_AND_VALUES, "decoderkv"),
    "decoder_except_attention_and_2": Group(DECODER, rf"{ATTENTION}|{DECODER}\.2\.", "decoderattn+decoder2"),
}
"""The groups by name, which says what is forgotten. In the paper the encoder has layout and pose, the decoder appearance."""


def forgotten(name: str, weights: Iterable[str]) -> str | None:
    """Return the regular expression of a group's weights in a network, or None for the group "none".

    Args:
        name: of the group.
        weights: names of the network's weights.

    Raises:
        UserError: the network has nothing to forget of this name, or nothing of what the group keeps.
    """
    group = GROUPS[name]
    if group is None:
        return None
    names = list(weights)
    for part, what in ((group.pattern, "forgets"), (group.kept, "keeps")):
        if not any(re.search(part, each) for each in names):
            raise UserError(
                f"method.forget={name} {what} nothing in this model's network, which has no weight called like {part!r}. "
                "Give method.forget=none or another group."
            )
    return group.pattern
