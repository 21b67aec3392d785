"""``python -m eval.export run=…``: a run to share, as a data set that Hugging Face's ``datasets`` loads."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from conf.command import command
from tedbench.errors import UserError

ABOUT = """Writes a saved run as a folder to share: a data set that Hugging Face's datasets loads (or its hub shows), one row
for each edited image, and the results with what they were made with. No paths of this machine are in it.

  README.md        the data set's card
  data/            metadata.parquet (texts, strength, seed, raw scores) and the images, in folders by pair
  results.json     coverage, failures, curves with intervals, configuration, provenance

Input images are left out unless their dataset states a licence, and so are edited images that were made elsewhere: give
licence=NAME where you know of one. Load it with datasets.load_dataset("FOLDER", split="test")."""

EXAMPLES = """
python -m eval.export run=runs/a
python -m eval.export run=runs/a out=shared/a licence=cc-by-4.0
"""


@command("export", ABOUT, EXAMPLES)
def main(cfg: DictConfig) -> None:
    """The command; ``conf/export.yaml`` has its options."""
    if OmegaConf.is_missing(cfg, "run") or not str(cfg.run or "").strip():
        raise UserError("run is empty. Give a run's folder: python -m eval.export run=runs/NAME.")

    from eval.sharing.folder import write_folder
    from eval.store import Run

    run = Run.open(Path(str(cfg.run)).expanduser())
    out = Path(str(cfg.out)).expanduser() if cfg.out else Path(f"{run.folder.resolve().name}-export")
    for line in write_folder(run, out, None if cfg.licence is None else str(cfg.licence)):
        print(line)
    print(out, flush=True)


if __name__ == "__main__":
    main()
