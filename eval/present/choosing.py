"""Choice of one image for each pair of a run: options, rules, and the sheet of chosen images."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from eval.analysis.selection import Choice
from eval.analysis.selection_rules import Candidates
from eval.runs.folder import Run
from tedbench.errors import UserError
from tedbench.settings import checked

RULES = {"fixed": {"strength"}, "best": {"threshold", "alignment", "fidelity"}, "picks": {"picks"}}
"""The options that belong to each rule."""


def check(options: dict[str, Any]) -> None:
    """Check the options.

    Raises:
        UserError: an option has an impossible value, or does not belong to the rule; the message says what there is.
    """
    rule = options["rule"]
    checked("rule", rule, Literal["fixed", "best", "picks"] | None)
    checked("protocol", options["protocol"], Literal["figure6", "study"] | None)
    checked("below", options["below"], Literal["faithful", "leave"])
    for owner, names in RULES.items():
        given = sorted(name for name in names if options[name] is not None)
        if given and rule != owner:
            raise UserError(f"{given[0]} belongs to rule={owner}. Add that, or leave {given[0]} out.")
    if rule == "fixed" and options["protocol"]:
        raise UserError(
            f"protocol={options['protocol']} chooses the strength per pair, and rule=fixed does not. Leave out one of them."
        )
    checked("seed", options["seed"], int | None)
    for name in ("strength", "threshold"):
        checked(name, options[name], float | None)
    if rule == "best" and options["threshold"] is None:
        raise UserError(
            "rule=best needs a threshold: the least fidelity (1 − LPIPS) that an edit may have, such as threshold=0.8. "
            "The run's report.html shows which it has."
        )
    if rule == "picks" and options["picks"] is None:
        raise UserError("rule=picks needs picks=picks.csv, which picks.html downloads. Leave out the rule to write it.")


def lowest_seed(run: Run) -> int | None:
    """Return the lowest seed of a run's images; None if it has none."""
    samples = run.samples()
    seeds = samples.loc[samples["status"] == "ok", "seed"]
    return int(seeds.min()) if len(seeds) else None


def choose(among: Candidates, options: dict[str, Any]) -> Choice:
    """Apply the rule."""
    from eval.analysis import selection_rules as rules

    if options["rule"] == "fixed":
        return rules.fixed(among, options["strength"])
    if options["rule"] == "picks":
        return rules.picks(among, Path(str(options["picks"])))
    return rules.best(among, **{name: options[name] for name in ("threshold", "below", "alignment", "fidelity")})


def draw_chosen(run: Run, choice: Choice) -> None:
    """Write chosen.png: input, chosen image and text of each pair, under the rule."""
    from tedbench.disk import writing
    from tedbench.sheet import Cell, draw_sheet

    axis, cells = run.axis, []
    images = choice.images.set_index("pair_id")
    for pair in sorted([*images.index, *choice.left_out]):
        shard = run.shard(pair)
        shown = shard.input() if (shard.folder / "input.png").exists() else "no input"
        text = shard.info()["target_text"]
        if pair in images.index:
            row = images.loc[pair]
            note = f"{axis.label(row['strength'])}, seed {row['seed']}"
            if pair in choice.notes:
                note += f" ({choice.notes[pair]})"
            cells.append(Cell((shown, shard.image(row["image"])), text, note))
        else:
            cells.append(Cell((shown, choice.left_out[pair]), text))
    sheet = draw_sheet(cells, f"Chosen edits: {run.title}", f"{choice.coverage} pairs; {choice.rule}")
    with writing(run.folder / "chosen.png"):
        sheet.save(run.folder / "chosen.png")
