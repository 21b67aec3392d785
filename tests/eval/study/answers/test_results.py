"""Answer files in every shape, and files that must not be believed."""

from __future__ import annotations

import json
import time

import pandas as pd
import pytest

from eval.study.answers.results import read_answers
from tedbench.errors import UserError


def places(table):
    return sorted(name.removeprefix("Answer.choice_") for name in table if name.startswith("Answer.choice_"))


def without(table):
    return table.drop(columns=[name for name in table if name.startswith("Answer.choice_")])


def option_columns(table):
    answers = {
        f"Answer.choice_{n}.{side}": (table[f"Answer.choice_{n}"] == side).map({True: "true", False: "false"})
        for n in places(table)
        for side in ("left", "right")
    }
    return without(table).assign(**answers)


def spreadsheet_columns(table):
    """As a spreadsheet saves them again; unticked boxes are empty."""
    return option_columns(table).replace({"true": "TRUE", "false": ""})


def label_columns(table):
    return without(table).assign(**{f"Answer.choice_{n}.label": table[f"Answer.choice_{n}"] for n in places(table)})


def as_json(answer):
    def change(table):
        cells = [json.dumps([{f"choice_{n}": answer(row[f"Answer.choice_{n}"]) for n in places(table)}]) for _, row in table.iterrows()]  # fmt: skip
        return without(table).assign(**{"Answer.taskAnswers": cells})

    return change


SHAPES = {
    "radios": lambda table: table,
    "options": option_columns,
    "spreadsheet": spreadsheet_columns,
    "label": label_columns,
    "json text": as_json(lambda side: side),
    "json options": as_json(lambda side: {"left": side == "left", "right": side == "right"}),
    "json label": as_json(lambda side: {"label": side}),
}


def long(table, study):
    """The plain long CSV of a results table."""
    rows = [
        {
            "study": study.tag,
            "session": session.id,
            "submission": row["AssignmentId"],
            "rater": row["WorkerId"],
            "screen": screen.id,
            "choice": row[f"Answer.choice_{place:02d}"],
            "ms": row[f"Answer.ms_{place:02d}"],
        }
        for _, row in table.iterrows()
        for session in study.sessions
        if session.id == row["Input.session"]
        for place, screen in enumerate(session.screens, 1)
    ]
    return pd.DataFrame(rows)


def core(answers):
    return sorted((s.rater, s.session, s.choices, s.problem) for s in answers.submissions)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_answers_says_the_same(shape, simulated, write):
    _, study, table = simulated()
    expected = core(read_answers([write(table, "plain.csv")], study))
    assert {choice for _, _, choices, _ in expected for choice in choices} == {"left", "right"}
    assert core(read_answers([write(SHAPES[shape](table))], study)) == expected


def test_turkles_file_and_the_long_csv_say_the_same(simulated, write):
    _, study, table = simulated(raters=5, assignments=3)
    there = ["HITId", "HITTypeId", "Title", "CreationTime", "MaxAssignments", "AssignmentDurationInSeconds"]
    there += ["AssignmentId", "WorkerId", "AcceptTime", "SubmitTime", "WorkTimeInSeconds"]
    turkle = table[[*there, *(name for name in table if name.startswith(("Input.", "Answer.")))]]
    turkle = turkle.assign(**{"Turkle.Username": "somebody"})
    plain = read_answers([write(table.drop(columns="RequesterAnnotation"), "plain.csv")], study)
    found = read_answers([write(turkle)], study)
    assert core(found) == core(plain) and found.files[0].kind == "Turkle"
    found = read_answers([write(long(table, study).sample(frac=1, random_state=0), "long.csv")], study)
    assert core(found) == core(plain) and found.files[0].kind == "long CSV"
    seconds = {s.id: s.seconds for s in plain.submissions}
    assert all(s.seconds == seconds[s.id] for s in found.submissions)


def test_a_bom_other_line_ends_and_other_column_orders_change_nothing(simulated, write):
    _, study, table = simulated()
    expected = core(read_answers([write(table, "plain.csv")], study))
    assert core(read_answers([write(table, encoding="utf-8-sig")], study)) == expected
    mixed = table[sorted(table.columns)]
    assert core(read_answers([write(mixed, lineterminator="\n", quoting=0)], study)) == expected


def test_na_null_and_none_are_texts(simulated, write):
    _, study, table = simulated(raters=2)
    names = dict(zip(sorted(set(table["WorkerId"])), ("NA", "null"), strict=True))
    answers = read_answers([write(table.assign(WorkerId=table["WorkerId"].map(names)))], study)
    assert {s.rater for s in answers.submissions} == {"NA", "null"}


def test_a_file_that_was_downloaded_twice_counts_once_with_the_later_status(simulated, write):
    _, study, table = simulated()
    later = table.assign(AssignmentStatus=["Rejected"] + ["Approved"] * (len(table) - 1))
    answers = read_answers([write(table, "a.csv"), write(later, "b.csv")], study)
    assert (len(answers.submissions), answers.duplicates) == (len(table), len(table))
    assert [s.rejected for s in answers.submissions] == [True] + [False] * (len(table) - 1)


def test_two_answers_under_one_id_are_refused(simulated, write):
    _, study, table = simulated()
    other = table.assign(**{"Answer.choice_01": table["Answer.choice_01"].map({"left": "right", "right": "left"})})
    with pytest.raises(UserError, match=r"b.csv, line 2 has another answer under the AssignmentId of a.csv, line 2"):
        read_answers([write(table, "a.csv"), write(other, "b.csv")], study)


def test_rejected_in_either_column(simulated, write):
    _, study, table = simulated()
    marked = table.assign(AssignmentStatus="Approved", Reject=["no"] + [""] * (len(table) - 1))
    assert [s.rejected for s in read_answers([write(marked)], study).submissions].count(True) == 1


def test_sessions_that_nobody_answered_are_counted_and_no_submission(simulated, write):
    _, study, table = simulated()
    blank = {name: "" for name in table if name.startswith("Answer.")} | {"AssignmentId": "", "WorkerId": ""}
    answers = read_answers([write(pd.concat([table, table.head(2).assign(**blank)]))], study)
    assert (len(answers.submissions), answers.unanswered) == (len(table), 2)


@pytest.mark.parametrize(
    ("column", "cell", "problem"),
    [
        ("Answer.choice_01", "banana", "'banana'"),
        ("Answer.choice_01", "tie", "'tie'"),  # not offered
        ("Answer.choice_01", "LEFT", "'LEFT'"),
        ("Answer.ms_02", "-5", "'-5'"),
        ("Answer.ms_02", "1e999", "'1e999'"),
        ("Answer.choice_99", "left", ""),  # not a screen's
        ("Answer.choice_08", "left", "there is a choice_08"),
        ("Answer.choice_01.right", "true", ""),
        ("Answer.choice_01.left", "perhaps", "'perhaps'"),
        ("Answer.taskAnswers", "[{", "not JSON"),
        ("Answer.taskAnswers", "[" * 100_000, "not JSON"),
        ("Answer.taskAnswers", "[1]", "not one object"),
        ("Answer.taskAnswers", '[{"choice_01": null}]', "null"),
    ],
)
def test_what_a_raters_browser_may_have_written_spoils_that_submission_only(column, cell, problem, simulated, write):
    _, study, table = simulated()
    table = table.assign(**{"Answer.choice_01": "right"})
    table = table.assign(**{column: [cell, *table.get(column, pd.Series([""] * len(table))).iloc[1:]]})
    first, *others = read_answers([write(table)], study).submissions
    assert problem in first.problem and bool(first.problem) == bool(problem)
    assert not any(s.problem for s in others)


def test_ties_are_read_where_they_are_offered(simulated, write):
    from eval.study.answers.raters import Population

    _, study, table = simulated(ties=True, population=Population(ties=0.5))
    found = read_answers([write(table)], study)
    assert {choice for s in found.submissions for choice in s.choices} == {"left", "right", "tie"}
    _, _, table = simulated(population=Population(ties=0.5), folder="other")
    assert "tie" not in table["Answer.choice_01"].tolist()


TAMPERED = {
    "Input.screen_02": "is not what screen scr000x02",
    "Input.left_01": "left_01 is not what screen",
    "Input.right_03": "right_03 is not what screen",
    "Input.input_01": "input_01 is not what screen",
    "Input.text_04": "text_04 is not what screen",
    "Input.study": "is an answer to study x, and this one is",
    "Input.session": "has no session 'x'",
    "WorkTimeInSeconds": "WorkTimeInSeconds is 'x'",
    "AssignmentStatus": "AssignmentStatus is 'x'",
}


@pytest.mark.parametrize("column", TAMPERED)
def test_a_changed_file_is_refused_in_one_line(column, simulated, write):
    _, study, table = simulated()
    with pytest.raises(UserError, match=TAMPERED[column]) as caught:
        read_answers([write(table.assign(**{column: ["x", *table[column].iloc[1:]]}))], study)
    assert "results.csv, line 2" in str(caught.value) and "\n" not in str(caught.value)


def test_sides_that_were_exchanged_are_noticed(simulated, write):
    _, study, table = simulated()
    exchanged = table.rename(columns={"Input.left_01": "Input.right_01", "Input.right_01": "Input.left_01"})
    with pytest.raises(UserError, match="_01 is not what screen"):
        read_answers([write(exchanged)], study)


def test_answers_to_another_study_are_refused(simulated, make_study, write):
    _, _, table = simulated()
    _, other = make_study(folder="other", seed=1)
    with pytest.raises(UserError, match=f"this one is {other.tag}"):
        read_answers([write(table)], other)
    _, study, table = simulated(folder="third")
    mixed = long(table, study).assign(study=other.tag)
    with pytest.raises(UserError, match=f"this one is {study.tag}"):
        read_answers([write(mixed)], study)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"a,b\r\n1,2\r\n", "has no column AssignmentId; it begins with 'a', 'b'"),
        (b"AssignmentId;WorkerId;Input.study\r\n", "divided by commas"),
        (b"study,study,screen\r\n", "has the column study twice"),
        (b"study,screen,choice\r\nx,y,z\r\n", "has no column session"),
        ("AssignmentId".encode("utf-16"), "is not in UTF-8"),
        (b"AssignmentId,WorkerId,Input.study,Input.session\r\n", "no answers: it is the batch"),
        (b"study,session,screen,rater,choice\r\n", "holds no answers, only a header"),
        (b'study,session,screen,rater,choice\r\n"a,b,c,d,e\r\n', "unexpected end of data"),
        (b"study,session,screen,rater,choice\r\na,b,c,d\r\n", "line 2 has 4 cells under 5 columns"),
        (b"study,session,screen,rater,choice\r\na,b,c,d,e,f\r\n", "line 2 has 6 cells under 5 columns"),
        (b"study,session,screen,rater,choice\r\na,b,\x00,d,e\r\n", "line 2"),
    ],
)
def test_files_that_are_no_answers_are_refused_in_one_line(content, message, make_study, tmp_path):
    _, study = make_study()
    (tmp_path / "results.csv").write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        read_answers([tmp_path / "results.csv"], study)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_a_folder_is_refused(make_study, tmp_path):
    _, study = make_study()
    with pytest.raises(UserError, match="does not exist"):
        read_answers([tmp_path / "none.csv"], study)
    with pytest.raises(UserError, match="cannot be read"):
        read_answers([tmp_path], study)


def test_long_rows_that_contradict_each_other_are_refused(simulated, write):
    _, study, table = simulated()
    rows = long(table, study)
    again = rows.head(1)
    assert len(read_answers([write(pd.concat([rows, again]))], study).submissions) == len(table)
    other = again.assign(choice="left" if again["choice"].item() == "right" else "right")
    for more, message in (
        (other, "answers screen scr000x01 again, otherwise"),
        (again.assign(rater="somebody"), "of another rater or session"),
        (again.assign(rater=" "), "has no rater"),
        (again.assign(screen="x"), "has no screen 'x'"),
        (again.assign(session=study.sessions[1].id), "has no screen 'scr000x01' in a session"),
    ):
        with pytest.raises(UserError, match=message):
            read_answers([write(pd.concat([rows, more]))], study)


def test_without_submission_ids_a_raters_answers_to_a_session_are_one(simulated, write):
    _, study, table = simulated(raters=2)
    found = read_answers([write(long(table, study).drop(columns=["submission", "ms"]))], study)
    assert len(found.submissions) == len(table) and {s.seconds[0] for s in found.submissions} == {None}


def test_simulated_and_real_answers_do_not_mix(simulated, write):
    _, study, table = simulated()
    real = table.assign(RequesterAnnotation="", AssignmentId="B" + table["AssignmentId"])
    with pytest.raises(UserError, match="Some of these answers are simulated"):
        read_answers([write(table, "a.csv"), write(real, "b.csv")], study)


@pytest.mark.slow
def test_a_million_rows_are_read_in_a_minute_of_one_core(simulated, write):
    _, study, table = simulated(sessions=10, assignments=10)
    rows = long(table, study)
    copies = -(-1_000_000 // len(rows))
    many = pd.concat(
        [rows.assign(submission=rows["submission"] + str(i), rater=rows["rater"] + str(i)) for i in range(copies)]
    )
    file = write(many, quoting=0)
    begin = time.process_time()
    found = read_answers([file], study)
    assert len(found.submissions) == copies * len(table)
    assert time.process_time() - begin < 60
