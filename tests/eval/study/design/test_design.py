"""Sessions: evenness of opponents and sides, inputs once a session, the repeat, other kinds of screens."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import combinations

import numpy as np
import pytest

from eval.study.design.balance import equitable, groups_of
from eval.study.design.screens import Sizes, StudyPair, draw_sessions
from tedbench.errors import UserError

# As many pairs on an input as in TEdBench: 16 inputs with one, 6 with two, 7 with three, 5 with four, 5 with five, 1 with six.
PAIRS_OF_INPUTS = [*[1] * 16, *[2] * 6, *[3] * 7, *[4] * 5, *[5] * 5, 6]
TEDBENCH = [StudyPair(f"{i}-{k}", f"input {i}") for i, n in enumerate(PAIRS_OF_INPUTS) for k in range(n)]
OURS = [("imagic", name) for name in ("sdedit", "ddib", "text2live")]
ALL = list(combinations(("imagic", "sdedit", "ddib", "text2live"), 2))


def spread(keys, values):
    counts = defaultdict(Counter)
    for key, value in zip(keys, values, strict=True):
        counts[key][value] += 1
    known = set(values)
    return max(max(c[v] for v in known) - min(c[v] for v in known) for c in counts.values())


@pytest.mark.parametrize("comparisons", [OURS, ALL, OURS[:1]], ids=["ours", "all", "one opponent"])
@pytest.mark.parametrize(("sessions", "screens"), [(25, 20), (7, 6), (1, 20), (60, 11)])
def test_opponents_and_sides_are_even_to_within_one(comparisons, sessions, screens):
    drawn = draw_sessions(TEDBENCH, comparisons, Sizes(sessions, screens), seed=3)
    main = [
        (n, s.pair.pair_id, (s.ours, s.opponent), s.ours_side)
        for n, those in enumerate(drawn)
        for s in those
        if s.kind == "main"
    ]
    session, pair, which, side = zip(*main, strict=True)
    assert len(main) == sessions * (screens - 1)
    assert spread(session, which) <= 1
    assert spread(pair, which) <= 1
    assert spread([0] * len(main), which) <= 1
    assert spread(session, side) <= 1
    assert spread(list(zip(session, which, strict=True)), side) <= 1
    assert spread(list(zip(pair, which, strict=True)), side) <= 1
    assert spread(which, side) <= 1


def test_an_input_is_there_once_a_session_but_for_the_repeat_and_pairs_are_used_evenly():
    drawn = draw_sessions(TEDBENCH, OURS, Sizes(50, 20, attention=1, practice=1), seed=0)
    for screens in drawn:
        seen = [s.pair.input for s in screens if s.kind != "repeat"] + [s.foreign.input for s in screens if s.foreign]
        assert len(seen) == len(set(seen)) == 19 + 1 + 2
    used = Counter(s.pair.pair_id for screens in drawn for s in screens if s.kind == "main")
    six = {pair.pair_id: used[pair.pair_id] for pair in TEDBENCH if pair.input == "input 39"}
    assert sum(six.values()) == 50  # its input is in every session, and that is as often as can be
    assert max(used.values()) - min(used[pair.pair_id] for pair in TEDBENCH if pair.pair_id not in six) <= 1


def test_the_repeat_is_an_early_screen_of_its_session_with_sides_swapped_well_later():
    drawn = draw_sessions(TEDBENCH, OURS, Sizes(200, 20, attention=1, practice=2), seed=1)
    places = Counter()
    for screens in drawn:
        (place,) = (i for i, s in enumerate(screens) if s.kind == "repeat")
        first, again = screens[screens[place].repeat_of], screens[place]
        assert first.kind == "main" and (first.pair, first.ours, first.opponent) == (
            again.pair,
            again.ours,
            again.opponent,
        )
        assert first.ours_side != again.ours_side
        assert place - again.repeat_of >= 4
        sides = Counter(s.ours_side for s in screens if s.kind in ("main", "repeat"))
        assert sides["left"] == sides["right"] == 10
        places[place] += 1
    assert len(places) > 4  # nobody can know where it is


def test_attention_screens_have_one_methods_edits_of_two_inputs_and_practice_comes_first():
    drawn = draw_sessions(TEDBENCH, OURS, Sizes(40, 10, attention=2, practice=2), seed=1)
    right = Counter()
    for screens in drawn:
        assert [s.kind == "practice" for s in screens] == [True, True, *[False] * 12]
        attention = [s for s in screens if s.kind == "attention"]
        assert len(attention) == 2 and all(s.ours == s.opponent and s.foreign.input != s.pair.input for s in attention)
        right.update(s.ours_side for s in attention)
    assert 20 < right["left"] < 60


def test_the_same_seed_draws_the_same_study_and_another_another():
    draw = lambda seed: draw_sessions(TEDBENCH, OURS, Sizes(5, 20), seed)
    assert draw(1) == draw(1) != draw(2)


def test_too_few_inputs_say_how_many_screens_there_can_be():
    with pytest.raises(UserError, match=r"needs 41 different inputs.*there are 40\. Give screens=38"):
        draw_sessions(TEDBENCH, OURS, Sizes(2, 39, attention=1, practice=1), seed=0)
    assert len(draw_sessions(TEDBENCH, OURS, Sizes(2, 38, attention=1, practice=1), seed=0)[0]) == 40


def test_without_a_repeat_all_screens_count():
    assert {s.kind for s in draw_sessions(TEDBENCH, OURS, Sizes(2, 10, repeat=False), seed=0)[0]} == {"main"}


def test_leftovers_of_groups_meet_in_coarser_groups():
    groups = groups_of(["a", "a", "a", "b", "b", "b"], 2, coarser=[0] * 6)
    assert sorted(Counter(groups).values()) == [2, 2, 2] and groups[2] == groups[5]
    assert sorted(Counter(groups_of(["a", "a", "a", "b"], 2)).values()) == [1, 1, 2]


def test_a_group_larger_than_the_colours_is_refused():
    with pytest.raises(ValueError, match="more than 2 places"):
        equitable([0, 0, 0], [0, 1, 2], 2, np.random.default_rng(0))
