"""The training loop of every part: AdamW, and Muon for matrices, with one cycle of the rate, and an average of the weights."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR
from torch.optim.swa_utils import AveragedModel

from picturebook.train.processes import average_gradients, rank, wait

SHIPPED = Path(str(files("picturebook"))) / "weights"
"""The folder of the weights shipped with the project."""


def train(
    model: nn.Module,
    loss_at: Callable[[torch.Generator], torch.Tensor],
    *,
    steps: int,
    lr: float,
    seed: int,
    save: Callable[[nn.Module, int], None],
    ema: float = 0.998,
    save_every: int = 500,
    log: Path | None = None,
    state: Path | None = None,
    matrices: Sequence[nn.Parameter] = (),
    matrices_lr: float = 0.0,
) -> None:
    """Train ``model`` in place.

    Args:
        model: its trainable parameters are optimised.
        loss_at: draws a batch from the given generator and returns the loss.
        steps, lr: number of updates and the peak of the learning rate.
        seed: of all draws, with the process's rank (:mod:`picturebook.train.processes`).
        save: called with the averaged model and the step, every ``save_every`` steps and at the end.
        ema: decay of the average of weights, per step; smaller at first, so that the initial weights are forgotten.
        log: JSON lines of step, loss and seconds, appended.
        state: file with everything needed to resume, written after each call of ``save``. If it exists, the training is
            resumed from it, and ``steps`` counts the steps before too; of several processes only the first goes on with
            the same draws. A finished training removes it, so that the next
            one is a new cycle.
        matrices: parameters of two dimensions that Muon (Jordan et al., https://kellerjordan.github.io/posts/muon) updates
            in place of AdamW.
        matrices_lr: their peak of the learning rate. An update is scaled to the root mean square of one of AdamW, so that rates
            can be compared.
    """
    rng = torch.Generator().manual_seed(_seed(seed, 0))
    model.train()
    average = AveragedModel(model, multi_avg_fn=partial(_average, ema))
    apart = {id(parameter) for parameter in matrices}
    others = [p for p in model.parameters() if p.requires_grad and id(p) not in apart]
    parts: dict[str, Any] = {"model": model, "average": average}
    parts |= _optimizer("", torch.optim.AdamW(others, lr=lr, weight_decay=0.01), lr, steps)
    if matrices:
        found = torch.optim.Muon(matrices, lr=matrices_lr, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
        parts |= _optimizer("matrices_", found, matrices_lr, steps)
    optimizers = [part for part in parts.values() if isinstance(part, torch.optim.Optimizer)]
    schedules = [part for part in parts.values() if isinstance(part, LRScheduler)]
    done = _restore(state, parts, rng) if state and state.exists() else 0
    if rank():
        rng.manual_seed(_seed(seed, done))
    start, total = time.monotonic(), 0.0
    for step in range(done + 1, steps + 1):
        model.zero_grad(set_to_none=True)
        loss = loss_at(rng)
        loss.backward()
        average_gradients(model.parameters())
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        for schedule in schedules:
            schedule.step()
        average.update_parameters(model)
        total += loss.item()
        if not rank() and (step % 50 == 0 or step == steps):
            seconds = time.monotonic() - start
            line = {"step": step, "loss": round(total / 50, 5), "seconds": round(seconds)}
            each = seconds / (step - done)
            left = each * (steps - step)
            print(
                f"{step}/{steps}  loss {line['loss']:.5f}  {each:.2f} s/step  {left / 60:.0f} min left",
                flush=True,
            )
            if log:
                with log.open("a") as file:
                    file.write(json.dumps(line) + "\n")
            total = 0.0
        if not rank() and (step % save_every == 0 or step == steps):
            save(average.module, step)
            if state:
                _keep(state, parts, rng, step)
    wait()
    if state and not rank():
        state.unlink(missing_ok=True)


def _seed(seed: int, step: int) -> int:
    """Return the seed of this process's draws after ``step`` steps; of the first process it is ``seed``."""
    return seed if not rank() else (seed * 1009 + rank()) * 1_000_003 + step


def _optimizer(prefix: str, optimizer: torch.optim.Optimizer, lr: float, steps: int) -> dict[str, Any]:
    """Return an optimizer and its cycle of the learning rate, by their names in the state."""
    schedule = OneCycleLR(optimizer, lr, total_steps=steps, pct_start=0.05)
    return {f"{prefix}optimizer": optimizer, f"{prefix}schedule": schedule}


def _keep(state: Path, parts: Mapping[str, Any], rng: torch.Generator, step: int) -> None:
    """Write the state atomically."""
    beside = state.with_suffix(".new")
    torch.save({"step": step, "rng": rng.get_state(), **{n: p.state_dict() for n, p in parts.items()}}, beside)
    beside.replace(state)


def _restore(state: Path, parts: Mapping[str, Any], rng: torch.Generator) -> int:
    """Load what :func:`_keep` wrote and return the number of steps done."""
    kept = torch.load(state, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(kept[name])
    rng.set_state(kept["rng"])
    return int(kept["step"])


@torch.no_grad()
def _average(ema: float, average: list[torch.Tensor], now: list[torch.Tensor], n: torch.Tensor | int) -> None:
    """Move the average towards the current weights, after ``n`` steps."""
    decay = min(ema, (1 + int(n)) / (10 + int(n)))
    torch._foreach_lerp_(average, now, 1 - decay)
