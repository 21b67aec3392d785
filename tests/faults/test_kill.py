"""Real commands killed at random moments: after the resume all is byte by byte as if nobody had touched them."""

from __future__ import annotations

import random

import pytest

from benchmarks.soak import OVERRIDES, Soak, outcome, pace_of

KILLS = 10
QUICK = [*OVERRIDES, "recipe.imagic.embedding.draws=1", "recipe.imagic.finetune.draws=1"]


@pytest.fixture(scope="module")
def soak(tmp_path_factory):
    """Commands, and a finished run of seven pairs called "uncut"."""
    soak = Soak(tmp_path_factory.mktemp("soak"), QUICK)
    assert soak.finish("uncut") == 0, soak.said("uncut")
    return soak


@pytest.mark.slow
def test_killed_ten_times_a_run_ends_as_the_uncut_one(soak):
    whole, pace, rng = outcome(soak.run("uncut")), pace_of(soak.run("uncut")), random.Random(0)
    cuts = runs = 0
    while cuts < KILLS:
        runs += 1
        cuts += sum(1 for _ in soak.through(f"cut-{runs}", KILLS - cuts, rng, pace))
        assert outcome(soak.run(f"cut-{runs}")) == whole


@pytest.mark.slow
def test_two_commands_at_once_on_one_folder(soak):
    first = soak.start("both")
    soak.await_events("both", 1, first)
    assert soak.finish("both") == 2
    assert "is being worked on by process" in soak.said("both")
    first.join()
    assert first.exitcode == 0
    assert outcome(soak.run("both")) == outcome(soak.run("uncut"))


@pytest.mark.slow
def test_the_same_command_on_a_finished_run_says_so(soak):
    assert soak.finish("uncut") == 0
    assert "complete: 7 of 7 pairs are already there" in soak.said("uncut")
