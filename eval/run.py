"""``python -m eval.run``: run a method on a benchmark, measure what it made, draw it."""

from __future__ import annotations

import time
from contextlib import closing

from omegaconf import DictConfig

from cli.command import command

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
    """Returns 1 if any pair failed or could not be scored."""
    from eval.engine.complete import find_complete, write_record

    if found := find_complete(cfg):
        print(f"complete: {found.pairs} of {found.pairs} pairs are already there; open report.html in")
        print(found.folder, flush=True)
        return 0

    from eval.engine.progress import Reporter
    from eval.engine.score_pair import score_run
    from eval.engine.setup import prepare
    from eval.present.outputs import write_outputs
    from eval.present.summary import print_part, print_summary
    from eval.runs.cards import MetricCards

    start = time.monotonic()
    reporter = Reporter()
    with closing(prepare(cfg, reporter)) as job:
        job.execute()
        whole, ids = job.executor.part.whole, [entry.id for entry in job.dataset.entries]
        unreadable = score_run(job.run, job.metrics, reporter, None if whole else job.shards())
        if not whole:  # other parts may be at work still
            return print_part(job.run.reader(), ids, str(job.executor.part), reporter.console) or int(unreadable > 0)
        write_outputs(job.run)
        seconds, cards = time.monotonic() - start, MetricCards(metric.card for metric in job.metrics)
        status = print_summary(job.run.reader(), ids, cards, reporter.console, seconds) or int(unreadable > 0)
        if (
            status == 0 and job.editor.digest is None and not job.editor.elsewhere
        ):  # images made elsewhere may have changed
            write_record(job.run, job.dataset, cfg)
        return status


if __name__ == "__main__":
    main()
