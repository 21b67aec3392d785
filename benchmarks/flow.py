"""``python -m benchmarks.flow``: what a flow transformer costs beside a UNet, in one run.

The embedded models, both with the same autoencoder and text encoder, take turns. For each the time of an evaluation of the
network alone and in a batch, of a step of Imagic's stages A and B, and of a sweep over η in batches and one image at a time.
``--random`` takes Stable Diffusion 1.5 and 3 medium at 512² with random weights in their place, on a GPU.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NamedTuple

import torch

from benchmarks.imagic import Clock, sized_pair
from benchmarks.random_models import random_sd3, random_sd15
from imagic.editor import Imagic
from imagic.models.latent import LatentDiffusion
from imagic.models.latent_model import LatentModel
from imagic.models.sd3 import StableDiffusion3
from runtime.output import safe_output
from tedbench.pair import EditPair

ETAS = [eta / 10 for eta in range(11)]
STEPS, GUIDANCE, DRAWS = 20, 3.0, 4
SAMPLING = {"steps": STEPS, "guidance": GUIDANCE}


class Timed(NamedTuple):
    """A row of the table.

    Attributes:
        name: of what is timed.
        parts: number of steps or images in the task, by which its time is divided.
        task: what is timed.
    """

    name: str
    parts: int
    task: Callable[[], object]


def costs(model: LatentModel, pair: EditPair, batch: int, fit_steps: int) -> list[Timed]:
    """Return what is timed.

    Args:
        model: its network returns to its weights after each task.
        pair: of the model's size.
        batch: images at a time.
        fit_steps: of each stage.
    """
    x = torch.randn((batch, *model.latent_shape), device=model.device)
    t = model.process.draw(1, torch.Generator().manual_seed(0)).to(model.device).repeat(batch)
    text = model.encode_text([pair.target_text]).expand(batch)

    @torch.no_grad()
    def evaluate(count: int) -> None:
        model.predict(x[:count], t[:count], text[:count])

    def fit(embedding: int, finetune: int) -> None:
        with _editor(model, embedding, finetune, batch).fit(pair):
            pass

    def sweep(images: int) -> None:
        with _editor(model, 0, 0, images).fit(pair) as edit:
            list(edit.sample([(eta, 0) for eta in ETAS]))

    return [
        Timed("evaluation of one image, ms", 1, lambda: evaluate(1)),
        Timed(f"evaluation in a batch of {batch}, ms an image", batch, lambda: evaluate(batch)),
        Timed(f"step of stage A, {DRAWS} draws, ms", fit_steps, lambda: fit(fit_steps, 0)),
        Timed(f"step of stage B, {DRAWS} draws, ms", fit_steps, lambda: fit(0, fit_steps)),
        Timed(f"sweep of {len(ETAS)} η in batches, ms an image", len(ETAS), lambda: sweep(batch)),
        Timed(f"sweep of {len(ETAS)} η one at a time, ms an image", len(ETAS), lambda: sweep(1)),
    ]


def _editor(model: LatentModel, embedding: int, finetune: int, batch: int) -> Imagic:
    first = {"steps": embedding, "lr": 1e-3, "draws": DRAWS}
    second = {"steps": finetune, "lr": 1e-5, "draws": DRAWS, "decay": 0.0, "empty": 0.0}
    return Imagic(model, embedding=first, finetune=second, sampling=SAMPLING, sample_batch=batch)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--random", action="store_true", help="full-size models with random weights")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", help="float32 or bfloat16")
    parser.add_argument("--batch", type=int, default=22, help="images at a time (default: 22)")
    parser.add_argument("--fit-steps", type=int, default=10, help="of each stage (default: 10)")
    parser.add_argument(
        "--repeats", type=int, default=5, help="of everything, of which the fastest counts (default: 5)"
    )
    args = parser.parse_args()
    if args.random:
        models = [random_sd15(args.device, args.dtype), random_sd3(args.device, args.dtype)]
    else:
        settings = {"device": args.device, "dtype": args.dtype}
        flow = StableDiffusion3.load("picturebook:flow", t5=False, t5_tokens=0, name="picturebook_flow", **settings)
        models = [LatentDiffusion.load("picturebook:diffusion", name="picturebook", **settings), flow]
    device = torch.device(args.device)
    where = torch.cuda.get_device_name() if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    print(f"{args.dtype}, {where}")
    print(f"{'':<48}" + "".join(f"{model.name:>34}" for model in models))
    weights = [sum(p.numel() for p in model.network.parameters()) / 1e6 for model in models]
    print(f"{'weights of the network, millions':<48}" + "".join(f"{count:>34.2f}" for count in weights))
    tasks = [costs(model, sized_pair(model.image_size), args.batch, args.fit_steps) for model in models]
    clock = Clock(device)
    for row in zip(*tasks, strict=True):
        fastest = [float("inf")] * len(models)
        for _ in range(args.repeats + 1):  # the first warms up
            fastest = [min(best, clock.of(timed.task)) for best, timed in zip(fastest, row, strict=True)]
        times = [1000 * seconds / row[0].parts for seconds in fastest]
        columns = "".join(f"{time:>34.2f}" for time in times)
        print(f"{row[0].name:<48}{columns}  {times[1] / times[0]:.2f}×", flush=True)


if __name__ == "__main__":
    with safe_output():
        main()
