"""``python -m eval.study.simulate study=FOLDER``: simulated answers, in Mechanical Turk's result format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from cli.command import command
from cli.options import plain_options
from tedbench.errors import UserError

if TYPE_CHECKING:
    from eval.study.design.definition import Study

ABOUT = """\
Answers a study's sheets with simulated raters, who prefer the first method as often as you say, differ among each other
and by image, favour a side, lapse or spam; writes a results file as Mechanical Turk does, every row marked as simulated.
The whole way from sheets to Figure 8 can be tried with it before anybody is paid."""

EXAMPLES = """
python -m eval.study.simulate study=studies/a
python -m eval.study.simulate study=studies/a 'preferences={sdedit: 0.76, ddib: 0.8}' spammers=0.1 side_bias=0.2
python -m eval.study.simulate study=studies/a preferences=0.6 raters=40 seed=1 out=try.csv
"""


@command("study_simulate", ABOUT, EXAMPLES)
def main(cfg: DictConfig) -> None:
    """Run the command; ``conf/study_simulate.yaml`` has its options."""
    from eval.study.answers.raters import Population
    from eval.study.answers.simulated_results import simulated_results
    from eval.study.design.definition import read_study
    from eval.study.options import output, whole_option

    settings = plain_options(cfg, {"study": "the study's folder"})
    folder = Path(str(settings["study"])).expanduser()
    study = read_study(folder)
    out = Path(str(settings["out"])).expanduser() if settings["out"] else folder / "simulated_results.csv"
    population = Population.of(settings)
    raters = None if settings["raters"] is None else whole_option(settings, "raters", study.assignments, 1_000_000)
    shares = preference_shares(settings["preferences"], study)
    table = simulated_results(folder, study, shares, population, raters, whole_option(settings, "seed", 0, 2**31))
    out = output(out, "file")
    _write(table, out)
    print(f"{len(table)} submissions by {table['WorkerId'].nunique()} simulated raters")
    print(out, flush=True)


def preference_shares(given: Any, study: Study) -> dict[str, float]:
    """Return how often the first method is preferred to each other one.

    Raises:
        UserError: no numbers between 0 and 1, or of no opponent.
    """
    from eval.study.options import share_option

    opponents = [method.name for method in study.methods[1:]]
    if not isinstance(given, Mapping):
        return dict.fromkeys(opponents, share_option({"preferences": given}, "preferences"))
    unknown = [name for name in given if name not in opponents]
    lacking = [name for name in opponents if name not in given]
    if unknown or lacking:
        raise UserError(
            f"preferences has {unknown[0]!r}, which is no opponent here"
            if unknown
            else f"preferences lacks {lacking[0]}" + f". Give a number for each of {', '.join(opponents)}."
        )
    return {name: share_option(given, name) for name in opponents}


def _write(table: Any, out: Path) -> None:
    import csv

    from tedbench.disk import writing

    with writing(out):
        table.to_csv(out, index=False, quoting=csv.QUOTE_ALL, lineterminator="\r\n")


if __name__ == "__main__":
    main()
