"""``eval.study.prepare``: what a study's folder holds, that it is blind, and what is refused."""

from __future__ import annotations

import csv
import json
import subprocess
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cli.help import ROOT
from eval.runs.folder import Run
from eval.study.design.definition import read_study
from eval.study.design.images import TIME
from eval.study.design.leaks import find_leaks, identifying_words, image_header
from eval.study.prepare import main
from eval.study.sheets.mturk import as_text
from eval.study.sheets.sheets import PLACEHOLDER, read_batches, substitute
from tedbench.image import read_image
from tedbench.method import Sample
from tedbench.pair import EditPair, Entry

from .parts import ENTRIES, TEXTS, call, make_run, picture

URL = "https://example.org/study/"
SMALL = ["sessions=6", "screens=5", "assignments=3", "attention=1", "practice=1", "format=png", f"url={URL}"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Three methods on eight hostile pairs."""
    folder = tmp_path_factory.mktemp("runs")
    return [make_run(folder / name, name, i) for i, name in enumerate(("imagic", "sdedit", "ddib"))]


def listed(runs):
    return f"runs=[{','.join(str(run.folder) for run in runs)}]"


@pytest.fixture(scope="module")
def prepared(runs, tmp_path_factory):
    out = tmp_path_factory.mktemp("study") / "study"
    assert call(main, listed(runs), f"out={out}", *SMALL) == 0
    return out


@pytest.fixture
def study(prepared, tmp_path):
    """A copy that a test may change."""
    subprocess.run(["cp", "-a", str(prepared), str(tmp_path / "study")], check=True)
    return tmp_path / "study"


def leaks(study):
    return find_leaks(study / "public", read_study(study), ["imagic", "sdedit", "ddib", "tiny-weights"], URL)


def test_every_file_is_where_it_belongs(prepared):
    public = sorted(p.name for p in (prepared / "public").iterdir())
    assert public == ["UPLOAD.md", "batch_001.csv", "hit_settings.json", "images", "template.html"]
    private = sorted(p.name for p in (prepared / "private").iterdir())
    assert private == ["definition.json", "prepare_report.html", "secret"]
    assert (prepared / "private").stat().st_mode & 0o077 == 0
    assert len(list((prepared / "public" / "images").iterdir())) == 6 * 7 * 3
    assert sorted(p.name for p in prepared.parent.iterdir()) == ["study"]  # nothing is left beside it


def test_the_batch_is_as_mechanical_turk_wants_it(prepared):
    raw = (prepared / "public" / "batch_001.csv").read_bytes()
    lines = raw.split(b"\r\n")
    assert not raw.startswith(b"\xef\xbb\xbf") and len(lines) == 1 + 6 + 1 and raw.count(b"\n") == 7
    assert all(line.startswith(b'"') and line.endswith(b'"') for line in lines[:-1])
    assert max(map(ord, raw.decode())) <= 0xFFFF
    template = (prepared / "public" / "template.html").read_text()
    header = next(csv.reader([lines[0].decode()]))
    assert set(PLACEHOLDER.findall(template)) <= set(header)
    assert {f"text_{n:02d}" for n in range(1, 8)} <= set(PLACEHOLDER.findall(template))


def test_each_screen_shows_what_the_definition_says(prepared, runs):
    """The public files, read as a rater's browser would, are the chosen images of the methods on the sides written down."""
    by_name = {run.labels["method"]: run for run in runs}
    sessions = {session.id: session for session in read_study(prepared).sessions}
    for _, cells in read_batches(prepared / "public"):
        for place, screen in enumerate(sessions[cells["session"]].screens, 1):
            n = f"{place:02d}"
            assert as_text(cells[f"text_{n}"]) == screen.target_text in TEXTS
            assert cells[f"screen_{n}"] == screen.id
            shown = {
                side: read_image(prepared / "public" / "images" / cells[f"{side}_{n}"].removeprefix(URL))
                for side in ("input", "left", "right")
            }
            shard = by_name[screen.ours].shard(screen.pair_id)
            assert np.array_equal(shown["input"], shard.input())
            assert np.array_equal(shown[screen.ours_side], shard.image(shard.samples()["image"].iloc[0]))
            other = shown[screen.opponent_side]
            images = {s.id: s.image(s.samples()["image"].iloc[0]) for s in by_name[screen.opponent].shards()}
            if screen.kind == "attention":
                assert not np.array_equal(other, images[screen.pair_id])
                assert any(np.array_equal(other, image) for image in images.values())
            else:
                assert screen.ours == "imagic" != screen.opponent
                assert np.array_equal(other, images[screen.pair_id])


def test_images_tell_nothing_but_their_pixels(prepared):
    images = list((prepared / "public" / "images").iterdir())
    contents = [path.read_bytes() for path in images]
    assert len(set(map(len, contents))) == 1 and len(set(contents)) == len(contents)
    assert len(set(map(image_header, contents))) == 1
    assert {int(path.stat().st_mtime) for path in images} == {TIME}
    for path in images[:5]:
        with Image.open(path) as image:
            assert image.info == {} and image.mode == "RGB" and image.size == (32, 32)


class Words(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.tags, self.texts, self.links, self._in_text = Counter(), [], [], False
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags[tag] += 1
        self.links += [value for name, value in attributes if name in ("src", "href", "action")]
        if tag == "bdi":
            self._in_text = True
            self.texts.append("")

    def handle_endtag(self, tag):
        self._in_text = self._in_text and tag != "bdi"

    def handle_data(self, data):
        if self._in_text:
            self.texts[-1] += data


def test_hostile_texts_are_plain_text_after_raw_substitution(prepared):
    template = (prepared / "public" / "template.html").read_text()
    by_id = {session.id: session for session in read_study(prepared).sessions}
    for _, cells in read_batches(prepared / "public"):
        page = substitute(template, cells)
        in_turn = template
        for name, value in cells.items():  # one after the other, as Turkle does
            in_turn = in_turn.replace("${" + name + "}", value)
        assert in_turn == page and len(page.encode()) < 65_535
        found = Words(page)
        assert found.texts == [screen.target_text for screen in by_id[cells["session"]].screens]
        assert found.tags["script"] == 1 and found.tags["form"] == 0 and found.tags["input"] == 7 * 3
        assert len(found.links) == 21 and all(link.startswith(URL) for link in found.links)


def test_settings_and_instructions_say_what_to_do(prepared):
    settings = json.loads((prepared / "public" / "hit_settings.json").read_text())
    assert settings["MaxAssignments"] == 3 and settings["Reward"] == "0.39"  # 7 × 8 s + 60 s at $12 an hour
    upload = (prepared / "public" / "UPLOAD.md").read_text()
    assert upload.index("closes on 30 September 2026") < upload.index("Turkle") < upload.index("## 1.")
    assert f"point to `{URL}`" in upload and read_study(prepared).tag in upload and "(0.39" not in upload


def test_the_report_counts_and_names_what_is_not_shown(runs, tmp_path, capsys):
    ours, theirs = (make_run(tmp_path / name, name, i) for i, name in enumerate(("imagic", "other")))
    same = Entry("same.png", "<b>A cat.</b>")
    for run in (ours, theirs):
        run.write_shard(EditPair(same, picture(50)), [Sample(0.5, 0, picture(51))])
    missing = Entry("missing.png", "A tree.")
    ours.write_shard(EditPair(missing, picture(60)), [Sample(0.5, 0, picture(61))])
    theirs.write_failure(missing, [(0.5, 0)], "it <u>burned</u>")
    unchanged = Entry("kept.png", "A bird.")
    ours.write_shard(EditPair(unchanged, picture(70)), [Sample(0.5, 0, picture(71))])
    theirs.write_shard(EditPair(unchanged, picture(70)), [Sample(0.5, 0, picture(70))])
    out = tmp_path / "study"
    assert call(main, listed([ours, theirs]), f"out={out}", "sessions=2", "screens=6", "format=png") == 0
    said = capsys.readouterr().out
    assert "9 of 11 pairs" in said and "relative addresses" in said and said.endswith(f"{out}\n")
    assert read_study(out).left_out == {
        missing.id: "other: failed, it <u>burned</u>",
        same.id: "identical images of imagic and other",
    }
    page = (out / "private" / "prepare_report.html").read_text()
    assert "2 of 11 pairs are left out" in page and "it &lt;u&gt;burned&lt;/u&gt;" in page
    assert "<td>other</td><td><code>other-" in page and "<td>1</td></tr>" in page  # one edit is equal to its input
    assert "200 answers" in page and "$" in page


def test_all_against_all_compares_every_two_methods(runs, tmp_path):
    out = tmp_path / "study"
    assert call(main, listed(runs), f"out={out}", "compare=all", "sessions=6", "screens=7") == 0
    study = read_study(out)
    met = Counter((s.ours, s.opponent) for _, s in study.screens() if s.kind == "main")
    assert study.all_against_all
    assert met == {("imagic", "sdedit"): 12, ("imagic", "ddib"): 12, ("sdedit", "ddib"): 12}


def test_two_names_of_one_picture_are_one_input(tmp_path):
    twins = [Entry("a.png", "A dog."), Entry("b.png", "A cat."), Entry("c.png", "A bird.")]
    runs = []
    for i, name in enumerate(("imagic", "other")):
        run = make_run(tmp_path / name, name, i, entries=twins[2:])
        for k, entry in enumerate(twins[:2]):
            run.write_shard(EditPair(entry, picture(5)), [Sample(0.5, 0, picture(20 * i + k + 30))])
        runs.append(run)
    assert call(main, listed(runs), f"out={tmp_path / 'study'}", "sessions=4", "screens=3") == 0
    for session in read_study(tmp_path / "study").sessions:
        assert len({s.source_group for s in session.screens} & {"a.png", "b.png"}) == 1


def test_a_method_word_that_raters_would_read_fails_the_command(runs, tmp_path, capsys):
    assert call(main, listed(runs), f"out={tmp_path / 's'}", *SMALL, "title=Is SDEdit better") == 2
    error = capsys.readouterr().err
    assert "would not be blind" in error and "“sdedit”" in error and list(tmp_path.iterdir()) == []
    assert call(main, listed(runs), f"out={tmp_path / 's'}", *SMALL[:-1], "url=https://example.org/tiny-weights/") == 2
    assert "tiny-weights" in capsys.readouterr().err


def rewrite(path, old, new):
    path.write_bytes(path.read_bytes().replace(old.encode(), new.encode(), 1))


def append_chunk(path):
    content = path.read_bytes()
    path.write_bytes(content[:33] + b"\0\0\0\4tEXtddib\0\0\0\0" + content[33:-16])


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda public, image: (public / "notes.txt").write_text("x"), "notes.txt is no part"),
        (lambda public, image: image.rename(image.with_name("imagic_1.png")), "not an opaque name"),
        (lambda public, image: image.write_bytes(image.read_bytes() + b"\0"), "different lengths"),
        (lambda public, image: append_chunk(image), "PNG chunk b'tEXt'"),
        (lambda public, image: image.touch(), "different times"),
        (
            lambda public, image: image.write_bytes(next(p for p in image.parent.iterdir() if p != image).read_bytes()),
            "twice",
        ),
        (lambda public, image: Image.new("RGB", (33, 32)).save(image), "sizes"),
        (lambda public, image: Image.new("RGB", (32, 32)).save(image, "JPEG", comment=b"ddib"), "JPEG segment fffe"),
        (lambda public, image: image.write_bytes(b"GIF89a"), "neither JPEG nor PNG"),
        (lambda public, image: image.write_bytes(b"\xff\xd8\xff"), "JPEG segment ff"),
        (lambda public, image: image.unlink(), "every image once"),
        (
            lambda public, image: rewrite(public / "template.html", "<h1>", "<h1>DDIB "),
            "template.html has the word “ddib”",
        ),
        (
            lambda public, image: rewrite(public / "batch_001.csv", URL, f"{URL}sdedit/"),
            "cells that are not the study's",
        ),
        (lambda public, image: rewrite(public / "batch_001.csv", '"study"', '"ours"'), "other columns"),
        (
            lambda public, image: (public / "batch_002.csv").write_bytes((public / "batch_001.csv").read_bytes()),
            "every session once",
        ),
    ],
)
def test_the_leak_scan_finds_what_is_put_there(study, harm, words):
    assert leaks(study) == []
    harm(study / "public", sorted((study / "public" / "images").iterdir())[7])
    found = leaks(study)
    assert any(words in line for line in found), found


def test_the_leak_scan_sees_names_that_go_along_with_methods(prepared):
    study = read_study(prepared)
    sorted_sessions = []
    for session in study.sessions * 2:
        screens = []
        for s in session.screens:
            low, high = sorted((s.left_image, s.right_image))
            left, right = (low, high) if s.ours_side == "left" else (high, low)
            screens.append(replace(s, left_image=left, right_image=right))
        sorted_sessions.append(type(session)(session.id, tuple(screens)))
    told = find_leaks(prepared / "public", replace(study, sessions=tuple(sorted_sessions)), [], URL)
    assert any("comes first by name in 84" in line for line in told)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["screens=12"], "there are 8. Give screens=9"),
        (["screens=1"], "one at least besides the repeat"),
        (["screens=0"], "must be a whole number from 1"),
        (["attention=99", "screens=50"], "at most 99"),
        (["ties=maybe"], "must be true or false"),
        (["format=gif"], "one of jpeg, png"),
        (["compare=some"], "one of ours, all"),
        (["url=ftp://x"], "no address of images"),
        (["url='https://x/\"><script>'"], "no address of images"),
        (["wage=much"], "must be a number"),
        (["size=8"], "from 32 to 4096"),
        (["consent=nowhere.txt"], "cannot be read"),
        (["sesions=2"], "Did you mean sessions"),
    ],
)
def test_what_cannot_be_prepared_says_why_in_one_line(runs, tmp_path, capsys, overrides, words):
    assert call(main, listed(runs), f"out={tmp_path / 's'}", *overrides) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and words in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_runs_are_needed_at_least_two_with_chosen_images(runs, tmp_path, capsys):
    out = f"out={tmp_path / 's'}"
    assert call(main, out) == 2 and "Give the runs' folders" in capsys.readouterr().err
    assert call(main, out, listed(runs[:1])) == 2 and "at least two runs" in capsys.readouterr().err
    several = make_run(tmp_path / "several", "several", 7)
    several.write_shard(EditPair(ENTRIES[0], picture(0)), [Sample(0.9, 0, picture(9))])
    assert call(main, out, listed([runs[0], several])) == 2
    assert f"eval.select run={several.folder} protocol=study" in capsys.readouterr().err


def test_a_study_is_never_overwritten(runs, study, capsys):
    before = (study / "private" / "definition.json").read_bytes()
    assert call(main, listed(runs), f"out={study}", *SMALL) == 2
    assert "never overwritten" in capsys.readouterr().err
    assert (study / "private" / "definition.json").read_bytes() == before


def test_equal_seeds_draw_equal_sessions_under_other_names(runs, prepared, tmp_path):
    assert call(main, listed(runs), f"out={tmp_path / 's'}", *SMALL) == 0
    plain = lambda study: [(s.pair_id, s.opponent, s.ours_side, s.kind) for _, s in study.screens()]
    first, second = read_study(prepared), read_study(tmp_path / "s")
    assert plain(first) == plain(second)
    assert {s.id for _, s in first.screens()}.isdisjoint(s.id for _, s in second.screens())


TEDBENCH = Path(__file__).parents[4] / "shared" / "tedbench"


@pytest.mark.slow
@pytest.mark.skipif(not TEDBENCH.exists(), reason="needs TEdBench's images")
def test_real_outputs_beside_a_blurred_input_make_500_screens(tmp_path):
    from PIL import ImageFilter

    from baselines.precomputed import PUBLISHED, file_name
    from tedbench.image import square

    listing = json.loads((TEDBENCH / "input_list.json").read_text())
    entries = [Entry(row["img_name"], row["target_text"]) for row in listing]
    runs = [make_run(tmp_path / name, name, 0, entries=[], size=256) for name in ("imagic", "blurred")]
    for entry in entries:
        path = TEDBENCH / "imagic" / file_name(PUBLISHED, entry)
        if path.exists():
            image = square(read_image(TEDBENCH / "originals" / entry.image_name), 256)
            blurred = np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(4)))
            for run, edit in zip(runs, (square(read_image(path), 256), blurred), strict=True):
                run.write_shard(EditPair(entry, image), [Sample(1.0, 0, edit)])
    assert call(main, listed(runs), f"out={tmp_path / 'study'}", f"url={URL}") == 0
    study = read_study(tmp_path / "study")
    assert sum(1 for _ in study.screens()) == 500 and len({s.pair_id for _, s in study.screens()}) == 40
    assert Run.open(runs[0].folder).labels["method"] == "imagic"


def test_no_template_of_ours_hides_a_methods_name_from_the_scan():
    names = {path.stem for group in ("method", "model") for path in (ROOT / group).glob("*.yaml")} - {"none"}
    assert "imagic" in names and set(identifying_words(names)) == names
