"""Lists of one's own: what is read, and what is said of a list that is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
from PIL import Image

from tedbench.datasets.folder import Folder
from tedbench.errors import ImageError, UserError
from tedbench.pair import pair_id


@pytest.fixture
def here(tmp_path: Path) -> Path:
    for name, color in (("dog.png", "red"), ("a/cat.png", "lime"), ("b/cat.png", "blue"), ("edited.png", "white")):
        path = tmp_path / "list" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (30, 20), color).save(path)
    (tmp_path / "list" / "masks").mkdir()
    half = Image.new("L", (30, 20))
    half.paste(255, (15, 0, 30, 20))
    half.save(tmp_path / "list" / "masks" / "dog.png")
    return tmp_path / "list"


def csv(here: Path, text: str, encoding: str = "utf-8") -> Path:
    (here / "pairs.csv").write_text(text, encoding=encoding, newline="")
    return here / "pairs.csv"


def as_json(here: Path, data: object) -> Path:
    (here / "pairs.json").write_text(json.dumps(data), encoding="utf-8")
    return here / "pairs.json"


FULL = {
    "image": "dog.png",
    "target_text": "A sitting dog, smiling.",
    "source_text": "A dog.",
    "source_object": "dog",
    "target_object": "sitting dog",
    "instruction": "Make it sit.",
    "mask": "masks/dog.png",
    "category": "pose",
    "truth": "edited.png",
}


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_every_column_arrives(here: Path, kind: str) -> None:
    if kind == "json":
        file = as_json(here, [FULL, {"image": "a/cat.png", "target_text": "A cat.", "category": None}])
    else:
        row = ",".join(f'"{value}"' for value in FULL.values())
        file = csv(here, f"{','.join(FULL)}\r\n{row}\r\na/cat.png,A cat.\r\n\r\n")
    dataset = Folder(file, size=16)
    pair, other = dataset
    assert vars(pair.entry) | {"image": "dog.png", "truth": "edited.png"} == {
        "image_name": "dog.png",
        "path": str(here / "dog.png"),
        **FULL,
    }
    assert pair.image.shape == pair.truth.shape == (16, 16, 3)
    assert (pair.image == (255, 0, 0)).all()
    assert (pair.truth == 255).all()
    assert not pair.mask[:, :8].any() and pair.mask[:, 8:].all()
    assert other.truth is None and other.mask is None
    assert other.entry.source_text is other.entry.category is None
    assert not dataset.synthetic


def test_words_that_tables_take_for_nothing_are_texts(here: Path) -> None:
    file = csv(here, "image,target_text,category\ndog.png,NA,null\na/cat.png,None,nan\nb/cat.png,TRUE,1\n")
    assert [(e.target_text, e.category) for e in Folder(file, 8).entries] == [
        ("NA", "null"),
        ("None", "nan"),
        ("TRUE", "1"),
    ]


def test_spreadsheet_bom_quotes_and_other_alphabets(here: Path) -> None:
    file = csv(here, 'image,target_text\r\ndog.png,"Ein ""braver"" Hund, 犬\u2028🐕"\r\n', "utf-8-sig")
    assert Folder(file, 8).entries[0].target_text == 'Ein "braver" Hund, 犬\u2028🐕'


def test_files_of_one_name_in_two_folders_are_two_images(here: Path) -> None:
    dataset = Folder(csv(here, "image,target_text\na/cat.png,A cat.\nb/cat.png,A cat.\n"), 8)
    assert [entry.image_name for entry in dataset.entries] == ["a/cat.png", "b/cat.png"]
    first, second = dataset
    assert first.id != second.id
    assert not np.array_equal(first.image, second.image)


def test_one_image_has_one_name_however_it_is_written(here: Path) -> None:
    rows = [
        {"image": name, "target_text": f"Text {i}."}
        for i, name in enumerate(["dog.png", "./dog.png", "a/../dog.png", str(here / "dog.png")])
    ]
    assert {entry.image_name for entry in Folder(as_json(here, rows), 8).entries} == {"dog.png"}


def test_image_outside_of_the_lists_folder_is_read(here: Path) -> None:
    Image.new("RGB", (9, 9), "red").save(here.parent / "outside.png")
    pair = next(iter(Folder(as_json(here, [{"image": "../outside.png", "target_text": "A dog."}]), 8)))
    assert pair.entry.image_name == "../outside.png"


def test_list_may_be_given_from_another_folder(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    csv(here, "image,target_text\ndog.png,A dog.\n")
    monkeypatch.chdir(here.parent)
    assert len(list(Folder("list/pairs.csv", 8))) == 1


def test_missing_files_are_known_before_they_are_read(here: Path) -> None:
    (here / "there.png").touch()
    names = ("there.png", "gone.png", f"{'a' * 300}.png")
    rows = [{"image": name, "target_text": "A dog."} for name in names]
    rows.append({"image": "there.png", "target_text": "A cat.", "truth": "edit.png"})
    found = Folder(as_json(here, rows), size=16).missing()
    assert [path.name for path in found.values()] == [*names[1:], "edit.png"]


def test_missing_image_fails_its_own_pair_only(here: Path) -> None:
    dataset = Folder(csv(here, "image,target_text\nnone.png,A dog.\ndog.png,A dog.\n"), 8)
    with pytest.raises(ImageError, match=r"none\.png does not exist"):
        dataset.load(dataset.entries[0])
    assert dataset.load(dataset.entries[1]).target_text == "A dog."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,text\ndog.png,A dog.\n", r"pairs\.csv has no column target_text, only 'image', 'text'"),
        ("image;target_text\ndog.png;A dog.\n", r"no column image, only 'image;target_text'.*commas"),
        ("", r"has no column image, only none"),
        ("image,target_text,sourcetext\ndog.png,A dog.,x\n", r"'sourcetext'\. Did you mean source_text\?"),
        ("image,target_text,image\ndog.png,A dog.,x\n", r"has the column image twice"),
        ("image,target_text\ndog.png,A dog.\ndog.png,  \n", r"line 3: target_text is empty"),
        ("image,target_text\ndog.png\n", r"line 2: target_text is empty"),
        ("image,target_text\n,A dog.\n", r"line 2: image is empty"),
        ("image,target_text\ndog.png,A dog, sitting.\n", r"line 2 has more cells than columns.*double quotes"),
        ('image,target_text\ndog.png,"A dog.\n', r"line 2: .*unclosed double quote"),
        ("image,target_text\ndog.png,A dog.\ndog.png,A dog.\n", r"is listed more than once"),
        ("image,target_text\n", r"has no pairs"),
    ],
)
def test_wrong_csv_is_told_of(here: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        Folder(csv(here, text), 8)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"image": "dog.png"}, r"holds an object\. Give a list"),
        (["dog.png"], r"item 1 is a text\. Give an object"),
        ([{"image": "dog.png"}], r"item 1 has no column target_text"),
        ([{**FULL}, {"image": "dog.png", "target_text": 5}], r"item 2: target_text is a number"),
        ([{"image": ["dog.png"], "target_text": "A dog."}], r"item 1: image is a list"),
        ([{"image": "dog.png", "target_text": None}], r"item 1: target_text is empty"),
        ([{"image": "dog.png", "target_text": "A dog.", "truth": True}], r"item 1: truth is true or false"),
    ],
)
def test_wrong_json_is_told_of(here: Path, data: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Folder(as_json(here, data), 8)


def test_list_that_cannot_be_read_is_told_of(here: Path) -> None:
    with pytest.raises(UserError, match=r"dataset\.file is not set"):
        Folder(None, 8)
    with pytest.raises(UserError, match=r"nowhere\.csv does not exist"):
        Folder(here / "nowhere.csv", 8)
    with pytest.raises(UserError, match=r"is neither \.csv nor \.json"):
        Folder(here / "dog.png", 8)
    (here / "pairs.json").write_text("[{")
    with pytest.raises(UserError, match=r"is not JSON"):
        Folder(here / "pairs.json", 8)
    with pytest.raises(UserError, match=r"is not in UTF-8"):
        Folder(csv(here, "image,target_text\ndog.png,Hündchen\n", "latin-1"), 8)


@pytest.mark.parametrize("listed", ["NFC", "NFD"])
@pytest.mark.parametrize("asked", ["NFC", "NFD"])
def test_an_id_is_found_in_either_spelling_of_unicode(here: Path, listed: str, asked: str) -> None:
    rows = [
        f"dog.png,{normalize(listed, 'Ein Café')}",
        f"dog.png,{normalize(listed, 'Über den Wolken')}",
        "dog.png,Ein Hund",
    ]
    file = csv(here, "\n".join(("image,target_text", *rows, "")))
    wanted = pair_id("dog.png", normalize(asked, "Ein Café"))
    for id in (wanted, wanted[:-8]):
        (entry,) = Folder(file, 8, ids=[id]).entries
        assert entry.target_text == normalize(listed, "Ein Café")


def test_a_name_in_two_spellings_is_one_image(here: Path) -> None:
    rows = "".join(f"{normalize(form, 'über.png')},Text {form}\n" for form in ("NFC", "NFD"))
    entries = Folder(csv(here, f"image,target_text\n{rows}"), 8).entries
    assert len({entry.image_name for entry in entries}) == 1


def mask_of(here: Path, mask: np.ndarray, size: int = 4) -> np.ndarray:
    Image.fromarray(mask).save(here / "mask.png")
    (pair,) = Folder(as_json(here, [{"image": "dog.png", "target_text": "A dog.", "mask": "mask.png"}]), size)
    return pair.mask


def test_what_is_transparent_in_a_mask_is_not_in_the_region(here: Path) -> None:
    mask = np.full((20, 30, 4), 255, np.uint8)
    mask[:, :15, 3] = 0
    assert mask_of(here, mask).tolist() == [[False, False, True, True]] * 4


@pytest.mark.parametrize("light", [1, 38, 255])
def test_a_mask_of_any_number_is_the_same_mask(here: Path, light: int) -> None:
    drawn = np.zeros((20, 30), dtype=np.uint8)
    drawn[10:, 5:15] = light  # the centre square is that of the columns 5 to 24
    expected = np.zeros((4, 4), dtype=bool)
    expected[2:, :2] = True
    assert np.array_equal(mask_of(here, drawn), expected)


def test_a_black_mask_keeps_everything_and_a_white_one_nothing(here: Path) -> None:
    assert not mask_of(here, np.zeros((20, 30), dtype=np.uint8)).any()
    assert mask_of(here, np.full((20, 30, 3), 255, dtype=np.uint8)).all()


def test_half_of_an_areas_pixels_mark_it_and_dim_ones_do_not(here: Path) -> None:
    drawn = np.zeros((20, 30), dtype=np.uint8)
    drawn[:, 5:8] = 255  # 3 of the 5 columns of the square's first pixels
    drawn[:, 10:12] = 255  # 2 of the next 5
    drawn[:, 15:] = 100  # less than half as bright
    assert mask_of(here, drawn).all(axis=0).tolist() == [True, False, False, False]
    assert mask_of(here, drawn).any(axis=0).tolist() == [True, False, False, False]


def test_a_mask_of_another_shape_fails_its_pair_in_one_line(here: Path) -> None:
    with pytest.raises(ImageError, match=r"The mask of .* is 20×20 and its input 30×20"):
        mask_of(here, np.zeros((20, 20), dtype=np.uint8))


def test_a_missing_mask_is_known_before_it_is_read(here: Path) -> None:
    dataset = Folder(as_json(here, [{"image": "dog.png", "target_text": "A dog.", "mask": "none.png"}]), 8)
    assert [path.name for path in dataset.missing().values()] == ["none.png"]
    with pytest.raises(ImageError, match=r"none\.png does not exist"):
        dataset.load(dataset.entries[0])
