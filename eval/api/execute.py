"""The main job of a run, which the command and Python share."""

from __future__ import annotations

from eval.engine.progress import Reporter
from eval.engine.spec import RunSpec


def execute(spec: RunSpec, reporter: Reporter) -> int:
    """Make the missing images and scores of a run and, if it is not a part of one, its tables, curves and report.

    The folder is locked meanwhile. A pair that fails is recorded, and the others go on.

    Args:
        spec: the run.
        reporter: told of the progress.

    Returns:
        The number of pairs that could not be scored, such as for an unreadable image.

    Raises:
        UserError: see :func:`eval.engine.setup.open_run` and :func:`eval.engine.setup.edit_pairs`.
        Stopped: the user interrupted it; finished images are kept.
    """
    from eval.engine.setup import edit_pairs, measure, open_run
    from eval.present.outputs import write_outputs

    with open_run(spec, reporter) as run:
        edit_pairs(spec, run, reporter)
        unreadable = measure(spec, run, reporter)
        if spec.executor.part.whole:  # otherwise other parts may be at work still
            write_outputs(run)
    return unreadable
