"""From a configuration to a job: everything that can be checked before the first long step."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from cli.command import resolved
from eval.engine.executor import Executor
from eval.engine.fit_groups import groups, set_groups
from eval.engine.job import Job
from eval.engine.progress import Reporter
from eval.metrics.build import build_metrics
from eval.runs.config import check_names, fit_identity, run_config, run_name, with_old_list_name
from eval.runs.listing import Listing, is_of, left_out, listing_of
from eval.runs.lock import RunLock
from eval.runs.provenance import provenance
from eval.runs.writer import RunWriter
from tedbench.build import build
from tedbench.datasets.build import build_dataset
from tedbench.method import Editor
from tedbench.settings import checked


def prepare(cfg: DictConfig, reporter: Reporter) -> Job:
    """Checks everything that can be checked before the first long step, and opens the run's folder.

    Raises:
        UserError: something that the user can mend.
    """
    from imagic.api import build_editor, takes_model
    from imagic.models.weights import digest, locate_all

    plain = resolved(cfg)
    check_names(plain)
    retry = checked("run.retry_failed", plain["run"]["retry_failed"], bool)
    executor: Executor = build(plain["executor"], Executor, "executor")
    device, threads = executor.settle(plain["numerics"])
    here = executor.own_device(device)
    dataset = build_dataset(plain["dataset"])
    weights = locate_all(plain["model"]) if takes_model(plain) else {}
    reporter.say(f"loading {cfg.model.name if weights else cfg.method.name}")
    plain["model"] |= {key: str(folder) for key, folder in weights.items()}  # found already: a hub is not asked twice
    editor: Editor = build_editor(plain, here)
    if weights and plain["numerics"]["compile"]:
        reporter.say("the networks are compiled with the first pair, which takes minutes more unless torch knows them")
    sweep = plain["sweep"]
    requests = editor.requests(sweep["strengths"], sweep["seeds"])
    if editor.randomness == "none" and list(sweep["seeds"]) != [0]:
        reporter.say(f"{cfg.method.name} draws no random numbers: one image a strength, kept as seed 0")
    editor.check(dataset.entries)
    metrics = build_metrics(plain["metrics"], here)
    config = run_config(
        resolved(cfg),
        model_digest=digest(*weights.values()) if weights else None,
        method_digest=editor.digest,
        device=device,
        threads=threads,
        axis=editor.axis,
    )
    keep_fits(editor, plain["fits"], config, reporter)
    set_groups(editor, dataset)
    listing = listing_of(dataset)
    folder = Path(str(cfg.run_dir)) if cfg.run_dir else own_folder(config, listing)
    made_with = provenance(device, threads, weights, dataset.entries)
    lock = RunLock(folder, executor.part, reporter.say)
    try:
        run = RunWriter.create(folder, config, lock, listing)
        if gone := left_out(folder, config, listing):
            of = "1 pair" if len(gone) == 1 else f"{len(gone)} pairs"
            reporter.say(f"{of} of {folder} left out, as the list no longer has them, such as {gone[0]}")
        run.write_json("provenance.json", made_with)
        run.event("start", pairs=len(dataset), samples_per_pair=len(requests), sweep=sweep, provenance=made_with)
        dataset.entries = tuple(chain.from_iterable(executor.part.of(groups(dataset.entries, editor.group))))
        run.clear_leftovers(None if executor.part.whole else {entry.id for entry in dataset.entries})
    except BaseException:
        lock.release()
        raise
    return Job(run, dataset, editor, metrics, requests, executor, reporter, retry, plain, lock)


def own_folder(config: dict[str, Any], listing: Listing) -> Path:
    """The folder that a run is named by, or where there is none yet, that of the same run of an older version."""
    folder, before = (Path("runs") / run_name(each) for each in (config, with_old_list_name(config)))
    if (
        not folder.exists()
        and (before / "config.yaml").exists()
        and is_of(before, RunWriter.open(before).config(), listing)
    ):
        return before
    return folder


def keep_fits(editor: Editor, settings: dict[str, Any], config: dict[str, Any], reporter: Reporter) -> None:
    """Gives a method that keeps fits the folder for them; others go on without.

    Raises:
        UserError: an unknown choice, or a folder that cannot be written to.
    """
    from imagic.fits import FitStore, Keep

    keep = checked("fits.keep", settings["keep"], Keep)
    if keep == "none" or not hasattr(editor, "fits"):
        return
    editor.fits = FitStore(Path(str(settings["folder"])), keep, fit_identity(config, keep))
    reporter.say(f"fits are kept in {settings['folder']}")
