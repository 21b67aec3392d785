"""``python -m eval.rerun run=…``: make a saved run again in another folder, and report differences."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from omegaconf import DictConfig

from cli.command import command, resolved
from cli.options import plain_options
from tedbench.errors import UserError

ABOUT = """Makes a saved run again from its own folder's configuration, into a new folder, and says what differs: versions,
code and machine; configuration; inputs; every image, pixel by pixel; every score. The new folder's repetition.json has
it all. What is repeated is the run's last command; on the same machine and software nothing should differ, elsewhere
images are close.

Exit status: 0 where all images and scores are the same, 1 where not, 2 for an error."""


EXAMPLES = """
python -m eval.rerun run=runs/a                                    # all of it
python -m eval.rerun run=runs/a limit=2                            # its first two pairs
python -m eval.rerun run=received/a 'change=[model.path=/weights/sd15,dataset.root=/data/tedbench]'
"""


@command("rerun", ABOUT, EXAMPLES)
def main(cfg: DictConfig) -> int:
    """Run the command; ``conf/rerun.yaml`` has its options.

    Returns:
        1 if an image or a score differs.
    """
    from tedbench.settings import Count

    limit = plain_options(cfg, {"run": "a run's folder: python -m eval.rerun run=runs/NAME"}, limit=Count | None)[
        "limit"
    ]
    from eval.analysis.repetition import compare_repetition
    from eval.engine.progress import Reporter
    from eval.engine.rerun_settings import changed, settings_of
    from eval.engine.setup import edit_pairs, measure, open_run
    from eval.engine.spec import RunSpec
    from eval.present.outputs import write_outputs
    from eval.runs.folder import Run

    run, reporter = Run.open(Path(str(cfg.run))), Reporter()
    out = Path(str(cfg.run_dir)) if cfg.run_dir else run.folder.with_name(f"{run.folder.resolve().name}-again")
    if out.resolve() == run.folder.resolve():
        raise UserError(f"run_dir={out} is the run itself. Give another folder.")
    if (out / "repetition.json").exists():
        raise UserError(f"{out} is a finished repetition already. Give another folder with run_dir, or delete it.")
    with TemporaryDirectory() as fits:
        settings = settings_of(run, out, Path(fits))
        if limit is not None:
            settings.dataset.limit = min(limit, settings.dataset.limit or limit)
        spec = RunSpec.of(resolved(changed(settings, list(cfg.change))))
        with open_run(spec, reporter) as again:
            edit_pairs(spec, again, reporter)
            measure(spec, again, reporter)
            write_outputs(again)
            found = compare_repetition(run, again.reader())
            again.write_json("repetition.json", {"of": run.folder.resolve().name, **found.to_json()})
    for line in found.lines():
        reporter.say(line)
    print(out, flush=True)
    return int(not found.same)


if __name__ == "__main__":
    main()
