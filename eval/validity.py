"""``python -m eval.validity RUN [RUN ...] --out FOLDER``: do metrics say which edits are good?

Each RUN is the folder of a saved run with scores (NAME=FOLDER to call it so), on pairs that were judged: by a column of
its scores, or by people, in a CSV with the columns pair, strength, seed, good (0 to 1), and run where there are several.
Which metrics is up to the runs: `python -m eval.score run=FOLDER metrics=…` adds others. Writes

    validity.md                     what was found: ranking, choosing the strength by metrics, misleading cases
    rankings.csv, .png, .pdf        Spearman and AUC of each metric, simple combinations, and of the strength alone
    rankings-by-category.png, .pdf  the same table's AUC within pairs
    choices.csv, .png, .pdf         how good images are whose strength (or seed) each of them chooses, against one
                                    strength for all pairs and an oracle
    misled.csv, misled-NAME.png     where the image ranked first is bad though there is a good one
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from eval.analysis.success import named
from eval.analysis.validity.choosing import choices
from eval.analysis.validity.images import Material, gather
from eval.analysis.validity.misled import misled
from eval.analysis.validity.ranking import rankings
from eval.analysis.validity.scores import STRENGTH, Score, add_scores
from eval.present.figures.validity import draw_categories, draw_choices, draw_misled, draw_rankings, worst
from eval.present.validity import page
from eval.runs.folder import Run
from eval.runs.output_folder import make_room
from runtime.output import safe_output
from tedbench.disk import writing
from tedbench.errors import UserError

WRITTEN = re.compile(r"(validity\.md|(rankings|rankings-by-category|choices|misled)(-[\w-]+)?\.(csv|png|pdf))")


def study(material: Material, out: Path) -> str:
    """Writes everything into ``out``; returns the page."""
    images, scores = add_scores(material.images, material.metrics)
    tables = {
        "rankings": rankings(images, scores, material.questions),
        "choices": choices(images, scores, material.questions),
        "misled": misled(images, [score for score in scores if score.name != STRENGTH], material.questions),
    }
    make_room(out, WRITTEN)
    about = f"{material.dataset} · {material.coverage} · good: {material.judgement}"
    intervals = "95% intervals, clustered by source image"
    with writing(out):
        for name, table in tables.items():
            table.to_csv(out / f"{name}.csv", index=False, float_format="%.6g", lineterminator="\n")
    figures = ["rankings", "rankings-by-category"]
    draw_rankings(tables["rankings"], scores, f"{about}\n{intervals}", out / "rankings")
    draw_categories(
        tables["rankings"], scores, f"AUC among images of the same pair, by category (pairs)\n{about}", out / figures[1]
    )
    if len(tables["choices"]):
        figures.append("choices")
        draw_choices(
            tables["choices"], scores, f"Strength chosen per pair and seed; {intervals}\n{about}", out / "choices"
        )
    sheets = _sheets(material, scores, tables["misled"], out)
    text = page(material, scores, tables, sheets, figures)
    with writing(out):
        (out / "validity.md").write_text(text, encoding="utf-8")
    return text


def _sheets(material: Material, scores: Sequence[Score], table: pd.DataFrame, out: Path) -> list[tuple[str, str]]:
    """Draws the worst cases of each metric."""
    drawn = []
    for score in scores:
        cases = worst(table, score) if score.kind == "metric" else table[:0]
        if len(cases):
            file = f"misled-{re.sub(r'[^a-z0-9]+', '-', score.label.lower()).strip('-')}.png"
            about = f"{material.dataset} · one case a category, largest gap first · good: {material.judgement}"
            with writing(out):
                draw_misled(cases, score, material.runs, about, out / file)
            drawn.append((score.label, file))
    return drawn


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="+", help="a run's folder, or NAME=FOLDER")
    parser.add_argument("--out", type=Path, default=Path("validity"), help="folder to write to (default: validity)")
    parser.add_argument(
        "--judgement", default="judge/success", help="a column of scores, or a CSV (default: judge/success)"
    )
    parser.add_argument("--metrics", nargs="*", default=[], help="names; none takes all of alignment and fidelity")
    args = parser.parse_args(arguments)
    try:
        runs = {name: Run.open(folder) for name, folder in named(args.run)}
        print(study(gather(runs, args.judgement, args.metrics), args.out))
    except UserError as error:
        parser.exit(2, f"error: {error}\n")
    print(args.out)


if __name__ == "__main__":
    with safe_output():
        main()
