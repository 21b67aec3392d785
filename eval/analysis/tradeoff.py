"""``python -m eval.analysis.tradeoff RUN [RUN ...] --out FOLDER``: what Imagic's settings trade against each other.

Each RUN is a saved run with other settings of the stages, on the same pairs with known answers. Writes

    tradeoff.md, .csv     each run's settings, judged success and fidelity, the best first
    tradeoff.png, .pdf    success against fidelity, one mark a run

The runs of a search are made by the runner, on pairs that are in no benchmark:

    python -m eval.run -m dataset.split=search metrics=picturebook \\
        recipe.imagic.embedding.steps=0,100,250 recipe.imagic.finetune.steps=0,60,120,250
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
import yaml

from eval.analysis.success import best_strength, judge_run, rates
from eval.metrics.base import is_distance
from eval.metrics.judge import Reader, open_reader
from eval.present.figures.success import COLORS
from eval.runs.folder import Run
from imagic.models.weights import EMBEDDED
from runtime.output import safe_output
from tedbench.disk import writing
from tedbench.errors import UserError
from tedbench.fonts import cover_figure
from tedbench.method import format_strength

matplotlib.use("Agg")
import matplotlib.pyplot as plt

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


def stage(settings: dict[str, Any]) -> str:
    """A stage's settings in short: ``"250 × 0.01, 4 draws"``, or ``"none"``."""
    if not settings["steps"]:
        return "none"
    more = [f"{settings['draws']} draws"] + [
        f"{key} {settings[key]:g}" for key in ("decay", "empty") if settings.get(key)
    ]
    return f"{settings['steps']} × {settings['lr']:g}, " + ", ".join(more)


def measure(folder: Path, reader: Reader) -> dict[str, Any]:
    """One run's row of the table.

    Raises:
        UserError: it is no run of Imagic, or cannot be judged.
    """
    run = Run.open(folder)
    method = yaml.safe_load((folder / "config.yaml").read_text())["fit"]["method"]
    if method["name"] != "imagic":
        raise UserError(f"{folder} is a run of {method['name']}. Give runs of imagic.")
    judged = judge_run(folder.name, run, reader)
    count = judged.images.groupby("category")["pair_id"].nunique()
    count["all"] = judged.images["pair_id"].nunique()
    table = rates(judged, count)
    best = best_strength(table, folder.name)
    success = table[(table["category"] == "all") & (table["question"] == "success")]
    scores = run.scores()
    fidelity = 1 - scores[[is_distance(name) for name in scores["metric"]]].groupby("strength")["score"].mean()
    return {
        "embedding": stage(method["embedding"]),
        "finetune": stage(method["finetune"]),
        "guidance": method["sampling"]["guidance"],
        "pairs": int(count["all"]),
        "best_eta": best,
        "success": float(success.loc[success["strength"] == best, "mean"].iloc[0]),
        "any": float(success.loc[success["strength"].isna(), "mean"].iloc[0]),
        "fidelity_at_best": float(fidelity[best]),
        "fidelity_at_0": float(fidelity.get(0.0, float("nan"))),
        "run": folder.name,
    }


def markdown(table: pd.DataFrame) -> str:
    """The table for a page."""
    lines = [
        "| embedding (steps × rate) | fine-tuning (steps × rate) | guidance | best η | success | any η | 1 − LPIPS there | at η = 0 |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in table.itertuples():
        lines.append(
            f"| {row.embedding} | {row.finetune} | {row.guidance:g} | {format_strength(row.best_eta)} | {row.success:.0%} "
            f"| {row.any:.0%} | {row.fidelity_at_best:.3f} | {row.fidelity_at_0:.3f} |"
        )
    return "\n".join(lines) + "\n"


def draw(table: pd.DataFrame, out: Path) -> None:
    """Success and fidelity at each run's best η: colour says how the embedding was optimised, shape the fine-tuning."""
    figure, axes = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    colors = {name: COLORS[i % len(COLORS)] for i, name in enumerate(sorted(table["embedding"].unique()))}
    shapes = {name: MARKERS[i % len(MARKERS)] for i, name in enumerate(sorted(table["finetune"].unique()))}
    for row in table.itertuples():
        axes.plot(
            row.fidelity_at_best, 100 * row.success, shapes[row.finetune], color=colors[row.embedding], markersize=8
        )
    keys = [axes.plot([], [], "o", color=color, label=f"A: {name}")[0] for name, color in colors.items()]
    keys += [axes.plot([], [], shape, color="0.4", label=f"B: {name}")[0] for name, shape in shapes.items()]
    axes.legend(handles=keys, fontsize=7, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    axes.set_xlabel("fidelity at the best η (1 − LPIPS)")
    axes.set_ylabel("judged success at the best η (% of images)")
    axes.set_title(f"Imagic's two stages, {table['pairs'].min()} pairs of Picturebook (synthetic)", fontsize=10)
    axes.grid(alpha=0.25)
    cover_figure(figure)
    for ending in ("png", "pdf"):
        figure.savefig(out / f"tradeoff.{ending}", dpi=160)
    plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="+", type=Path, help="a run's folder")
    parser.add_argument("--out", type=Path, default=Path("tradeoff"), help="folder to write to (default: tradeoff)")
    parser.add_argument("--judge", default=f"{EMBEDDED}judge/judge.safetensors", help="the judge's weights")
    args = parser.parse_args(arguments)
    try:
        reader = open_reader(args.judge)
        table = pd.DataFrame([measure(folder, reader) for folder in args.run])
        table = table.sort_values(["success", "any"], ascending=False)
        with writing(args.out):
            args.out.mkdir(parents=True, exist_ok=True)
            table.to_csv(args.out / "tradeoff.csv", index=False)
            (args.out / "tradeoff.md").write_text(markdown(table), encoding="utf-8")
            draw(table, args.out)
    except UserError as error:
        parser.exit(2, f"error: {error}\n")
    print(markdown(table))
    print(args.out)


if __name__ == "__main__":
    with safe_output():
        main()
