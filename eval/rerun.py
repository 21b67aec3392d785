"""``python -m eval.rerun run=…``: makes a saved run again in a folder of its own, and says what differs."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from cli.command import command, compose
from cli.home import expanded
from tedbench.errors import UserError

if TYPE_CHECKING:
    from eval.runs.folder import Run

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
    """Returns 1 if anything came out otherwise."""
    if OmegaConf.is_missing(cfg, "run") or not str(cfg.run or "").strip():
        raise UserError("run is empty. Give a run's folder: python -m eval.rerun run=runs/NAME.")
    if cfg.limit is not None and (type(cfg.limit) is not int or cfg.limit < 1):
        raise UserError(f"limit is {cfg.limit!r}. It must be a whole number from 1, or null for all pairs.")

    from eval.analysis.repetition import compare
    from eval.engine.job import prepare
    from eval.engine.progress import Reporter
    from eval.engine.score_pair import score_run
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
        if cfg.limit is not None:
            settings.dataset.limit = min(cfg.limit, settings.dataset.limit or cfg.limit)
        with closing(prepare(changed(settings, list(cfg.change)), reporter)) as job:
            job.execute()
            score_run(job.run, job.metrics, reporter)
            write_outputs(job.run)
            found = compare(run, Run.open(job.run.folder))
            job.run.write_json("repetition.json", {"of": run.folder.resolve().name, **found.to_json()})
    for line in found.lines():
        reporter.say(line)
    print(out, flush=True)
    return int(not found.same)


def settings_of(run: Run, out: Path, fits: Path) -> DictConfig:
    """A configuration for ``eval.run`` that makes a saved run again: its last command, one pair after another.

    Args:
        run: to be made again.
        out: where to.
        fits: an empty folder, for a run that sampled from kept fits, whose weights are rounded.

    Raises:
        UserError: the run's configuration lacks what is needed.
    """
    config = run.config()
    try:
        fit, how, numerics = config["fit"], config["how"], dict(config["numerics"])
        method = {key: value for key, value in fit["method"].items() if key != "digest"}
        rounded = numerics.pop("kept_fits", None)
        return OmegaConf.create(
            _literal(
                {
                    "seed": fit["seed"],
                    "model": model_of(config),
                    "method": method
                    | {k.removeprefix("method_"): v for k, v in how.items() if k.startswith("method_")},
                    "dataset": how["dataset"],
                    "metrics": config["measure"],
                    "executor": {"_target_": "eval.engine.inline.Inline"},
                    "sweep": config["sweep"],
                    "numerics": {"compile": False, **numerics},  # where it is false, a run has none
                    "fits": {"keep": "weights" if rounded else "none", "folder": str(fits)},
                    "run_dir": str(out),
                    "run": {"retry_failed": False},
                }
            )
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{run.folder / 'config.yaml'} lacks {error}. It was not written by eval.run; repeat the run by hand."
        ) from None


def model_of(config: dict[str, Any]) -> dict[str, Any]:
    """A run's model settings; of a run that was made before its folder had them, by the model's name and path.

    Args:
        config: the run's, in the blocks of :meth:`eval.runs.folder.Run.create`.
    """
    fit, how = config["fit"], config["how"]
    if how.get("model"):
        return dict(how["model"])
    own = fit["model"] or {"name": "none"}
    settings: Any = OmegaConf.to_container(compose("run", [f"model={own['name']}"]).model)
    path = {"path": how["model_path"]} if how.get("model_path") else {}
    return settings | {key: value for key, value in own.items() if key != "digest"} | path


def _literal(value: Any) -> Any:
    """The same, with every text taken as it is: a folder from elsewhere must not read this machine's variables."""
    if isinstance(value, dict):
        return {key: _literal(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_literal(each) for each in value]
    return value.replace("${", r"\${") if isinstance(value, str) else value


def changed(settings: DictConfig, changes: list[str]) -> DictConfig:
    """The settings with some of them replaced, written as on a command line.

    Raises:
        UserError: one that is not there, or is not written key=value.
    """
    for change in changes:
        key, equals, _ = str(change).partition("=")
        block, _, name = key.rpartition(".")
        node = OmegaConf.select(settings, block) if block else settings
        if not equals or not isinstance(node, DictConfig) or name not in node:
            raise UserError(f"change={change!r} replaces nothing. Write key=value with an option of eval.run.")
        settings = OmegaConf.merge(settings, OmegaConf.from_dotlist([change]))  # type: ignore[assignment]
    return expanded(settings)


if __name__ == "__main__":
    main()
