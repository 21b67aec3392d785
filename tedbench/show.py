"""``python -m tedbench.show dataset=…``: the contents of a dataset, as a table in the terminal and a contact sheet."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf
from rich.markup import escape
from rich.table import Table

from cli.command import command
from runtime.tables import open_console, print_table
from tedbench.datasets.base import Dataset
from tedbench.errors import ImageError, UserError
from tedbench.manifest import pixel_sha256
from tedbench.pair import Entry
from tedbench.sheet import Cell, draw_sheet, tile


class Looked(NamedTuple):
    """An entry after reading its images.

    Attributes:
        entry: the entry.
        original: size of the input image in its file, or "unreadable".
        cell: of the contact sheet.
        pixels: sha256 of the input's pixels, or None.
        problem: the error if an image could not be read.
    """

    entry: Entry
    original: str
    cell: Cell
    pixels: str | None = None
    problem: str | None = None


def look(dataset: Dataset, entry: Entry) -> Looked:
    """Read an entry's images; an error is recorded, not raised."""
    note = f"{entry.instruction} {entry.image_name}" if entry.instruction else entry.image_name
    try:
        image, truth = dataset.read(entry)
    except ImageError as error:
        cell = Cell((f"unreadable: {error}",), entry.target_text, note)
        return Looked(entry, "unreadable", cell, problem=str(error))
    pictures = tuple(tile(picture) for picture in (image, truth) if picture is not None)
    cell = Cell(pictures, entry.target_text, note)
    return Looked(entry, f"{image.shape[1]}×{image.shape[0]}", cell, pixel_sha256(image))


def table(looked: Sequence[Looked]) -> Table:
    """Return the table: id, category and instruction if there are any, target text and size of the original."""
    categories = any(row.entry.category for row in looked)
    instructions = any(row.entry.instruction for row in looked)
    result = Table(box=None, pad_edge=False, header_style="bold")
    result.add_column("pair", overflow="fold", style="cyan")
    if categories:
        result.add_column("category")
    result.add_column("target text", overflow="fold")
    if instructions:
        result.add_column("instruction", overflow="fold")
    result.add_column("original", justify="right")
    for row in looked:
        size = f"[red]{row.original}[/red]" if row.problem else row.original
        category = [escape(row.entry.category or "")] if categories else []
        instruction = [escape(row.entry.instruction or "")] if instructions else []
        result.add_row(escape(row.entry.id), *category, escape(row.entry.target_text), *instruction, size)
    return result


def totals(looked: Sequence[Looked]) -> str:
    """Return the counts, such as "100 pairs, 40 images (39 different)", and the number of unreadable pairs."""
    images = len({row.entry.image_name for row in looked})
    different = len({row.pixels or row.entry.image_name for row in looked})
    bad = sum(row.problem is not None for row in looked)
    counts = f"{_count(images, 'image')} ({different} different)" if different < images else _count(images, "image")
    return ", ".join([_count(len(looked), "pair"), counts] + ([f"{bad} unreadable"] if bad else []))


def show(dataset: Dataset, out: Path) -> int:
    """Print the table and write the sheet; return 1 if an image cannot be read, otherwise 0.

    Raises:
        UserError: the sheet cannot be written.
    """
    looked = [look(dataset, entry) for entry in dataset.entries]
    console = open_console()
    print_table(console, table(looked))
    console.print(f"\n[bold]{totals(looked)}[/bold]")
    with_truth = any(len(row.cell.pictures) > 1 for row in looked)
    title = (
        f"{dataset.name.capitalize()} (synthetic)"
        if dataset.synthetic
        else {"tedbench": "TEdBench"}.get(dataset.name, dataset.name)
    )
    sheet = draw_sheet(
        [row.cell for row in looked],
        title,
        f"{totals(looked)} · {'input and true edit' if with_truth else 'input'}, target text",
    )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(out)
    except (OSError, ValueError) as error:
        raise UserError(
            f"out={out} cannot be written ({error}). Give the name of a PNG file in a folder that you may write to."
        ) from None
    console.print(f"{escape(str(out))}: {sheet.width}×{sheet.height}", soft_wrap=True)
    for problem in dict.fromkeys(row.problem for row in looked if row.problem):
        print(f"unreadable: {problem}", file=sys.stderr)
    return int(any(row.problem for row in looked))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


ABOUT = """\
Shows what is in a dataset: a table of its pairs, their number, and a contact sheet (input, true edit, target text, instruction).

  picturebook  dataset.split=preview|all|search
  tedbench     dataset.root=FOLDER with input_list.json and originals/; without it, the files are downloaded once into
               ~/.cache/imagic-bench (or $IMAGIC_BENCH_CACHE), from dataset.source=github|huggingface
  folder       dataset.file=LIST.csv or .json with the columns image and target_text, and optionally source_text,
               source_object, target_object, instruction, mask, category and truth (the true edited image)

Exit status: 0, 1 where an image cannot be read, 2 for an error."""

EXAMPLES = """
python -m tedbench.show dataset.split=all
python -m tedbench.show dataset=tedbench dataset.root=path/to/tedbench
python -m tedbench.show dataset=tedbench 'dataset.ids=[zebra, road1]' out=some.png
python -m tedbench.show dataset=folder dataset.file=mine/pairs.csv
"""


@command("show", ABOUT, EXAMPLES)
def main(config: DictConfig) -> int:
    """Run the command; ``conf/show.yaml`` has its options."""
    from tedbench.datasets.build import build_dataset

    settings: dict[str, Any] = OmegaConf.to_container(config.dataset, resolve=True)  # type: ignore[assignment]
    return show(build_dataset(settings), Path(config.out))


if __name__ == "__main__":
    main()
