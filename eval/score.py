"""``python -m eval.score run=…``: add missing scores to a run."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from cli.command import command
from cli.options import plain_options
from tedbench.errors import UserError

ABOUT = """Measures the images of a saved run: adds metrics or redoes them, without the model that made the images. What has its
scores already is not measured again, so that a repeated command goes on where it stopped. Then tables, curves and
report are made anew from all that the run has.

Exit status: 0, 1 where images of a pair cannot be read, 2 for an error."""

EXAMPLES = """
python -m eval.score run=runs/a                               # what its own metrics have not measured yet
python -m eval.score run=runs/a metrics=standard              # these besides
python -m eval.score run=runs/a metrics=standard metrics.lpips.size=256 '~metrics.clip_large'
python -m eval.score run=runs/a metrics=picturebook redo=true
"""


@command("score", ABOUT, EXAMPLES)
def main(cfg: DictConfig) -> int:
    """Run the command; ``conf/score.yaml`` has its options.

    Returns:
        1 if any pair could not be scored.
    """
    options = plain_options(
        cfg, {"run": "a run's folder: python -m eval.score run=runs/NAME metrics=standard"}, redo=bool
    )
    from eval.engine.progress import Reporter
    from eval.engine.score_pair import forget_scores, score_coverage, score_run
    from eval.metrics.build import build_metrics
    from eval.present.outputs import write_outputs
    from eval.runs.writer import RunWriter
    from imagic.models.device import settle

    run, reporter = RunWriter.open(Path(str(options["run"]))), Reporter()
    blocks = options.get("metrics") or run.config()["measure"] or {}
    if not blocks:
        raise UserError(f"{run.folder} names no metrics. Give some, such as metrics=standard.")
    device, _ = settle({**options["numerics"], "sample_batch": 1})  # nothing is sampled
    metrics = build_metrics(blocks, device)
    if options["redo"]:
        forget_scores(run, metrics)
    unreadable = score_run(run, metrics, reporter)
    write_outputs(run)
    for metric in metrics:
        n, expected = score_coverage(run, metric)
        reporter.say(f"{metric.name}: {n} of {expected} images scored")
    print(run.folder, flush=True)
    return int(unreadable > 0)


if __name__ == "__main__":
    main()
