"""A run from Python, with the settings and the folder of the command ``eval.run``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.api.settings import DatasetLike, run_settings
from eval.api.surroundings import surroundings_kept
from eval.api.view import RunView, open_run

if TYPE_CHECKING:
    from tedbench.method import Editor


def evaluate(
    method: str | type[Editor] | Mapping[str, Any] = "imagic",
    dataset: DatasetLike | None = None,
    *,
    model: str | None = None,
    metrics: str | None = None,
    strengths: Sequence[float] | None = None,
    seeds: int | Sequence[int] = 0,
    run_dir: Path | str | None = None,
    overrides: Sequence[str] | Mapping[str, Any] = (),
    quiet: bool = False,
) -> RunView:
    """Run a method on a benchmark, score its images, and write curves and a report, like ``python -m eval.run``.

    The same settings lead to the same folder as on the command line: a finished run is opened, an unfinished one
    continued. A pair that fails raises no error; it is a row with its reason in :meth:`RunView.pairs`. The process is
    left as it was: torch's threads, precision and random numbers, matplotlib's style, signal handlers. Calls from
    several threads run one after another.

    Args:
        method: a name in ``conf/method``; or a class of one's own that derives from :class:`tedbench.Editor`, or its
            dotted name ("my_method.Blend"); or its settings, with the class as ``_target_``. It must be importable,
            since worker processes import it too, and it is built by the run, since a run's folder is named before
            weights are loaded. Its code is not part of the run's identity: give another ``run_dir`` after changing it.
        dataset: a name in ``conf/dataset``; a CSV or JSON list with the columns image and target_text, or the folder
            that holds it; or such rows as a DataFrame or a list of dictionaries, with paths relative to the working
            directory. None is the embedded Picturebook.
        model: a name in ``conf/model``; None is the method's default.
        metrics: a name in ``conf/metrics``; None takes the model's.
        strengths: along the method's axis; None takes its own.
        seeds: one image for each seed and strength.
        run_dir: the run's folder; None makes ``runs/<dataset>-<model>-<method>-<hash>``.
        overrides: further options, as ``{"dataset.limit": 3}`` or in the command line's form, ``["dataset.limit=3"]``.
        quiet: print nothing; otherwise the progress is printed.

    Raises:
        UserError: a setting is wrong, something is missing, or another command works on the run.
        KeyboardInterrupt: it was interrupted. What was finished is kept; the same call goes on from there.

    Example:
        >>> run = evaluate("sdedit", strengths=[0.3, 0.6], overrides={"dataset.limit": 2})     # doctest: +SKIP
        >>> run.curves()[["strength", "metric", "mean"]]                                        # doctest: +SKIP
    """
    with surroundings_kept():
        from rich.console import Console

        from eval.api.execute import execute
        from eval.engine.finished import is_finished
        from eval.engine.progress import Reporter
        from eval.engine.spec import RunSpec

        spec = RunSpec.of(run_settings(method, dataset, model, metrics, strengths, seeds, run_dir, overrides))
        if not is_finished(spec):
            execute(spec, Reporter(Console(quiet=True) if quiet else None))
    return open_run(spec.folder)
