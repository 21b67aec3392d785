"""``python -m eval.success 'runs=[RUN, RUN]'``: the share of edits that make the requested change and no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from cli.command import command

ABOUT = """Judges saved runs on pairs whose true edited image is known: was the requested change made, and the rest left alone? Runs have
any strengths and seeds, and are compared on the pairs that all of them have whole; needs no generative model. Writes

  success.md          at the best single strength, and with strength and seed chosen for each pair; by category
  success.csv         the same rates at every strength
  pairs.csv           each pair's best attempt
  success.png, .pdf   success, changed and kept along the strength
  failures-NAME.png   some pairs of each category that no strength and seed solved: input, best attempt, true edit"""

EXAMPLES = """
python -m eval.success 'runs=[runs/a]'
python -m eval.success 'runs={imagic: runs/a, sdedit: runs/b}' out=figures
"""


@command("success", ABOUT, EXAMPLES)
def main(cfg: DictConfig) -> None:
    """Run the command; ``conf/success.yaml`` has its options."""
    from eval.analysis.named_runs import open_named
    from eval.analysis.success import compare_success
    from eval.metrics.judge import open_reader
    from eval.present.success import write_success

    settings: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    runs, out = open_named(settings["runs"]), Path(str(settings["out"]))
    print(write_success(compare_success(runs, open_reader(str(settings["judge"]))), out))
    print(out, flush=True)


if __name__ == "__main__":
    main()
