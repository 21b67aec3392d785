"""Every stage of an edit has its time and peak memory in a run's events."""

from __future__ import annotations

import eval.engine.stage_timer
from eval.engine.stage_timer import StageTimer


def test_stages_are_kept_apart_and_told_on():
    told = []
    stages = StageTimer(lambda *step: told.append(step))
    for stage, count in (("embedding", 3), ("fine-tuning", 2)):
        for step in range(1, count + 1):
            stages(stage, step, count)
    stages("sampling", 4, 8)  # cut off: no last step, so no peak of its own
    facts = stages.facts()
    assert list(facts["stages"]) == ["embedding", "fine-tuning", "sampling"]
    assert told == [("embedding", k, 3) for k in (1, 2, 3)] + [("fine-tuning", k, 2) for k in (1, 2)] + [
        ("sampling", 4, 8)
    ]
    (name,) = facts.keys() - {"stages"}
    assert name in ("peak_gib", "peak_process_gib")
    assert all(stage["s"] >= 0 for stage in facts["stages"].values())
    assert facts["stages"]["embedding"][name] <= facts[name] and name not in facts["stages"]["sampling"]


def test_a_stage_that_comes_again_keeps_its_highest_peak(monkeypatch):
    peaks = iter([1.0, 5.0, 2.0, 0.5])
    monkeypatch.setattr(eval.engine.stage_timer, "peak_memory", lambda: {"peak_gib": next(peaks)})
    stages = StageTimer(lambda *_: None)
    for _ in range(2):
        stages("sampling", 1, 1)
    facts = stages.facts()
    assert facts["stages"]["sampling"]["peak_gib"] == 5.0 and facts["peak_gib"] == 5.0
