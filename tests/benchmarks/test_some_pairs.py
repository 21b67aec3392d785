"""Options of runs on some of Picturebook's pairs."""

from __future__ import annotations

from benchmarks.some_pairs import some, with_ids


def test_every_so_many_th_pair_is_named():
    everyone = some(1)
    assert len(everyone) == 100
    assert some(50) == [everyone[0], everyone[50]]
    assert with_ids(["method=ddib", "every=50"]) == ["method=ddib", f"dataset.ids=[{everyone[0]},{everyone[50]}]"]
    assert with_ids(["method=ddib"]) == ["method=ddib"]


def test_the_last_of_several_numbers_counts():
    assert with_ids(["every=3", "every=30"], "search") == [f"dataset.ids=[{','.join(some(30, 'search'))}]"]
