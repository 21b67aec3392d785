"""Equitable colouring: assigns opponents and sides so that every session and every pair has equally many of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np


def groups_of(keys: Sequence[Hashable], size: int, coarser: Sequence[Hashable] | None = None) -> list[int]:
    """Return numbers for groups of at most ``size`` places that share a key.

    Each key's places go into full groups; with ``coarser``, the rest of every key goes into groups with the rests of
    other keys that share the coarser key.

    Args:
        keys: one for each place.
        size: of a group at most.
        coarser: one for each place; places of one key have one coarser key.

    Returns:
        The group of each place.
    """
    places: dict[Hashable, list[int]] = defaultdict(list)
    for place, key in enumerate(keys):
        places[key].append(place)
    groups, rest = [], defaultdict(list)
    for key, those in places.items():
        full = len(those) - len(those) % size if coarser is not None else len(those)
        groups += [those[i : min(i + size, full)] for i in range(0, full, size)]
        for place in those[full:]:
            rest[coarser[place] if coarser is not None else key].append(place)
    for those in rest.values():
        groups += [those[i : i + size] for i in range(0, len(those), size)]
    found = [0] * len(keys)
    for number, those in enumerate(groups):
        for place in those:
            found[place] = number
    return found


def equitable(first: Sequence[int], second: Sequence[int], colours: int, rng: np.random.Generator) -> list[int]:
    """Return a colour for every place, none twice in a group of either grouping, each equally often to within one.

    The places are the edges of a bipartite multigraph whose vertices are the groups. With at most ``colours`` places a
    group there is such a colouring (Kőnig 1916), found by swapping two colours along alternating paths; its evenness is
    reached in the same way. A session of 19 screens in groups of 3 thus has each of 3 opponents 6 or 7 times.

    Args:
        first: the group of each place, see :func:`groups_of`.
        second: its group in the other grouping.
        colours: number of colours.
        rng: chooses among the many such colourings.

    Raises:
        ValueError: a group has more places than there are colours.
    """
    colouring = _Colouring(first, second, colours)
    for edge in rng.permutation(len(first)).tolist():
        colouring.add(edge, rng)
    colouring.even_out()
    return colouring.colour


class _Colouring:
    """A proper edge colouring that grows; vertices of the second grouping are numbered after those of the first."""

    def __init__(self, first: Sequence[int], second: Sequence[int], colours: int) -> None:
        above = max(first, default=0) + 1
        self.ends = [(u, above + v) for u, v in zip(first, second, strict=True)]
        self.colour = [-1] * len(self.ends)
        self.sizes = [0] * colours
        self._edge: dict[tuple[int, int], int] = {}  # by (vertex, colour)

    def add(self, edge: int, rng: np.random.Generator) -> None:
        """Colour one more edge."""
        of_u, of_v = (self._free(vertex) for vertex in self.ends[edge])
        if both := sorted(set(of_u) & set(of_v)):
            self._set([edge], int(rng.choice(both)))
            return
        mine, theirs = int(rng.choice(of_u)), int(rng.choice(of_v))
        self._swap(self._path(self.ends[edge][1], mine, theirs), mine, theirs)
        self._set([edge], mine)

    def even_out(self) -> None:
        """Make the rarest and the most frequent colour equally frequent, until all are to within one."""
        while self.sizes and max(self.sizes) - min(self.sizes) > 1:
            most, least = int(np.argmax(self.sizes)), int(np.argmin(self.sizes))
            self._swap(self._path_with_more(most, least), most, least)

    def _path_with_more(self, most: int, least: int) -> list[int]:
        """Return a maximal path with one more edge of ``most`` than of ``least``; ``most`` is more frequent."""
        starts = (end for edge, ends in enumerate(self.ends) if self.colour[edge] == most for end in ends)
        paths = (self._path(vertex, most, least) for vertex in starts if (vertex, least) not in self._edge)
        return next(path for path in paths if len(path) % 2)

    def _free(self, vertex: int) -> list[int]:
        found = [c for c in range(len(self.sizes)) if (vertex, c) not in self._edge]
        if not found:
            raise ValueError(f"a group has more than {len(self.sizes)} places")
        return found

    def _path(self, vertex: int, one: int, other: int) -> list[int]:
        """Return the edges from a vertex on, alternating between two colours."""
        path = []
        while (edge := self._edge.get((vertex, one))) is not None:
            path.append(edge)
            u, v = self.ends[edge]
            vertex = v if vertex == u else u
            one, other = other, one
        return path

    def _swap(self, path: Sequence[int], one: int, other: int) -> None:
        ones = [edge for edge in path if self.colour[edge] == one]
        others = [edge for edge in path if self.colour[edge] == other]
        for edge in path:
            self.sizes[self.colour[edge]] -= 1
            for end in self.ends[edge]:
                del self._edge[end, self.colour[edge]]
        self._set(ones, other)
        self._set(others, one)

    def _set(self, edges: Sequence[int], colour: int) -> None:
        for edge in edges:
            self.colour[edge] = colour
            self.sizes[colour] += 1
            for end in self.ends[edge]:
                self._edge[end, colour] = edge
