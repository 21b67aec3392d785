"""The page of ``eval.validity``: results in tables, with figures."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from eval.analysis.validity.choosing import CHANCE, FIXED, FREEDOMS, HINDSIGHT, ORACLE, choice_table
from eval.analysis.validity.images import JudgedImages
from eval.analysis.validity.misled import misled, worst
from eval.analysis.validity.ranking import ALL, MEASURES, rankings
from eval.analysis.validity.scores import STRENGTH, Score, add_scores
from eval.present.figures.validity import draw_categories, draw_choices, draw_misled, draw_rankings
from eval.present.tables import markdown_escape
from eval.present.text import brackets
from eval.runs.folder import Run
from eval.runs.output_folder import make_room
from tedbench.disk import writing

WRITTEN = re.compile(r"(validity\.md|(rankings|rankings-by-category|choices|misled)(-[\w-]+)?\.(csv|png|pdf))")

TOY = (
    "**These are toy metrics.** The pictures are drawn by a program, and the embedded CLIP and LPIPS are small "
    "networks trained on such drawings. What follows says how far *these* agree with the judge on *these* edits; it says "
    "nothing about OpenAI's CLIP or LPIPS on photographs."
)


def write_validity(material: JudgedImages, out: Path) -> str:
    """Rank, choose and look for misleading cases by every score; write tables, figures and page into ``out``.

    Returns:
        The page.

    Raises:
        UserError: ``out`` is a file, or cannot be written.
    """
    images, scores = add_scores(material.images, material.metrics)
    tables = {
        "rankings": rankings(images, scores, material.questions),
        "choices": choice_table(images, scores, material.questions),
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


def _sheets(material: JudgedImages, scores: Sequence[Score], table: pd.DataFrame, out: Path) -> list[tuple[str, str]]:
    """Draw the worst cases of each metric, of those whose images are there; return label and file of each sheet."""
    drawn = []
    there = table[[_has_images(row, material.runs[row["run"]]) for row in table.to_dict("records")]]
    for score in scores:
        cases = worst(there, score) if score.kind == "metric" else there[:0]
        if len(cases):
            file = f"misled-{re.sub(r'[^a-z0-9]+', '-', score.label.lower()).strip('-')}.png"
            about = f"{material.dataset} · one case a category, largest gap first · good: {material.judgement}"
            with writing(out):
                draw_misled(cases, score, material.runs, about, out / file)
            drawn.append((score.label, file))
    return drawn


def _has_images(case: Mapping[Hashable, object], run: Run) -> bool:
    """True if both images of a case are in the run's folder: published archives have those of some pairs only."""
    folder = run.shard(str(case["pair_id"])).folder
    return all((folder / Path(str(case[name])).name).exists() for name in ("picked_image", "good_image"))


def page(
    material: JudgedImages,
    scores: Sequence[Score],
    tables: dict[str, pd.DataFrame],
    sheets: Sequence[tuple[str, str]],
    figures: Sequence[str],
) -> str:
    """Return the page in Markdown.

    Args:
        material: the images.
        scores: compared with the judgement.
        tables: ``rankings``, ``choices`` and ``misled``.
        sheets: label and file of each sheet of misleading cases.
        figures: names, without suffix, of the drawn figures.
    """
    images = material.images
    counts = images.groupby("run").agg(n=("good", "size"), good=("good", "mean"))
    runs = "; ".join(f"{run}: {row['n']:.0f} images, {row['good']:.0%} good" for run, row in counts.iterrows())
    lines = ["# Do the metrics say what is good?", ""]
    if material.synthetic:
        lines += [TOY, ""]
    lines += [
        f"{material.dataset}, {material.coverage}; good images are {material.judgement}. {runs}. Intervals are 95%, "
        "clustered by source image (Wilson's for shares, Tango's score interval for their differences).",
        "",
        "## Ranking",
        "",
        "AUC: how often a good image scores higher than a bad one (0.5 is chance), among all images, images of the same "
        "strength, and images of the same pair. “Strength alone” knows nothing but how often the strength is good on other "
        "source images.",
        "",
        *_rankings(tables["rankings"], scores, material),
    ]
    lines += [f"![{name}]({name}.png)\n" for name in figures if name.startswith("rankings")]
    lines += ["## Choosing", "", *_choices(tables["choices"], scores)]
    lines += [f"![{name}]({name}.png)\n" for name in figures if name.startswith("choices")]
    lines += ["## Misled", "", *_misled(tables["misled"], scores, material.questions)]
    lines += [f"![Misled by {label}]({file})\n" for label, file in sheets]
    names = [f"- {score.label}: `{score.name}`" for score in scores if score.kind == "metric"]
    lines += ["## Names", "", *names]
    if material.left_out:
        lines += ["", "Left out:", "", *(f"- {id}: {markdown_escape(why)}" for id, why in material.left_out.items())]
    return "\n".join(lines).rstrip() + "\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _head(first: str, columns: Sequence[str]) -> list[str]:
    return [_row([first, *map(markdown_escape, columns)]), _row(["---", *["---:"] * len(columns)])]


def _rankings(table: pd.DataFrame, scores: Sequence[Score], material: JudgedImages) -> list[str]:
    run = table["run"].iloc[-1]
    table = table[(table["run"] == run) & (table["category"] == ALL)].set_index(["question", "measure", "score"])
    asked = [("good", measure, f"AUC, {words}") for measure, words in MEASURES.items()]
    asked.append(("good", "spearman", "Spearman, all images"))
    asked += [(question, "auc", f"AUC of “{question}”") for question in material.questions]
    lines = _head("", [words for *_, words in asked])
    for score in scores:
        at = [(question, measure, score.name) for question, measure, _ in asked]
        cells = [_interval(table.loc[key]) if key in table.index else "–" for key in at]
        lines.append(_row([markdown_escape(score.label), *cells]))
    first = table.iloc[0]
    return [
        *lines,
        "",
        f"{first['n_images']} images of {first['n_pairs']} pairs, {first['n_yes']} good"
        + (" (all runs together)" if run == ALL else "")
        + f"; {first['n_mixed']} times a pair of a run has both good and bad images.",
        "",
    ]


def _interval(row: pd.Series) -> str:
    if math.isnan(row["value"]):
        return "–"
    if math.isnan(row["ci_low"]):
        return f"{row['value']:.2f}"
    lowest = -1 if row.name[1] == "spearman" else 0
    return f"{row['value']:.2f} [{max(row['ci_low'], lowest):.2f}, {min(row['ci_high'], 1):.2f}]".replace("-", "−")


def _choices(table: pd.DataFrame, scores: Sequence[Score]) -> list[str]:
    if table.empty:
        return ["No pair has a judgement for every strength and seed of every run, so nothing can be chosen.", ""]
    labels = {score.name: score.label for score in scores}
    lines = [
        f"Good images, mean over pairs, when each score takes the highest-scoring image. *{FIXED}* is the same for all "
        "pairs, the best on the other source images (*in hindsight*: on these too); the *oracle* takes a good image where "
        f"there is one; *{CHANCE}* is the mean. In brackets the difference from the fixed strength; \\* where it is "
        "significant (p < .05, permutation test by source image, Holm's correction).",
        "",
    ]
    for free in [free for free in FREEDOMS if free in set(table["free"])]:
        part = table[(table["free"] == free) & (table["category"] == ALL)]
        runs = list(dict.fromkeys(part["run"]))
        rows = part.set_index(["run", "how"])
        lines += _head(f"choosing the {free}", [f"{run} ({rows.loc[(run, FIXED), 'n_pairs']} pairs)" for run in runs])
        for way in dict.fromkeys(part["how"]):
            cells = [_choice(rows.loc[(run, way)], way) for run in runs]
            lines.append(_row([markdown_escape(labels.get(way, way)), *cells]))
        lines.append("")
    return lines


def _choice(row: pd.Series, way: str) -> str:
    cell = f"{row['good']:.0%} {brackets(row['good'], row['ci_low'], row['ci_high'], percent=True)}"
    if way in (FIXED, HINDSIGHT, CHANCE, ORACLE):
        return cell
    star = "\\*" if row["p_holm"] < 0.05 else ""
    return f"{cell} ({100 * row['more']:+.0f}{star})".replace("-", "−")


def _misled(table: pd.DataFrame, scores: Sequence[Score], questions: Sequence[str]) -> list[str]:
    lines = [
        "Of the pairs that have a good image (and a bad one): how often the image that a score ranks first, among all "
        "strengths and seeds, is bad; and what is wrong with it.",
        "",
        *_head("ranked first by", ["bad", *(f"not {question}" for question in questions), "mean gap"]),
    ]
    for score in scores:
        rows = table[table["score"] == score.name]
        bad = rows[rows["is_misled"]]
        if score.name == STRENGTH or rows.empty:
            continue
        share = f"{len(bad)} of {len(rows)} ({len(bad) / len(rows):.0%})"
        wrong = [f"{(bad[question] == 0).mean():.0%}" if len(bad) else "–" for question in questions]
        gap = f"{bad['gap'].mean():.0f}" if len(bad) else "–"
        lines.append(_row([markdown_escape(score.label), share, *wrong, gap]))
    return [*lines, "", "*Gap*: percent of all images that rank between it and the first good one.", ""]
