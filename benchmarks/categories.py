"""Judged success of methods by category of the edit, and with the strength chosen for each pair, from scores of runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from benchmarks.run_archive import best_strength
from eval.analysis.stats import clustered_share
from eval.api import open_run
from eval.present.figures.style import PAGE, plain, plt, save

ALL, ANY = "all", "any strength"
SUCCESS = "judge/success/"


def success_table(runs: Mapping[str, Path]) -> pd.DataFrame:
    """Return success in the first seed's images, a row for each method and group of pairs.

    Groups are all pairs and each category, at the strength where most images of the run succeed; and all pairs, each with
    any strength of the run that succeeds. Columns: method, strength (NaN for any), group, success in [0, 1], its 95%
    interval (ci_low, ci_high), n_pairs and n_expected.

    Raises:
        UserError: there is no run.
    """
    rows: list[dict[str, object]] = []
    for method, folder in runs.items():
        run = open_run(folder)
        pairs = run.pairs().set_index("pair_id")
        scores = run.scores()
        scores = scores[scores["metric"].str.startswith(SUCCESS) & (scores["seed"] == scores["seed"].min())]
        each = scores.dropna(subset="score").pivot_table(index="pair_id", columns="strength", values="score")
        best = best_strength(folder)
        category = pairs.loc[each.index, "category"]
        groups = {ALL: each[best], ANY: each.max(axis=1)}
        groups |= {name: each.loc[category == name, best] for name in sorted(category.unique())}
        for group, values in groups.items():
            judged = values.dropna()
            interval = clustered_share(judged.tolist(), pairs.loc[judged.index, "image_name"].tolist())
            expected = (pairs["category"] == group).sum() if group in set(category) else len(pairs)
            found = {"success": interval.mean, "ci_low": interval.low, "ci_high": interval.high}
            strength = best if group != ANY else float("nan")
            about = {"method": method, "strength": strength, "group": group}
            rows.append(about | found | {"n_pairs": len(judged), "n_expected": expected})
    return pd.DataFrame(rows)


def draw_success(table: pd.DataFrame, path: Path) -> None:
    """Draw :func:`success_table` as a map of percentages, the most successful method first, as .png and .pdf."""
    order = table[table["group"] == ALL].sort_values("success", ascending=False)["method"]
    columns = [ALL, ANY, *sorted(set(table["group"]) - {ALL, ANY})]
    percent = 100 * table.pivot(index="method", columns="group", values="success").loc[order, columns]
    sizes = table.groupby("group")["n_pairs"].max()
    figure, panel = plt.subplots(figsize=(PAGE, 0.8 + 0.22 * len(percent)), layout="constrained")
    panel.imshow(percent, cmap="Blues", vmin=0, vmax=110, aspect="auto")
    for y, x in ((y, x) for y in range(len(percent)) for x in range(len(columns))):
        value = percent.iat[y, x]
        panel.text(x, y, f"{value:.0f}", ha="center", va="center", color="white" if value > 60 else "black", fontsize=7)
    panel.set_xticks(range(len(columns)), [f"{name}\n({sizes[name]})" for name in columns])
    panel.set_yticks(range(len(percent)), [plain(name) for name in percent.index])
    panel.tick_params(length=0)
    panel.axvline(1.5, color="white", linewidth=3)
    panel.set_title(
        "Success in percent of pairs (number), at each method's best strength for all; at any strength for each"
    )
    save(figure, path)
