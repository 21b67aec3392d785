"""The screens of a study: who sees which pair, against which opponent, on which side, in which order."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from eval.study.design.balance import equitable, groups_of
from eval.study.design.definition import ScreenKind, Side
from tedbench.errors import UserError
from tedbench.seeding import derive


@dataclass(frozen=True)
class StudyPair:
    """A pair that can be shown.

    Attributes:
        pair_id: its id.
        input: name of the input image; nobody sees one twice in a session, except on the repeat.
    """

    pair_id: str
    input: str


@dataclass(frozen=True)
class DrawnScreen:
    """A screen before it has images.

    Attributes:
        pair: the pair.
        ours, opponent: the methods; on an attention screen the same one twice.
        ours_side: side of the first, and of the right answer on an attention screen.
        kind: see :class:`eval.study.design.definition.Screen`.
        repeat_of: place in the session of the screen that a repeat shows again.
        foreign: on an attention screen the pair whose edit is the wrong answer.
    """

    pair: StudyPair
    ours: str
    opponent: str
    ours_side: Side
    kind: ScreenKind = "main"
    repeat_of: int | None = None
    foreign: StudyPair | None = None


@dataclass(frozen=True)
class Sizes:
    """The size of a study.

    Attributes:
        sessions: number of sessions, one for each HIT.
        screens: screens of a session that ask for a preference, the repeat included.
        repeat: True if one of them is shown twice, with sides swapped.
        attention, practice: further screens of a session.
    """

    sessions: int = 25
    screens: int = 20
    repeat: bool = True
    attention: int = 0
    practice: int = 0

    @property
    def main(self) -> int:
        """Screens of a session that count."""
        return self.screens - self.repeat

    @property
    def whole(self) -> int:
        """All screens of a session."""
        return self.screens + self.attention + self.practice


def draw_sessions(
    pairs: Sequence[StudyPair], comparisons: Sequence[tuple[str, str]], sizes: Sizes, seed: int
) -> list[list[DrawnScreen]]:
    """Draw every session's screens, in the order shown.

    To within one: each comparison (pair of methods) is equally frequent in a session, for a pair, and overall; a method
    is as often left as right in a session, in a session's screens of one comparison, for a pair and comparison, and
    overall. Pairs are shown equally often, as far as an input occurs only once in a session. All this is about main
    screens; the repeat is one whose side makes the session more even.

    Args:
        pairs: the pairs.
        comparisons: (ours, opponent).
        sizes: of the study.
        seed: of every draw.

    Raises:
        UserError: there are too few inputs for a session.
    """
    inputs = {pair.input for pair in pairs}
    needed = sizes.main + sizes.practice + 2 * sizes.attention
    if len(inputs) < needed:
        raise UserError(
            f"A session needs {needed} different inputs ({sizes.main} to compare, {sizes.practice} for practice, two for "
            f"each of {sizes.attention} attention screens), and there are {len(inputs)}. "
            f"Give screens={max(1, sizes.screens - needed + len(inputs))}, or fewer of the others."
        )
    rng = np.random.default_rng(derive(seed, "study"))
    shown = _assign_pairs(pairs, sizes.sessions, sizes.main, rng)
    session = [number for number, those in enumerate(shown) for _ in those]
    flat = [pair for those in shown for pair in those]
    pair_ids = [pair.pair_id for pair in flat]
    k = len(comparisons)
    which = equitable(groups_of(session, k), groups_of(pair_ids, k), k, rng)
    within = groups_of(list(zip(session, which, strict=True)), 2, session)
    across = groups_of(list(zip(pair_ids, which, strict=True)), 2, which)
    left = equitable(within, across, 2, rng)
    sessions: list[list[DrawnScreen]] = [[] for _ in shown]
    for number, pair, comparison, side in zip(session, flat, which, left, strict=True):
        sessions[number].append(DrawnScreen(pair, *comparisons[comparison], "left" if side else "right"))
    return [_ordered(main, pairs, comparisons, sizes, rng) for main in sessions]


def _assign_pairs(
    pairs: Sequence[StudyPair], sessions: int, main: int, rng: np.random.Generator
) -> list[list[StudyPair]]:
    """Return the pairs of each session: every pair equally often, no input twice in a session.

    A session takes the inputs with most places left to fill; as none has more than there are sessions left, and all
    together have ``main`` for each, there are always enough.
    """
    quota = _quotas(pairs, sessions, main, rng)
    waiting: dict[str, list[StudyPair]] = defaultdict(list)
    for pair in pairs:
        waiting[pair.input] += [pair] * quota[pair]
    for those in waiting.values():
        rng.shuffle(those)
    assigned = []
    for _ in range(sessions):
        order = sorted(waiting, key=lambda name: (-len(waiting[name]), rng.random()))
        assigned.append([waiting[name].pop() for name in order[:main]])
    return [assigned[i] for i in rng.permutation(sessions)]


def _quotas(pairs: Sequence[StudyPair], sessions: int, main: int, rng: np.random.Generator) -> dict[StudyPair, int]:
    """Return how often each pair is shown: as evenly as possible if an input occurs once a session."""
    quota, of_input = dict.fromkeys(pairs, 0), Counter[str]()
    waiting = [(0, float(rng.random()), i) for i in range(len(pairs))]
    heapq.heapify(waiting)
    for _ in range(sessions * main):
        while of_input[pairs[waiting[0][2]].input] == sessions:
            heapq.heappop(waiting)
        count, _, i = heapq.heappop(waiting)
        quota[pairs[i]] += 1
        of_input[pairs[i].input] += 1
        heapq.heappush(waiting, (count + 1, float(rng.random()), i))
    return quota


def _ordered(
    main: list[DrawnScreen],
    pairs: Sequence[StudyPair],
    comparisons: Sequence[tuple[str, str]],
    sizes: Sizes,
    rng: np.random.Generator,
) -> list[DrawnScreen]:
    """Return a session's screens in the order shown: practice, then main and attention, the repeat near the end."""
    used = {screen.pair.input for screen in main}
    by_input: dict[str, list[StudyPair]] = defaultdict(list)
    for pair in pairs:
        if pair.input not in used:
            by_input[pair.input].append(pair)
    spare = [those[int(rng.integers(len(those)))] for those in by_input.values()]
    rng.shuffle(spare)
    practice = []
    for _ in range(sizes.practice):
        ours, opponent = comparisons[int(rng.integers(len(comparisons)))]
        practice.append(DrawnScreen(spare.pop(), ours, opponent, _side(rng), "practice"))
    methods = sorted({name for comparison in comparisons for name in comparison})
    later = list(main)
    for _ in range(sizes.attention):
        method = methods[int(rng.integers(len(methods)))]
        later.append(DrawnScreen(spare.pop(), method, method, _side(rng), "attention", foreign=spare.pop()))
    order = [later[i] for i in rng.permutation(len(later))]
    if sizes.repeat:
        order = _with_repeat(order, rng)
    return [
        *practice,
        *(replace(s, repeat_of=s.repeat_of + len(practice)) if s.repeat_of is not None else s for s in order),
    ]


def _with_repeat(order: list[DrawnScreen], rng: np.random.Generator) -> list[DrawnScreen]:
    """Show one main screen of the first half again, with sides swapped, at a random place of the last third."""
    sides = Counter(screen.ours_side for screen in order if screen.kind == "main")
    early = [place for place, screen in enumerate(order[: (len(order) + 1) // 2]) if screen.kind == "main"]
    early = early or [place for place, screen in enumerate(order) if screen.kind == "main"]
    evening = [place for place in early if sides[order[place].ours_side] == max(sides.values())] or early
    place = int(rng.choice(evening))
    swapped: Side = "right" if order[place].ours_side == "left" else "left"
    again = replace(order[place], ours_side=swapped, kind="repeat", repeat_of=place)
    at = int(rng.integers(max(place + 1, -(-2 * len(order) // 3)), len(order) + 1))
    return [*order[:at], again, *order[at:]]


def _side(rng: np.random.Generator) -> Side:
    return "left" if rng.random() < 0.5 else "right"
