"""The folder that Hugging Face's ``datasets`` loads: images, metadata.parquet, a card, results.json."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from eval.present.export.card import card
from eval.present.export.results import results
from eval.runs.folder import Run
from eval.runs.shard import SAMPLE_COLUMNS
from tedbench.disk import writing
from tedbench.errors import UserError

DATA = "data"
COLUMNS = SAMPLE_COLUMNS[: SAMPLE_COLUMNS.index("image")]
"""Columns of an edited image; its file has another name in the export, and failed pairs have none."""


class Parts(NamedTuple):
    """Images that may be passed on.

    Attributes:
        inputs: True for the input images, and true edits.
        edits: True for the edited images.
        licence: their licence; None if neither dataset nor user states one.
    """

    inputs: bool
    edits: bool
    licence: str | None


def parts_of(run: Run, licence: str | None) -> Parts:
    """Return which images of a run may be shared.

    Args:
        run: whose dataset may state a licence.
        licence: as stated by the user, or None.
    """
    known = licence or run.cards.dataset.licence
    return Parts(known is not None, known is not None or not run.cards.method.elsewhere, known)


def write_folder(run: Run, out: Path, licence: str | None = None) -> list[str]:
    """Write the folder; the images first, so that a README.md exists only in a complete export.

    Args:
        run: may be unfinished; its failures are reported.
        out: new, empty, or of an earlier export.
        licence: of the inputs, and of edited images made elsewhere.

    Returns:
        The contents and what is left out, in lines.

    Raises:
        UserError: the run has no images, or ``out`` holds something else.
    """
    samples, scores = run.samples(), run.scores()
    made = samples[samples["status"] == "ok"]
    if made.empty:
        raise UserError(f"{run.folder} has no edited images. Repeat its eval.run command first.")
    parts, found = parts_of(run, licence), results(run)
    _clear(out)
    rows = [_row(run, row, parts) for row in made.to_dict("records")]
    table = pd.DataFrame(rows)
    wide = scores.pivot(index=["pair_id", "strength", "seed"], columns="metric", values="score").reset_index()
    table = table.merge(wide, on=["pair_id", "strength", "seed"], how="left")
    with writing(out):
        (out / DATA).mkdir(parents=True)
        _copy_images(run, table, out / DATA)
        table.to_parquet(out / DATA / "metadata.parquet", index=False)
        text = json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False)
        (out / "results.json").write_text(f"{text}\n", encoding="utf-8")
        lines = _told(run, found, parts)
        (out / "README.md").write_text(card(run.title, found, parts.licence, lines, list(table)), encoding="utf-8")
    return lines


def _clear(out: Path) -> None:
    """Remove an earlier export and nothing else."""
    there = {path.name for path in out.iterdir()} if out.is_dir() else set()
    if (out.exists() and not out.is_dir()) or (there and not (out / "results.json").is_file() and there != {DATA}):
        raise UserError(f"out={out} holds something that is no export. Give a new folder.")
    with writing(out):
        for name in ("README.md", "results.json"):
            (out / name).unlink(missing_ok=True)
        if (out / DATA).exists():
            shutil.rmtree(out / DATA)


def _row(run: Run, row: dict[str, Any], parts: Parts) -> dict[str, Any]:
    """Return an edited image's row; files are relative to ``data/``, in the columns that ``datasets`` expects."""
    folder = f"pairs/{row['pair_id']}"
    files = {"file_name": f"{folder}/{Path(row['image']).name}"} if parts.edits else {}
    if parts.inputs:
        files["input_file_name"] = f"{folder}/input.png"
        shard = run.shard(row["pair_id"])
        if (shard.folder / "truth.png").exists():
            files["truth_file_name"] = f"{folder}/truth.png"
    return {**files, **{name: row[name] for name in COLUMNS}}


def _copy_images(run: Run, table: pd.DataFrame, data: Path) -> None:
    for column in (name for name in table.columns if name.endswith("file_name")):
        for name in table[column].dropna().unique():
            (data / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(run.folder / name, data / name)


def _told(run: Run, found: dict[str, Any], parts: Parts) -> list[str]:
    coverage, dataset = found["coverage"], run.dataset_label
    images = f"{coverage['images']} edited images of {coverage['pairs']} of {coverage['pairs_expected']} pairs"
    why = f"{dataset} states no licence"
    failed = len(coverage["failed"])
    lines = [f"{images}" + (f"; {failed} pair{'s' * (failed > 1)} failed (results.json has why)." if failed else ".")]
    if parts.inputs:
        lines.append(f"Input images are in it, under {parts.licence}.")
    else:
        lines.append(f"Input images are left out: {why}. image_name says which they are; get them where {dataset} is.")
    if not parts.edits:
        lines.append(
            "Edited images are left out: they were made elsewhere, and no licence is known. Their scores are in it."
        )
    elif not parts.inputs:
        lines.append("Edits of weak strengths come near to their inputs: look whether you may share them.")
    return lines
