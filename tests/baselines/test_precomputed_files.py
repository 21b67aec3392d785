"""Which files images made elsewhere are read from: by contents, by every way of writing a name, and each by one pair."""

from __future__ import annotations

import warnings
from unicodedata import normalize

import numpy as np
import pytest
from PIL import Image

from baselines.precomputed import Precomputed
from tedbench.build import build
from tedbench.datasets.folder import Folder
from tedbench.errors import UserError
from tedbench.method import Editor
from tedbench.pair import Entry

RED, BLUE = "red", "blue"


def picture(path, color=RED, size=(16, 16), **settings):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path, **settings)
    return path


def table(path, *rows, header="image,target_text,file"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join((header, *rows, "")), encoding="utf-8")
    return path


def dataset(folder, *rows):
    return Folder(table(folder / "pairs.csv", *rows, header="image,target_text"), 16).entries


def digests(editor, *entries):
    return [{key: origin.digest for key, origin in editor.files.origins(entry).items()} for entry in entries]


@pytest.mark.parametrize("suffix", ["avif", "gif", "jfif", "png", "unheard-of"])
def test_the_digest_of_a_folders_image_is_of_its_content_whatever_its_ending(tmp_path, suffix):
    entry, found = Entry("in.png", "A dot"), []
    for color in (RED, BLUE, RED):
        file = tmp_path / f"in_A_dot.{suffix}"
        picture(file, color, format="PNG")
        found += digests(Precomputed(tmp_path, "{image_stem}_{text}." + suffix), entry)
    assert found[0] == found[2] != found[1]


def test_the_digest_follows_linked_folders(tmp_path):
    picture(tmp_path / "real" / "in_A_dot.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "m").symlink_to("../real")
    entry, pattern = Entry("in.png", "A dot"), "m/{image_stem}_{text}.png"
    before = digests(Precomputed(tmp_path / "out", pattern), entry)
    picture(tmp_path / "real" / "in_A_dot.png", BLUE)
    assert digests(Precomputed(tmp_path / "out", pattern), entry) != before


def test_rows_that_exchange_files_of_one_name_exchange_digests(tmp_path):
    picture(tmp_path / "a" / "out.png", RED)
    picture(tmp_path / "b" / "out.png", BLUE)
    one, other = Entry("in.png", "A dot"), Entry("in.png", "A line")
    rows = ["in.png,A dot,{}/out.png", "in.png,A line,{}/out.png"]
    first = digests(Precomputed(file=table(tmp_path / "l.csv", rows[0].format("b"), rows[1].format("a"))), one, other)
    then = digests(Precomputed(file=table(tmp_path / "l.csv", rows[0].format("a"), rows[1].format("b"))), one, other)
    assert first == then[::-1] and first[0] != first[1]


def test_a_row_that_is_gone_is_a_file_that_is_missing(tmp_path):
    picture(tmp_path / "x.png")
    editor = Precomputed(file=table(tmp_path / "l.csv", "in.png,A dot,x.png"))
    assert digests(editor, Entry("in.png", "A line")) == [{(1.0, 0): "missing"}]


@pytest.mark.parametrize("listed, disk", [("NFC", "NFD"), ("NFD", "NFC"), ("NFC", "NFC"), ("NFD", "NFD")])
def test_names_are_found_in_either_spelling_of_unicode(tmp_path, listed, disk):
    spelled, found = (lambda text: normalize(listed, text)), (lambda text: normalize(disk, text))
    picture(tmp_path / found("Zoë") / found("über.png"))
    entries = dataset(tmp_path, f"{spelled('Zoë/über.png')},{spelled('Ein Café')}")
    picture(tmp_path / "out" / found("Zoë") / found("über.png-Ein_Café.png"))
    editors = [Precomputed(tmp_path / "out")]
    row = f"{found('Zoë/über.png')},{found('Ein Café')},out/{spelled('Zoë/über.png-Ein_Café.png')}"
    editors.append(Precomputed(file=table(tmp_path / "l.csv", row)))
    for editor in editors:
        (path,) = editor.files.of(entries[0]).values()
        assert path.is_file()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            editor.files.check(entries)


def test_two_rows_in_two_spellings_are_one_pair(tmp_path):
    rows = [f"in.png,{normalize(form, 'Ein Café')},x.png" for form in ("NFC", "NFD")]
    with pytest.raises(UserError, match=r"line 3: this pair has strength 1, seed 0 already \(.*line 2\)"):
        Precomputed(file=table(tmp_path / "l.csv", *rows))


@pytest.mark.parametrize("of_pairs", ["{here}/in.png", "./in.png", "in.png", "a/../in.png"])
@pytest.mark.parametrize("of_edits", ["{here}/in.png", "./in.png", "in.png", "a/../in.png"])
def test_a_lists_image_is_the_datasets_however_both_write_it(tmp_path, of_pairs, of_edits):
    picture(tmp_path / "in.png")
    picture(tmp_path / "e.png")
    entries = dataset(tmp_path, f"{of_pairs.format(here=tmp_path)},A cat")
    editor = Precomputed(file=table(tmp_path / "l.csv", f"{of_edits.format(here=tmp_path)},A cat,e.png"))
    assert list(editor.files.of(entries[0]).values()) == [tmp_path / "e.png"]


@pytest.mark.parametrize("name", ["in.png", "../data/in.png", "{here}/data/in.png", "{here}/link/in.png"])
def test_a_list_in_another_folder_names_images_from_either(tmp_path, name):
    picture(tmp_path / "data" / "in.png")
    picture(tmp_path / "edits" / "e.png")
    (tmp_path / "link").symlink_to("data")
    entries = dataset(tmp_path / "data", "in.png,A cat")
    rows = [f"{name.format(here=tmp_path)},A cat,e.png"]
    editor = Precomputed(file=table(tmp_path / "edits" / "l.csv", *rows))
    assert list(editor.files.of(entries[0]).values()) == [tmp_path / "edits" / "e.png"]
    if name != "in.png":
        twice = Precomputed(file=table(tmp_path / "edits" / "l.csv", *rows, "in.png,A cat,other.png"))
        with pytest.raises(UserError, match="line 3: this pair has strength 1, seed 0 already"):
            twice.files.check(entries)


def test_an_image_of_the_list_that_is_reached_by_a_linked_folder_has_its_own_name(tmp_path):
    picture(tmp_path / "data" / "in.png")
    (tmp_path / "link").symlink_to("data")
    entries = dataset(tmp_path / "data", "in.png,A cat", f"{tmp_path}/link/in.png,A dog")
    assert {entry.image_name for entry in entries} == {"in.png"}


PATTERN = "{image_stem}.png"


def test_several_pairs_of_one_file_are_named_and_refused_unless_meant(tmp_path):
    entries = [Entry("dog.png", f"A dog {what}") for what in ("sits", "runs", "sleeps")] + [Entry("cat.png", "A cat")]
    picture(tmp_path / "dog.png")
    picture(tmp_path / "cat.png", BLUE)
    with pytest.raises(UserError, match=r"3 of 4 pairs share.*dog\.png is read for dog.*method\.shared_files=true"):
        Precomputed(tmp_path, PATTERN).files.check(entries)
    with pytest.warns(UserWarning, match=r"3 of 4 pairs share"):
        Precomputed(tmp_path, PATTERN, shared_files=True).files.check(entries)


@pytest.mark.parametrize("linked", ["symlink_to", "hardlink_to"])
def test_two_names_of_one_file_are_one_file(tmp_path, linked):
    picture(tmp_path / "a.png")
    getattr(tmp_path / "b.png", linked)(tmp_path / "a.png")
    entries = [Entry("a.png", "A cat"), Entry("b.png", "A cat")]
    with pytest.raises(UserError, match="2 of 2 pairs share"):
        Precomputed(tmp_path, PATTERN).files.check(entries)


def test_pairs_that_share_a_name_where_nothing_lies_are_missing_alone(tmp_path):
    picture(tmp_path / "cat.png")
    entries = [Entry("dog.png", "A dog sits"), Entry("dog.png", "A dog runs"), Entry("cat.png", "A cat")]
    with pytest.warns(UserWarning, match="2 of 3 pairs have no edited image") as told:
        Precomputed(tmp_path, PATTERN).files.check(entries)
    assert len(told) == 1


def test_copies_for_several_texts_of_one_image_are_warned_of(tmp_path):
    entries = [Entry("dog.png", "A"), Entry("dog.png", "B"), Entry("dog.png", "C"), Entry("cat.png", "A")]
    for entry, color in zip(entries, (RED, RED, BLUE, RED), strict=True):
        picture(tmp_path / f"{entry.image_name}-{entry.target_text}.png", color)
    with pytest.warns(
        UserWarning, match=r"2 edited images have the same content.*dog\.png-A\.png and .*dog\.png-B\.png"
    ):
        Precomputed(tmp_path).files.check(entries)


def test_a_file_of_several_strengths_is_warned_of(tmp_path):
    rows = ["in.png,A cat,e.png,0.1", "in.png,A cat,e.png,0.2"]
    picture(tmp_path / "e.png")
    editor = Precomputed(file=table(tmp_path / "l.csv", *rows, header="image,target_text,file,strength"))
    with pytest.warns(UserWarning, match=r"1 file is read for several strengths"):
        editor.files.check([Entry("in.png", "A cat")])


def test_strengths_that_are_written_alike_are_one(tmp_path, describe):
    header = "image,target_text,file,strength"
    rows = [f"in.png,A cat,e{k}.png,{float(k) / 10 if k != 3 else 0.1 + 0.2}" for k in range(4)]
    editor = Precomputed(file=table(tmp_path / "l.csv", *rows, header=header))
    assert editor.axis.grid == (0.0, 0.1, 0.2, 0.3)
    assert (
        describe(editor).requests([0.3, 0.1], [0])
        == describe(editor).requests([0.1 + 0.2, 0.1], [0])
        == [(0.1, 0), (0.3, 0)]
    )
    with pytest.raises(UserError, match=r"line 6: this pair has strength 0\.3, seed 0 already"):
        Precomputed(file=table(tmp_path / "l.csv", *rows, "in.png,A cat,e9.png,0.3", header=header))


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"geometry": "stretch"}, "one of crop, squash, pad"), ({"shared_files": "yes"}, "true or false")],
)
def test_unknown_settings_are_one_clear_line(tmp_path, settings, words):
    with pytest.raises(UserError, match=words):
        build({"_target_": "baselines.precomputed.Precomputed", "folder": str(tmp_path), **settings}, Editor)


def test_an_image_that_is_replaced_between_two_looks_has_another_digest(tmp_path):
    entry = Entry("in.png", "A dot")
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / "in.png-A_dot.bmp")
    editor = Precomputed(tmp_path, "{image_name}-{text}.bmp")
    before = digests(editor, entry)
    Image.fromarray(np.ones((16, 16, 3), np.uint8)).save(tmp_path / "new.bmp")
    (tmp_path / "new.bmp").replace(tmp_path / "in.png-A_dot.bmp")
    assert digests(editor, entry) != before
