"""``python -m eval.report 'runs=[RUN, RUN]'``: saved runs side by side on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from cli.command import command

ABOUT = """Writes a page that shows saved runs side by side: coverage, curves on the pairs that all have, and a gallery of every pair
with each method's edits along strength and seed; needs no model, no weights and no GPU. One run's own page is the
report.html in its folder already.

  report.html        opens from disk, needs no server and nothing from the network
  curves.png, .pdf, .csv
  report-images/     the runs' images

The folder can be moved or sent as a whole: it holds the images themselves, as hard links to the runs' files (which take no
room), or as copies where the disk has no hard links."""

EXAMPLES = """
python -m eval.report 'runs=[runs/a, runs/b]'
python -m eval.report 'runs={imagic: runs/a, sdedit: runs/b}' out=side_by_side
"""


@command("report", ABOUT, EXAMPLES)
def main(cfg: DictConfig) -> None:
    """Run the command; ``conf/report.yaml`` has its options."""
    from eval.analysis.methods import folders

    settings: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    runs, out = folders(settings["runs"]), Path(str(settings["out"])).expanduser()

    from eval.present.report.several import write_report_of

    for line in write_report_of(runs, out):
        print(line)
    print(out / "report.html", flush=True)


if __name__ == "__main__":
    main()
