"""A pair's edits along the strength as an animated WebP, there and back."""

from __future__ import annotations

from pathlib import Path

from eval.present.figures.material import Material
from tedbench.disk import writing
from tedbench.sheet import Cell, draw_sheet

SIDE = 256
"""Side of an image in pixels."""
FRAME, REST = 120, 900
"""Duration of a frame, and of the first and the last one, in milliseconds."""


def animate(material: Material, pair_id: str, path: Path) -> int:
    """Write the animation of a pair of the only run: the input beside each strength at the material's seed.

    Returns:
        The number of strengths.
    """
    method, seed = material.method, material.seed()
    rows = material.images(method)
    rows = rows[(rows["pair_id"] == pair_id) & (rows["seed"] == seed)].sort_values("strength")
    source = material.input_tile(pair_id).picture
    frames = []
    for strength in rows["strength"]:
        edit = material.tile(method, pair_id, strength, seed).picture
        captions = ("input", method.axis.label(strength))
        cell = Cell((source, edit), material.texts[pair_id], captions=captions)
        frames.append(draw_sheet([cell], material.comparison.dataset, side=SIDE))
    back = frames[-2:0:-1]
    times = [REST, *[FRAME] * (len(frames) - 2), REST, *[FRAME] * len(back)]
    with writing(path):
        frames[0].save(path, save_all=True, append_images=[*frames[1:], *back], duration=times, loop=0, quality=85)
    return len(frames)
