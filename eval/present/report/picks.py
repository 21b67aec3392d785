"""The page picks.html: all candidates of a run, to pick one image for each pair by click or key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from eval.analysis.selection_rules import Candidates
from eval.runs.shard import Shard
from eval.runs.writer import RunWriter
from tedbench.method import Axis, format_strength


def write_picks_page(among: Candidates) -> Path:
    """Write ``picks.html`` into the run's folder; links are relative, so that the folder can be moved as a whole."""
    run, axis = among.run, among.axis
    pairs = [_pair(run.shard(str(pair)), images, axis) for pair, images in among.images.groupby("pair_id")]
    environment = Environment(loader=PackageLoader("eval.present.report"), autoescape=True, undefined=StrictUndefined)
    page = environment.get_template("picks.html.j2").render(
        title=run.title,
        folder=run.folder.name,
        key=run.key,
        words=among.words,
        scope=f"{among.protocol or 'all'} {'' if among.seed is None else among.seed}".strip(),
        axis=axis,
        pairs=pairs,
        without=[(run.shard(pair).info()["target_text"], pair, why) for pair, why in among.without.items()],
    )
    RunWriter(run.folder).write_text("picks.html", page)
    return run.folder / "picks.html"


def _pair(shard: Shard, images: pd.DataFrame, axis: Axis) -> dict[str, Any]:
    """Return one pair for the page: its texts, and a row of images for each seed, a place for each of its strengths."""
    samples = shard.samples()
    strengths = {strength: place for place, strength in enumerate(sorted(images["strength"].unique()))}
    return {
        "id": shard.id,
        "text": shard.info()["target_text"],
        "note": " · ".join(filter(None, (samples["image_name"].iloc[0], samples["category"].iloc[0]))),
        "input": f"pairs/{shard.id}/input.png",
        "columns": len(strengths),
        "rows": [
            {
                "seed": seed,
                "images": [
                    {
                        "file": image.image,
                        "strength": format_strength(image.strength),
                        "label": f"{axis.label(image.strength)}, seed {seed}",
                        "column": strengths[image.strength],
                    }
                    for image in group.itertuples()
                ],
            }
            for seed, group in images.groupby("seed")
        ],
    }
