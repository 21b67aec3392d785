"""The executor that edits pairs on many workers with Ray, one for each GPU or several on the CPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eval.engine.context import EditContext
from eval.engine.dispatcher import Dispatcher, queue_of
from eval.engine.executor import Executor
from eval.engine.placement import Placement
from eval.engine.ray_cluster import connect
from eval.engine.ray_workers import RayWorkers
from eval.engine.task import Task
from imagic.models.device import cpu_threads, resolve
from tedbench.errors import UserError
from tedbench.settings import Count, Natural


class Ray(Executor):
    """Executor with workers, each of which builds the method and the metrics once and edits one pair after another."""

    edits_here = False

    def __init__(
        self, workers: Count | None = None, address: str | None = None, retries: Natural = 2, shard: str | None = None
    ) -> None:
        """
        Args:
            workers: number of workers; None: one for each GPU, or as many as the cores allow with the threads of each.
            address: see :func:`eval.engine.ray_cluster.connect`.
            retries: number of further attempts at a pair after its worker was lost.
            shard: see :class:`~eval.engine.executor.Executor`.

        Raises:
            UserError: ``shard`` is not K/N with 1 <= K <= N.
        """
        super().__init__(shard)
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
        with connect(self._address) as ray:
            gpus = int(ray.cluster_resources().get("GPU", 0))
        if asked == "cuda" and not gpus:
            raise UserError(f"The cluster at {self._address} has no GPU. Give numerics.device=cpu.")
        gpus = gpus if asked in ("auto", "cuda") else 0
        here = {"device": "cpu" if gpus or asked == "auto" else asked}
        here |= {"dtype": "float32"} if gpus else {}  # this process cannot tell whether the workers' GPUs support tf32
        device, threads = resolve({**numerics, **here})
        return Placement("cuda" if gpus else device, threads, gpus)

    def own_device(self, placement: Placement) -> str:
        return "cpu"

    def run(self, context: EditContext, tasks: Sequence[Task]) -> None:
        place, reporter, cores = context.placement, context.reporter, cpu_threads(None)
        count = self._workers or place.gpus or max(1, cores // place.threads)
        if not (queue := queue_of(context, tasks, count)):
            return
        count = min(count, len(queue))
        if not place.gpus and self._address is None and count * place.threads > cores:
            reporter.say(
                f"{count} workers of {place.threads} threads share {cores} cores: another "
                "numerics.threads would be faster, and makes a run of its own"
            )
        reporter.say(f"starting {count} workers")
        needs = {"num_cpus": 1 if place.gpus or self._address is None else place.threads}
        needs |= {"num_gpus": 1} if place.gpus else {}
        with connect(self._address, count, place.gpus) as ray, reporter.pairs(len(tasks)):
            Dispatcher(RayWorkers(ray, context, needs, self._retries), context).run(queue, count)


def _local_gpus() -> int:
    import torch

    return torch.cuda.device_count()
