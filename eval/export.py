"""``python -m eval.export run=…``: a run as a Hugging Face dataset, or in a tracker."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from cli.command import command
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
    if OmegaConf.is_missing(cfg, "run") or not str(cfg.run or "").strip():
        raise UserError("run is empty. Give a run's folder: python -m eval.export run=runs/NAME.")

    if cfg.to not in WAYS:
        raise UserError(f"to={cfg.to} is none of {', '.join(WAYS)}.")
    if cfg.server is not None and cfg.to == "folder":
        raise UserError("server= goes with to=mlflow or to=wandb. Leave it out, or give one of these.")

    from eval.runs.folder import Run

    run = Run.open(Path(str(cfg.run)).expanduser())
    licence = None if cfg.licence is None else str(cfg.licence)
    out = Path(str(cfg.out)).expanduser() if cfg.out else Path(WAYS[cfg.to].format(name=run.folder.resolve().name))
    if cfg.to == "folder":
        from eval.present.export.folder import write_folder

        lines = write_folder(run, out, licence)
    else:
        from eval.present.export import tracking

        log = tracking.log_mlflow if cfg.to == "mlflow" else tracking.log_wandb
        server = None if cfg.server is None else str(cfg.server)
        lines = log(tracking.record(run, licence), out, str(cfg.project), server)
    for line in lines:
        print(line)
    print(out, flush=True)


if __name__ == "__main__":
    main()
