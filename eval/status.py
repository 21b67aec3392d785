"""``python -m eval.status run=…``: the progress of a run, read from its folder alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from cli.command import command
from cli.options import plain_options

if TYPE_CHECKING:
    from eval.runs.status import Status

ABOUT = """Says what of a run is done, running, failed or damaged, and about how long the rest takes; also while it is being made,
from any machine that sees its folder.

Exit status: 0 where all pairs are done, 1 where any is missing, failed or damaged, 2 for an error."""


EXAMPLES = """
python -m eval.status run=runs/a
python -m eval.status run=runs/a check=true    # reads every image, and names those that were changed
"""


@command("status", ABOUT, EXAMPLES)
def main(cfg: DictConfig) -> int:
    """Run the command; ``conf/status.yaml`` has its options.

    Returns:
        1 if a pair is missing, failed or damaged.
    """
    options = plain_options(cfg, {"run": "a run's folder: python -m eval.status run=runs/NAME"}, check=bool)
    from eval.runs.folder import Run
    from eval.runs.status import status_of

    status = status_of(Run.open(Path(str(options["run"]))), thorough=options["check"])
    for line in described(status):
        print(line)
    print(cfg.run, flush=True)
    return int(not status.complete)


def described(status: Status) -> list[str]:
    """Return lines that describe a status."""
    from eval.engine.progress import duration

    left = status.pairs - status.done - len(status.failed)
    rest = f", {left - len(status.running)} to do" if left else ""
    lines = [
        f"pairs    {status.done} of {status.pairs} done, {len(status.running)} running, {len(status.failed)} failed{rest}",
        f"images   {status.made} of {status.images}",
        *(f"scores   {count} of {status.made}  {metric}" for metric, count in sorted(status.scores.items())),
        *(f"at work  {owner}" for owner in status.owners),
        *(f"running  {pair}" for pair in status.running),
    ]
    if left:
        alone = "" if status.owners else ", with nobody at work now"
        lines.append(
            f"left     {'not known yet' if status.remaining is None else f'about {duration(status.remaining)}'}{alone}"
        )
    lines += [f"failed   {pair}: {reason}" for pair, reason in status.failed.items()]
    lines += [f"damaged  {pair}: {what}" for pair, what in status.damaged.items()]
    if status.damaged:
        lines.append("Repeat the run's eval.run to repair what is damaged.")
    if status.failed:
        lines.append("Repeat the run's eval.run with run.retry_failed=true to try again what failed.")
    if status.complete:
        lines.append("complete")
    return lines


if __name__ == "__main__":
    main()
