"""Archives of runs for publication: configuration, events and scores of every image, and the images of some pairs.

They are small enough to be kept beside the tables that are made of them, so that tables, intervals and figures can be
made again, and paired with those of other runs, without a model.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Collection
from pathlib import Path

from eval.api import open_run
from eval.runs.folder import Run

TABLES = ("config.yaml", "events.jsonl", "provenance.json", "list.json")
"""Files of a run's folder itself that are archived."""


def best_strength(folder: Path) -> float:
    """Return the strength at which most of a run's images succeed, the smallest if several do equally.

    Raises:
        UserError: there is no run.
    """
    scores = open_run(folder).scores()
    success = scores[scores["metric"].str.startswith("judge/success/")].dropna(subset="score")
    pairs = success.groupby(["strength", "pair_id"])["score"].mean()
    return float(pairs.groupby("strength").mean().round(9).idxmax())


def archive(folder: Path, file: Path, shown: Collection[str]) -> None:
    """Write a run's archive; the same run gives the same bytes.

    Args:
        folder: of the run.
        file: to write, .tar.xz; replaced if it is there.
        shown: ids of the pairs whose images are archived, those of the best strength and first seed.

    Raises:
        UserError: there is no run.
    """
    samples = Run.open(folder).samples()
    best = (samples["strength"] == best_strength(folder)) & (samples["seed"] == samples["seed"].min())
    images = {folder / image for image in samples.loc[best & samples["pair_id"].isin(shown), "image"].dropna()}
    images |= {path.parent / name for path in images for name in ("input.png", "truth.png")}
    tables = {folder / name for name in TABLES}
    inside = {path for path in (folder / "pairs").rglob("*") if path.suffix != ".png"}
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w:xz", preset=9) as tar:
        for path in sorted(path for path in tables | inside | images if path.is_file()):
            info = tarfile.TarInfo(path.relative_to(folder).as_posix())
            info.size = path.stat().st_size
            tar.addfile(info, io.BytesIO(path.read_bytes()))


def restore(file: Path, folder: Path) -> None:
    """Extract an archive into the folder of a run.

    Raises:
        FileExistsError: the folder is there.
    """
    folder.mkdir(parents=True)
    with tarfile.open(file) as tar:
        tar.extractall(folder, filter="data")
