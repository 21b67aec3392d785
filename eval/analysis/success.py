"""``python -m eval.analysis.success RUN [RUN ...] --out FOLDER``: how often does an edit do what was asked, and nothing else?

Each RUN is the folder of a saved run, or NAME=FOLDER to call it so, with any strengths and seeds, on pairs whose true
edited image is known. Runs are compared on the pairs that all of them have whole. Writes

    success.md          at the best single strength, and with strength and seed chosen for each pair; by category
    success.csv         the same rates at every strength
    pairs.csv           each pair's best attempt
    success.png, .pdf   success, changed and kept along the strength
    failures-NAME.png   some pairs of each category that no strength and seed solved: input, best attempt, true edit
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from eval.analysis.stats import clustered_share
from eval.metrics.base import Reference
from eval.metrics.judge import QUESTIONS_OF_SUCCESS, Reader, open_reader
from eval.present.figures.success import draw_failures, draw_rates, markdown
from eval.runs.folder import Run, Shard
from eval.runs.source_groups import in_all
from imagic.models.weights import EMBEDDED
from runtime.output import safe_output
from tedbench.disk import writing
from tedbench.errors import UserError

ALL = "all"
"""The category of every pair, in tables."""


class JudgedRun(NamedTuple):
    """A run's judgements.

    Attributes:
        name: for tables.
        run: where its pictures are.
        images: one row an image, of the pairs that could be judged.
        left_out: why the other pairs could not, by pair id.
    """

    name: str
    run: Run
    images: pd.DataFrame
    left_out: dict[str, str]

    def of(self, pair_ids: Sequence[str]) -> JudgedRun:
        """The same with these pairs alone."""
        return self._replace(images=self.images[self.images["pair_id"].isin(pair_ids)])


def judge_run(name: str, run: Run, reader: Reader) -> JudgedRun:
    """Reads every pair that has an image for each strength and seed of the run.

    Raises:
        UserError: there is none that can be judged.
    """
    samples = run.samples()
    wanted = len(samples[["strength", "seed"]].drop_duplicates())
    frames, left_out = [], {}
    for shard in run.shards():
        rows = samples[(samples["pair_id"] == shard.id) & (samples["status"] == "ok")]
        if len(rows) < wanted:
            left_out[shard.id] = f"{len(rows)} of {wanted} images"
        elif (judged := _judge(shard, rows, reader)) is None:
            left_out[shard.id] = "no true edit that the judge can tell from the input"
        else:
            frames.append(judged)
    if not frames:
        reasons = "; ".join(sorted(set(left_out.values()))) or "it has no pairs"
        raise UserError(f"Nothing in {run.folder} can be judged ({reasons}). Give a finished run on drawn pairs.")
    return JudgedRun(name, run, pd.concat(frames, ignore_index=True), left_out)


def _judge(shard: Shard, rows: pd.DataFrame, reader: Reader) -> pd.DataFrame | None:
    reference = Reference(shard.input(), "", None, shard.truth())
    judged = reader.judge(reference, np.stack([shard.image(name) for name in rows["image"]]))
    if judged is None:
        return None
    answers = {what: [float(getattr(each, what)) for each in judged] for what in QUESTIONS_OF_SUCCESS}
    said = {"right": [each.right for each in judged], "faults": ["; ".join(each.faults) for each in judged]}
    return rows.assign(**answers, **said, category=rows["category"].replace("", "other"))


def rates(judged: JudgedRun, expected: pd.Series) -> pd.DataFrame:
    """Percent of images for which each question of success is answered yes, with 95% intervals clustered by source image.

    Intervals are those of the means over pairs of each pair's mean over seeds, which stay between 0 and 100%.

    One row for each category (and all), strength and question. The rows without a strength are of pairs: percent of them
    for which *some* strength and seed does.

    Args:
        judged: a run.
        expected: how many pairs there should be, by category.
    """
    rows = []
    for category in (ALL, *sorted(judged.images["category"].unique())):
        images = judged.images if category == ALL else judged.images[judged.images["category"] == category]
        some = images.groupby("pair_id").agg({**dict.fromkeys(QUESTIONS_OF_SUCCESS, "max"), "source_group": "first"})
        counts = {"n_pairs": len(some), "n_pairs_expected": int(expected[category])}
        for strength, group in (*images.groupby("strength"), (np.nan, some)):
            pairs = group.groupby("pair_id").agg(
                {**dict.fromkeys(QUESTIONS_OF_SUCCESS, "mean"), "source_group": "first"}
            )
            for what in QUESTIONS_OF_SUCCESS:
                interval = clustered_share(pairs[what].tolist(), pairs["source_group"].tolist())
                ends = {"mean": interval.mean, "ci_low": interval.low, "ci_high": interval.high, "n": len(group)}
                label = {"run": judged.name, "category": category, "strength": strength, "question": what}
                rows.append({**label, **ends, **counts})
    return pd.DataFrame(rows)


def best_strength(table: pd.DataFrame, run: str) -> float:
    """Where most images of a run succeed; the smallest of several."""
    rows = table[(table["run"] == run) & (table["category"] == ALL) & (table["question"] == "success")]
    rows = rows.dropna(subset="strength").sort_values("strength")
    return float(rows.loc[rows["mean"].idxmax(), "strength"])


def best_attempts(judged: JudgedRun) -> pd.DataFrame:
    """One row a pair: the image that succeeds, or else has most right answers; the smallest strength of several.

    ``n_success`` of its ``n`` images succeed.
    """
    order = ["success", "right", "changed", "kept", "strength", "seed"]
    ascending = [False] * 4 + [True] * 2
    best = judged.images.sort_values(order, ascending=ascending).groupby("pair_id", as_index=False).first()
    counts = judged.images.groupby("pair_id")["success"].agg(n_success="sum", n="size").astype(int)
    return best.merge(counts, on="pair_id").assign(run=judged.name)


def compare_runs(runs: Sequence[tuple[str, Path]], reader: Reader, out: Path) -> None:
    """Judges the runs and writes everything into ``out``.

    Raises:
        UserError: a run cannot be judged, or the runs have no pair in common.
    """
    judged = [judge_run(name, Run.open(folder), reader) for name, folder in runs]
    groups = in_all([each.images for each in judged])
    judged = [each._replace(images=images) for each, images in zip(judged, groups, strict=True)]
    names = [set(each.images["pair_id"]) for each in judged]
    common = sorted(set.intersection(*names))
    if not common:
        raise UserError("These runs have no judged pair in common. Give runs on the same dataset.")
    listed = pd.concat([each.run.samples()[["pair_id", "category"]] for each in judged]).drop_duplicates("pair_id")
    expected = listed["category"].replace("", "other").value_counts()
    expected[ALL] = len(listed)
    reasons = {id: f"{each.name}: {why}" for each in judged for id, why in each.left_out.items()}
    left_out = {id: reasons.get(id, "not in every run") for id in sorted(listed["pair_id"]) if id not in common}
    judged = [each.of(common) for each in judged]
    table = pd.concat([rates(each, expected) for each in judged], ignore_index=True)
    attempts = pd.concat([best_attempts(each) for each in judged], ignore_index=True)
    best = {each.name: best_strength(table, each.name) for each in judged}
    axes = {each.run.labels["axis"] for each in judged}
    symbol = "η" if axes == {"eta"} else axes.pop() if len(axes) == 1 else "strength"
    shown = ["run", "pair_id", "category", "target_text", "n", "n_success", "strength", "seed"]
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        table.to_csv(out / "success.csv", index=False, float_format="%.6f")
        attempts[[*shown, *QUESTIONS_OF_SUCCESS, "right", "faults"]].to_csv(out / "pairs.csv", index=False)
        page = markdown(table, best, left_out, symbol, reader.digest)
        (out / "success.md").write_text(page, encoding="utf-8")
        draw_rates(table, symbol, out)
        for each in judged:
            tried = attempts[attempts["run"] == each.name]
            draw_failures(each.name, each.run, tried, symbol, out / f"failures-{each.name}.png")
    print(page)
    print(out)


def named(words: Sequence[str]) -> list[tuple[str, Path]]:
    """``FOLDER`` or ``NAME=FOLDER``, each as name and folder.

    Raises:
        UserError: two have one name, or a name cannot be part of a file's.
    """
    found = []
    for word in words:
        name, equals, folder = word.partition("=")
        plain = not equals or Path(word).exists()
        found.append((Path(word).resolve().name, Path(word)) if plain else (name, Path(folder)))
    names = [name for name, _ in found]
    if len(set(names)) < len(names) or any(not name or "/" in name for name in names):
        raise UserError(f"The runs are called {', '.join(names)}. Give each a plain name of its own: NAME=FOLDER.")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="+", help="a run's folder, or NAME=FOLDER")
    parser.add_argument("--out", type=Path, default=Path("success"), help="folder to write to (default: success)")
    parser.add_argument("--judge", default=f"{EMBEDDED}judge/judge.safetensors", help="the judge's weights")
    args = parser.parse_args(arguments)
    try:
        compare_runs(named(args.run), open_reader(args.judge), args.out)
    except UserError as error:
        parser.exit(2, f"error: {error}\n")


if __name__ == "__main__":
    with safe_output():
        main()
