"""Runs on hostile texts, and studies prepared from them."""

from __future__ import annotations

import sys

import numpy as np

from eval.runs.folder import Run
from eval.runs.writer import RunWriter
from tedbench.method import Sample
from tedbench.pair import EditPair, Entry
from tests.made_runs import made_config

TEXTS = [
    '<script>document.title = "owned"</script>',
    "${left_01} {{ 7*7 }} ${study}",
    'a "quote", it\'s\na second line',
    "=cmd()|' /C calc'!A0",
    "😀 a dog \u202eand more\u202c",
    "כלב יושב",
    "NA",
    "A photo of a sitting dog, seen by imagic.",
]
ENTRIES = [Entry(f"{i}.png", text) for i, text in enumerate(TEXTS)]


def picture(seed: int, size: int = 32) -> np.ndarray:
    """(size, size, 3) uint8 of smooth noise; complex ones make larger files."""
    coarse = np.random.default_rng(seed).integers(0, 256, (2 + seed % 7, 2 + seed % 7, 3), dtype=np.uint8)
    rows = np.arange(size) * coarse.shape[0] // size
    return coarse[rows][:, rows]


def make_run(folder, method: str, number: int, entries=ENTRIES, size: int = 32) -> Run:
    """One image a pair."""
    run = RunWriter.create(folder, made_config(method, "tiny-weights", fit={"size": size, "method": method}))
    for i, entry in enumerate(entries):
        image = picture(100 * number + i + 10, size)
        run.write_shard(EditPair(entry, picture(i, size)), [Sample(0.5, 0, image)])
    return run


def call(main, *arguments) -> int:
    """A command in this process; its exit status."""
    before, sys.argv = sys.argv, ["command", *arguments]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.argv = before
    return 0
