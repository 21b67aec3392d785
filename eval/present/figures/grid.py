"""The paper's Figure 6: a row a pair, the input and each method's picked edit in columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from eval.analysis.common_pairs import Comparison
from tedbench.disk import writing
from tedbench.errors import UserError
from tedbench.sheet import Cell, draw_sheet


def draw_grid(comparison: Comparison, pair_ids: Sequence[str], out: Path, rows: int, side: int) -> list[Path]:
    """Write grid-01.png, grid-02.png …; the true edit is the last column if it is known.

    Args:
        comparison: the compared methods and pairs.
        pair_ids: the pairs to show, in this order.
        out: the folder.
        rows: on a page.
        side: of an image in pixels.
    """
    picked = [comparison.picked(method).set_index("pair_id") for method in comparison.methods]
    starts = range(0, len(pair_ids), rows)
    paths = []
    for page, start in enumerate(starts, 1):
        cells = [_cell(comparison, picked, pair_id) for pair_id in pair_ids[start : start + rows]]
        number = [f"page {page} of {len(starts)}"] if len(starts) > 1 else []
        fewer = [f"{len(pair_ids)} of them shown"] if len(pair_ids) < len(comparison.pair_ids) else []
        about = " · ".join([comparison.coverage, *fewer, *number])
        sheet = draw_sheet(cells, f"{comparison.dataset}: chosen edits", about, columns=1, side=side)
        path = out / f"grid-{page:02d}.png"
        with writing(path):
            sheet.save(path)
        paths.append(path)
    return paths


def _cell(comparison: Comparison, picked: Sequence[pd.DataFrame], pair_id: str) -> Cell:
    shard = comparison.methods[0].run.shard(pair_id)
    pictures: list[np.ndarray] = [shard.input()]
    captions = ["input"]
    for method, table in zip(comparison.methods, picked, strict=True):
        image = table.loc[pair_id]
        pictures.append(method.run.shard(pair_id).image(image["image"]))
        seed = f", seed {image['seed']}" if method.samples["seed"].nunique() > 1 else ""
        captions.append(f"{method.name}: {method.axis.label(image['strength'])}{seed}")
    if (truth := shard.truth()) is not None:
        pictures.append(truth)
        captions.append("true edit")
    text = str(picked[0].loc[pair_id, "target_text"])
    return Cell(tuple(pictures), text, captions=tuple(captions))


def asked_pairs(comparison: Comparison, asked: Sequence[str] | None) -> list[str]:
    """Return the compared pairs whose ids start as requested; all if none are requested.

    Raises:
        UserError: none does.
    """
    if asked is None:
        return comparison.pair_ids
    found = []
    for start in map(str, asked):
        these = [pair_id for pair_id in comparison.pair_ids if pair_id.startswith(start)]
        if not these:
            why = next((f"{i} is left out: {w}" for i, w in comparison.left_out.items() if i.startswith(start)), None)
            raise UserError(
                f"pairs: no compared pair starts with {start!r}. {why or f'One is {comparison.pair_ids[0]}.'}"
            )
        found += [pair_id for pair_id in these if pair_id not in found]
    return found
