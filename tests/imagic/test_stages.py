"""Stages A and B against a plain loop written from the paper and Adam's own paper, in float64."""

from __future__ import annotations

import math

import pytest
import torch

from imagic.embedding import optimise_embedding
from imagic.errors import DivergedError
from imagic.finetune import finetune
from imagic.models.text import Text
from imagic.snapshot import Snapshot

STEPS, DRAWS = 5, 2


def adam_by_hand(parameters, loss_of, lr, decay=0.0):
    """Kingma & Ba, arXiv 1412.6980, algorithm 1, with its default β and ε, at a linearly falling rate."""
    m = [torch.zeros_like(p) for p in parameters]
    v = [torch.zeros_like(p) for p in parameters]
    for step in range(1, STEPS + 1):
        gradients = torch.autograd.grad(loss_of(), parameters)
        with torch.no_grad():
            for i, (p, g) in enumerate(zip(parameters, gradients, strict=True)):
                m[i] = 0.9 * m[i] + 0.1 * g
                v[i] = 0.999 * v[i] + 0.001 * g * g
                p.sub_(
                    lr
                    * (1 - decay * (step - 1) / STEPS)
                    * (m[i] / (1 - 0.9**step))
                    / ((v[i] / (1 - 0.999**step)).sqrt() + 1e-8)
                )


def plain_loss(model, prediction_type, x0, e_of, rng, empty=0.0, e_null=None):
    """Equation 2 with its noise drawn as the stages draw it: which are without text, t, then ε."""

    def loss():
        without = torch.rand(DRAWS, generator=rng) < empty if empty else [False] * DRAWS
        t = torch.randint(1000, (DRAWS,), generator=rng)
        eps = torch.randn((DRAWS, *x0.shape[1:]), generator=rng).double()
        total = 0.0
        for i in range(DRAWS):
            beta_bar = math.prod(1 - b for b in model.process.scheduler.betas.double()[: t[i] + 1].tolist())
            a, s = math.sqrt(beta_bar), math.sqrt(1 - beta_bar)
            wanted = eps[i] if prediction_type == "epsilon" else a * eps[i] - s * x0[0]
            e = e_null if without[i] else e_of()
            out = model.network((a * x0[0] + s * eps[i])[None], t[i], encoder_hidden_states=e.tokens).sample[0]
            total = total + (wanted - out).square().sum()
        return total / eps.numel()

    return loss


@pytest.fixture(params=["epsilon", "v_prediction"])
def setting(request, tiny_model):
    model = tiny_model(request.param)
    model.network.double()
    alpha_bar = (1 - model.process.scheduler.betas.double()).cumprod(0)
    model.process._alpha_bar = torch.cat([alpha_bar, alpha_bar[:1]])
    rng = torch.Generator().manual_seed(7)
    x0 = torch.randn(1, 4, 8, 8, generator=rng).double()
    e = torch.randn(1, 48, 16, generator=rng).double()
    return model, request.param, x0, Text(e)


def test_embedding_stage_equals_plain_loop(setting):
    model, kind, x0, e_tgt = setting
    ours = optimise_embedding(model, x0, e_tgt, steps=STEPS, lr=2e-3, draws=DRAWS, rng=torch.Generator().manual_seed(1))
    e = e_tgt.clone()
    adam_by_hand(
        [e.tokens.requires_grad_()], plain_loss(model, kind, x0, lambda: e, torch.Generator().manual_seed(1)), 2e-3
    )
    torch.testing.assert_close(ours.tokens, e.tokens.detach(), rtol=1e-7, atol=1e-9)
    assert (ours.tokens - e_tgt.tokens).abs().max() > 1e-3


def test_embedding_stage_leaves_the_model_alone(setting):
    model, _, x0, e_tgt = setting
    before = {k: v.clone() for k, v in model.network.state_dict().items()}
    optimise_embedding(model, x0, e_tgt, steps=2, lr=1e-2, rng=torch.Generator().manual_seed(1))
    assert all(torch.equal(before[k], v) for k, v in model.network.state_dict().items())


@pytest.mark.parametrize(("decay", "empty"), [(0.0, 0.0), (0.5, 0.0), (0.0, 0.5)])
def test_finetuning_stage_equals_plain_loop(setting, decay, empty):
    model, kind, x0, e_opt = setting
    start = Snapshot(model.network)
    settings = {"steps": STEPS, "lr": 1e-3, "draws": DRAWS, "decay": decay, "empty": empty}
    e_null = Text(torch.zeros_like(e_opt.tokens))
    finetune(model, x0, e_opt, e_null=e_null, rng=torch.Generator().manual_seed(2), **settings)
    ours = {k: v.clone() for k, v in model.network.state_dict().items()}
    start.restore()
    before = {k: v.clone() for k, v in model.network.state_dict().items()}
    model.network.requires_grad_(True)
    loss = plain_loss(model, kind, x0, lambda: e_opt, torch.Generator().manual_seed(2), empty, e_null)
    adam_by_hand(list(model.network.parameters()), loss, 1e-3, decay)
    for name, value in model.network.state_dict().items():
        torch.testing.assert_close(ours[name], value, rtol=1e-6, atol=2e-7, msg=name)
    assert any((ours[k] - before[k]).abs().max() > 1e-3 for k in ours)


def test_a_loss_that_is_not_finite_is_refused(setting):
    model, _, x0, e = setting
    with pytest.raises(DivergedError, match="learning rate"):
        optimise_embedding(model, x0 * float("nan"), e, steps=1, lr=1e-3, rng=torch.Generator())
