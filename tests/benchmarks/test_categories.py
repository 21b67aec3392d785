"""Success by category, from scores of runs."""

from __future__ import annotations

import pytest

from benchmarks.categories import ALL, ANY, draw_success, success_table


def test_success_is_told_for_all_pairs_each_category_and_any_strength(judged_run):
    table = success_table({"mine": judged_run}).set_index("group")
    assert table["success"].to_dict() == pytest.approx({ALL: 2 / 3, ANY: 1, "pose": 1, "setting": 0.5})
    assert table["n_pairs"].to_dict() == {ALL: 3, ANY: 3, "pose": 1, "setting": 2}
    assert (table["n_pairs"] == table["n_expected"]).all()
    assert table.loc[[ALL, "pose", "setting"], "strength"].eq(0.5).all()
    assert (table.loc[[ALL, ANY], "ci_low"] < table.loc[[ALL, ANY], "success"]).all()


def test_the_map_is_drawn(judged_run, tmp_path):
    draw_success(success_table({"a_$b": judged_run, "other": judged_run}), tmp_path / "map.png")
    assert (tmp_path / "map.png").stat().st_size > 5000
