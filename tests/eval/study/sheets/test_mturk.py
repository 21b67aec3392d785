"""Texts in Mechanical Turk's sheets: safe to substitute raw, and unharmed on the way back."""

from __future__ import annotations

import csv
import io
from html.parser import HTMLParser

import pytest

from eval.study.sheets.mturk import RESULT_COLUMNS, as_html, as_text, batch_columns

HOSTILE = [
    '<script>alert("x")</script>',
    "${left_01} $${text_01} {{ 7*7 }}",
    'a "quote", it\'s',
    "two\nlines\tand a tab",
    "=cmd()|' /C calc'!A0",
    "-1+1",
    "@SUM(A1)",
    " leading space",
    "😀 dog 🐕",
    "\u202ereversed\u2066",
    "כלב יושב",
    "NA",
    "null",
    "&lt;b&gt; &amp;amp; &#65;",
    "`${1}`",
    "座っている犬",
    "]]> --> */",
]


class Words(HTMLParser):
    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.text = [], ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_plain_text_after_raw_substitution(text):
    markup = as_html(text)
    page = Words("<p>${text_01}</p>".replace("${text_01}", markup).replace("${left_01}", "<img>"))
    assert page.tags == ["p"] and page.text == text
    assert as_text(markup) == text
    assert max(map(ord, markup)) <= 0xFFFF and not set(markup) & set("<>$`{\"'\n\r\t")
    assert markup[0] not in "=+-@ "


def test_a_row_of_them_survives_a_csv():
    file = io.StringIO()
    csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(map(as_html, HOSTILE))
    assert file.getvalue().count("\n") == 1
    (row,) = csv.reader(io.StringIO(file.getvalue()))
    assert list(map(as_text, row)) == HOSTILE


def test_what_html_cannot_show_is_marked():
    assert as_text(as_html("a\x00b\x85\ud800\ufffe")) == "a\ufffdb\ufffd\ufffd\ufffd"
    assert as_text(as_html("a\r\nb\rc")) == "a\nb\nc"


def test_columns():
    assert batch_columns(2)[:4] == ["study", "session", "screen_01", "text_01"] and len(batch_columns(20)) == 102
    assert len(RESULT_COLUMNS) == len(set(RESULT_COLUMNS)) == 27
