"""From sheets through simulated answers to the figure: what is excluded, what is reported, what the commands say."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from eval.runs.writer import RunWriter
from eval.study import analyze as analyze_command
from eval.study import plan as plan_command
from eval.study import simulate as simulate_command
from eval.study.analyze import analyze
from eval.study.answers.raters import Population
from eval.study.design.definition import Rules, StudyMethod, read_study, write_study
from eval.study.sheets.mturk import RESULT_COLUMNS
from eval.study.sheets.spreadsheet import guarded, unguarded, write_csv
from tedbench.errors import UserError
from tests.made_runs import made_config

pytestmark = pytest.mark.usefixtures("blank_figures")


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def answer(table, row, place, choice):
    table.loc[table.index[row], f"Answer.choice_{place:02d}"] = choice


@pytest.fixture
def careful(simulated):
    """A study with every kind of screen, whose simulated raters break no rule."""

    def make(**ways):
        ways = {"attention": True, "practice": True, "sessions": 3, "rules": Rules(min_seconds=1.0), **ways}
        path, study, table = simulated(**ways)
        for row in range(len(table)):
            session = next(s for s in study.sessions if s.id == table["Input.session"].iloc[row])
            ids = [screen.id for screen in session.screens]
            for place, screen in enumerate(session.screens, 1):
                if screen.kind == "repeat":
                    first = table[f"Answer.choice_{ids.index(screen.repeat_of) + 1:02d}"].iloc[row]
                    answer(table, row, place, {"left": "right", "right": "left"}.get(first, first))
                if screen.kind == "attention":
                    answer(table, row, place, screen.ours_side)
        return path, study, table

    return make


def test_the_simulated_preferences_come_back_in_every_output(simulated, write, tmp_path, drawn_figures):
    wanted = {"sdedit": 0.9, "ddib": 0.6, "text2live": 0.75}
    ways = {"methods": ("imagic", *wanted), "sessions": 40, "screens": 12, "pairs": 60, "images": 60, "assignments": 4}
    path, _, table = simulated(wanted, Population(0.3, 0.3, 0.3), **ways, rules=Rules(repeat_must_agree=False))
    out = tmp_path / "out"
    out.mkdir()
    summary = analyze([write(table)], path, out)
    for row in summary["preferences"]:
        assert row["low"] - 0.02 <= wanted[row["opponent"]] <= row["high"] + 0.02
        assert row["wilson_low"] >= row["low"] - 1e-9 and row["p_holm"] >= row["p"]
    assert sum(row["answers"] for row in summary["preferences"]) == 40 * 12 * 4
    assert summary["simulated"] and summary["sides"]["low"] < 0.5 < summary["sides"]["high"]
    assert json.loads((out / "summary.json").read_text()) == summary
    drawn = [(row["opponent"], float(row["share"])) for row in read(out / "preferences.csv")]
    assert drawn == [(row["opponent"], pytest.approx(row["share"], rel=1e-5)) for row in summary["preferences"]]
    rows = read(out / "answers.csv")
    mine = [row for row in rows if row["kind"] == "main" and row["opponent"] == "sdedit"]
    share = np.mean([row["preferred"] == "imagic" for row in mine])
    assert share == pytest.approx(summary["preferences"][0]["share"])
    assert not {row["rater"] for row in rows} & set(table["WorkerId"]) and len({row["rater"] for row in rows}) == 160
    page = (out / "report.html").read_text()
    assert "Simulated answers" in page and "http" not in page and page.count("data:image/png") == 1
    assert (out / "preferences.pdf").read_bytes().startswith(b"%PDF")
    assert min(Image.open(out / "preferences.png").size) > 500


def test_a_side_bias_is_reported_and_moves_no_preference(simulated, write, tmp_path):
    path, _, table = simulated(
        {"sdedit": 0.7}, Population(0.1, 0.1, 0.1, side_bias=0.8), sessions=60, pairs=40, images=40
    )
    summary = analyze([write(table)], path, tmp_path)
    assert summary["sides"]["low"] > 0.55
    before = summary["preferences_before_rules"][0]
    assert before["share"] == pytest.approx(0.7, abs=0.05)


def test_every_rule_excludes_whom_it_says_and_no_one_else(careful, write, tmp_path):
    path, study, table = careful()
    kinds = [screen.kind for screen in study.sessions[0].screens]
    repeat, attention = kinds.index("repeat") + 1, kinds.index("attention") + 1
    other = {"left": "right", "right": "left"}
    answer(table, 0, repeat, other[table[f"Answer.choice_{repeat:02d}"].iloc[0]])
    answer(table, 1, attention, other[table[f"Answer.choice_{attention:02d}"].iloc[1]])
    for place in range(1, len(kinds) + 1):
        table.loc[table.index[2], f"Answer.ms_{place:02d}"] = "60000" if place == 1 else "400"
    answer(table, 3, 2, "")
    answer(table, 4, 2, "banana")
    summary = analyze([write(table)], path, tmp_path)
    assert summary["submissions"]["excluded"] == {
        "unreadable": 1, "incomplete": 1, "repeat": 1, "attention": 1, "speed": 1,
    }  # fmt: skip
    assert (summary["submissions"]["read"], summary["submissions"]["kept"]) == (6, 1)
    assert summary["preferences"][0]["answers"] == 6
    assert summary["preferences_before_rules"][0]["answers"] == 5 * 6 - 1
    found = {row["excluded"]: row for row in read(tmp_path / "exclusions.csv")}
    assert found["speed"]["found"] == "0.40 s a screen, and at least 1 are wanted"
    assert found["repeat"]["read_from"] == "results.csv, line 2" and "banana" in found["unreadable"]["found"]


def test_a_tie_and_a_side_are_no_contradiction(careful, write, tmp_path):
    path, study, table = careful(ties=True)
    kinds = [screen.kind for screen in study.sessions[0].screens]
    answer(table, 0, kinds.index("repeat") + 1, "tie")
    answer(table, 1, 2, "tie")
    summary = analyze([write(table)], path, tmp_path)
    assert summary["submissions"]["excluded"] == {} and summary["preferences"][0]["ties"] == pytest.approx(1 / 36)


def test_without_the_pages_times_the_platforms_clock_counts_and_without_both_none(careful, write, tmp_path):
    path, _, table = careful()
    untimed = table.assign(**{name: "" for name in table if name.startswith("Answer.ms_")})
    fast = untimed.assign(WorkTimeInSeconds=["5", *["500"] * 5])
    assert analyze([write(fast)], path, tmp_path)["submissions"]["excluded"] == {"speed": 1}
    nothing = untimed.drop(columns="WorkTimeInSeconds")
    assert analyze([write(nothing)], path, tmp_path)["submissions"]["excluded"] == {}


def test_rejected_blank_and_repeated_submissions_count_in_no_table(careful, write, tmp_path):
    path, _, table = careful()
    blank = {name: "" for name in table if name.startswith("Answer.")}
    again = table.iloc[[2]].assign(AssignmentId="another")
    table = pd.concat([table, again]).astype(object)
    table.iloc[0, table.columns.get_loc("AssignmentStatus")] = "Rejected"
    for name, cell in blank.items():
        table.iloc[1, table.columns.get_loc(name)] = cell
    summary = analyze([write(table)], path, tmp_path)
    assert summary["submissions"]["excluded"] == {"rejected": 1, "answered before": 1, "no answers": 1}
    assert summary["preferences_before_rules"][0]["answers"] == 4 * 6


def test_when_no_answer_is_left_there_is_no_figure(careful, write, tmp_path):
    path, _, table = careful()
    with pytest.raises(UserError, match=r"No answer is left of 6 submissions \(6 rejected\)"):
        analyze([write(table.assign(AssignmentStatus="Rejected"))], path, tmp_path)
    assert not (tmp_path / "preferences.png").exists()


def test_all_against_all_has_every_pairing_and_one_scale(simulated, write, tmp_path):
    ways = {"methods": ("imagic", "sdedit", "ddib"), "all_against_all": True, "sessions": 40, "pairs": 30, "images": 30}
    path, _, table = simulated({"sdedit": 0.6, "ddib": 0.8}, Population(0.2, 0.2, 0.2), **ways)
    summary = analyze([write(table)], path, tmp_path)
    assert [(row["method"], row["opponent"]) for row in summary["preferences"]] == [
        ("imagic", "sdedit"), ("imagic", "ddib"), ("sdedit", "ddib"),
    ]  # fmt: skip
    assert [row["method"] for row in summary["bradley_terry"]] == ["imagic", "sdedit", "ddib"]
    assert "All methods on one scale" in (tmp_path / "report.html").read_text()


def test_hostile_texts_come_back_unharmed_and_run_nowhere(simulated, hostile, write, tmp_path):
    path, _, table = simulated(texts=hostile, sessions=8, rules=Rules(repeat_must_agree=False))
    analyze([write(table)], path, tmp_path)
    rows = read(tmp_path / "answers.csv")
    assert {unguarded(row["target_text"]) for row in rows} == set(hostile)
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row.values())


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "'=1", "'", "''a", "\tx", "\rx", "NA", "plain", "", "a'=b"])
def test_guarding_can_be_undone(text, tmp_path):
    assert unguarded(guarded(text)) == text
    write_csv(tmp_path / "t.csv", pd.DataFrame({"text": [text], "number": [-1.5]}))
    (row,) = read(tmp_path / "t.csv")
    assert unguarded(row["text"]) == text and row["number"] == "-1.5"


def test_a_rater_has_one_pseudonym_in_every_analysis_and_another_under_another_secret(careful, write, tmp_path):
    path, _, table = careful()
    seen = []
    for secret in ("5ec2e7\n", "5ec2e7", "other"):
        (path / "private" / "secret").write_text(secret)
        analyze([write(table)], path, tmp_path)
        seen.append([row["rater"] for row in read(tmp_path / "answers.csv")])
    assert seen[0] == seen[1] and not set(seen[0]) & set(seen[2])
    (path / "private" / "secret").unlink()
    with pytest.raises(UserError, match="secret is missing"):
        analyze([write(table)], path, tmp_path)


def test_simulated_results_have_mechanical_turks_columns_in_order(simulated):
    _, study, table = simulated()
    assert tuple(table.columns[:27]) == RESULT_COLUMNS and list(table.columns[-2:]) == ["Approve", "Reject"]
    assert len(table) == len(study.sessions) * study.assignments
    assert not table.duplicated(["WorkerId", "Input.session"]).any() and table["AssignmentId"].is_unique


def test_the_metrics_of_the_runs_are_set_beside_the_answers(simulated, write, tmp_path):
    path, study, table = simulated(
        {"sdedit": 0.8}, Population(0, 0, 0), sessions=20, rules=Rules(repeat_must_agree=False)
    )
    methods = []
    for place, method in enumerate(study.methods):
        config = made_config(method.name, metrics=["clip/a/b", "lpips/a/64"], fit={"size": 16})
        run = RunWriter.create(tmp_path / method.name, config)
        rows = [
            (f"pair{pair}", 0.5, 0, "clip/a/b", 0.5 - 0.1 * place + 0.01 * pair * (1 - place)) for pair in range(12)
        ]
        rows += [(f"pair{pair}", 0.5, 0, "lpips/a/64", 0.5 - 0.1 * place) for pair in range(12)]
        for pair, scores in pd.DataFrame(rows, columns=["pair_id", "strength", "seed", "metric", "score"]).groupby(
            "pair_id"
        ):
            shard = run.shard(pair)
            shard.folder.mkdir(parents=True)
            (shard.folder / "done").write_text("{}")
            for metric, one in scores.groupby("metric"):
                shard.write_scores(metric, one)
        methods.append(StudyMethod(method.name, run.key, str(run.folder), method.chosen_by))
    write_study(path, replace(study, methods=tuple(methods)))
    tag = read_study(path).tag
    summary = analyze([write(table.assign(**{"Input.study": tag}))], path, tmp_path)
    lpips, clip = summary["metrics"]
    share = summary["preferences"][0]["share"]
    assert (lpips["metric"], clip["metric"]) == ("1-lpips/a/64", "clip/a/b") and summary["metric_notes"] == []
    assert lpips["agreement"]["share"] == pytest.approx(1 - share)  # 1 − LPIPS is higher for sdedit throughout
    assert clip["agreement"]["share"] == pytest.approx(share)
    assert clip["spearman"] is not None and lpips["spearman"] is None


@pytest.fixture
def run_command(command):
    """Runs a module's command; gives its exit status, and what it said or complained of."""

    def run(module, *arguments):
        done = command(module.__name__, *map(str, arguments))
        return done.returncode, done.stderr if done.returncode else done.stdout

    return run


def test_the_commands_run_end_to_end(make_study, run_command):
    path, _ = make_study(sessions=10, methods=("imagic", "sdedit", "ddib"))
    status, said = run_command(
        simulate_command, f"study={path}", "preferences={sdedit: 0.8, ddib: 0.6}", "spammers=0.2"
    )
    assert status == 0 and Path(said.splitlines()[-1]).exists()
    status, said = run_command(analyze_command, f"answers=[{said.splitlines()[-1]}]", f"study={path}")
    assert status == 0 and "imagic preferred to sdedit: " in said and "These answers are simulated." in said
    assert said.splitlines()[-1] == str(path / "analysis")
    there = {file.name for file in (path / "analysis").iterdir()}
    assert there == {
        "summary.json", "answers.csv", "exclusions.csv", "report.html",
        "preferences.png", "preferences.pdf", "preferences.csv",
    }  # fmt: skip


def test_simulation_repeats_with_its_seed(make_study, run_command, tmp_path):
    path, _ = make_study()
    texts = []
    for seed, name in ((0, "a"), (0, "b"), (1, "c")):
        assert run_command(simulate_command, f"study={path}", f"seed={seed}", f"out={tmp_path / name}")[0] == 0
        texts.append((tmp_path / name).read_text())
    assert texts[0] == texts[1] != texts[2]


def test_a_plan_says_how_many_raters_and_answers(run_command):
    status, said = run_command(plan_command, "preference=0.75", "pairs=40", "images=40", "opponents=1", "rounds=20")
    assert status == 0 and "answers per opponent, find a preference of 75%" in said
    status, said = run_command(plan_command, "preference=0.55", "pairs=4", "images=2", "rounds=20")
    assert status == 0 and "it takes more than 2 source images" in said


def test_wrong_options_get_one_line(make_study, run_command, tmp_path):
    path, _ = make_study()
    (tmp_path / "file").write_text("")
    for module, arguments, message in (
        (analyze_command, [f"study={path}"], "answers is empty"),
        (analyze_command, ["answers=a.csv"], "study is empty"),
        (analyze_command, ["answers=a.csv", f"study={path}"], "does not exist"),
        (analyze_command, ["answers=a.csv", f"study={tmp_path}/none"], "is not a study"),
        (analyze_command, ["answers=a.csv", f"study={path}", f"out={tmp_path}/file"], "cannot be made"),
        (simulate_command, [f"study={path}", "preferences=1.2"], "preferences is 1.2"),
        (simulate_command, [f"study={path}", "preferences={ddib: 0.6}"], "'ddib', which is no opponent here"),
        (simulate_command, [f"study={path}", "preferences={}"], "preferences lacks sdedit"),
        (simulate_command, [f"study={path}", "raters=1"], "whole number from 2"),
        (simulate_command, [f"study={path}", "spammers=2"], "spammers is 2"),
        (plan_command, ["preference=0.5"], "which is no effect"),
        (plan_command, ["power=1"], "both excluded"),
        (plan_command, ["images=200"], "whole number from 2 to 100"),
    ):
        status, said = run_command(module, *arguments)
        assert status == 2 and said.count("\n") == 1 and message in said, said
