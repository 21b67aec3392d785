"""``python -m eval.study.plan preference=0.6``: the number of answers that an effect needs."""

from __future__ import annotations

from omegaconf import DictConfig

from cli.command import command
from cli.options import plain_options

ABOUT = """\
Simulates studies of growing size with the analysis's own test, until a given preference is found as often as wanted.
Counts raters who are kept; with few source images no number of raters may do, for the result is to hold for others."""

EXAMPLES = """
python -m eval.study.plan preference=0.6
python -m eval.study.plan preference=0.7 power=0.9 opponents=1 pairs=40 images=40
"""


@command("study_plan", ABOUT, EXAMPLES)
def main(cfg: DictConfig) -> None:
    """Run the command; ``conf/study_plan.yaml`` has its options."""
    from eval.study.analysis.power import Design, raters_needed
    from eval.study.answers.raters import Population
    from eval.study.options import share_option, whole_option
    from tedbench.errors import UserError

    settings = plain_options(cfg, {})
    pairs, opponents = whole_option(settings, "pairs", 2, 100_000), whole_option(settings, "opponents", 1, 100)
    screens = whole_option(settings, "screens", 1, 1000)
    design = Design(pairs, whole_option(settings, "images", 2, pairs), opponents, screens)
    population = Population.of(settings)
    preference, wanted, alpha = (share_option(settings, name) for name in ("preference", "power", "alpha"))
    if preference == 0.5:
        raise UserError("preference is 0.5, which is no effect. Give the least preference that the study should find.")
    rounds, seed = whole_option(settings, "rounds", 20, 100_000), whole_option(settings, "seed", 0, 2**31)
    needed, tried = raters_needed(
        preference, wanted, design, population, alpha=alpha / opponents, rounds=rounds, seed=seed
    )
    print("raters  answers per opponent  power")
    for raters, found in sorted(tried.items()):
        print(f"{raters:6}  {design.per_opponent(raters):20.0f}  {found:5.2f}")
    if needed is None:
        print(
            f"No number of raters finds a preference of {preference:.0%} in {wanted:.0%} of the studies: "
            f"it takes more than {design.images} source images."
        )
        return
    print(
        f"{needed} raters, {design.per_opponent(needed):.0f} answers per opponent, find a preference of {preference:.0%} in "
        f"about {tried[needed]:.0%} of {rounds} simulated studies."
    )


if __name__ == "__main__":
    main()
