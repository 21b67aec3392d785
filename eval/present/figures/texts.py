"""The paper's Figure 2: different target texts on the same image."""

from __future__ import annotations

from eval.present.figures.material import Drawn, Material, run_defaults
from eval.present.figures.pictures import Block, Row, Tile
from tedbench.errors import UserError


def texts(material: Material) -> Drawn:
    """Return a block for each image: the input, then its edits with their texts; images with the most texts first.

    Raises:
        UserError: no image has two texts.
    """
    wishes, method = material.wishes, material.method
    picked = material.standing(material.images(method).groupby("strength")["pair_id"].nunique())
    images = picked.images.set_index("pair_id")
    pairs, left_out = material.having(set(images.index), lambda _: f"has no image by the rule {picked.rule}")
    groups: dict[str, list[str]] = {}
    for pair_id in pairs:
        groups.setdefault(material.groups[pair_id], []).append(pair_id)
    several = {name: ids for name, ids in groups.items() if len(ids) > 1}
    if not several:
        raise UserError(
            f"figure=2 needs several texts on one image, and no image of {method.run.folder} has two. "
            f"This makes them: {material.remake()}"
            + ("" if method.dataset == run_defaults()["dataset"] else " dataset.ids=[IDS OF ONE IMAGE'S PAIRS]")
        )
    order = sorted(several, key=lambda name: (-len(several[name]), name))[: wishes.rows]
    blocks = []
    for name in order:
        tiles: list[Tile | None] = [material.input_tile(several[name][0])._replace(caption="input")]
        for pair_id in several[name]:
            strength, seed = float(images.loc[pair_id, "strength"]), int(images.loc[pair_id, "seed"])
            words = f"“{material.texts[pair_id]}”\n{method.axis.label(strength)}"
            tiles.append(material.tile(method, pair_id, strength, seed, words))
        lines = [tiles[start : start + wishes.tiles] for start in range(0, len(tiles), wishes.tiles)]
        blocks.append(Block("", [Row(line) for line in lines]))
    caption = [
        "Different target texts applied to the same image, as in the paper's Figure 2.",
        f"Shown: {picked.rule}.",
    ]
    return Drawn(blocks, caption, [pair_id for name in order for pair_id in several[name]], left_out)
