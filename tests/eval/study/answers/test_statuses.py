"""What platforms say became of a submission, and which of a rater's submissions counts."""

from __future__ import annotations

import pandas as pd
import pytest

from eval.study.analyze import analyze
from eval.study.answers.exclusions import reasons
from eval.study.answers.results import read_answers
from eval.study.answers.submit_times import moment, submit_column
from eval.study.design.definition import Rules
from tedbench.errors import UserError

from .test_results import long

pytestmark = pytest.mark.usefixtures("blank_figures")

COUNTS = ["Submitted", "approved", "APPROVED", "AWAITING REVIEW", "awaiting_review", "ACTIVE", "Pending", ""]
LEFT_OUT = {
    "Rejected": "rejected",
    " REJECTED ": "rejected",
    "RETURNED": "returned",
    "Returned": "returned",
    "TIMED-OUT": "timed out",
    "timed_out": "timed out",
    "Timed Out": "timed out",
    "SCREENED OUT": "screened out",
}
HEADERS = ["AssignmentStatus", "Status", "status", "Submission status", "Approval Status", "Prolific.Status"]


@pytest.fixture
def real(simulated):
    """A study, and four submissions as if people had given them."""

    def make(**ways):
        path, study, table = simulated(sessions=2, rules=Rules(repeat_must_agree=False), **ways)
        return path, study, table.drop(columns="RequesterAnnotation").reset_index(drop=True)

    return make


def first_is(table, id, **cells):
    """A table whose rows of one submission have other cells."""
    column = "submission" if "submission" in table else "AssignmentId"
    table = table.copy().astype(object)
    for name, (cell, otherwise) in cells.items():
        table[name] = [cell if each == id else otherwise for each in table[column]]
    return table


def why(files, study):
    return [list(each) for each in reasons(read_answers(files, study).submissions, study)]


@pytest.mark.parametrize("shape", ["long", "turk"])
def test_every_status_of_a_platform_is_understood_in_either_format(shape, real, write):
    _, study, table = real()
    id = table["AssignmentId"][0]
    rows = long(table, study) if shape == "long" else table.drop(columns="AssignmentStatus")
    for place, word in enumerate([*COUNTS, *LEFT_OUT]):
        header = HEADERS[place % len(HEADERS)]
        file = write(first_is(rows, id, **{header: (word, "APPROVED")}))
        assert why([file], study) == [[LEFT_OUT[word]] if word in LEFT_OUT else [], [], [], []], (header, word)


@pytest.mark.parametrize("header", HEADERS)
def test_a_status_is_found_under_every_header(header, real, write):
    _, study, table = real()
    id = table["AssignmentId"][0]
    for rows in (long(table, study), table.drop(columns="AssignmentStatus")):
        assert why([write(first_is(rows, id, **{header: ("RETURNED", "")}))], study) == [["returned"], [], [], []]


def test_a_status_that_no_platform_writes_is_refused_with_those_that_are_known(real, write):
    _, study, table = real()
    for rows in (long(table, study).assign(Status="fine"), table.assign(AssignmentStatus="fine")):
        with pytest.raises(
            UserError, match=r"line 2: \w+ is 'fine'. Give one of Submitted, .*Rejected.*Screened out, or"
        ):
            read_answers([write(rows)], study)


def test_columns_that_only_sound_like_a_status_are_no_status(real, write):
    _, study, table = real()
    others = {"Student status": "No", "Employment status": "Full-Time", "HITStatus": "Reviewable", "Reject reason": "x"}
    assert why([write(long(table, study).assign(**others))], study) == [[]] * 4


@pytest.mark.parametrize("mark", ["x", "spam", "True"])
def test_a_mark_under_reject_rejects_in_the_long_csv_too(mark, real, write):
    _, study, table = real()
    rows = first_is(long(table, study), table["AssignmentId"][2], Reject=(mark, ""))
    assert why([write(rows)], study) == [[], [], ["rejected"], []]
    unmarked = first_is(long(table, study), table["AssignmentId"][2], Rejected=("False", "false"))
    assert why([write(unmarked)], study) == [[]] * 4


def test_a_time_of_rejection_rejects_where_the_status_was_cut_off(real, write):
    _, study, table = real()
    table = table.drop(columns=["AssignmentStatus", "Approve", "Reject"])
    when = "Tue Apr 02 10:11:12 PDT 2024"
    assert why([write(first_is(table, table["AssignmentId"][1], RejectionTime=(when, "")))], study)[1] == ["rejected"]


def test_a_status_in_one_row_of_a_submission_is_the_submissions(real, write):
    _, study, table = real()
    rows = long(table, study).assign(Status="")
    rows.loc[3, "Status"] = "RETURNED"
    assert why([write(rows)], study) == [["returned"], [], [], []]
    rows.loc[4, "Status"] = "APPROVED"
    with pytest.raises(UserError, match=r"line 6 says approved, and results.csv, line 2 says returned"):
        read_answers([write(rows)], study)


def test_what_was_decided_stands_whichever_file_comes_first(real, write):
    _, study, table = real()
    id = table["AssignmentId"][0]
    old, new = write(table, "old.csv"), write(first_is(table, id, AssignmentStatus=("Rejected", "Approved")), "new.csv")
    for files in ([old, new], [new, old]):
        assert why(files, study) == [["rejected"], [], [], []]
    other = write(table.assign(AssignmentStatus="Approved"), "other.csv")
    with pytest.raises(
        UserError, match=rf"other.csv, line 2 says that {id} was approved, and new.csv, line 2 .*rejected"
    ):
        read_answers([new, other], study)


def test_left_out_submissions_are_counted_and_named_and_in_no_number(real, write, tmp_path):
    path, study, table = real()
    rows = long(table, study)
    words = dict(zip(table["AssignmentId"], ("REJECTED", "RETURNED", "TIMED-OUT", "APPROVED"), strict=True))
    summary = analyze([write(rows.assign(Status=rows["submission"].map(words)))], path, tmp_path)
    assert summary["submissions"]["excluded"] == {"rejected": 1, "returned": 1, "timed out": 1}
    assert summary["submissions"]["kept"] == 1
    assert "the rater gave it back" in (tmp_path / "report.html").read_text()
    alone = analyze([write(rows[rows["submission"] == table["AssignmentId"][3]], "alone.csv")], path, tmp_path)
    for name in ("preferences", "preferences_before_rules", "sides", "consistency"):
        assert summary[name] == alone[name]


MOMENTS = {
    "Tue Apr 02 10:11:12 PDT 2024": 1712077872,
    "Tue Apr  2 17:11:12 UTC 2024": 1712077872,
    "Tue Apr 02 20:41:12 +0330 2024": 1712077872,
    "2024-04-02T17:11:12Z": 1712077872,
    "2024-04-02T17:11:12.500000Z": 1712077872.5,
    "2024-04-02T10:11:12-07:00": 1712077872,
    "2024-04-02 19:11:12 CEST": 1712077872,
    "2024-04-02 10:11:12 -0700": 1712077872,
    "1712077872000": 1712077872,
    "1712077872000.0": 1712077872,
    "1712077872": 1712077872,
}


@pytest.mark.parametrize("text", MOMENTS)
def test_a_time_is_the_same_moment_in_every_format(text):
    assert moment(text) == (MOMENTS[text], True)


@pytest.mark.parametrize(
    "text", ["", "1.71208E+12", "02/04/2024 10:11", "11:12.5", "Tue Apr 02 10:11:12 XYZ 2024", "Tue Foo 02 10:11:12 2024",
             "2024-04-02 10:11:12 PM", "2024-02-31T00:00:00Z", "٢٠٢٤", "Tue Apr 02 10:11:12 +9900 2024"]
)  # fmt: skip
def test_a_time_that_could_mean_another_is_none(text):
    assert moment(text) is None


def test_a_time_without_a_zone_says_so():
    assert moment("2024-04-02 17:11:12") == moment("Tue Apr 02 17:11:12 2024") == (1712077872, False)
    assert submit_column(["Started at", "Completed at", "Time taken"]) == 1 and submit_column(["Time taken"]) is None


def twice(table, study, shape, first="", second="", opposite=True):
    """Two rows of one rater in one session, the second with opposite answers; and everybody else."""
    again = table.head(1).assign(AssignmentId="AGAIN", SubmitTime=second)
    if opposite:
        for name in again.columns[again.columns.str.startswith("Answer.choice_")]:
            again[name] = again[name].map({"left": "right", "right": "left"})
    both = [table.head(1).assign(SubmitTime=first), again]
    shaped = []
    for part in (*both, table.iloc[1:]):
        rows = part if shape == "turk" else long(part, study)
        if shape == "long":
            times = dict(zip(part["AssignmentId"], part["SubmitTime"], strict=True))
            rows = rows.assign(**{"Completed at": rows["submission"].map(times)})
        shaped.append(rows)
    return shaped


def counted(parts, study, write):
    answers = read_answers([write(pd.concat(parts))], study)
    found = reasons(answers.submissions, study)
    return {s.id for s, each in zip(answers.submissions, found, strict=True) if not each}, found


EARLY_LATE = [
    ("Tue Apr 02 10:11:12 PDT 2024", "Tue Apr 02 11:11:12 PDT 2024"),
    ("Tue Apr 02 23:30:00 PDT 2024", "Wed Apr 03 07:00:00 UTC 2024"),
    ("Sun Nov 03 01:30:00 PDT 2024", "Sun Nov 03 01:10:00 PST 2024"),  # the hour that comes twice
    ("2024-04-02T19:00:00+09:00", "2024-04-02T10:30:00Z"),
    ("1712077872000", "1712077873000"),
    ("2024-04-02 09:00:00", "2024-04-02 10:00:00"),
    ("Tue Apr 02 10:11:12 PDT 2024", "1712077873000"),
]


@pytest.mark.parametrize("shape", ["turk", "long"])
def test_of_two_complete_submissions_the_earlier_counts_whatever_the_order_of_the_rows(shape, real, write):
    _, study, table = real()
    for early, late in EARLY_LATE:
        for first, second, expected in ((early, late, table["AssignmentId"][0]), (late, early, "AGAIN")):
            parts = twice(table, study, shape, first, second)
            for order in (parts, parts[::-1]):
                ids, found = counted(order, study, write)
                assert expected in ids and len(ids) == len(table), (early, late)
                (why,) = [each for each in found if each]
                assert why["answered before"].endswith("which was submitted earlier")


@pytest.mark.parametrize("times", [("", ""), ("2024-04-02T17:11:12Z", ""), ("2024-04-02T17:11:12Z", "1712077872000")])
def test_equal_or_missing_times_leave_it_to_the_order_of_the_rows_which_is_said(times, real, write, tmp_path, capsys):
    path, study, table = real()
    parts = twice(table, study, "turk", *times)
    ids, found = counted(parts, study, write)
    assert table["AssignmentId"][0] in ids and "AGAIN" not in ids
    assert "by the order of the rows" in next(each for each in found if each)["answered before"]
    ids, _ = counted(parts[::-1], study, write)
    assert "AGAIN" in ids
    summary = analyze([write(pd.concat(parts))], path, tmp_path)
    assert summary["submissions"]["by_row_order"] == 1
    assert "by the order of the rows, since their times are equal or missing: 1" in capsys.readouterr().out
    assert "by the order of the rows" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(("first", "second", "said"), [
    ("2024-04-02T17:11:12Z", "1.71208E+12", r"line 3: the time of submission is '1.71208E\+12', and it decides"),
    ("2024-04-02T17:11:12Z", "2024-04-02 10:00:00", "line 3: the time of submission '2024-04-02 10:00:00' has no zone"),
])  # fmt: skip
def test_a_time_that_decides_and_cannot_be_compared_is_refused(first, second, said, real, write):
    _, study, table = real()
    parts = twice(table, study, "turk", first, second)
    with pytest.raises(UserError, match=said):
        counted(parts, study, write)
    alone = table.assign(SubmitTime="1.71208E+12")  # decides nothing
    assert why([write(alone)], study) == [[]] * 4


def test_the_complete_one_counts_where_an_incomplete_one_came_first(real, write, tmp_path):
    path, study, table = real()
    first, again, others = twice(table, study, "turk", "2024-04-02T17:00:00Z", "2024-04-02T18:00:00Z", opposite=False)
    first = first.assign(**{"Answer.choice_02": ""})
    for parts in ([first, again, others], [again, first, others]):
        ids, found = counted(parts, study, write)
        assert ids == {"AGAIN", *table["AssignmentId"][1:]}
        assert [list(each) for each in found if each] == [["completed otherwise"]]
    summary = analyze([write(pd.concat([first, again, others]))], path, tmp_path)
    once = analyze([write(pd.concat([again, others]), "once.csv")], path, tmp_path)
    assert summary["preferences"] == once["preferences"]
    assert summary["preferences_before_rules"] == once["preferences_before_rules"]


def test_of_incomplete_ones_the_earliest_is_the_rest_and_rejected_ones_are_no_candidates(real, write):
    _, study, table = real()
    first, again, others = twice(table, study, "turk", "2024-04-02T18:00:00Z", "2024-04-02T17:00:00Z")
    short = [part.assign(**{"Answer.choice_02": ""}) for part in (first, again)]
    _, found = counted([*short, others], study, write)
    assert [list(each) for each in found[:2]] == [["answered before"], ["incomplete"]]
    rejected = again.assign(AssignmentStatus="Rejected")
    ids, _ = counted([first, rejected, others], study, write)
    assert table["AssignmentId"][0] in ids and "AGAIN" not in ids
