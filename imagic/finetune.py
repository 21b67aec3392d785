"""Stage B, model fine-tuning: shift the model to fit the input image at the point e_opt (section 3.2)."""

from __future__ import annotations

import re
from typing import NamedTuple

import torch
from torch import Tensor, nn

from imagic.lora import adapter_parameters
from imagic.loss import denoising_loss
from imagic.models.base import DiffusionModel
from imagic.models.text import Text
from tedbench.errors import UserError
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
    weights: str = "",
    text_lr: float = 0.0,
    stop: Stop | None = None,
    progress: Progress = silent,
    stage: str = "fine-tuning",
) -> Text:
    """Optimise θ in place with e_opt frozen; a :class:`~imagic.snapshot.Snapshot` undoes it.

    With ``text_lr`` the embedding is optimised in the same steps, as in Forgedit.

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
        weights: a regular expression, searched in the weights' names: only those that have it are optimised.
        text_lr: the learning rate of the embedding; 0 leaves it as it is.
        stop: the loss at which to stop early.
        progress: called after each step.
        stage: the stage's name in these calls.

    Returns:
        The embedding that goes with the fine-tuned weights: e_opt itself if it is frozen.

    Raises:
        DivergedError: the loss is not finite.
        UserError: no weight has such a name, or the weights are in bfloat16.
    """
    parameters = tunable(model.network, weights)
    if parameters[0].dtype == torch.bfloat16:  # adapters are not, whatever is below them
        require_trainable(model)
    if text_lr:
        e_opt = e_opt.clone()
    texts = [part.requires_grad_() for part in e_opt.parameters()] if text_lr else []
    for parameter in parameters:
        parameter.requires_grad_(True)
    try:
        kernels = {p: nn.Parameter(_as_stored(p)) for p in parameters if p.dim() == 4}
        adam = _adam(optimizer, [kernels.get(p, p) for p in parameters], lr)
        if texts:
            adam.add_param_group({"params": texts, "lr": text_lr})
        for step in range(steps):
            for group, rate in zip(adam.param_groups, (lr, text_lr), strict=False):
                group["lr"] = rate * (1 - decay * step / steps)
            adam.zero_grad()
            e = e_opt
            if empty and e_null is not None:
                without = torch.rand(draws, generator=rng) < empty
                e = e_null.where(without, e_opt)
            loss = denoising_loss(model, x0, e, draws, rng)
            if stop is not None and step * draws > stop.after and loss.item() < stop.loss:
                break
            loss.backward()
            for parameter, stored in kernels.items():
                if parameter.grad is not None:
                    stored.grad, parameter.grad = _as_stored(parameter.grad), None
            adam.step()
            progress(stage, step + 1, steps)
    finally:
        model.network.requires_grad_(False)
        for parameter in parameters:
            parameter.grad = None
    return e_opt.clone() if texts else e_opt


def require_trainable(model: DiffusionModel) -> None:
    """Raise UserError if a model's weights are in bfloat16: fine-tuning moves them by less than its rounding."""
    if any(parameter.dtype == torch.bfloat16 for parameter in model.network.parameters()):
        raise UserError(
            f"{model.name}'s weights are rounded to bfloat16, and fine-tuning moves them by less than that. Give "
            "model.weights=float32, or method=imagic_lora."
        )


class Stop(NamedTuple):
    """The loss below which a fine-tuning ends, before it learns from that draw.

    Attributes:
        loss: the mean of a step's draws.
        after: number of draws that are taken in any case.
    """

    loss: float
    after: int


def tunable(network: nn.Module, weights: str = "") -> list[nn.Parameter]:
    """Return the weights that are fine-tuned: the adapters if there are any, else those with a name.

    Args:
        network: the network.
        weights: a regular expression, searched in the weights' names.

    Raises:
        UserError: no weight has such a name.
    """
    if any("lora_" in name for name, _ in network.named_parameters()):
        return adapter_parameters(network)
    found = [value for name, value in network.named_parameters() if re.search(weights, name)]
    if not found:
        raise UserError(f"No weight of the network is called like {weights!r}.")
    return found


def _as_stored(x: Tensor) -> Tensor:
    """Permute a channels_last tensor to its order in memory; otherwise Adam's fused step copies gradients."""
    return x.detach().permute(0, 2, 3, 1)


def _adam(name: str, parameters: list[nn.Parameter], lr: float) -> torch.optim.Optimizer:
    if name == "adam":
        return torch.optim.Adam(parameters, lr=lr, fused=True)
    from bitsandbytes.optim import Adam8bit  # an extra, see imagic.variant

    return Adam8bit(parameters, lr=lr)
