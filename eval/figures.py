"""``python -m eval.figures figure=7 'runs=[RUN, RUN]'``: the paper's figures from saved runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from cli.command import command

ABOUT = """Draws the paper's figures from saved runs; needs no model, no weights and no GPU. In brackets what makes the runs:

  figure=2                several texts on one image                  (python -m eval.run +experiment=fig2)
  figure=4                one edit with several seeds                 (+experiment=fig4)
  figure=5                edits as η increases, also animated         (+experiment=fig5)
  figure=7                pretrained against fine-tuned along η       (+experiment=fig7: two runs)
  figure=9                CLIP score and 1 - LPIPS along η, as eval.curves draws them: curves.png …   (+experiment=fig9)
  figure=10               failures: least alignment gained, most fidelity lost before the edit        (+experiment=fig9)
  figure=embedding_steps  η against 10, 100, 1000 embedding steps     (+experiment=embedding_steps: six runs)
  figure=seeds            η against seeds                             (+experiment=seeds)

Each experiment takes any model= and dataset=. Writes figure-<figure>.png, .pdf, .csv (which image stands where) and .md
(caption; what is left out); figure=5 also figure-5-<pair>.webp."""


EXAMPLES = """
python -m eval.figures figure=5 'runs=[runs/a]'
python -m eval.figures figure=7 'runs=[runs/a, runs/b]' width=column 'pairs=[bird_01]'
python -m eval.figures figure=4 'runs=[runs/a]' strength=0.7 out=paper
"""


@command("figures", ABOUT, EXAMPLES)
def main(cfg: DictConfig) -> None:
    """Run the command; ``conf/figures.yaml`` has its options."""
    from eval.analysis.methods import folders
    from eval.present.figures.page import figure, figure_options

    settings: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    options = figure_options(settings)
    runs, out = folders(settings["runs"]), Path(str(settings["out"]))
    if options.figure == "9":
        from eval.present.curves_page import curves

        curves(runs, out)
    else:
        figure(runs, out, options, str(settings["width"]))


if __name__ == "__main__":
    main()
