"""Seconds and memory of an edit, worked out by hand from a run's events."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import pytest

from eval.analysis.cost import cost

from .parts import method_of, samples_of

SAMPLES = samples_of([("dog", "a", 0.5, ""), ("cat", "a", 0.5, "")])


def method(events):
    return method_of("mine", SAMPLES, 0.5, events=events)


def made(pair, **facts):
    return {"event": "pair", "pair": pair, "images": 4, "fit_s": 10.0, "sample_s": 8.0} | facts


def test_an_edit_takes_the_fit_and_one_images_share_of_the_sampling():
    found = cost(method([made("dog"), made("cat", fit_s=20.0)]), ["dog", "cat"])
    assert (found.seconds, found.n_pairs) == ((12.0 + 22.0) / 2, 2)


def test_of_a_pair_that_was_made_twice_the_last_time_counts_and_other_pairs_do_not():
    events = [made("dog", fit_s=99.0), made("cow", fit_s=99.0), made("dog"), {"event": "begin", "pair": "dog"}]
    assert cost(method(events), ["dog", "cat"])[:2] == (12.0, 1)


def test_a_fit_for_each_seed_while_sampling_counts_once_and_not_for_each_image():
    found = cost(method([made("dog", fit_s=0.0, sample_s=68.0, sample_fit_s=60.0, sample_fits=2)]), ["dog"])
    assert found.seconds == 60 / 2 + 8 / 4


def test_evaluations_are_those_of_the_fit_and_one_images_share_of_the_sampling():
    counts = {"fit_evaluations": 600, "sample_evaluations": 88}
    found = cost(method([made("dog", **counts), made("cat")]), ["dog", "cat"])
    assert found.evaluations == 600 + 88 / 4
    assert math.isnan(cost(method([made("cat")]), ["cat"]).evaluations)


def test_the_peak_is_of_the_gpu_where_there_was_one_and_else_of_the_process():
    on_gpu = cost(method([made("dog", peak_gib=3.0, peak_process_gib=9.0), made("cat", peak_gib=5.0)]), ["dog", "cat"])
    assert (on_gpu.peak_gib, on_gpu.of_process) == (5.0, False)
    on_cpu = cost(method([made("dog", peak_process_gib=2.0)]), ["dog"])
    assert (on_cpu.peak_gib, on_cpu.of_process) == (2.0, True)


def test_nothing_that_was_written_down_is_not_zero():
    for events in ([], [made("dog", images=0)], [{"event": "pair", "pair": "dog"}]):
        found = cost(method(events), ["dog"])
        assert math.isnan(found.seconds) and found.n_pairs == 0
    assert math.isnan(cost(method([]), ["dog"]).peak_gib)


@pytest.mark.parametrize(
    ("made_with", "machine"),
    [
        ({"gpu": "NVIDIA H200", "threads": 4}, "NVIDIA H200"),
        ({"gpu": None, "processor": "x86_64", "threads": 1}, "x86_64, 1 thread"),
        ({"processor": "arm64", "threads": 2}, "arm64, 2 threads"),
        (None, "not recorded"),
    ],
)
def test_the_machine_is_named(tmp_path, made_with, machine):
    if made_with is not None:
        (tmp_path / "provenance.json").write_text(json.dumps(made_with))
    here = method([])
    there = SimpleNamespace(**vars(here.run) | {"folder": tmp_path})
    assert cost(here._replace(run=there), ["dog"]).machine == machine
