"""``python -m eval.run``: run a method on a benchmark, score its images, draw curves and a report."""

from __future__ import annotations

import time

from omegaconf import DictConfig

from cli.command import command, resolved

ABOUT = """Runs an editing method on a benchmark: fit each pair, sample along the strength axis, score, draw curves and a report.
Repeating a command goes on where it stopped; a run folder is never overwritten by another configuration."""

EXAMPLES = """
python -m eval.run method=imagic                                   # the embedded default, in minutes
python -m eval.run dataset.split=all 'sweep.seeds=[0,1]'           # all Picturebook pairs, two seeds
python -m eval.run +experiment=tedbench model=sd15                 # the real benchmark (GPU)
python -m eval.run dataset=tedbench dataset.root=tedbench/ dataset.limit=10
python -m eval.run -m method=imagic,sdedit,ddib dataset.split=all  # several methods, one run each
python -m eval.run method=precomputed method.folder=outputs/ dataset=tedbench   # score images made elsewhere
python -m eval.run dataset=folder dataset.file=pairs.csv 'sweep.strengths=[0,0.6,0.7,0.8]'
"""


@command("run", ABOUT, EXAMPLES)
def main(cfg: DictConfig) -> int:
    """Run the command; ``conf/run.yaml`` has its options.

    Returns:
        1 if any pair failed or could not be scored.
    """
    from eval.engine.finished import is_finished
    from eval.engine.progress import Reporter
    from eval.engine.spec import RunSpec

    start, reporter = time.monotonic(), Reporter()
    spec = RunSpec.of(resolved(cfg))
    if is_finished(spec):
        print(f"complete: {len(spec.dataset)} of {len(spec.dataset)} pairs are already there; open report.html in")
        print(spec.folder, flush=True)
        return 0

    from eval.api.execute import execute
    from eval.present.summary import print_part, print_summary
    from eval.runs.folder import Run

    unreadable = execute(spec, reporter)
    part, ids, run = spec.executor.part, [entry.id for entry in spec.part.entries], Run(spec.folder)
    if part.whole:
        took = time.monotonic() - start
        status = print_summary(run, ids, spec.metrics, reporter.console, took, reporter.failed)
    else:
        status = print_part(run, ids, str(part), reporter.console, reporter.failed)
    return status or int(unreadable > 0)


if __name__ == "__main__":
    main()
