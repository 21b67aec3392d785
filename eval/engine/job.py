"""From a configuration to a run: what is to do, doing it, and what is made from it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from omegaconf import DictConfig

from cli.command import resolved
from eval.engine.corrections_taken import Taken
from eval.engine.executor import Executor
from eval.engine.fit_groups import groups, set_groups
from eval.engine.progress import Reporter
from eval.metrics.base import Metric
from eval.metrics.build import build_metrics
from eval.runs.config import check_names, fit_identity, run_config, run_name, with_old_list_name
from eval.runs.corrections import TABLED, TRUTH, corrections
from eval.runs.files import DamagedError
from eval.runs.input_digest import Inputs
from eval.runs.listing import Listing, is_of, left_out, listing_of
from eval.runs.lock import RunLock
from eval.runs.provenance import provenance
from eval.runs.shard import Shard, listed
from eval.runs.writer import RunWriter
from imagic.models.device import multiply_exactly
from tedbench.build import build
from tedbench.datasets.base import Dataset
from tedbench.datasets.build import build_dataset
from tedbench.errors import PairError, UserError
from tedbench.method import Editor
from tedbench.pair import Entry


class Todo(NamedTuple):
    """A pair and the (strength, seed) that it still lacks, in order."""

    entry: Entry
    requests: list[tuple[float, int]]


@dataclass
class Job:
    """Everything that a run needs in one process."""

    run: RunWriter
    dataset: Dataset
    editor: Editor
    metrics: list[Metric]
    requests: list[tuple[float, int]]
    executor: Executor
    reporter: Reporter
    retry_failed: bool = False
    settings: dict[str, Any] = field(default_factory=dict)  # what it was built from, for other processes
    lock: RunLock | None = None

    def __post_init__(self) -> None:
        self._inputs = Inputs(self.dataset)
        self._taken, self._unreadable = Taken(), 0
        self._replaced: list[str] = []

    def close(self) -> None:
        """Lets other commands work on the run's folder; float32 is float32 again in this process."""
        multiply_exactly()
        if self.lock is not None:
            self.lock.release()

    def todo(self) -> list[Todo]:
        """Pairs that lack an image, in the dataset's order. What was lost or changed of their files is said, and lacks too.

        What was corrected of a finished pair is taken over and said: its scores that depend on it are forgotten.

        Raises:
            UserError: a finished pair's input has changed since.
        """
        self._taken, self._unreadable = Taken(), 0
        self._replaced.clear()
        found = [Todo(entry, missing) for entry in self.dataset.entries if (missing := self.missing(entry))]
        for line in self._taken.lines([metric.name for metric in self.metrics]):
            self.reporter.say(line)
        if count := self._unreadable:
            of = "1 finished pair" if count == 1 else f"{count} finished pairs"
            self.reporter.say(f"The pictures of {of} cannot be read now; what the run has of them stays as it is.")
        if self._replaced:
            self.reporter.say(
                f"the edited images of {len(self._replaced)} of {len(self.dataset)} pairs, such as {self._replaced[0]}, "
                "are other files than before: they are made and scored again"
            )
        return found

    def missing(self, entry: Entry) -> list[tuple[float, int]]:
        """The (strength, seed) that a pair still lacks; of a failed one all or, unless it is tried again, none.

        Raises:
            UserError: as :meth:`todo`.
        """
        shard = self.run.shard(entry.id)
        if not shard.exists():
            return self.requests
        info = shard.info()
        try:
            rows = shard.samples()
        except DamagedError as error:
            self.reporter.say(f"{error} The pair is made again.")
            return self.requests
        if (rows["status"] == "ok").any():
            self._same_texts(entry, info)
        if info.get("input"):
            self._same_input(entry, info["input"])
        corrected = self._corrected(shard, entry, bool((rows["status"] == "ok").any()))
        changed = shard.replaced(self.editor.origins(entry)).intersection(self.requests)
        if changed:
            self._replaced.append(entry.id)
        if info["status"] == "failed" and not changed and not self._tried_again(entry, info, rows):
            if corrected:
                self._correct(entry, corrected)
            if set(self.requests) - set(zip(rows["strength"], rows["seed"], strict=True)):
                self.run.write_failure(entry, self.requests, info["reason"], unread=info.get("unread", False))
            return []
        rows = rows[rows["status"] == "ok"]
        if broken := shard.broken(thorough=True):
            self.reporter.say(f"{entry.id}: {listed(broken)}. What is lost is made again.")
            rows = rows[[Path(image).name not in broken for image in rows["image"]]]
        have = set(zip(rows["strength"], rows["seed"], strict=True)) - changed
        lacking = [request for request in self.requests if request not in have]
        if corrected and have and not broken:
            self._correct(entry, corrected)
        return [] if broken and have and not self._mended(entry, lacking) else lacking

    def _corrected(self, shard: Shard, entry: Entry, made: bool) -> tuple[str, ...]:
        """What the list says of a pair otherwise than its shard (noted); of one without images, what tables show alone."""
        changed = corrections(shard, entry, self._inputs)
        if not made:
            return tuple(name for name in changed if name in TABLED)
        self._taken.add(changed, shard.score_names() if changed else ())
        self._unreadable += self._inputs.digest(entry) is None
        return changed

    def _correct(self, entry: Entry, changed: Collection[str]) -> None:
        pair = None
        if TRUTH in changed:
            with suppress(PairError):  # its true edit stays, and is said to
                pair = self.dataset.load(entry)
        self.run.correct(entry, pair)

    def _tried_again(self, entry: Entry, info: dict[str, Any], rows: pd.DataFrame) -> bool:
        """Whether a failed pair is: at the user's wish, or where what it lacked is there now."""
        if self.retry_failed:
            return True
        if info.get("unread"):
            return self._inputs.digest(entry) is not None
        made = (rows["status"] == "ok").any()
        return not made and any(info.get(name) != getattr(entry, name) for name in self.editor.needs)

    def _mended(self, entry: Entry, lacking: list[tuple[float, int]]) -> bool:
        """Writes a shard again from what is whole of it. Where its source image is lost too, what it lacks has failed."""
        try:
            pair = self.dataset.load(entry)
        except PairError as error:
            self.reporter.say(f"{entry.id} cannot be mended: {error}")
            if lacking:
                self.run.write_failure(entry, lacking, str(error), unread=True)
                self.run.event("failure", pair=entry.id, reason=str(error))
            return False
        self.run.write_shard(pair, [])
        return True

    def _same_texts(self, entry: Entry, info: dict[str, Any]) -> None:
        for name in self.editor.needs:
            if info.get(name) != getattr(entry, name):
                raise UserError(
                    f"The {name} of {entry.id} is {getattr(entry, name)!r}, and {self.run.folder} was made with "
                    f"{info.get(name)!r}. Give another run_dir."
                )

    def _same_input(self, entry: Entry, digest: str) -> None:
        if self._inputs.digest(entry) not in (digest, None):  # what was made while the image was there stays good
            raise UserError(
                f"The image of {entry.id} is not the one that {self.run.folder} was made with. "
                "Restore it, or give another run_dir."
            )

    def shards(self) -> list[Shard]:
        """Of this job's pairs, those that are complete."""
        return [shard for entry in self.dataset.entries if (shard := self.run.shard(entry.id)).exists()]

    def execute(self) -> None:
        """Fits and samples what is to do; failures stay within their pair."""
        todo = self.todo()
        if kept := len(self.dataset) - len(todo):
            self.reporter.say(f"{kept} of {len(self.dataset)} pairs are already there{self._failed(todo)}")
        with self.reporter.stop:
            self.executor.run(self, todo)
        if fits := getattr(self.editor, "fits", None):
            files = list(fits.folder.glob("*.safetensors"))
            self.reporter.say(
                f"{fits.folder} has {len(files)} fits, {sum(f.stat().st_size for f in files) / 1e6:.1f} MB"
            )

    def _failed(self, todo: Sequence[Todo]) -> str:
        """How many of the pairs that are left alone have failed."""
        again = {entry.id for entry, _ in todo}
        left = [self.run.shard(entry.id) for entry in self.dataset.entries if entry.id not in again]
        failed = sum(shard.exists() and shard.info()["status"] == "failed" for shard in left)
        return (
            f", {failed} of them failed; run.retry_failed=true tries again" if failed and not self.retry_failed else ""
        )


def prepare(cfg: DictConfig, reporter: Reporter) -> Job:
    """Checks everything that can be checked before the first long step, and opens the run's folder.

    Raises:
        UserError: something that the user can mend.
    """
    from imagic.api import build_editor, takes_model
    from imagic.models.weights import digest, locate_all

    plain = resolved(cfg)
    check_names(plain)
    if not isinstance(retry := plain["run"]["retry_failed"], bool):
        raise UserError(f"run.retry_failed is {retry!r}. It must be true or false.")
    executor: Executor = build(plain["executor"], Executor)
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
    from imagic.fits import KEEP, FitStore

    if settings["keep"] not in KEEP:
        raise UserError(f"fits.keep is {settings['keep']!r}. It must be one of {', '.join(KEEP)}.")
    if settings["keep"] == "none" or not hasattr(editor, "fits"):
        return
    editor.fits = FitStore(Path(str(settings["folder"])), settings["keep"], fit_identity(config, settings["keep"]))
    reporter.say(f"fits are kept in {settings['folder']}")
