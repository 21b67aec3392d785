"""``python -m eval.export run=…``: a run as a Hugging Face dataset, or in a tracker."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from omegaconf import DictConfig

from cli.command import command
from cli.options import plain_options
from tedbench.errors import UserError

ABOUT = """Writes a saved run as a folder to share: a data set that Hugging Face's datasets loads (or its hub shows), one row
for each edited image, and the results with what they were made with. No paths of this machine are in it.

  README.md        the data set's card
  data/            metadata.parquet (texts, strength, seed, raw scores) and the images, in folders by pair
  results.json     coverage, failures, curves with intervals, configuration, provenance

Input images are left out unless their dataset states a licence, and so are edited images that were made elsewhere: give
licence=NAME where you know of one. Load it with datasets.load_dataset("FOLDER", split="test").

With to=mlflow or to=wandb the results (configuration, curves along the strength, coverage, figures) go to that tracker
instead, by its own library (pip install 'imagic-bench[mlflow]' or [wandb]): into files, and nothing leaves the machine
unless server= is given."""

EXAMPLES = """
python -m eval.export run=runs/a
python -m eval.export run=runs/a out=shared/a licence=cc-by-4.0
python -m eval.export -m run=runs/a,runs/b to=mlflow
python -m eval.export run=runs/a to=wandb server=https://api.wandb.ai
"""

WAYS = {"folder": "{name}-export", "mlflow": "tracking", "wandb": "tracking"}
"""Targets of an export, each with its default folder."""


@command("export", ABOUT, EXAMPLES)
def main(cfg: DictConfig) -> None:
    """Run the command; ``conf/export.yaml`` has its options."""
    options = plain_options(
        cfg, {"run": "a run's folder: python -m eval.export run=runs/NAME"}, to=Literal["folder", "mlflow", "wandb"]
    )
    if options["server"] is not None and options["to"] == "folder":
        raise UserError("server= goes with to=mlflow or to=wandb. Leave it out, or give one of these.")

    from eval.runs.folder import Run

    run = Run.open(Path(str(options["run"])).expanduser())
    licence = None if options["licence"] is None else str(options["licence"])
    out = (
        Path(str(options["out"])).expanduser()
        if options["out"]
        else Path(WAYS[options["to"]].format(name=run.folder.resolve().name))
    )
    if options["to"] == "folder":
        from eval.present.export.folder import write_folder

        lines = write_folder(run, out, licence)
    else:
        from eval.present.export import tracking

        log = tracking.log_mlflow if options["to"] == "mlflow" else tracking.log_wandb
        server = None if options["server"] is None else str(options["server"])
        lines = log(tracking.record(run, licence), out, str(options["project"]), server)
    for line in lines:
        print(line)
    print(out, flush=True)


if __name__ == "__main__":
    main()
