"""Captions, object phrases and categories for TEdBench's pairs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tedbench.annotations import CATEGORIES, annotate, own
from tedbench.datasets.tedbench import TEdBench
from tedbench.errors import UserError
from tedbench.manifest import Manifest

PAIRS = [("dog2_standing.png", "A photo of a sitting dog."), ("mine.png", "A cat.")]


def written(folder: Path, rows: str, header: str = "img_name,target_text,source_text,category") -> Path:
    file = folder / "mine.csv"
    file.write_text(f"{header}\n{rows}", encoding="utf-8")
    return file


def test_every_published_pair_is_annotated_and_no_other() -> None:
    assert list(own()) == list(Manifest.load().pairs)
    for key, known in own().items():
        assert set(known) == {"source_text", "source_object", "target_object", "category", "instruction"}, key
        assert known["category"] in CATEGORIES
        assert known["source_object"] != known["target_object"]
        assert known["source_text"] != key[1] and known["source_text"].endswith(".")
        assert known["instruction"][0].isupper() and known["instruction"].endswith("."), key


def test_they_need_no_images_and_arrive_with_them(published: Path) -> None:
    pairs = Manifest.load().pairs
    assert TEdBench(published, 16).entries == tuple(annotate(pairs))
    assert {entry.category for entry in annotate(pairs)} == set(CATEGORIES)


def test_a_list_of_ones_own_goes_first_cell_by_cell(tmp_path: Path) -> None:
    file = written(tmp_path, "mine.png,A cat.,A dog.,\ndog2_standing.png,A photo of a sitting dog.,,posture\n")
    first, second = annotate(PAIRS, file)
    assert (first.source_text, first.category) == ("A photo of a standing dog.", "posture")
    assert (second.source_text, second.category, second.source_object) == ("A dog.", None, None)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("mine.png,A bird.,A dog.,pose\n", r"line 2: there is no pair of mine\.png and 'A bird\.'"),
        ("mine.png,A cat.,A dog.,\nmine.png,A cat.,A dog.,\n", r"line 3: .* is there twice"),
        ("mine.png,,A dog.,\n", "target_text is empty"),
    ],
)
def test_what_is_wrong_with_it_is_said_with_its_line(tmp_path: Path, rows: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        annotate(PAIRS, written(tmp_path, rows))


def test_a_list_that_is_not_there_is_named_by_its_option(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"dataset\.annotations=.*none\.csv does not exist"):
        annotate(PAIRS, tmp_path / "none.csv")


def test_pairs_of_another_list_have_no_annotations_of_ours(small: Path, small_manifest: Manifest) -> None:
    assert {entry.source_text for entry in TEdBench(small, 16, manifest=small_manifest).entries} == {None}
