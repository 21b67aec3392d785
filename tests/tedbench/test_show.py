"""``python -m tedbench.show`` as its users run it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tedbench.sheet import TILE, Cell, draw_sheet


@pytest.fixture
def show(command, tmp_path, monkeypatch):
    """``python -m tedbench.show`` in this process and this folder."""
    monkeypatch.setenv("IMAGIC_BENCH_CACHE", str(tmp_path / "cache"))
    return partial(command, "tedbench.show", cwd=tmp_path)


def test_picturebook_is_shown(show, tmp_path: Path) -> None:
    done = show("dataset.split=all")
    assert done.returncode == 0, done.stderr
    assert "100 pairs, 48 images" in done.stdout
    assert "dog_01.png_a_photo_of_a_sitting_brown_dog" in done.stdout
    assert "A photo of a sitting brown dog." in done.stdout
    assert "instruction" in done.stdout and "Make the dog sit" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["contact_sheet.png"]  # and no folders of Hydra's
    with Image.open(tmp_path / "contact_sheet.png") as sheet:
        assert min(sheet.size) > 3 * TILE


def test_several_splits_in_one_command_leave_nothing_but_the_sheet(show, tmp_path: Path) -> None:
    done = show("-m", "dataset.split=preview,search")
    assert done.returncode == 0, done.stderr
    assert "7 pairs" in done.stdout
    assert "60 pairs" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["contact_sheet.png"]


def test_tedbench_is_shown(show, tmp_path: Path, published: Path) -> None:
    done = show("dataset=tedbench", f"dataset.root={published}", "out=deep/ted.png")
    assert done.returncode == 0, done.stderr
    assert "100 pairs, 40 images (39 different)" in done.stdout
    assert "unreadable" not in done.stdout
    assert "1046" in done.stdout
    assert "warning" not in done.stderr
    assert (tmp_path / "deep" / "ted.png").is_file()


def test_unreadable_image_is_a_grey_tile_and_status_1(show, tmp_path: Path) -> None:
    Image.new("RGB", (300, 300), "red").save(tmp_path / "dog.png")
    (tmp_path / "bad.png").write_text("no image")
    (tmp_path / "pairs.csv").write_text("image,target_text\nbad.png,A [bold]cat[/bold].\ndog.png,A dog.\n")
    done = show("dataset=folder", "dataset.file=pairs.csv")
    assert done.returncode == 1
    assert "2 pairs, 2 images, 1 unreadable" in done.stdout
    assert "A [bold]cat[/bold]." in done.stdout
    assert "bad.png cannot be read as an image" in done.stderr
    sheet = np.asarray(Image.open(tmp_path / "contact_sheet.png"))
    assert (sheet == (222, 224, 228)).all(axis=2).sum() > TILE * TILE / 2
    assert (sheet == (255, 0, 0)).all(axis=2).sum() == TILE * TILE


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dataset=folder"], "dataset.file is not set"),
        (["dataset=tedbench", "dataset.root=nowhere"], "input_list.json does not exist"),
        (["dataset.ids=[tree_01.png_a_tree_in_autumn]"], "Did you mean tree_01.png_a_photo"),
        (["dataset.limit=some"], "must be a whole number from 1"),
        (["dataset=tedbnch"], "Did you mean dataset=tedbench?"),
        (["out=/proc/none.png"], "cannot be written"),
    ],
)
def test_errors_are_one_line_and_status_2(show, tmp_path: Path, arguments: list[str], message: str) -> None:
    done = show(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_changed_original_is_one_line_of_warning(show, tmp_path: Path, published: Path) -> None:
    (tmp_path / "originals").mkdir()
    (tmp_path / "input_list.json").write_bytes((published / "input_list.json").read_bytes())
    Image.new("RGB", (50, 50)).save(tmp_path / "originals" / "zebra.jpeg")
    done = show("dataset=tedbench", "dataset.root=.", "dataset.ids=[zebra]")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("warning: 1 of 1 images")
    assert done.stderr.count("\n") == 1


def test_sheet_has_room_for_long_texts_and_words() -> None:
    tile = np.zeros((TILE, TILE, 3), np.uint8)
    cells = [Cell((tile,), "word " * 40, "n" * 200), Cell((tile, "unreadable: " + "reason " * 90), "")]
    sheet = np.asarray(draw_sheet(cells, "A title " * 20))
    assert (sheet[:16] == 255).all()  # the margins stay white
    assert (sheet[-16:] == 255).all()
    assert (sheet[:, :16] == 255).all()
    assert (sheet[:, -16:] == 255).all()
