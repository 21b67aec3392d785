"""Reading and changing a network's attention (as Prompt-to-Prompt does, Hertz et al., arXiv 2208.01626)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0
from torch import Tensor
from torch.nn import functional as F

from imagic.models.control import Control, Kind, Layer, layers
from tedbench.errors import UserError


class AttentionControl(Control):
    """Reads and changes attention; a subclass overrides one of the two methods, or both.

    Tensors have the rows of the network's batch first, see :meth:`Control.rows`; H heads, Q queries (positions of the
    image), K keys (positions, or tokens of the text in cross-attention). They may be changed in place.
    """

    def projections(self, layer: Layer, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries (B, H, Q, d), keys and values (B, H, K, d) to use in place of the given ones."""
        return q, k, v

    def probabilities(self, layer: Layer, p: Tensor) -> Tensor:
        """Return attention maps to use in place of the given ones: (B, H, Q, K), each row sums to 1.

        Overriding this makes the layer compute the maps, which costs memory: otherwise they are never formed.
        """
        return p


def attention_layers(network: Any) -> list[Layer]:
    """Return the attention layers of a UNet, in the order of its processors."""
    names = [processor.removesuffix(".processor") for processor in network.attn_processors]
    kinds: list[tuple[str, Kind]] = [
        (each, "cross" if network.get_submodule(each).is_cross_attention else "self") for each in names
    ]
    return layers(kinds, len(network.config.down_block_types))


@contextmanager
def hooked_attention(network: Any, name: str, control: AttentionControl) -> Iterator[None]:
    """Route the attention of a network through a control; see :meth:`imagic.models.base.DiffusionModel.attention`."""
    before = dict(network.attn_processors)
    known = (AttnProcessor, AttnProcessor2_0, _Controlled)
    if other := next((p for p in before.values() if not isinstance(p, known)), None):
        raise UserError(f"{name}'s attention is of the kind {type(other).__name__}, which cannot be controlled.")
    changed = {
        f"{layer.name}.processor": _Controlled(layer, control, before[f"{layer.name}.processor"])
        for layer in attention_layers(network)
        if control.wants(layer)
    }
    network.set_attn_processor({**before, **changed})
    try:
        yield
    finally:
        network.set_attn_processor(before)


class _Controlled:
    """An attention processor of diffusers that calls a control; within another one it calls that first."""

    def __init__(self, layer: Layer, control: AttentionControl, inner: object) -> None:
        self.layer = layer
        self.controls: list[AttentionControl] = [*(inner.controls if isinstance(inner, _Controlled) else []), control]
        self.maps = any(type(each).probabilities is not AttentionControl.probabilities for each in self.controls)

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        **_: Any,
    ) -> Tensor:
        seen = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        split = lambda x: x.unflatten(-1, (attn.heads, -1)).transpose(1, 2)
        q, k, v = split(attn.to_q(hidden_states)), split(attn.to_k(seen)), split(attn.to_v(seen))
        for control in self.controls:
            q, k, v = control.projections(self.layer, q, k, v)
        if attention_mask is not None:
            prepared = attn.prepare_attention_mask(attention_mask, seen.shape[1], len(hidden_states))
            attention_mask = prepared.unflatten(0, (len(hidden_states), attn.heads))
        if self.maps:
            scores = q @ k.transpose(-1, -2) * attn.scale
            p = (scores if attention_mask is None else scores + attention_mask).softmax(-1)
            for control in self.controls:
                p = control.probabilities(self.layer, p)
            out = p.to(v.dtype) @ v
        else:
            out = F.scaled_dot_product_attention(q, k, v, attn_mask=attention_mask)
        joined = out.transpose(1, 2).flatten(2)
        for project in attn.to_out:
            joined = project(joined)
        return joined


def tokens_as_image(p: Tensor, height: int, width: int) -> Tensor:
    """Return cross-attention maps as images of a size: (B, H, Q, K) to (B, K, height, width), averaged over the heads.

    Raises:
        ValueError: the positions are no square.
    """
    side = round(p.shape[2] ** 0.5)
    if side * side != p.shape[2]:
        raise ValueError(f"{p.shape[2]} positions are no square")
    maps = p.float().mean(1).transpose(1, 2).unflatten(-1, (side, side))
    if (height, width) == (side, side):
        return maps
    return F.interpolate(maps, size=(height, width), mode="bilinear", align_corners=False)
