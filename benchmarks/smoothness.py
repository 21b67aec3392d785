"""``python -m benchmarks.smoothness [RUN …]``: how smoothly edits come in along the strength, of published runs.

    python -m benchmarks.smoothness imagic flow_imagic

For each pair the fall of 1 − LPIPS from the first to the last strength (at most 1) is divided among the steps between neighbouring strengths:
an edit that comes in at once takes all of it in one step. The quarter of the pairs that change least is left out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import pandas as pd

from benchmarks.run_archive import restore
from eval.runs.folder import Run
from runtime.output import safe_output

ARCHIVES = Path("docs/picturebook_results/runs")
LAST = 1.0
"""Strengths beyond it are left out."""


def steps(scores: pd.DataFrame) -> dict[str, float]:
    """Return statistics of the largest step of each pair.

    Args:
        scores: of a run with seed 0, see :data:`eval.runs.shard.SCORE_COLUMNS`.

    Returns:
        Number of pairs; the median share of the fall that the largest step takes; the share of pairs in which it takes more than half;
        and the median and quartiles of the strength at its end.
    """
    own = scores[scores["metric"].str.startswith("lpips/") & (scores["seed"] == 0) & (scores["strength"] <= LAST)]
    table = own.pivot_table(index="pair_id", columns="strength", values="score")
    change = table.diff(axis=1).iloc[:, 1:].abs()
    whole = (table.iloc[:, -1] - table.iloc[:, 0]).abs()
    moved = whole > whole.quantile(0.25)
    largest, place = (change.max(axis=1) / whole)[moved], change.idxmax(axis=1)[moved]
    low, middle, high = place.quantile([0.25, 0.5, 0.75])
    return {
        "pairs": int(moved.sum()),
        "largest step": largest.median(),
        "more than half": (largest > 0.5).mean(),
        "at": middle,
        "quartile": low,
        "third": high,
    }


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", default=["imagic", "flow_imagic"], help=f"archives in {ARCHIVES}")
    rows = {}
    for name in parser.parse_args().runs:
        with tempfile.TemporaryDirectory() as folder:
            restore(ARCHIVES / f"{name}.tar.xz", Path(folder) / name)
            rows[name] = steps(Run.open(Path(folder) / name).scores())
    print(pd.DataFrame(rows).T.round(2).to_string())
    return 0


if __name__ == "__main__":
    with safe_output():
        sys.exit(main())
