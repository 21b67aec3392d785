"""``python -m eval.plan``: the estimated time, memory and disk space of a run."""

from __future__ import annotations

import shutil
from pathlib import Path

from omegaconf import DictConfig

from cli.command import command
from runtime.tables import print_table

ABOUT = """Says what a run will take before it is started: images, hours, disk and memory on this machine, and what more workers
would bring. It takes the options of eval.run, makes one pair with a few steps of each stage, and leaves nothing behind.
Times hold for this machine as busy as it is now; what grows otherwise than with the number of steps is not foreseen."""


EXAMPLES = """
python -m eval.plan method=imagic dataset.split=all
python -m eval.plan +experiment=tedbench model=sd15
python -m eval.plan method=sdedit dataset=tedbench model=sd15 'sweep.seeds=[0,1,2,3]' numerics.sample_batch=16
"""


@command("run", ABOUT, EXAMPLES)
def main(cfg: DictConfig) -> None:
    """Run the command; its options are those of ``eval.run``."""
    from rich.table import Table

    from eval.engine.estimate import estimate
    from eval.engine.plan_text import WORKERS, describe_estimate, memory, span, workers_here
    from eval.engine.progress import Reporter

    reporter = Reporter()
    found = estimate(cfg, reporter)
    for line in describe_estimate(found, cfg, shutil.disk_usage(Path.cwd()).free):
        reporter.say(line)
    table = Table()
    for heading in ("workers", "time", "memory"):
        table.add_column(heading, justify="right")
    for workers in WORKERS:
        if workers <= max(1, found.pairs):
            table.add_row(str(workers), span(found.seconds(workers)), memory(found, workers))
    print_table(reporter.console, table)
    reporter.say(workers_here(found))


if __name__ == "__main__":
    main()
