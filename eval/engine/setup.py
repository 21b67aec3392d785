"""Set-up of a run: opening its folder, making its images and scores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from eval.engine.context import EditContext
from eval.engine.executor import Executor
from eval.engine.plan import describe_findings, describe_others, examine, plan, shards_of
from eval.engine.progress import Reporter
from eval.engine.readable import require_readable, warn_of_missing
from eval.engine.repair import repair
from eval.engine.score_pair import lacks_scores, score_run
from eval.engine.spec import RunSpec
from eval.runs.folder import Run
from eval.runs.listing import left_out
from eval.runs.lock import RunLock
from eval.runs.provenance import provenance
from eval.runs.writer import RunWriter
from imagic.models.device import multiply_exactly, settle
from tedbench.method import Editor


@contextmanager
def open_run(spec: RunSpec, reporter: Reporter) -> Iterator[RunWriter]:
    """Lock and open the folder of a run, and configure torch for it. The lock is released at the end.

    Raises:
        UserError: the folder holds another run or a run of another list, another command works on it, or it cannot be
            written to; or no pair of a new run can be read, or its method cannot be built.
    """
    dataset, part = spec.part, spec.executor.part
    placement, own = spec.placement, spec.executor.own_device(spec.placement)
    numerics = {**spec.settings["numerics"], "device": own, "threads": placement.threads}
    settle(numerics if own == placement.device else {**numerics, "dtype": "float32"})
    lock = RunLock(spec.folder, part, reporter.say)
    try:
        if not spec.folder.exists():
            require_readable(spec.dataset)
        warn_of_missing(dataset, Run(spec.folder), reporter)
        if spec.executor.edits_here and not spec.folder.exists():
            load_editor(spec, reporter)  # errors of the method are raised before the folder is created
        made_with = provenance(placement.device, placement.threads, spec.weights, spec.dataset.entries)
        run = RunWriter.create(spec.folder, dict(spec.config), lock, spec.listing)
        if gone := left_out(spec.folder, spec.listing):
            of = "1 pair" if len(gone) == 1 else f"{len(gone)} pairs"
            reporter.say(f"{of} of {spec.folder} left out, as the list no longer has them, such as {gone[0]}")
        run.write_json("provenance.json", made_with)
        run.event(
            "start",
            pairs=len(spec.dataset),
            requests=spec.requests,
            sweep=spec.settings["sweep"],
            provenance=made_with,
        )
        run.clear_leftovers(None if part.whole else {entry.id for entry in dataset.entries})
        yield run
    finally:
        multiply_exactly()
        lock.release()


def edit_pairs(spec: RunSpec, run: RunWriter, reporter: Reporter) -> None:
    """Make the missing images of a run; an error in one pair is recorded, and the others go on.

    Raises:
        UserError: an input of a finished pair has changed, or an error does not concern one pair alone, such as a full
            disk.
        Stopped: the user interrupted the command; finished images are kept.
    """
    settings = spec.settings
    if spec.method.randomness == "none" and list(settings["sweep"]["seeds"]) != [0]:
        name = settings["method"]["name"]
        reporter.say(f"{name} draws no random numbers: one image a strength, kept as seed 0")
    if warning := run.cards.unfit_model:
        reporter.say(warning)
    context = EditContext(
        run,
        spec.wanted(),
        partial(load_editor, spec, reporter),
        reporter,
        spec.placement,
        spec.batches.within(settings),
        spec.metric_names,
        spec.batches.pairs,
    )
    make_images(context, spec.executor)
    if settings["fits"]["keep"] != "none" and spec.method.keeps_fits:
        files = list(Path(str(settings["fits"]["folder"])).glob("*.safetensors"))
        size = sum(file.stat().st_size for file in files) / 1e6
        reporter.say(f"{settings['fits']['folder']} has {len(files)} fits, {size:.1f} MB")


def measure(spec: RunSpec, run: RunWriter, reporter: Reporter) -> int:
    """Add the missing scores of a run. Metrics are loaded only if scores are missing.

    Returns:
        The number of pairs that could not be scored, such as for an unreadable image.
    """
    shards = run.shards() if spec.executor.part.whole else shards_of(run, spec.part)
    if not any(lacks_scores(shard, spec.metric_names) for shard in shards):
        return 0
    return score_run(run, spec.measures, reporter, shards)


def make_images(context: EditContext, executor: Executor) -> None:
    """Examine a run's folder, repair it, and run the tasks that are left."""
    reporter, wanted = context.reporter, context.wanted
    findings = examine(context.run, wanted)
    for line in describe_findings(findings, context.run.metrics, context.metrics, wanted.retry_failed):
        reporter.say(line)
    for line in describe_others(context.run, findings, wanted.method.axis):
        reporter.say(line)
    repair(context.run, context.dataset, findings, reporter)
    with reporter.stop:
        executor.run(context, plan(findings))


def load_editor(spec: RunSpec, reporter: Reporter) -> Editor:
    """Return the method of a run, built on the first call, after the metrics, because their errors show sooner.

    Raises:
        UserError: see :func:`eval.engine.build.build_with_fits`, or weights of a metric are missing.
    """
    if "editor" not in vars(spec):
        settings, _ = spec.settings, spec.measures
        reporter.say(f"loading {settings['model' if spec.weights else 'method']['name']}")
        if spec.weights and settings["numerics"]["compile"]:
            reporter.say(
                "the networks are compiled with the first pair, which takes minutes more unless torch knows them"
            )
        if settings["fits"]["keep"] != "none" and spec.method.keeps_fits:
            reporter.say(f"fits are kept in {settings['fits']['folder']}")
    return spec.editor
