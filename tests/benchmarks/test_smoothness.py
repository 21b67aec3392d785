from __future__ import annotations

import pandas as pd
import pytest

from benchmarks.smoothness import steps


def scores(curves):
    rows = [
        {"pair_id": pair, "strength": number / 4, "seed": 0, "metric": "lpips/a", "score": score}
        for pair, curve in curves.items()
        for number, score in enumerate(curve)
    ]
    return pd.DataFrame(rows)


def test_an_edit_that_comes_at_once_is_told_from_one_that_comes_step_by_step():
    at_once, gradual, none = [0, 0, 0.4, 0.4, 0.4], [0, 0.1, 0.2, 0.3, 0.4], [0, 0, 0, 0, 0.01]
    found = steps(scores({"a": at_once, "b": at_once, "c": at_once, "d": none}))
    assert (found["pairs"], found["largest step"], found["more than half"], found["at"]) == (3, 1.0, 1.0, 0.5)
    found = steps(scores({"a": gradual, "b": gradual, "c": gradual, "d": none}))
    assert found["largest step"] == pytest.approx(0.25) and found["more than half"] == 0.0
