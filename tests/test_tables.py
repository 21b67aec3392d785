"""Tables in terminals of any width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.table import Table

from runtime.tables import WIDE, open_console, print_table

HEADS = ["CLIP score", "1−LPIPS", "judge success", "judge changed", "CLIP direction", "PSNR", "1−LPIPS to true edit"]
NUMBERS = [f"{0.1234 + place / 10:.4f}" for place in range(len(HEADS))]


def printed(width: int, *, terminal: bool = True) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None, highlight=False)
    table = Table(title="Imagic on Picturebook")
    table.add_column("pair")
    for head in HEADS:
        table.add_column(head, justify="right")
    table.add_column("images", justify="right")
    table.add_row("dog_01.png_a_photo_of_a_sitting_dog", *NUMBERS, "33 of 36")
    print_table(console, table)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_no_number_is_cut_in_a_narrow_terminal(width):
    text = printed(width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for number in NUMBERS:
        assert text.count(number) == 1
    assert text.count("Imagic on Picturebook") == 1
    folded = "".join(line.split("│")[1].strip() for line in text.splitlines() if line.startswith("│"))
    assert folded.startswith("dog_01.png_a_photo_of_a_sitting_dog")


def test_a_table_that_fits_is_printed_as_rich_does():
    assert len([line for line in printed(200).splitlines() if "┏" in line]) == 1


def test_a_file_gets_a_row_a_line(capsys):
    assert open_console().width == WIDE
    text = printed(WIDE, terminal=False)
    (row,) = [line for line in text.splitlines() if line.startswith("│")]
    assert all(word in row for word in [*NUMBERS, "33 of 36"])
    (head,) = [line for line in text.splitlines() if line.startswith("┃")]
    assert all(word in head for word in HEADS)
