"""A figure of images from saved runs, with its caption and the left-out pairs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.analysis.common_pairs import Comparison
from eval.present.figures.material import FigureContent, FigureMaterial, FigureOptions
from tedbench.errors import UserError
from tedbench.settings import Count, Natural, checked

FIGURES = {"2": 1, "4": 2, "5": 2, "7": 2, "9": 0, "10": 3, "embedding_steps": 1, "seeds": 1}
"""Every figure and its default number of rows."""


WIDTHS = {"page": 9, "column": 5}
"""Widths of a figure, and the number of images that fit beside each other."""


def figure_options(settings: Mapping[str, Any]) -> FigureOptions:
    """Check the options of ``eval.figures``.

    Raises:
        UserError: an option has an impossible value; the message says which.
    """
    from eval.present.figures.material import FigureOptions
    from tedbench.axis import rounded_strength

    name, width, rows, seed = (settings[key] for key in ("figure", "width", "rows", "seed"))
    if str(name) not in FIGURES:
        raise UserError(f"figure is {name!r}. Give one of {', '.join(FIGURES)}.")
    if width not in WIDTHS:
        raise UserError(f"width is {width!r}. Give page or column.")
    checked("rows", rows, Count | None)
    checked("seed", seed, Natural | None)
    pairs, strength, strengths = (settings[key] for key in ("pairs", "strength", "strengths"))
    if pairs is not None and not (isinstance(pairs, list) and pairs):
        raise UserError(f"pairs is {pairs!r}. It must be a list of pair ids or starts of them, such as [bird_02].")
    checked("strength", strength, float | None)
    checked("strengths", strengths, list[float] | None)
    ascending = None if strengths is None else sorted(set(map(rounded_strength, strengths)))
    usual = FIGURES[str(name)]
    return FigureOptions(str(name), WIDTHS[width], rows or usual, pairs, strength, ascending, seed)


def figure(runs: Sequence[str] | Mapping[str, str], out: Path, options: FigureOptions, width: str = "page") -> None:
    """Draw a figure of images and print its caption.

    Args:
        runs: folders, or folders by name.
        out: a folder; an earlier version of the same figure there is replaced.
        options: the user's options.
        width: "page" or "column".

    Raises:
        UserError: the runs lack what the figure needs; the message has the command that makes it.
    """
    from eval.present.figures import failures, interpolation, seeds, texts
    from eval.present.figures.animation import animate
    from eval.present.figures.material import FigureMaterial
    from eval.present.figures.pictures import draw_pictures, write_places
    from eval.present.figures.style import COLUMN, PAGE
    from eval.runs.output_folder import make_room
    from tedbench.disk import writing

    draw = {
        "2": texts.texts,
        "4": seeds.seeds,
        "5": interpolation.smooth,
        "7": interpolation.tuned,
        "10": failures.failures,
        "embedding_steps": interpolation.steps,
        "seeds": seeds.seeds_along,
    }[options.figure]
    material = FigureMaterial(runs, options)
    drawn = draw(material)
    name = f"figure-{options.figure}"
    make_room(out, re.compile(rf"{name}(\.(png|pdf|csv|md)|-.+\.webp)"))
    draw_pictures(drawn.blocks, _title(material, drawn), out / name, COLUMN if width == "column" else PAGE)
    write_places(drawn.blocks, out / f"{name}.csv")
    caption = _caption(material, drawn)
    if options.figure == "5":
        for pair_id in drawn.pair_ids:
            count = animate(material, pair_id, out / f"{name}-{pair_id}.webp")
            caption.append(f"{name}-{pair_id}.webp is animated: {count} strengths, seed {material.seed()}.")
    with writing(out):
        (out / f"{name}.md").write_text(_page(material, drawn, name, caption), encoding="utf-8")
    _print(material, drawn, caption, out)


def _title(material: FigureMaterial, drawn: FigureContent) -> str:
    """Return the figure's title: method, model, dataset and the number of pairs shown."""
    labels = [method.run.labels for method in material.methods]
    named = [
        " and ".join(dict.fromkeys(each[key] for each in labels if each[key] != "none")) for key in ("method", "model")
    ]
    comparison = material.comparison
    count = f"{len(drawn.pair_ids)} of {comparison.n_expected} pair{'' if comparison.n_expected == 1 else 's'}"
    return " · ".join([*filter(None, named), comparison.dataset, count])


def _caption(material: FigureMaterial, drawn: FigureContent) -> list[str]:
    return [_title(material, drawn) + ".", *drawn.caption, *material.comparison.notes]


def _left_out(material: FigureMaterial, drawn: FigureContent) -> Comparison:
    """Return the comparison with the figure's own left-out pairs added."""
    return material.comparison._replace(left_out=material.comparison.left_out | drawn.left_out)


def _page(material: FigureMaterial, drawn: FigureContent, name: str, caption: Sequence[str]) -> str:
    from eval.present.tables import left_out, markdown_escape

    lines = [f"![{name}]({name}.png)", "", *(f"- {markdown_escape(line)}" for line in caption)]
    return "\n".join([*lines, *left_out(_left_out(material, drawn))]) + "\n"


def _print(material: FigureMaterial, drawn: FigureContent, caption: Sequence[str], out: Path) -> None:
    """Print the caption and the left-out pairs; the last line is the folder."""
    from eval.present.tables import print_left_out
    from runtime.tables import open_console

    console = open_console()
    for line in caption:
        console.print(line, markup=False, soft_wrap=True)
    print_left_out(_left_out(material, drawn), console)
    print(out, flush=True)
