"""``python -m eval.select run=…``: choose one image for each pair of a run, by rule or by hand."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from cli.command import command
from cli.options import plain_options

ABOUT = """\
Chooses one image for each pair of a run, as the paper chooses strength and seed per image. Without a rule it writes
picks.html, a page to pick by hand; with one, chosen.csv, chosen.json (the rule) and chosen.png into the run's folder,
whose report.html then marks the chosen images.

Exit status: 0, 1 where a pair has no chosen image, 2 for an error."""


EXAMPLES = """
python -m eval.select run=runs/a                                        # picks.html: click or key, download picks.csv
python -m eval.select run=runs/a rule=picks picks=picks.csv             # what was picked there
python -m eval.select run=runs/a rule=best threshold=0.8                # by scores
python -m eval.select run=runs/a rule=fixed strength=0.7 seed=0         # the same for every pair
python -m eval.select run=runs/a protocol=study seed=0                  # picks.html as for the paper's user study
python -m eval.select run=runs/a protocol=figure6 rule=best threshold=0.8
"""


@command("select", ABOUT, EXAMPLES)
def main(cfg: DictConfig) -> int:
    """Run the command; ``conf/select.yaml`` has its options.

    Returns:
        1 if any pair has no chosen image.
    """
    from eval.present.choosing import check, choose, draw_chosen, lowest_seed

    options = plain_options(cfg, {"run": "a run's folder: python -m eval.select run=runs/NAME"})
    check(options)

    from eval.analysis.selection import TABLE, keep
    from eval.analysis.selection_rules import candidates
    from eval.present.outputs import write_report
    from eval.present.report.picks import write_picks_page
    from eval.runs.writer import RunWriter

    run = RunWriter.open(Path(str(cfg.run)))
    seed = lowest_seed(run) if options["rule"] == "fixed" and cfg.seed is None else cfg.seed
    among = candidates(run, cfg.protocol, seed)
    if cfg.rule is None:
        page = write_picks_page(among)
        print(
            f"Open the page, pick an image for each of {among.images['pair_id'].nunique()} pairs, download picks.csv;"
        )
        again = f" protocol={cfg.protocol}" * bool(cfg.protocol) + f" seed={cfg.seed}" * (cfg.seed is not None)
        print(f"then: python -m eval.select run={run.folder}{again} rule=picks picks=picks.csv")
        print(page, flush=True)
        return 0
    choice = choose(among, options)
    keep(run, choice)
    draw_chosen(run, choice)
    write_report(run)
    print(f"{choice.coverage} pairs; {choice.rule}")
    for pair, reason in choice.left_out.items():
        print(f"without an image: {pair}: {reason}")
    print(run.folder / TABLE, flush=True)
    return int(bool(choice.left_out))


if __name__ == "__main__":
    main()
