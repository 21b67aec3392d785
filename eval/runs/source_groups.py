"""Which pairs are edits of one source image: intervals and tests cluster by it.

Pairs with one image name are, and so are pairs whose inputs are equal to the pixel: lists that were exported with a file
a row have copies of one picture under several names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd


def by_pixels(samples: pd.DataFrame, inputs: Mapping[str, str | None]) -> pd.DataFrame:
    """A run's samples, whose ``source_group`` is the same for all pairs of one picture: the least of their groups.

    Args:
        samples: with groups by name.
        inputs: the digest of each pair's input, by pair id; a pair without one stays with those of its name.
    """
    pairs = samples.drop_duplicates("pair_id")
    pictures = pairs["source_group"].groupby(pairs["pair_id"].map(inputs)).unique()
    return _renamed(samples, _joined(pictures))


def in_all(tables: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """The samples of runs that are compared, with the same groups in all of them.

    Two pairs share one if they do in any run: where a pair failed before its input was read, another run knows its picture.

    Args:
        tables: with ``pair_id`` and ``source_group``, each as :func:`by_pixels` gives it.
    """
    pairs = pd.concat([table[["pair_id", "source_group"]].drop_duplicates() for table in tables])
    names = _joined(pairs["source_group"].groupby(pairs["pair_id"]).unique())
    return [_renamed(table, names) for table in tables]


def _renamed(samples: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    return samples.assign(source_group=[names.get(group, group) for group in samples["source_group"]])


def _joined(linked: Iterable[Sequence[str]]) -> dict[str, str]:
    """For each name the least of those that it is linked to, directly or through others."""
    lesser: dict[str, str] = {}

    def least(name: str) -> str:
        while lesser.setdefault(name, name) != name:
            lesser[name] = name = lesser[lesser[name]]
        return name

    for names in linked:
        first, *others = sorted({least(name) for name in names})
        lesser.update(dict.fromkeys(others, first))
    return {name: least(name) for name in list(lesser)}
