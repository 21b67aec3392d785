"""``python -m eval.compare 'runs=[RUN, RUN]'``: the paper's comparison (section 4.2) from saved runs."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from cli.command import command
from cli.options import plain_options
from tedbench.errors import UserError

ABOUT = """Sets saved runs of several methods side by side, on the pairs that all of them have; needs no model and no GPU. Writes

  comparison.md, .csv, .tex   metrics at the images that eval.select chose, with 95% intervals; seconds per edit; left-out pairs
  differences.csv             every two methods pair by pair: interval, permutation test, Holm (also in the tables)
  plane.png, .pdf, .csv       fidelity (1 - LPIPS) against alignment (CLIP score), a curve a method (as in Figure 9)
  grid-01.png, ...            the input and each method's edit, a row a pair (as in Figure 6)

Metrics of another backbone, size or weights are another column, never the same one."""


EXAMPLES = """
python -m eval.compare 'runs=[runs/a, runs/b]'
python -m eval.compare 'runs={imagic: runs/a, sdedit: runs/b}' 'strengths={sdedit: 0.5}'
python -m eval.compare 'runs=[runs/a, runs/b]' out=figures 'pairs=[bird_02, dog_01]' rows=4
"""


@command("compare", ABOUT, EXAMPLES)
def main(cfg: DictConfig) -> None:
    """Run the command; ``conf/compare.yaml`` has its options."""
    from eval.analysis.methods import folders
    from eval.present.comparison_page import compare_runs, strengths_of
    from tedbench.settings import whole

    settings = plain_options(cfg, {}, rows=whole(1), tile=whole(32))

    runs, pairs = folders(settings["runs"]), settings["pairs"]
    if pairs is not None and not (isinstance(pairs, list) and pairs):
        raise UserError(f"pairs is {pairs!r}. It must be a list of pair ids or starts of them, such as [bird_02].")
    compare_runs(
        runs,
        Path(str(settings["out"])),
        strengths=strengths_of(settings["strengths"]),
        pairs=pairs,
        rows=settings["rows"],
        tile=settings["tile"],
    )


if __name__ == "__main__":
    main()
