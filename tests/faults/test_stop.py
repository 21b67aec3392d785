"""SIGTERM and Ctrl-C: the image in hand is finished and kept, and the rest is made by the same command later."""

from __future__ import annotations

import os
import signal

import pytest

from eval.engine.signals import SignalGuard, Stopped
from tedbench.method import Axis, Edit, Editor, Sample, silent


class Darker(Editor):
    """Makes pictures darker; is told to stop while it fits, or while it makes an image."""

    randomness = "none"
    axis = Axis("depth", "depth", (0.0, 1.0), identity=0.0)

    def __init__(self, stage=None, number=signal.SIGTERM):
        self.stage, self.number, self.made = stage, number, []

    def fit(self, pair, progress=silent):
        if self.stage == "fit":
            os.kill(os.getpid(), self.number)
        progress("fitting", 1, 1)
        return DarkerEdit(self, pair, progress)


class DarkerEdit(Edit):
    def __init__(self, editor, pair, progress):
        self.editor, self.pair = editor, pair

    def sample(self, requests, progress=silent):
        for done, (strength, seed) in enumerate(requests, 1):
            if self.editor.stage == (self.pair.entry.image_name, strength):
                os.kill(os.getpid(), self.editor.number)
            self.editor.made.append((self.pair.entry.image_name, strength))
            yield Sample(strength, seed, self.pair.image // (1 + int(strength)))
            progress("sampling", done, len(requests))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_image_in_hand_is_finished_and_the_rest_made_later(job, number, shards, capsys):
    first = job(Darker(("b.png", 1.0), number), "ab", depths=5)
    with pytest.raises(Stopped):
        first.execute()
    assert "finishing the images" in capsys.readouterr().err
    assert [len(shard.samples()) for shard in first.run.shards()] == [5, 2]
    second = job(Darker(), "ab", depths=5)
    second.execute()
    assert second.editor.made == [("b.png", 2.0), ("b.png", 3.0), ("b.png", 4.0)]
    uncut = job(Darker(), "ab", depths=5, name="uncut")
    uncut.execute()
    assert shards(uncut.run.folder) == shards(second.run.folder)


def test_a_fit_is_left_at_its_next_step_and_nothing_counts_as_failed(job):
    first = job(Darker("fit"))
    with pytest.raises(Stopped):
        first.execute()
    assert first.run.shards() == [] and first.editor.made == []
    assert [event["event"] for event in first.run.events()] == ["begin"]


def test_after_it_signals_do_what_they_did_before():
    before = [signal.getsignal(number) for number in SignalGuard.SIGNALS]
    with SignalGuard() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
    assert stop.asked and [signal.getsignal(number) for number in SignalGuard.SIGNALS] == before


def test_a_second_signal_interrupts_at_once():
    with SignalGuard(), pytest.raises(KeyboardInterrupt) as interrupted:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
    assert not isinstance(interrupted.value, Stopped)
