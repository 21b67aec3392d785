"""CLIP's relevancy of an image's regions for a text (Chefer et al., arXiv 2103.15679), to bootstrap α."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.text2live.clip import Clip
from tedbench.errors import UserError


def relevancy(clip: Clip, image: Tensor, text: Tensor, blocks: int = 1) -> Tensor:
    """Return a map of each region's relevancy for the text.

    In each of the last blocks the attention is weighted with the positive part of its gradient, averaged over heads and
    accumulated; the class token's row over the patches is the map.

    Args:
        clip: a plain ViT.
        image: (1, 3, H, W) in [0, 1].
        text: embedding of a text, (D,).
        blocks: number of blocks, from the last.

    Returns:
        (1, 1, H, W), scaled to minimum 0 and maximum 1; all 0 if no region is relevant.

    Raises:
        UserError: attention of another kind than a plain ViT's.
    """
    last = clip.blocks[-blocks:]
    if not all(isinstance(getattr(block, "attn", None), nn.MultiheadAttention) for block in last):
        raise UserError(
            f"{clip.name} has no plain attention. Give recipe.text2live.bootstrap.steps=0, or another CLIP."
        )
    caught: list[Tensor] = []

    def attend(attention: nn.MultiheadAttention, inputs: tuple[Tensor, ...], given: dict, output: tuple) -> tuple:
        x = inputs[0] if attention.batch_first else inputs[0].transpose(0, 1)
        result, weights = attend_openly(attention, x)
        caught.append(weights)
        return (result if attention.batch_first else result.transpose(0, 1)), None

    hooks = [block.attn.register_forward_hook(attend, with_kwargs=True) for block in last]
    try:
        with torch.enable_grad():
            seen = clip.resize(image.detach()).requires_grad_()
            score = F.cosine_similarity(clip.encode_images(seen), text[None]).sum() * clip.network.logit_scale.exp()
            slopes = torch.autograd.grad(score, caught)
    finally:
        for hook in hooks:
            hook.remove()
    total = torch.eye(caught[0].shape[-1], device=image.device)[None]
    for weights, slope in zip(caught, slopes, strict=True):
        total = total + (slope * weights.detach()).clamp(min=0).mean(dim=1) @ total
    patches = total[:, 0, 1:].reshape(1, 1, *clip.grid)
    spread = F.interpolate(patches, size=image.shape[-2:], mode="bilinear", align_corners=False)
    spread = spread - spread.amin()
    return spread / spread.amax().clamp(min=torch.finfo(spread.dtype).tiny)


def attend_openly(attention: nn.MultiheadAttention, x: Tensor) -> tuple[Tensor, Tensor]:
    """Compute self-attention with differentiable weights: (B, L, D) to (B, L, D) and (B, heads, L, L)."""
    b, length, width = x.shape
    projected = F.linear(x, attention.in_proj_weight, attention.in_proj_bias)
    q, k, v = projected.reshape(b, length, 3, attention.num_heads, -1).permute(2, 0, 3, 1, 4)
    weights = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(dim=-1)
    return attention.out_proj((weights @ v).transpose(1, 2).reshape(b, length, width)), weights
