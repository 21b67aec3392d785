"""Stage B, model fine-tuning: shift the model to fit the input image at the point e_opt (section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from imagic.lora import adapter_parameters, remove_adapters
from imagic.loss import denoising_loss
from imagic.models.base import DiffusionModel
from tedbench.method import Progress, silent


def finetune(
    model: DiffusionModel,
    x0: Tensor,
    e_opt: Tensor,
    *,
    steps: int,
    lr: float,
    rng: torch.Generator,
    draws: int = 1,
    decay: float = 0.0,
    empty: float = 0.0,
    e_null: Tensor | None = None,
    optimizer: str = "adam",
    progress: Progress = silent,
    stage: str = "fine-tuning",
) -> None:
    """Optimises θ in place with e_opt frozen; :class:`Snapshot` undoes it.

    Args:
        model: its ``network`` is fine-tuned: its adapters (:mod:`imagic.lora`), or all of it where it has none.
        x0: the input's latents, (1, C, h, w).
        e_opt: what :func:`imagic.embedding.optimise_embedding` found, (1, L, D).
        steps, lr: of Adam.
        rng: CPU generator of timesteps and noise.
        draws: of timestep and noise, per step.
        decay: part of the rate that is lost linearly on the way, 0 (the paper's fixed rate) to 1.
        empty: probability of a draw to be conditioned on ``e_null`` in place of e_opt, as when classifier-free guidance
            is trained; in the paper there is none. The model without text then learns the image as well, so that
            guidance at η = 0 leads nowhere else.
        e_null: embedding of the empty text, (1, L, D); needed if ``empty``.
        optimizer: ``adam``, or ``adam8bit``, which keeps its moments in 8 bits.
        progress: told each step of ``stage``.
        stage: what it is called there.

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
                e = torch.where(without[:, None, None].to(e_opt.device), e_null, e_opt)
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
    """A channels_last tensor in the order in which it lies in memory; otherwise Adam's fused step copies gradients."""
    return x.detach().permute(0, 2, 3, 1)


def _adam(name: str, parameters: list[nn.Parameter], lr: float) -> torch.optim.Optimizer:
    if name == "adam":
        return torch.optim.Adam(parameters, lr=lr, fused=True)
    from bitsandbytes.optim import Adam8bit  # an extra, see imagic.variant

    return Adam8bit(parameters, lr=lr)


class Snapshot:
    """A copy of a module's parameters and buffers, to put back bit by bit.

    Attributes:
        module: the module.
        state: the copy, by name.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.state = {name: value.detach().clone() for name, value in module.state_dict().items()}

    def restore(self) -> None:
        """Writes the copy back into the same tensors; adapters are taken out first."""
        for network in self.module.modules():
            remove_adapters(network)
        with torch.no_grad():
            for name, value in self.module.state_dict().items():
                value.copy_(self.state[name])
