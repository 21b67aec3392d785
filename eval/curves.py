"""``python -m eval.curves 'runs=[RUN, RUN]'``: the paper's Figure 9 again, from saved runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from cli.command import command

ABOUT = """Draws text alignment (CLIP score) and image fidelity (1 - LPIPS) of saved runs along their strength, as in the paper's
Figure 9; needs no model, no weights and no GPU. Several runs are drawn on the pairs that all of them have. Writes

  curves.png, .pdf, .csv               means over pairs with 95% intervals, clustered by source image; the strengths where
                                       both are good are shaded, by a rule that figure and table name
  curves-by-category.png, .pdf, .csv   the same for each category of pairs
  curves.md                            both with their captions, and which pairs are left out"""


EXAMPLES = """
python -m eval.curves 'runs=[runs/a]'
python -m eval.curves 'runs=[runs/a, runs/b]' out=figures
python -m eval.curves 'runs={imagic: runs/a, sdedit: runs/b}' alignment=clip/ViT-L-14-quickgelu/openai
"""


@command("curves", ABOUT, EXAMPLES)
def main(cfg: DictConfig) -> None:
    """Run the command; ``conf/curves.yaml`` has its options."""
    from eval.analysis.methods import folders
    from eval.present.curves_page import curves

    settings: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    names = {key: None if settings[key] is None else str(settings[key]) for key in ("alignment", "fidelity")}
    curves(folders(settings["runs"]), Path(str(settings["out"])), **names)


if __name__ == "__main__":
    main()
