"""Stage B, model fine-tuning: shift the model to fit the input image at the point e_opt (section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from imagic.lora import adapter_parameters
from imagic.loss import denoising_loss
from imagic.models.base import DiffusionModel
from imagic.models.text import Text
from tedbench.method import Progress, silent


def finetune(
    model: DiffusionModel,
    x0: Tensor,
    e_opt: Text,
    *,
    steps: int,
    lr: float,
    rng: torch.Generator,
    draws: int = 1,
    decay: float = 0.0,
    empty: float = 0.0,
    e_null: Text | None = None,
    optimizer: str = "adam",
    progress: Progress = silent,
    stage: str = "fine-tuning",
) -> None:
    """Optimise θ in place with e_opt frozen; a :class:`~imagic.snapshot.Snapshot` undoes it.

    Args:
        model: its ``network`` is fine-tuned: the adapters (:mod:`imagic.lora`) if it has any, otherwise all weights.
        x0: the input's latents, (1, C, h, w).
        e_opt: the result of :func:`imagic.embedding.optimise_embedding`.
        steps, lr: of Adam.
        rng: CPU generator of timesteps and noise.
        draws: of timestep and noise, per step.
        decay: share of the learning rate that is lost, linearly, by the last step: 0 (the paper's fixed rate) to 1.
        empty: probability that a draw is conditioned on ``e_null`` in place of e_opt, as in the training of
            classifier-free guidance; the paper does not do this. The unconditional prediction then fits the image too,
            so that guidance at η = 0 does not move away from it.
        e_null: embedding of the empty text; required if ``empty`` is not 0.
        optimizer: ``adam``, or ``adam8bit``, which keeps its moments in 8 bits.
        progress: called after each step.
        stage: the stage's name in these calls.

    Raises:
        DivergedError: the loss is not finite.
    """
    parameters = adapter_parameters(model.network)
    for parameter in parameters:
        parameter.requires_grad_(True)
    try:
        kernels = {p: nn.Parameter(_as_stored(p)) for p in parameters if p.dim() == 4}
        adam = _adam(optimizer, [kernels.get(p, p) for p in parameters], lr)
        for step in range(steps):
            adam.param_groups[0]["lr"] = lr * (1 - decay * step / steps)
            adam.zero_grad()
            e = e_opt
            if empty and e_null is not None:
                without = torch.rand(draws, generator=rng) < empty
                e = e_null.where(without, e_opt)
            denoising_loss(model, x0, e, draws, rng).backward()
            for parameter, stored in kernels.items():
                if parameter.grad is not None:
                    stored.grad, parameter.grad = _as_stored(parameter.grad), None
            adam.step()
            progress(stage, step + 1, steps)
    finally:
        model.network.requires_grad_(False)
        for parameter in parameters:
            parameter.grad = None


def _as_stored(x: Tensor) -> Tensor:
    """Permute a channels_last tensor to its order in memory; otherwise Adam's fused step copies gradients."""
    return x.detach().permute(0, 2, 3, 1)


def _adam(name: str, parameters: list[nn.Parameter], lr: float) -> torch.optim.Optimizer:
    if name == "adam":
        return torch.optim.Adam(parameters, lr=lr, fused=True)
    from bitsandbytes.optim import Adam8bit  # an extra, see imagic.variant

    return Adam8bit(parameters, lr=lr)
