"""``python -m eval.tradeoff 'runs=[RUN, RUN]'``: the trade-off of success and fidelity between settings of Imagic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from cli.command import command

ABOUT = """Sets saved runs of Imagic with other settings of its two stages against each other, on pairs whose true edited image is
known; needs no generative model. Writes

  tradeoff.md, .csv     each run's settings, judged success and fidelity, the best first
  tradeoff.png, .pdf    success against fidelity, one mark a run

The runs of a search are made by eval.run, on pairs that are in no benchmark (the first example)."""

EXAMPLES = """
python -m eval.run -m dataset.split=search recipe.imagic.embedding.steps=0,100,250 recipe.imagic.finetune.steps=0,120
python -m eval.tradeoff 'runs=[runs/a, runs/b]'
python -m eval.tradeoff 'runs={short: runs/a, long: runs/b}' out=figures
"""


@command("tradeoff", ABOUT, EXAMPLES)
def main(cfg: DictConfig) -> None:
    """Run the command; ``conf/tradeoff.yaml`` has its options."""
    from eval.analysis.named_runs import open_named
    from eval.analysis.tradeoff import tradeoff
    from eval.metrics.judge import open_reader
    from eval.present.tradeoff import write_tradeoff

    settings: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    runs, out = open_named(settings["runs"]), Path(str(settings["out"]))
    print(write_tradeoff(tradeoff(runs, open_reader(str(settings["judge"]))), out))
    print(out, flush=True)


if __name__ == "__main__":
    main()
