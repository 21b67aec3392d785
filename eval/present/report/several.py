"""A report of saved runs side by side, in a folder that holds everything it shows."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from eval.analysis.common_pairs import Comparison, compare_on_common
from eval.analysis.curves import CURVE_COLUMNS
from eval.analysis.methods import Method, open_whole
from eval.analysis.strength_curves import Along, along, rows_of
from eval.analysis.unscored import split_unscored
from eval.present.figures.curves import Panel, draw_curves, write_curves
from eval.present.report.gallery import RunView
from eval.present.report.page import choice_of, page
from eval.runs.output_folder import make_room
from eval.runs.pairs import RunPairs
from tedbench.disk import writing
from tedbench.errors import UserError

WRITTEN = re.compile(r"report\.html|curves\.(png|pdf|csv)")
IMAGES = "report-images"


def write_report_of(runs: Sequence[str] | Mapping[str, str], out: Path) -> list[str]:
    """Write report.html, the curves of the pairs that all runs have, and the runs' images into ``out``.

    Args:
        runs: folders, or folders by the name of the method.
        out: a folder; the files of an earlier report are replaced.

    Returns:
        Remarks for the reader, a line each.

    Raises:
        UserError: the runs cannot be shown together, an image of theirs is missing, or ``out`` is a run.
    """
    if (out / "config.yaml").exists():
        raise UserError(f"out={out} is a run's folder, and has a report of its own. Give another out.")
    comparison = compare_on_common(open_whole(runs))
    notes = list(comparison.notes)
    found = _curves(comparison, notes)
    make_room(out, WRITTEN)
    with writing(out):
        shutil.rmtree(out / IMAGES, ignore_errors=True)
        for number, method in enumerate(comparison.methods, 1):
            _bring_images(method, out / IMAGES / str(number))
    if found is not None:
        _draw(comparison, found, out)
    shown = [_shown(method, found, f"{IMAGES}/{number}", notes) for number, method in enumerate(comparison.methods, 1)]
    entries = {entry.id: entry for method in comparison.methods for entry in RunPairs(method.run).entries}
    text = page(
        f"{', '.join(each.name for each in shown)} on {comparison.dataset}",
        comparison.methods[0].run.cards.dataset,
        [entries[pair_id] for pair_id in sorted(entries)],
        shown,
        incomplete=comparison.left_out,
        n_expected=comparison.n_expected,
        absent="not in this run",
        curves=found is not None,
        notes=notes,
    )
    with writing(out):
        (out / "report.html").write_text(text, encoding="utf-8")
    return [f"{comparison.coverage} in all runs", *notes]


def _curves(comparison: Comparison, notes: list[str]) -> Along | None:
    try:
        found = along(comparison)
    except UserError as error:
        notes.append(f"No curves: {error}")
        return None
    if len(comparison.methods) > 1:
        pairs = f"{found.n_pairs} of {comparison.n_expected} pairs"
        notes.append(f"Curves and their numbers are of the {pairs} that all runs have; the gallery has every pair.")
    notes += found.notes
    return found


def _draw(comparison: Comparison, found: Along, out: Path) -> None:
    title = f"{comparison.dataset} · {found.n_pairs} of {comparison.n_expected} pairs"
    panels = [Panel(method.name, method.axis, rows_of(found, method)) for method in comparison.methods]
    write_curves(found.table[found.table["category"] == ""], out / "curves.csv")
    draw_curves(panels, found.shown, title, out / "curves", columns=min(3, len(panels)))


def _shown(method: Method, found: Along | None, folder: str, notes: list[str]) -> RunView:
    choice, more = choice_of(method.run)
    notes += more
    measured = method.scores()
    table = pd.DataFrame(columns=list(CURVE_COLUMNS)) if found is None else rows_of(found, method)
    metrics, more = split_unscored(measured, method.metrics)
    notes += [f"{method.name}: {line}" for line in more]
    return RunView(method.name, method.run, method.axis, metrics, table, method.samples, measured, folder, choice)


def _bring_images(method: Method, folder: Path) -> None:
    """Copy inputs, true edits and edited images: as hard links, which take no room, or as copies if links fail."""
    for pair_id, rows in method.samples.groupby("pair_id"):
        (folder / str(pair_id)).mkdir(parents=True)
        source = method.run.shard(str(pair_id)).folder
        names = [Path(image).name for image in rows.loc[rows["status"] == "ok", "image"]]
        for name in [*(n for n in ("input.png", "truth.png") if (source / n).exists()), *names]:
            try:
                _link(source / name, folder / str(pair_id) / name)
            except FileNotFoundError:
                raise UserError(f"{source / name} is missing. Repeat the run's eval.run command.") from None


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # another disk, or one without hard links
        shutil.copyfile(source, target)
