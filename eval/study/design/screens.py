"""The screens of a study: who sees which pair, against which opponent, on which side, in which order."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from eval.study.design.balance import equitable, groups_of
from eval.study.design.definition import Kind, Side
from tedbench.errors import UserError
from tedbench.seeding import derive


@dataclass(frozen=True)
class Item:
    """A pair that can be shown.

    Attributes:
        pair_id: its id.
        input: name of the input image; nobody sees one twice in a session, except on the repeat.
    """

    pair_id: str
    input: str


@dataclass(frozen=True)
class Drawn:
    """A screen before it has images.

    Attributes:
        item: the pair.
        ours, opponent: the methods; on an attention screen the same one twice.
        ours_side: side of the first, and of the right answer on an attention screen.
        kind: see :class:`eval.study.design.definition.Screen`.
        repeat_of: place in the session of the screen that a repeat shows again.
        foreign: on an attention screen the pair whose edit is the wrong answer.
    """

    item: Item
    ours: str
    opponent: str
    ours_side: Side
    kind: Kind = "main"
    repeat_of: int | None = None
    foreign: Item | None = None


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
    items: Sequence[Item], comparisons: Sequence[tuple[str, str]], sizes: Sizes, seed: int
) -> list[list[Drawn]]:
    """Draw every session's screens, in the order shown.

    To within one: each comparison (pair of methods) is equally frequent in a session, for a pair, and overall; a method
    is as often left as right in a session, in a session's screens of one comparison, for a pair and comparison, and
    overall. Pairs are shown equally often, as far as an input occurs only once in a session. All this is about main
    screens; the repeat is one whose side makes the session more even.

    Args:
        items: the pairs.
        comparisons: (ours, opponent).
        sizes: of the study.
        seed: of every draw.

    Raises:
        UserError: there are too few inputs for a session.
    """
    inputs = {item.input for item in items}
    needed = sizes.main + sizes.practice + 2 * sizes.attention
    if len(inputs) < needed:
        raise UserError(
            f"A session needs {needed} different inputs ({sizes.main} to compare, {sizes.practice} for practice, two for "
            f"each of {sizes.attention} attention screens), and there are {len(inputs)}. "
            f"Give screens={max(1, sizes.screens - needed + len(inputs))}, or fewer of the others."
        )
    rng = np.random.default_rng(derive(seed, "study"))
    shown = _deal(items, sizes.sessions, sizes.main, rng)
    session = [number for number, those in enumerate(shown) for _ in those]
    flat = [item for those in shown for item in those]
    pair = [item.pair_id for item in flat]
    k = len(comparisons)
    which = equitable(groups_of(session, k), groups_of(pair, k), k, rng)
    within = groups_of(list(zip(session, which, strict=True)), 2, session)
    across = groups_of(list(zip(pair, which, strict=True)), 2, which)
    left = equitable(within, across, 2, rng)
    sessions: list[list[Drawn]] = [[] for _ in shown]
    for number, item, comparison, side in zip(session, flat, which, left, strict=True):
        sessions[number].append(Drawn(item, *comparisons[comparison], "left" if side else "right"))
    return [_ordered(main, items, comparisons, sizes, rng) for main in sessions]


def _deal(items: Sequence[Item], sessions: int, main: int, rng: np.random.Generator) -> list[list[Item]]:
    """Return the pairs of each session: every pair equally often, no input twice in a session.

    A session takes the inputs with most places left to fill; as none has more than there are sessions left, and all
    together have ``main`` for each, there are always enough.
    """
    quota = _quotas(items, sessions, main, rng)
    waiting: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        waiting[item.input] += [item] * quota[item]
    for those in waiting.values():
        rng.shuffle(those)
    dealt = []
    for _ in range(sessions):
        order = sorted(waiting, key=lambda name: (-len(waiting[name]), rng.random()))
        dealt.append([waiting[name].pop() for name in order[:main]])
    return [dealt[i] for i in rng.permutation(sessions)]


def _quotas(items: Sequence[Item], sessions: int, main: int, rng: np.random.Generator) -> dict[Item, int]:
    """Return how often each pair is shown: as evenly as possible if an input occurs once a session."""
    quota, of_input = dict.fromkeys(items, 0), Counter[str]()
    waiting = [(0, float(rng.random()), i) for i in range(len(items))]
    heapq.heapify(waiting)
    for _ in range(sessions * main):
        while of_input[items[waiting[0][2]].input] == sessions:
            heapq.heappop(waiting)
        count, _, i = heapq.heappop(waiting)
        quota[items[i]] += 1
        of_input[items[i].input] += 1
        heapq.heappush(waiting, (count + 1, float(rng.random()), i))
    return quota


def _ordered(
    main: list[Drawn],
    items: Sequence[Item],
    comparisons: Sequence[tuple[str, str]],
    sizes: Sizes,
    rng: np.random.Generator,
) -> list[Drawn]:
    """Return a session's screens in the order shown: practice, then main and attention, the repeat near the end."""
    used = {screen.item.input for screen in main}
    by_input: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        if item.input not in used:
            by_input[item.input].append(item)
    spare = [those[int(rng.integers(len(those)))] for those in by_input.values()]
    rng.shuffle(spare)
    practice = []
    for _ in range(sizes.practice):
        ours, opponent = comparisons[int(rng.integers(len(comparisons)))]
        practice.append(Drawn(spare.pop(), ours, opponent, _side(rng), "practice"))
    methods = sorted({name for comparison in comparisons for name in comparison})
    later = list(main)
    for _ in range(sizes.attention):
        method = methods[int(rng.integers(len(methods)))]
        later.append(Drawn(spare.pop(), method, method, _side(rng), "attention", foreign=spare.pop()))
    order = [later[i] for i in rng.permutation(len(later))]
    if sizes.repeat:
        order = _with_repeat(order, rng)
    return [
        *practice,
        *(replace(s, repeat_of=s.repeat_of + len(practice)) if s.repeat_of is not None else s for s in order),
    ]


def _with_repeat(order: list[Drawn], rng: np.random.Generator) -> list[Drawn]:
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
