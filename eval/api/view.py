"""A saved run as Python objects: tables and images, read-only."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pandas as pd

from eval.analysis.curves import curve_table
from eval.runs.folder import Run
from eval.runs.shard import Shard
from tedbench.errors import UserError
from tedbench.method import format_strength
from tedbench.pair import Entry


class RunView:
    """The tables and images of a run's folder, read-only. Tables are read once: open the run again to see later changes.

    Attributes:
        folder: the run's folder.
        run: what it reads, with the run's configuration, cards and events.

    Example:
        >>> run = open_run("runs/picturebook-picturebook-sdedit-1f2e3d4c")     # doctest: +SKIP
        >>> run.pairs().query("status == 'failed'")[["pair_id", "reason"]]     # doctest: +SKIP
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.folder = run.folder

    @property
    def title(self) -> str:
        """Method, model and dataset: "sdedit · picturebook · Picturebook (synthetic)"."""
        return self.run.title

    def samples(self) -> pd.DataFrame:
        """Return a row for each image: pair_id, strength, seed, status, reason, image (file in the folder) and others."""
        return self.run.samples()

    def scores(self) -> pd.DataFrame:
        """Return a row for each image and metric: pair_id, strength, seed, metric, score, reason.

        Scores are raw: cosines, distances. One that could not be measured is NaN, with its ``reason``.
        """
        return self.run.scores()

    def curves(self) -> pd.DataFrame:
        """Return a row for each strength and metric, as in curves.csv: means over pairs, with 95% intervals.

        Columns are method, axis, strength, metric, mean, ci_low, ci_high, n_pairs, n_images and n_expected. Metrics
        are as shown, so that more is better: ``1-lpips/…``. Intervals are clustered by source image.
        """
        return curve_table(self.run)

    def pairs(self) -> pd.DataFrame:
        """Return a row for each pair: pair_id, image_name, target_text, its other texts, category, status and reason.

        ``status`` is "failed" if any image of the pair could not be made, and ``reason`` says why; "ok" otherwise.
        """
        rows = []
        for pair_id, group in self.run.samples().groupby("pair_id"):
            info, failed = self.run.shard(str(pair_id)).info(), group[group["status"] != "ok"]
            rows.append(
                {
                    "pair_id": pair_id,
                    **group.iloc[0][["image_name", "target_text"]],
                    **{name: info.get(name) or "" for name in Entry.fields()},
                    "status": "failed" if len(failed) else "ok",
                    "reason": failed["reason"].iloc[0] if len(failed) else "",
                }
            )
        columns = ["pair_id", "image_name", "target_text", *Entry.fields(), "status", "reason"]
        return pd.DataFrame(rows, columns=columns)

    def image(self, pair_id: str, strength: float, seed: int = 0) -> np.ndarray:
        """Return an edited image, (size, size, 3) uint8.

        Args:
            pair_id: the pair, as in the tables.
            strength: one of the run's.
            seed: one of the run's.

        Raises:
            UserError: the run has no such image, or it failed; the message says why.
            ImageError: the file is missing or damaged.
        """
        rows = self.run.samples()
        rows = rows[rows["pair_id"] == self._shard(pair_id).id]
        of_strength = rows[rows["strength"].map(format_strength) == format_strength(strength)]
        found = of_strength[of_strength["seed"] == seed]
        if not len(found):
            known = [sorted(rows[name].unique()) for name in ("strength", "seed")]
            strengths, seeds = (", ".join(format_strength(each) for each in values) for values in known)
            raise UserError(
                f"{pair_id} has no image of strength {format_strength(strength)} and seed {seed}. "
                f"There are strengths {strengths} and seeds {seeds}."
            )
        row = found.iloc[0]
        if row["status"] != "ok":
            raise UserError(f"The image failed: {row['reason'].rstrip('.')}. Repeat the run once the reason is mended.")
        return self.run.shard(row["pair_id"]).image(row["image"])

    def input_image(self, pair_id: str) -> np.ndarray:
        """Return a pair's input in its canonical square, (size, size, 3) uint8.

        Raises:
            UserError: the run has no such pair.
            ImageError: the pair's input could not be read.
        """
        return self._shard(pair_id).input()

    def _shard(self, pair_id: str) -> Shard:
        known = self.run.samples()["pair_id"].unique().tolist()
        if pair_id not in known:
            near = get_close_matches(pair_id, known, 1, 0.3)
            raise UserError(f"The run has no pair {pair_id!r}.{f' Did you mean {near[0]!r}?' if near else ''}")
        return self.run.shard(pair_id)

    @property
    def coverage(self) -> str:
        """Number of the pairs that are done, such as "5 of 6 pairs"."""
        done, expected = int((self.pairs()["status"] == "ok").sum()), self.run.expected_pairs
        return f"{done} of {expected} pair{'' if expected == 1 else 's'}"

    def __repr__(self) -> str:
        return f"RunView({str(self.folder)!r}: {self.title}, {self.coverage})"

    def _repr_html_(self) -> str:
        """Return title, coverage and the means along the strength, for notebooks."""
        from html import escape

        wide = self.curves().pivot(index="strength", columns="metric", values="mean")
        head = f"<b>{escape(self.title)}</b>, {self.coverage}<br><code>{escape(str(self.folder))}</code>"
        return f"<div>{head}{wide.to_html(float_format='{:.3f}'.format) if len(wide) else ''}</div>"


def open_run(folder: Path | str) -> RunView:
    """Open a saved run; needs neither its model nor a GPU, and loads no torch.

    Args:
        folder: the run's folder, which the command prints last.

    Raises:
        UserError: there is no run in it, or it is damaged or of another format.

    Example:
        >>> open_run("runs/picturebook-picturebook-sdedit-1f2e3d4c").scores()     # doctest: +SKIP
    """
    run = Run.open(Path(folder).expanduser().absolute())  # also after a change of the working directory
    if not (run.folder / "pairs").is_dir():
        raise UserError(f"{run.folder} is a damaged run: it has no folder pairs. Restore it, or make the run again.")
    return RunView(run)
