"""``python -m eval.validity 'runs=[RUN, RUN]'``: the agreement of metrics with judgements of edits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from cli.command import command
from tedbench.errors import UserError

ABOUT = """Holds the metrics of saved runs against judgements of the same images: a column of their scores, or what people said, in a
CSV with the columns pair, strength, seed, good (0 to 1), and run where there are several. Needs no model and no GPU; other
metrics are added by eval.score. Writes

  validity.md                     what was found: ranking, choosing the strength by metrics, misleading cases
  rankings.csv, .png, .pdf        Spearman and AUC of each metric, simple combinations, and of the strength alone
  rankings-by-category.png, .pdf  the same table's AUC within pairs
  choices.csv, .png, .pdf         how good images are whose strength (or seed) each of them chooses, against one
                                  strength for all pairs and an oracle
  misled.csv, misled-NAME.png     where the image ranked first is bad though there is a good one"""

EXAMPLES = """
python -m eval.validity 'runs=[runs/a]'
python -m eval.validity 'runs={imagic: runs/a, sdedit: runs/b}' judgement=judge/kept out=kept
python -m eval.validity 'runs=[runs/a]' judgement=answers.csv 'columns=[clip/ViT-L-14-quickgelu/openai]'
"""


@command("validity", ABOUT, EXAMPLES)
def main(cfg: DictConfig) -> None:
    """Run the command; ``conf/validity.yaml`` has its options."""
    from eval.analysis.named_runs import open_named
    from eval.analysis.validity.images import gather_judged
    from eval.present.validity import write_validity

    settings: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    columns, out = settings["columns"], Path(str(settings["out"]))
    if columns is not None and not (isinstance(columns, list) and columns):
        raise UserError(
            f"columns is {columns!r}. It must be a list of metrics, such as [clip/ViT-L-14-quickgelu/openai]."
        )
    runs = open_named(settings["runs"])
    print(write_validity(gather_judged(runs, str(settings["judgement"]), [str(name) for name in columns or ()]), out))
    print(out, flush=True)


if __name__ == "__main__":
    main()
