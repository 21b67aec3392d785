"""The table beside a figure says which image stands where."""

from __future__ import annotations

import numpy as np
import pandas as pd

from eval.present.figures.pictures import PLACE_COLUMNS, Block, ImageRow, Tile, write_places


def tile(pair, strength, **more):
    places = {
        "run": "mine",
        "pair_id": pair,
        "target_text": "A dog.",
        "strength": strength,
        "seed": 0,
        "image": "x.png",
    }
    return Tile(np.zeros((4, 4, 3), np.uint8), places | more)


def test_blocks_rows_and_columns_count_from_1_and_an_empty_place_counts_too(tmp_path):
    blocks = [
        Block("first", [ImageRow([tile("a", 0.0), None, tile("a", 1.0)])]),
        Block("second", [ImageRow([None]), ImageRow([tile("b", 0.5)])]),
    ]
    write_places(blocks, tmp_path / "places.csv")
    table = pd.read_csv(tmp_path / "places.csv")
    assert tuple(table.columns) == PLACE_COLUMNS
    found = table[["block", "row", "column", "pair_id"]].to_numpy().tolist()
    assert found == [[1, 1, 1, "a"], [1, 1, 3, "a"], [2, 2, 1, "b"]]


def test_an_input_has_no_seed_and_further_columns_follow(tmp_path):
    write_places(
        [Block("", [ImageRow([tile("a", None, seed=None), tile("a", 0.5, value=0.25)])])], tmp_path / "places.csv"
    )
    table = pd.read_csv(tmp_path / "places.csv", dtype={"seed": "Int64"})
    assert table.columns[-1] == "value" and table["value"].isna().tolist() == [True, False]
    assert table["seed"].isna().tolist() == [True, False] and table["seed"].iloc[1] == 0
