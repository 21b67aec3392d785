"""The check that a run's pairs can be read, before a model is loaded."""

from __future__ import annotations

from collections.abc import Sequence

from eval.engine.progress import Reporter
from eval.runs.folder import Run
from tedbench.datasets.base import Dataset
from tedbench.errors import ImageError, UserError

MOST = 10
"""Number of files that an error names."""


def require_readable(dataset: Dataset) -> None:
    """Refuse a dataset of which no pair can be read; reads until the first one that can.

    Raises:
        UserError: says which images it is about.
    """
    reasons = []
    for entry in dataset.entries:
        try:
            dataset.read(entry)
        except ImageError as error:
            reasons.append(str(error))
        except Exception:  # it is reported with its pair
            return
        else:
            return
    names = _names([entry.image_name for entry in dataset.entries])
    raise UserError(f"None of the dataset's pairs can be read ({names}), so nothing was made: {reasons[0]}")


def warn_of_missing(dataset: Dataset, run: Run, reporter: Reporter) -> None:
    """Print one line if files of some pairs do not exist that a run, which need not exist itself, has nothing of."""
    if missing := [file for pair_id, file in dataset.missing().items() if not run.shard(pair_id).exists()]:
        of = f"{len(missing)} of {len(dataset)} pairs"
        reporter.say(f"warning: {of} will fail, as their files do not exist, such as {missing[0]}")


def _names(names: Sequence[str]) -> str:
    different = list(dict.fromkeys(names))
    more = [f"and {len(different) - MOST} more"] if len(different) > MOST else []
    return ", ".join([*different[:MOST], *more])
