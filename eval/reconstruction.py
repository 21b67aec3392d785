"""``python -m eval.reconstruction run=RUN``: reconstruction of the input at the strength that should return it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from cli.command import command
from cli.options import plain_options
from tedbench.errors import UserError

if TYPE_CHECKING:
    from eval.runs.folder import Run
    from imagic.models.latent import LatentDiffusion

ABOUT = """Prints for every pair of a saved run how near its edit at strength 0 comes to the input (dB), beside the model's own
autoencoder, and where it lies on the way from the autoencoder's reconstruction (0%) to another pair's input (100%), by LPIPS
and by root mean square error. A second run, of the model without fine-tuning, shows what stage B is for (paper, Figure 7).
Loads the model, whose autoencoder it uses."""

EXAMPLES = """
python -m eval.reconstruction run=runs/a
python -m eval.reconstruction run=runs/a untuned=runs/b      # b: the same with recipe.imagic.finetune.steps=0
"""


@command("reconstruction", ABOUT, EXAMPLES)
def main(cfg: DictConfig) -> None:
    """Run the command; ``conf/reconstruction.yaml`` has its options."""
    plain_options(cfg, {"run": "a run's folder: python -m eval.reconstruction run=runs/NAME"})

    from eval.analysis.reconstruction import reconstructions
    from eval.metrics.lpips_distance import LpipsDistance
    from eval.present.reconstruction import reconstruction_lines
    from eval.runs.folder import Run

    runs = {"fine-tuned": Run.open(Path(str(cfg.run)))}
    if cfg.untuned is not None:
        runs["without fine-tuning"] = Run.open(Path(str(cfg.untuned)))
    model = _model(runs["fine-tuned"])
    lpips = LpipsDistance("alex", 64, "picturebook:perceptual/alex.safetensors")
    table = reconstructions(runs, lambda image: model.decode(model.encode_image(image))[0], lpips)
    for line in reconstruction_lines(table):
        print(line, flush=True)


def _model(run: Run) -> LatentDiffusion:
    """Load the model that a run was made with, on the CPU.

    Raises:
        UserError: the run names none, or one without an autoencoder.
    """
    from imagic.models.latent import LatentDiffusion
    from tedbench.build import build

    config = run.config()
    settings = config["how"].get("model")
    if not settings or config["fit"].get("model") is None:
        raise UserError(f"{run.folder} was made without a model. Give a run of imagic on a model with an autoencoder.")
    model: LatentDiffusion = build(settings, LatentDiffusion, image_size=config["fit"]["size"])
    return model


if __name__ == "__main__":
    main()
