"""The reference of the speed benchmark ends where Imagic ends, and the benchmark runs."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from benchmarks import imagic as benchmark
from benchmarks.plain import PlainImagic
from imagic.editor import Imagic
from tedbench.method import grid
from tedbench.pair import EditPair, Entry

STAGE = {"steps": 4, "lr": 1e-2, "draws": 2}
SAMPLING = {"steps": 4, "guidance": 3.0}


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "flow"])
def test_imagic_ends_where_the_plain_loop_ends(tiny_model, tiny_flow, noise_image, kind):
    model, pair, requests = (
        tiny_flow() if kind == "flow" else tiny_model(kind),
        EditPair(Entry("a.png", "A sitting dog."), noise_image()),
        grid([0.0, 0.7], [0, 1]),
    )
    plain = PlainImagic(model, STAGE, STAGE, SAMPLING)
    plain.fit(pair)
    finetune = {**STAGE, "decay": 0.0, "empty": 0.0}
    with Imagic(model, embedding=STAGE, finetune=finetune, sampling=SAMPLING).fit(pair) as edit:
        assert (
            (edit.e_opt.tokens - plain.e_opt.tokens).abs().max()
            < 1e-4
            < (edit.e_opt.tokens - edit.e_tgt.tokens).abs().max()
        )
        ours = [sample.image.astype(int) for sample in edit.sample(requests)]
    theirs = plain.sample(requests)
    assert max(np.abs(a - b).max() for a, b in zip(ours, theirs, strict=True)) <= 2


@pytest.mark.slow
def test_the_benchmark_prints_ratios_and_rates(monkeypatch, capsys):
    few = ["--steps", "1", "1", "--sampling-steps", "1", "--seeds", "1", "--plain-pictures", "2", "--pairs", "1"]
    groups = ["--groups", "2", "--group-steps", "1"]
    monkeypatch.setattr(sys, "argv", ["benchmarks.imagic", *few, *groups])
    benchmark.main()
    printed = capsys.readouterr().out
    assert "ratio: fit" in printed and "TFLOP/s" in printed and "2 pictures timed" in printed
    assert "stage A of 2 at once" in printed
