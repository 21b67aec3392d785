"""``python -m benchmarks.imagic [--model FOLDER] [--device cuda] …``: Imagic's speed against the same written plainly.

Prints, of one pair in one run:

1. the fit (stages A and B) and the sweep over η and seeds, ours and :class:`benchmarks.plain.PlainImagic`, as ratios;
2. how far the two sweeps' pictures are apart (float32: rounding, which training amplifies);
3. the share of our time outside the model's forward and backward passes, and Adam's part of it;
4. TFLOP/s, and the share of the rate at which this device multiplies large matrices;
5. peak memory, and how it grows over further pairs;
6. stage A of several pairs in one batch (``method.fit_group``), as a ratio to a pair by itself.

Without ``--model`` it is the embedded model. ``--random-sd15`` and ``--random-sd3`` make Stable Diffusion 1.5's and 3 medium's
networks at full size with random weights, which serve for speed: on a GPU with ``--dtype bfloat16 --steps 1000 1500
--sampling-steps 50`` it is the paper's setting."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.plain import PlainImagic
from benchmarks.random_models import random_sd3, random_sd15
from eval.engine.gc_freeze import gc_frozen
from eval.engine.memory import peak_memory
from imagic.editor import Imagic
from imagic.errors import DivergedError
from imagic.models.compiled import compile_networks
from imagic.models.folder import pipeline_index
from imagic.models.latent import LatentDiffusion
from imagic.models.latent_model import LatentModel
from imagic.models.sd3 import StableDiffusion3
from imagic.models.weights import locate
from runtime.output import safe_output
from tedbench.datasets.picturebook import PicturebookPairs
from tedbench.pair import EditPair, Entry


class Clock:
    """A clock that waits until the device has finished its work; in seconds."""

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"

    def __call__(self) -> float:
        if self._cuda:
            torch.cuda.synchronize()
        return time.perf_counter()

    def of(self, task: Callable[[], object]) -> float:
        """Return the seconds that a task takes."""
        start = self()
        task()
        return self() - start


@contextmanager
def timed_passes(modules: Sequence[torch.nn.Module], clock: Clock) -> Iterator[tuple[list[float], list[float]]]:
    """Time passes and Adam steps inside: yield two lists of seconds.

    The first list has each forward pass of the modules and each backward pass, the second each step of the optimizer.
    """
    spent: list[float] = []
    began: list[float] = []
    steps: list[float] = []
    backward = torch.Tensor.backward

    def timed(call: Callable[..., Any]) -> Callable[..., Any]:
        def inner(*args: Any, **kwargs: Any) -> Any:
            start = clock()
            found = call(*args, **kwargs)
            spent.append(clock() - start)
            return found

        return inner

    calls = [(module, "_compiled_call_impl" if module._compiled_call_impl else "forward") for module in modules]
    own = [vars(module).get(name) for module, name in calls]
    for module, name in calls:
        setattr(module, name, timed(getattr(module, name)))
    torch.Tensor.backward = timed(backward)  # type: ignore[method-assign]
    hooks = [
        register_optimizer_step_pre_hook(lambda *_: began.append(clock())),
        register_optimizer_step_post_hook(lambda *_: steps.append(clock() - began.pop())),
    ]
    try:
        yield spent, steps
    finally:
        for hook in hooks:
            hook.remove()
        torch.Tensor.backward = backward  # type: ignore[method-assign]
        for (module, name), call in zip(calls, own, strict=True):
            delattr(module, name)  # uncovers the class's own
            if call is not None:
                setattr(module, name, call)


def matmul_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Return the TFLOP/s of products of large square matrices."""
    side = 8192 if device.type == "cuda" else 2048
    a = torch.randn(side, side, device=device, dtype=dtype)
    clock = Clock(device)
    a @ a
    seconds = min(clock.of(lambda: a @ a) for _ in range(5))
    return 2 * side**3 / seconds / 1e12


def main() -> None:
    args = _arguments()
    device = torch.device(args.device)
    model = _model(args)
    stages = [{"steps": n, "lr": lr, "draws": args.draws} for n, lr in zip(args.steps, args.lr, strict=True)]
    sampling = {"steps": args.sampling_steps, "guidance": 2.0}
    pair = sized_pair(model.image_size)
    requests = [(eta / 10, seed) for eta in range(11) for seed in range(args.seeds)]
    clock = Clock(device)

    def editor(embedding: dict[str, Any], finetune: dict[str, Any], sampling: dict[str, Any]) -> Imagic:
        finetune = {**finetune, "decay": 0.0, "empty": 0.0}
        batch = args.sample_batch
        return Imagic(model, embedding=embedding, finetune=finetune, sampling=sampling, sample_batch=batch)

    ours = editor(*stages, sampling)
    plain = PlainImagic(model, stages[0], stages[1], sampling)
    threads = f", {torch.get_num_threads()} threads" if device.type == "cpu" else f", {torch.cuda.get_device_name()}"
    print(f"{model.name}, {args.dtype}{threads}; {args.steps[0]} + {args.steps[1]} steps, {len(requests)} pictures")

    flops = _flops(model, ours, pair)  # counted before compiling
    if args.compile:
        print_compilation(model, editor(*({**stage, "steps": 1} for stage in (*stages, sampling))), pair, clock)
    networks = [model.network, model.text_encoder, model.vae.encoder, model.vae.decoder]
    with gc_frozen(), timed_passes(networks, clock) as (passes, steps):
        start = clock()
        edit = ours.fit(pair)
        fit_s, start = clock() - start, clock()
        images = [sample.image for sample in edit.sample(requests)]
        sweep_s = clock() - start
        adam, outside = sum(steps) / (fit_s + sweep_s), 1 - sum(passes) / (fit_s + sweep_s)
    edit.close()
    print(
        f"ours: fit {fit_s:.1f} s, sweep {sweep_s:.1f} s; outside forward and backward {outside:.1%}, Adam {adam:.1%}"
    )
    memory = [_peak()]

    few = min(args.plain_pictures or len(requests), len(requests))
    plain_fit_s = clock.of(lambda: plain.fit(pair))
    chosen = requests[:: max(1, len(requests) // few)][:few]
    start = clock()
    reference = plain.sample(chosen)
    plain_sweep_s = (clock() - start) / len(chosen) * len(requests)
    print(
        f"plain: fit {plain_fit_s:.1f} s, sweep {plain_sweep_s:.1f} s"
        + (f" ({few} pictures timed)" if few < len(requests) else "")
    )
    print(f"ratio: fit {plain_fit_s / fit_s:.2f}×, sweep {plain_sweep_s / sweep_s:.2f}×")
    made = dict(zip(requests, images, strict=True))
    far = [np.abs(made[r].astype(int) - image).mean() for r, image in zip(chosen, reference, strict=True)]
    print(f"closeness: mean difference of a pixel {np.mean(far):.3f} of 255, worst picture {np.max(far):.3f}")

    evaluations = (args.steps[0], args.steps[1], 2 * len(requests) * args.sampling_steps)
    work = sum(count * flops for count, flops in zip(evaluations, flops, strict=True))
    rate, peak = work / (fit_s + sweep_s) / 1e12, matmul_rate(device, getattr(torch, args.dtype))
    print(f"{work / 1e12:.1f} TFLOP, {rate:.2f} TFLOP/s; large matrices {peak:.2f} TFLOP/s: {rate / peak:.0%}")

    for _ in range(args.pairs - 1):
        with ours.fit(pair) as edit:
            list(edit.sample(requests[: args.sample_batch]))
        memory.append(_peak())
    print(f"peak memory: {memory[0]:.2f} GiB after one pair, {memory[-1]:.2f} after {len(memory)}")
    print_groups(model, pair, {**stages[0], "steps": args.group_steps}, args.groups, clock)


def print_compilation(model: LatentModel, few: Imagic, pair: EditPair, clock: Clock) -> None:
    """Print the time that torch takes to compile; it caches the result, so that the next time takes seconds."""
    compile_networks(model)
    start = clock()
    with few.fit(pair) as edit:
        list(edit.sample([(0.0, 0)]))
    print(f"compiled, or found compiled before, in {clock() - start:.0f} s")


def print_groups(
    model: LatentModel, pair: EditPair, embedding: dict[str, Any], sizes: Sequence[int], clock: Clock
) -> None:
    """Print the median step of stage A for one pair, and for groups of copies, which take as long as others."""
    alone_s, alone = 0.0, torch.empty(0)
    for size in (1, *sizes):
        editor = Imagic(
            model,
            embedding=embedding,
            finetune={**embedding, "steps": 0, "decay": 0.0, "empty": 0.0},
            sampling={"steps": 1, "guidance": 1.0},
            fit_group=size,
        )
        _peak()
        times = [clock()]
        (e_opt,) = editor.fit_many([pair], lambda *_, times=times: times.append(clock())).values()
        if isinstance(e_opt, DivergedError):
            raise e_opt
        seconds = float(np.median(np.diff(times))) / size
        if size == 1:
            alone_s, alone = seconds, e_opt.tokens
        print(
            f"stage A of {size} at once: {1000 * seconds:.1f} ms a pair and step, {alone_s / seconds:.2f}×; "
            f"peak memory {_peak():.2f} GiB; e_opt at most {(e_opt.tokens - alone).abs().max():.1e} from that alone",
            flush=True,
        )


def _flops(model: LatentModel, editor: Imagic, pair: EditPair) -> tuple[int, int, int]:
    """Return the FLOPs of a step of stage A, a step of stage B, and one forward pass of one image."""
    from imagic.loss import denoising_loss

    x0, e = model.encode_image(pair.image), model.encode_text([pair.target_text])
    draws, rng = editor._embedding["draws"], torch.Generator().manual_seed(0)
    level, learned = model.process.draw(1, rng).to(model.device), e.clone()
    for part in learned.parameters():
        part.requires_grad_()
    with FlopCounterMode(display=False) as forward, torch.no_grad():
        model.predict(x0, level, e)
    with FlopCounterMode(display=False) as step_a:
        denoising_loss(model, x0, learned, draws, rng).backward()
    model.network.requires_grad_(True)
    with FlopCounterMode(display=False) as step_b:
        denoising_loss(model, x0, e, draws, rng).backward()
    model.network.requires_grad_(False)
    for parameter in model.network.parameters():
        parameter.grad = None
    return step_a.get_total_flops(), step_b.get_total_flops(), forward.get_total_flops()


def _model(args: argparse.Namespace) -> LatentModel:
    if args.random_sd15:
        return random_sd15(args.device, args.dtype)
    if args.random_sd3:
        return random_sd3(args.device, args.dtype)
    if pipeline_index(locate(args.model))["_class_name"].startswith("StableDiffusion3"):
        return StableDiffusion3.load(args.model, t5=False, t5_tokens=0, device=args.device, dtype=args.dtype)
    return LatentDiffusion.load(args.model, device=args.device, dtype=args.dtype)


def sized_pair(size: int) -> EditPair:
    """Return a pair of Picturebook, with its pixels repeated up to a model's size."""
    pair = next(iter(PicturebookPairs(size=64)))
    image = np.kron(pair.image, np.ones((size // 64, size // 64, 1), np.uint8))
    return EditPair(Entry(pair.entry.image_name, pair.target_text), image)


def _peak() -> float:
    return max(peak_memory().values())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.imagic", description=__doc__)
    parser.add_argument("--model", default="picturebook:diffusion", help="a folder of Stable Diffusion 1, 2 or 3")
    random = parser.add_mutually_exclusive_group()
    random.add_argument("--random-sd15", action="store_true", help="full-size Stable Diffusion 1.5 with random weights")
    random.add_argument(
        "--random-sd3", action="store_true", help="full-size Stable Diffusion 3 medium, likewise, at 512²"
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", help="float32 or bfloat16")
    parser.add_argument(
        "--compile", action="store_true", help="ours with compiled networks; the time that takes is apart"
    )
    parser.add_argument("--steps", type=int, nargs=2, default=[250, 120], help="of stages A and B")
    parser.add_argument("--lr", type=float, nargs=2, default=[1e-2, 1e-4], help="of stages A and B")
    parser.add_argument("--draws", type=int, default=4, help="of timestep and noise, a step")
    parser.add_argument("--sampling-steps", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--sample-batch", type=int, default=22)
    parser.add_argument("--plain-pictures", type=int, help="time only so many of the plain loop's pictures")
    parser.add_argument("--groups", type=int, nargs="*", default=[4, 8], help="pairs in one batch of stage A")
    parser.add_argument("--group-steps", type=int, default=10, help="of stage A, to time groups")
    parser.add_argument("--pairs", type=int, default=2, help="pairs over which memory is watched")
    return parser.parse_args()


if __name__ == "__main__":
    with safe_output():
        main()
