"""Source groups: pairs on one source image, by which intervals and tests are clustered.

Pairs form a group if they have the same image name or equal input pixels: in some lists copies of one picture have
several names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd


def by_pixels(samples: pd.DataFrame, inputs: Mapping[str, str | None]) -> pd.DataFrame:
    """Return a run's samples, with one ``source_group`` for all pairs with equal inputs: the first of their names in order.

    Args:
        samples: with the image name as ``source_group``.
        inputs: digests of the inputs by pair id; pairs without one are grouped by name alone.
    """
    pairs = samples.drop_duplicates("pair_id")
    pictures = pairs["source_group"].groupby(pairs["pair_id"].map(inputs)).unique()
    return _renamed(samples, _joined(pictures))


def in_all(tables: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Return the samples of several runs with the same groups in all of them.

    Two pairs share a group if they do in any run: if a pair failed in one before its input was read, another run knows
    its input.

    Args:
        tables: results of :func:`by_pixels`.
    """
    pairs = pd.concat([table[["pair_id", "source_group"]].drop_duplicates() for table in tables])
    names = _joined(pairs["source_group"].groupby(pairs["pair_id"]).unique())
    return [_renamed(table, names) for table in tables]


def _renamed(samples: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    return samples.assign(source_group=[names.get(group, group) for group in samples["source_group"]])


def _joined(linked: Iterable[Sequence[str]]) -> dict[str, str]:
    """Return for each name the first in order of all that are linked to it, directly or through others."""
    lesser: dict[str, str] = {}

    def least(name: str) -> str:
        while lesser.setdefault(name, name) != name:
            lesser[name] = name = lesser[lesser[name]]
        return name

    for names in linked:
        first, *others = sorted({least(name) for name in names})
        lesser.update(dict.fromkeys(others, first))
    return {name: least(name) for name in list(lesser)}
