"""Exports that overlap, repeat, contradict each other, or went through a spreadsheet."""

from __future__ import annotations

import pandas as pd
import pytest

from eval.study.answers.results import read_answers
from tedbench.errors import UserError

from .test_results import core, long

OTHER = {"left": "right", "right": "left"}


@pytest.fixture
def made(simulated):
    """A study, and the results and long rows of four submissions as if people had given them."""
    _, study, table = simulated(sessions=2)
    table = table.drop(columns="RequesterAnnotation").reset_index(drop=True)
    return study, table, long(table, study)


def test_an_export_in_the_middle_of_a_submission_and_a_later_one_count_each_answer_once(made, write):
    study, _, rows = made
    monday, friday = write(rows.iloc[:17], "monday.csv"), write(rows, "friday.csv")
    expected = read_answers([friday], study)
    for files in ([monday, friday], [friday, monday], [friday, friday]):
        found = read_answers(files, study)
        assert core(found) == core(expected)
        assert {s.id: s.seconds for s in found.submissions} == {s.id: s.seconds for s in expected.submissions}
        assert found.duplicates == (3 if monday in files else 4)


def test_one_submission_in_both_formats_is_one(made, write):
    study, table, rows = made
    expected = read_answers([write(table)], study)
    found = read_answers([write(rows, "long.csv"), write(table)], study)
    assert core(found) == core(expected) and found.duplicates == 4
    assert [s.work_seconds for s in found.submissions] == [s.work_seconds for s in expected.submissions]


def test_exports_that_contradict_each_other_name_the_submission_and_both_files(made, write):
    study, _, rows = made
    first = write(rows, "a.csv")
    id = rows["submission"][0]
    other = rows.copy()
    other.loc[3, "choice"] = OTHER[other.loc[3, "choice"]]
    with pytest.raises(UserError, match=rf"b.csv, line 2 has another answer under .* a.csv, line 2 \({id}\)"):
        read_answers([first, write(other, "b.csv")], study)
    other = rows.copy()
    other.loc[3, "ms"] = "77"
    with pytest.raises(UserError, match=rf"b.csv, line 2 has another time .* a.csv, line 2 \({id}\)"):
        read_answers([first, write(other, "b.csv")], study)


def test_a_screen_that_is_answered_twice_in_one_file_counts_once_or_is_refused(made, write):
    study, _, rows = made
    again, untimed = rows.iloc[[2]], rows.iloc[[2]].assign(ms="")
    expected = read_answers([write(rows)], study).submissions
    for order in ([rows, again], [rows, untimed], [untimed, rows]):
        found = read_answers([write(pd.concat(order))], study).submissions
        assert [(s.choices, s.seconds) for s in found] == [(s.choices, s.seconds) for s in expected]
    for change, said in ((again.assign(ms="77"), "in another time"), (again.assign(choice=OTHER[again["choice"].item()]), "otherwise")):  # fmt: skip
        with pytest.raises(UserError, match=rf"line 30 answers screen \w+ again, {said}"):
            read_answers([write(pd.concat([rows, change]))], study)


@pytest.mark.parametrize("sep", [";", "\t"])
def test_a_file_that_a_spreadsheet_saved_with_other_dividers_says_the_same(sep, made, write):
    study, table, rows = made
    expected = core(read_answers([write(table)], study))
    for part in (table, rows):
        for options in ({}, {"quoting": 0}, {"encoding": "utf-8-sig"}):
            assert core(read_answers([write(part, sep=sep, **options)], study)) == expected


def test_empty_rows_trailing_commas_and_capitals_in_the_header_change_nothing(made, write):
    study, _, rows = made
    expected = core(read_answers([write(rows)], study))
    file = write(rows, quoting=0, lineterminator="\n")
    lines = file.read_text().splitlines()
    for text in (
        "\n\n".join(lines) + "\n,,\n , ,\n",
        lines[0] + "\n" + ",\n".join(lines[1:]) + ",\n",
        ",\n".join(lines) + ",,\n",
        "\n".join([lines[0].title(), *lines[1:]]),
    ):
        file.write_text(text)
        assert core(read_answers([file], study)) == expected
    file.write_text("\n".join([lines[0] + ",Rater", *(f"{line},x" for line in lines[1:])]))
    with pytest.raises(UserError, match="has the column rater twice"):
        read_answers([file], study)


def test_ids_that_a_spreadsheet_changed_are_refused(made, write):
    study, table, rows = made
    for id in ("1.23E+17", "1,23E+17", "5E+22", "03-Apr", "Apr-03", "3-Apr-24", "#NAME?", "########"):
        for changed, column in (
            (rows.assign(rater=id), "rater"),
            (rows.assign(submission=id, rater="a", session=rows["session"][0]).head(7), "submission"),
            (table.assign(WorkerId=id), "rater"),
            (rows.assign(study=id), "study"),
        ):
            with pytest.raises(UserError, match=rf"line 2: {column} is '.*', as a spreadsheet changes ids"):
                read_answers([write(changed)], study)


def test_ids_that_only_look_strange_are_ids(made, write):
    study, _, rows = made
    ids = ["5e9088a8a4b6ed018b45ba7b", "1e17", "007", "Apr"]
    for few in (ids, ["12-13", "-1", "é", "a b"]):
        names = dict(zip(dict.fromkeys(rows["rater"]), few, strict=True))
        found = read_answers([write(rows.assign(rater=rows["rater"].map(names)))], study)
        assert {s.rater for s in found.submissions} == set(few)


def test_one_rater_in_two_spellings_is_refused_and_spaces_around_an_id_are_none(made, write):
    study, _, rows = made
    ids = list(dict.fromkeys(rows["submission"]))
    names = dict(zip(ids, ("Anna", "anna", "b", "c"), strict=True))
    with pytest.raises(UserError, match=r"line 9 has the rater 'anna', and results.csv, line 2 'Anna': they differ in"):
        read_answers([write(rows.assign(rater=rows["submission"].map(names)))], study)
    padded = rows.assign(rater=[f" {rater}" if place % 2 else f"{rater} " for place, rater in enumerate(rows["rater"])])
    assert core(read_answers([write(padded)], study)) == core(read_answers([write(rows, "plain.csv")], study))


def test_answers_of_two_studies_in_one_file_are_refused(made, make_study, write):
    study, table, rows = made
    _, other = make_study(folder="other", seed=1)
    mixed = pd.concat([rows, rows.tail(1).assign(study=other.tag)])
    with pytest.raises(UserError, match=rf"line 30 is an answer to study {other.tag}, and this one is {study.tag}"):
        read_answers([write(mixed)], study)
    mixed = pd.concat([table, table.tail(1).assign(**{"Input.study": other.tag})])
    with pytest.raises(UserError, match=rf"line 6 is an answer to study {other.tag}"):
        read_answers([write(mixed)], study)
