from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

SPEC = importlib.util.spec_from_file_location("golden_record", Path(__file__).with_name("record.py"))
record = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(record)

KNOWN = json.loads(record.RECORD.read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("name", record.RUNS)
def test_images_samples_scores_and_curves_are_those_recorded(name, tmp_path):
    if KNOWN["machine"] != record.machine():
        pytest.skip(f"recorded with {KNOWN['machine']}: bits are equal on one machine and software only")
    assert not record.differences({name: record.make(name, tmp_path)}, KNOWN)


def test_a_changed_picture_and_a_changed_score_are_told(tmp_path):
    known = {"runs": {"a": {"x.png": "1", "scores": "2"}}}
    lines = record.differences({"a": {"x.png": "1", "scores": "3", "y.png": "4"}}, known)
    assert lines == ["a: y.png is new", "a: scores differs"]
