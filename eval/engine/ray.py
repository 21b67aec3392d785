"""Pairs on many workers with Ray: one for each GPU, or several on the CPU; here, or on a cluster."""

from __future__ import annotations

import math
import os
import signal
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from eval.engine.context import EditContext
from eval.engine.executor import Executor, begin, record
from eval.engine.groups import groups
from eval.engine.placement import Placement
from eval.engine.plan import examine_pair, shards_of
from eval.engine.ray_worker import Worker
from eval.engine.signals import Stopped
from eval.engine.task import Outcome, Task
from imagic.models.device import cpu_threads, resolve
from tedbench.errors import UserError
from tedbench.pair import Entry

OBJECT_STORE = 100_000_000
"""Bytes of shared memory: pictures go through the run's folder, so little is wanted, and containers have little."""

PATIENCE = {
    "agent_register_timeout_ms": 300_000,
    "raylet_start_wait_time_s": 300,
    "worker_register_timeout_seconds": 300,
    "health_check_timeout_ms": 60_000,
}
"""Ray's own limits take a busy machine, on which everything is slow, for a dead one."""

GRACE = 10.0
"""Seconds that workers have to finish the images in hand when the user stops a run."""

LONG = 120.0
"""Seconds without any worker after which the user is told."""


class Ray(Executor):
    """Each worker builds method and metrics once and is given pairs; another does those of a worker that was lost."""

    def __init__(
        self, workers: int | None = None, address: str | None = None, retries: int = 2, shard: str | None = None
    ) -> None:
        """
        Args:
            workers: how many; None: one for each GPU, or as many as the threads of each leave cores for.
            address: of a cluster that is there, "host:port" or "auto"; None: a cluster of this machine's own, which
                ends with the command and listens on the loopback interface only.
            retries: how often a pair is tried again whose worker was lost.
            shard: as :class:`~eval.engine.executor.Executor`.

        Raises:
            UserError: a setting that is no such thing, or Ray is not installed.
        """
        super().__init__(shard)
        for name, value, least in (("workers", workers, 1), ("retries", retries, 0)):
            wrong = isinstance(value, bool) or not isinstance(value, int) or value < least
            if wrong and not (name == "workers" and value is None):
                raise UserError(f"executor.{name} is {value!r}. It must be a whole number from {least}.")
        self._workers, self._address, self._retries = workers, address, retries

    def place(self, numerics: Mapping[str, Any]) -> Placement:
        asked = str(numerics["device"])
        if asked.startswith("cuda:"):
            raise UserError(
                f"numerics.device is {asked}, and executor=ray gives each worker a GPU of its own. "
                "Give numerics.device=cuda, and CUDA_VISIBLE_DEVICES to choose GPUs."
            )
        if self._address is None:
            device, threads = resolve(numerics)
            return Placement(device, threads, _local_gpus() if device == "cuda" else 0)
        with self._cluster() as ray:
            gpus = int(ray.cluster_resources().get("GPU", 0))
        if asked == "cuda" and not gpus:
            raise UserError(f"The cluster at {self._address} has no GPU. Give numerics.device=cpu.")
        gpus = gpus if asked in ("auto", "cuda") else 0
        here = {"device": "cpu" if gpus or asked == "auto" else asked}
        here |= {"dtype": "float32"} if gpus else {}  # whether workers have tf32, they say
        device, threads = resolve({**numerics, **here})
        return Placement("cuda" if gpus else device, threads, gpus)

    def own_device(self, placement: Placement) -> str:
        return "cpu"

    def run(self, context: EditContext, tasks: Sequence[Task]) -> None:
        from eval.engine.score_pair import lacks_scores

        editing, dataset, place = {entry.id for entry, _ in tasks}, context.dataset, context.placement
        first = {e.id: group[0].id for group in groups(dataset.entries, context.method.group) for e in group}
        work = [_Task(entry.id, first[entry.id], entry, requests) for entry, requests in tasks]
        work += [
            _Task(shard.id, shard.id)
            for shard in shards_of(context.run, dataset)
            if shard.id not in editing and lacks_scores(shard, context.metrics)
        ]
        if not work:
            return
        count = min(self._count(place), len({task.group for task in work}))
        if not place.gpus and self._address is None and count * place.threads > cpu_threads(None):
            context.reporter.say(
                f"{count} workers of {place.threads} threads share {cpu_threads(None)} cores: another "
                "numerics.threads would be faster, and makes a run of its own"
            )
        context.reporter.say(f"starting {count} workers")
        with self._cluster(count, place.gpus) as ray, context.reporter.pairs(len(tasks)):
            crew = _Crew(ray, context, self._start(ray, context), self._retries)
            crew.work(work, count)

    def _count(self, place: Placement) -> int:
        return self._workers or place.gpus or max(1, cpu_threads(None) // place.threads)

    def _start(self, ray: Any, context: EditContext) -> Any:
        """What starts a worker."""
        place = context.placement
        needs = (
            {"num_gpus": 1, "num_cpus": 1}
            if place.gpus
            else {"num_cpus": 1 if self._address is None else place.threads}
        )
        actor = ray.remote(concurrency_groups={"control": 1}, max_restarts=0, max_task_retries=0, **needs)(Worker)
        folder = context.run.folder.absolute()
        return lambda: actor.remote(folder, context.settings, place.device, place.threads, str(Path.cwd()))

    @contextmanager
    def _cluster(self, workers: int = 1, gpus: int = 0) -> Iterator[Any]:
        """A connection to the cluster, or a cluster of this machine's own; gives Ray."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        if self._address is None:  # else it listens on every interface
            os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        try:
            import ray
        except ImportError:
            raise UserError("executor=ray needs Ray: pip install 'imagic-bench[ray]'.") from None
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as scratch:
            try:
                if self._address is None:
                    ray.init(
                        address="local",
                        num_cpus=workers,
                        num_gpus=gpus,
                        include_dashboard=False,
                        object_store_memory=OBJECT_STORE,
                        _system_config=PATIENCE,
                        _temp_dir=scratch,  # short, as names of sockets must be; and no other user's
                        **quiet,
                    )
                else:
                    ray.init(address=self._address, **quiet)
            except Exception as error:  # Ray's have no common base
                where = f"There is no Ray cluster at {self._address}" if self._address else "Ray does not start here"
                raise UserError(
                    f"{where} ({str(error).strip().splitlines()[0]}). Give another executor.address, or executor=inline."
                ) from None
            try:
                for number, handler in handlers.items():  # Ray has put its own there
                    signal.signal(number, handler)
                yield ray
            finally:
                ray.shutdown()


def _local_gpus() -> int:
    import torch

    return torch.cuda.device_count()


class _Task(NamedTuple):
    """A pair to edit and score, or without ``entry`` a shard to score.

    Pairs of one ``group``, which is named after its first, go to one worker.
    """

    pair_id: str
    group: str
    entry: Entry | None = None
    requests: Sequence[tuple[float, int]] = ()


class _Crew:
    """Workers and what they have in hand."""

    def __init__(self, ray: Any, context: EditContext, start: Any, retries: int) -> None:
        self._ray, self._context, self._start, self._retries = ray, context, start, retries
        self._queue: deque[_Task] = deque()
        self._hands: dict[Any, deque[_Task]] = {}  # by worker; the first is being done
        self._waiting: dict[Any, tuple[Any, _Task | None]] = {}  # by answer: whose, to which task; None: it is built
        self._strikes: Counter[str] = Counter()
        self._losses = 0  # since something was finished
        self._polled, self._anxious = 0.0, time.monotonic() + LONG

    def work(self, tasks: Sequence[_Task], count: int) -> None:
        """Does the tasks on so many workers.

        Raises:
            UserError: what is no fault of a pair, such as a full disk, or workers that do not come up.
        """
        self._queue.extend(tasks)
        for _ in range(count):
            self._hire()
        try:
            while self._queue or any(self._hands.values()):
                answers, _ = self._ray.wait(list(self._waiting), timeout=1.0)
                for answer in answers:
                    self._hear(answer)
                self._context.reporter.stop.check()
                self._show_stage()
                if time.monotonic() > self._anxious:
                    self._context.reporter.say("still waiting for a first worker: has the cluster room for one?")
                    self._anxious = math.inf
        except Stopped:
            self._leave()
            raise

    def _leave(self) -> None:
        """Lets workers finish the images in hand, for some seconds."""
        for worker in self._hands:
            worker.stop.options(concurrency_group="control").remote()
        deadline = time.monotonic() + GRACE
        self._queue.clear()
        while self._waiting and any(self._hands.values()) and time.monotonic() < deadline:
            answers, _ = self._ray.wait(list(self._waiting), timeout=0.5)
            for answer in answers:
                with suppress(Stopped):
                    self._hear(answer)

    def _hire(self) -> None:
        worker = self._start()
        self._hands[worker] = deque()
        self._waiting[worker.build.remote()] = worker, None

    def _hear(self, answer: Any) -> None:
        from ray.exceptions import RayError, RayTaskError

        worker, task = self._waiting.pop(answer)
        self._anxious = math.inf
        try:
            result = self._ray.get(answer)
        except RayTaskError as error:
            if isinstance(error.cause, UserError):
                raise error.cause from None
            raise
        except RayError as error:
            self._lost(worker, error)
            return
        if task:
            self._hands[worker].remove(task)
            self._finished(task, result)
        self._give(worker)

    def _give(self, worker: Any) -> None:
        """Fills a worker's hand: with a group, and while there are many with one task more, so that it never waits."""
        hand = self._hands[worker]
        while self._queue and (
            len(hand) < (2 if len(self._queue) > 2 * len(self._hands) else 1) or self._queue[0].group == hand[-1].group
        ):
            task = self._queue.popleft()
            hand.append(task)
            asked = worker.edit.remote(task.entry, task.requests) if task.entry else worker.score.remote(task.pair_id)
            self._waiting[asked] = worker, task
        if hand and hand[0].entry:
            begin(self._context, hand[0].entry)

    def _finished(self, task: _Task, outcome: Outcome | None) -> None:
        self._losses = 0
        if task.entry and outcome:
            record(self._context, task.entry, outcome)

    def _lost(self, worker: Any, error: Exception) -> None:
        """Gives a lost worker's tasks to others; the one that it was doing only so often."""
        hand = self._hands.pop(worker)
        self._waiting = {answer: whose for answer, whose in self._waiting.items() if whose[0] is not worker}
        self._context.reporter.stop.check()  # the same signal may have ended it
        self._losses += 1
        if self._losses > (len(self._hands) + 1) * (self._retries + 1):
            raise UserError(f"Workers are lost one after another, the last so: {str(error).strip().splitlines()[0]}")
        with suppress(Exception):
            self._ray.kill(worker)  # one that is only out of reach writes no more
        if hand and self._is_over(hand[0]):
            hand.popleft()
        self._queue.extendleft(reversed(hand))
        self._hire()

    def _is_over(self, task: _Task) -> bool:
        """Whether a task whose worker was lost needs no other: its shard was written, or it was lost too often."""
        self._strikes[task.pair_id] += 1
        spent = self._strikes[task.pair_id] > self._retries
        if task.entry is None:
            return spent
        run = self._context.run
        run.clear_leftovers([task.pair_id])
        reason = None
        if examine_pair(run, self._context.wanted, task.entry).requests:
            if not spent:
                return False
            reason = (
                f"its worker was lost {self._strikes[task.pair_id]} times: killed, short of memory, or with its machine"
            )
            run.write_failure(task.entry, task.requests, reason, self._context.method.origins(task.entry))
        else:
            self._queue.append(_Task(task.pair_id, task.group))  # its scores, if it had not come to them
        self._finished(task, Outcome(0 if reason else len(task.requests), reason, {"worker_lost": True}))
        return True

    def _show_stage(self) -> None:
        """Asks one worker, at most once a second, how far it is."""
        if not self._context.reporter.shows_steps or time.monotonic() - self._polled < 1:
            return
        self._polled = time.monotonic()
        busy = next((worker for worker, hand in self._hands.items() if hand), None)
        if busy is not None:
            with suppress(Exception):  # it is lost, or too busy to say; what becomes of it is told elsewhere
                asked = busy.stage.options(concurrency_group="control").remote()
                self._context.reporter.step(*self._ray.get(asked, timeout=1))
