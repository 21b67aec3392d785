"""Training in several processes: one network, and batches that are drawn in parts."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

SCRIPT = """
import sys
from pathlib import Path
import torch
from torch import nn
from picturebook.train.loop import train
from picturebook.train.processes import process_group, processes, rank

out = Path(sys.argv[1])
with process_group():
    torch.manual_seed(0)
    model, drawn = nn.Linear(3, 1), []

    def loss_at(rng):
        drawn.append(torch.randn(4, 3, generator=rng))
        return model(drawn[-1]).square().mean()

    def save(average, step):
        (out / f"saved-{rank()}-{step}").touch()

    train(model, loss_at, steps=4, lr=1e-2, seed=1, save=save, save_every=2, state=out / "state")
    torch.save({"weights": model.state_dict(), "drawn": drawn}, out / f"{rank()} of {processes()}.pt")
"""


@pytest.mark.slow
def test_two_processes_take_the_step_of_both_batches_together(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "script.py", "."]
    subprocess.run(command, check=True, cwd=tmp_path, timeout=120)
    first, second = (torch.load(tmp_path / f"{rank} of 2.pt", weights_only=True) for rank in (0, 1))
    assert sorted(path.name for path in tmp_path.glob("saved-*")) == ["saved-0-2", "saved-0-4"]
    assert all(torch.equal(first["weights"][name], second["weights"][name]) for name in first["weights"])
    assert not any(torch.equal(a, b) for a, b in zip(first["drawn"], second["drawn"], strict=True))

    torch.manual_seed(0)
    model = torch.nn.Linear(3, 1)
    adam = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, 1e-2, total_steps=4, pct_start=0.05)
    for parts in zip(first["drawn"], second["drawn"], strict=True):
        adam.zero_grad()
        model(torch.cat(parts)).square().mean().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        schedule.step()
    assert all(torch.allclose(model.state_dict()[name], first["weights"][name], atol=1e-6) for name in first["weights"])
