"""The table of ``eval.reconstruction`` for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

NEAR = 0.1
"""Fraction of the distance to another input within which a pair counts as reconstructed."""


def reconstruction_lines(table: pd.DataFrame) -> Iterator[str]:
    """Yield one line a pair, then the means of each run.

    Args:
        table: of :func:`eval.analysis.reconstruction.reconstructions`.
    """
    runs = list(dict.fromkeys(table["run"]))
    yield f"{'pair':<58} {'autoencoder':>11}   {'η = 0':>8} {'LPIPS':>6} {'RMSE':>6}   {'   '.join(runs[1:])}".rstrip()
    for pair_id, rows in table.groupby("pair_id", sort=False):
        cells = [f"{r['psnr']:5.1f} dB {r['way_lpips']:6.1%} {r['way_rmse']:6.1%}" for r in rows.to_dict("records")]
        yield f"{str(pair_id)[:58]:<58} {rows['autoencoder_psnr'].iloc[0]:8.1f} dB   {'   '.join(cells)}"
    total = table["pair_id"].nunique()
    for run in runs:
        rows = table[table["run"] == run]
        mean = rows[["psnr", "autoencoder_psnr", "way_lpips", "way_rmse"]].mean()
        near = {name: int((rows[name] <= NEAR).sum()) for name in ("way_lpips", "way_rmse")}
        yield (
            f"{run}: mean of {len(rows)} of {total} pairs: {mean['psnr']:.2f} dB (autoencoder "
            f"{mean['autoencoder_psnr']:.2f}), way by LPIPS {mean['way_lpips']:.1%} ({near['way_lpips']} pairs within "
            f"{NEAR:.0%}), by RMSE {mean['way_rmse']:.1%} ({near['way_rmse']} within {NEAR:.0%})"
        )
