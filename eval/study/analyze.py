"""``python -m eval.study.analyze 'answers=[FILE]' study=FOLDER``: the analysis of a study's answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from cli.command import command
from cli.options import plain_options
from tedbench.errors import UserError

ABOUT = """\
Reads the answers to a study, leaves out what the rules fixed in its definition exclude, and writes

  preferences.png, .pdf   how often the method is preferred to each opponent (the paper's Figure 8)
  preferences.csv         its numbers, with intervals and tests
  report.html             the same in words and tables, with and without the exclusions
  summary.json            every number
  answers.csv             every answer with what its screen showed; raters under pseudonyms
  exclusions.csv          which submissions do not count, and why

The primary 95% intervals are clustered by rater and by source image; Wilson's, which papers draw, stand beside them."""

EXAMPLES = """
python -m eval.study.analyze 'answers=[Batch_1_results.csv, Batch_2_results.csv]' study=studies/a
python -m eval.study.analyze answers=studies/a/simulated_results.csv study=studies/a out=try
"""


@command("study_analyze", ABOUT, EXAMPLES)
def main(cfg: DictConfig) -> None:
    """Run the command; ``conf/study_analyze.yaml`` has its options."""
    from eval.study.options import output

    settings = plain_options(cfg, {"answers": "results files, 'answers=[FILE]'", "study": "the study's folder"})
    given = settings["answers"]
    files = [Path(str(file)).expanduser() for file in (given if isinstance(given, list) else [given])]
    study = Path(str(settings["study"])).expanduser()
    out = Path(str(settings["out"])).expanduser() if settings["out"] else study / "analysis"
    analyze(files, study, output(out, "folder"))


def analyze(files: Sequence[Path], study_folder: Path, out: Path) -> dict[str, Any]:
    """Analyze answers, print the preferences and write everything into ``out``.

    Returns:
        The content of ``summary.json``, see :func:`eval.study.analysis.analysis.analysis`.

    Raises:
        UserError: no study, or answers that cannot be read or belong to another study.
    """
    import pandas as pd

    from eval.study.analysis.analysis import analysis, with_metrics
    from eval.study.analysis.analysis_page import write_page
    from eval.study.analysis.figure import draw_preferences
    from eval.study.analysis.metric_agreement import shown_edit_scores
    from eval.study.answers.answers import Pseudonyms, answer_table, kept
    from eval.study.answers.exclusions import reasons
    from eval.study.answers.results import read_answers
    from eval.study.design.definition import read_study
    from eval.study.sheets.spreadsheet import write_csv
    from tedbench.disk import writing

    study = read_study(study_folder)
    pseudonyms = Pseudonyms(study_folder)
    answers = read_answers(files, study)
    why = reasons(answers.submissions, study)
    table = answer_table(answers.submissions, why, study, pseudonyms)
    summary = analysis(study, answers, table, why)
    if kept(table).empty:
        excluded = ", ".join(f"{n} {name}" for name, n in summary["submissions"]["excluded"].items())
        raise UserError(
            f"No answer is left of {len(why)} submissions ({excluded or 'none with answers'}). Check the files."
        )
    summary = with_metrics(summary, table, *shown_edit_scores(study))
    write_csv(out / "preferences.csv", pd.DataFrame(summary["preferences"]))
    write_csv(out / "answers.csv", table)
    write_csv(out / "exclusions.csv", exclusion_table(answers.submissions, why, pseudonyms))
    with writing(out / "summary.json"):
        text = json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False)
        (out / "summary.json").write_text(f"{text}\n", encoding="utf-8")
    draw_preferences(summary, out)
    write_page(summary, study, out)
    _print(summary, out)
    return summary


def exclusion_table(submissions: Sequence[Any], reasons: Sequence[dict[str, str]], pseudonyms: Any) -> Any:
    """Return one row for each excluded submission: rater, submission, session, file and line, rules, findings."""
    import pandas as pd

    rows = [
        {
            "rater": pseudonyms.of("rater", submission.rater),
            "submission": pseudonyms.of("submission", submission.id),
            "session": submission.session,
            "read_from": submission.where,
            "excluded": ", ".join(why),
            "found": "; ".join(why.values()),
        }
        for submission, why in zip(submissions, reasons, strict=True)
        if why
    ]
    return pd.DataFrame(rows, columns=["rater", "submission", "session", "read_from", "excluded", "found"])


def _print(summary: dict[str, Any], out: Path) -> None:
    """Print the preferences; the last line is the folder."""
    from eval.study.analysis.analysis_page import percent
    from eval.study.answers.superseded import ROW_ORDER

    counts = summary["submissions"]
    if counts["by_row_order"]:
        print(f"repeated submissions left out {ROW_ORDER}: {counts['by_row_order']}")
    print(f"{counts['kept']} of {counts['read']} submissions kept, {counts['raters']} raters")
    for row in summary["preferences"]:
        if not row["answers"]:
            print(f"{row['method']} against {row['opponent']}: no answers")
            continue
        share, interval = percent(row["share"]), f"[{percent(row['low'])}, {percent(row['high'])}]"
        print(f"{row['method']} preferred to {row['opponent']}: {share} {interval} of {row['answers']} answers")
    if summary["simulated"]:
        print("These answers are simulated.")
    print(out, flush=True)


if __name__ == "__main__":
    main()
