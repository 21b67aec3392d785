"""Zoom and shift of the whole picture."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from eval.analysis.shapes import movement_notes, size_notes
from eval.metrics.base import Reference
from eval.metrics.lpips_distance import LpipsDistance
from eval.metrics.pixels import Psnr, Ssim
from eval.metrics.registration import Registered, movement
from eval.metrics.truth import TowardsTruth
from eval.runs.cards import MetricCards
from eval.runs.shard import SAMPLE_COLUMNS
from tedbench.errors import UserError
from tedbench.geometry import Returned, brought_back

SIDE = 128


def scene(seed: int) -> np.ndarray:
    """A picture of rectangles and discs with sharp edges."""
    rng, picture = np.random.default_rng(seed), np.full((SIDE, SIDE, 3), 200, np.uint8)
    down, right = np.mgrid[:SIDE, :SIDE]
    for _ in range(25):
        y, x, h, w = rng.integers(0, SIDE, 4)
        inside = (abs(down - y) < h / 4) & (abs(right - x) < w / 4)
        if rng.random() < 0.5:
            inside = np.hypot(down - y, right - x) < w / 5
        picture[inside] = rng.integers(0, 256, 3)
    return picture


def moved(picture: np.ndarray, zoom: float, right: float, down: float) -> np.ndarray:
    """The picture zoomed about its centre, then shifted by parts of its side."""
    inner = SIDE / zoom
    left, top = (SIDE - inner) / 2 - right * SIDE / zoom, (SIDE - inner) / 2 - down * SIDE / zoom
    matrix = (1 / zoom, 0, left, 0, 1 / zoom, top)
    return np.array(
        Image.fromarray(picture).transform((SIDE, SIDE), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
    )


@pytest.mark.parametrize(
    ("zoom", "right", "down"), [(1.07, 0.03, -0.02), (0.93, 0, 0), (1, -0.05, 0.04), (1.004, 0, 0)]
)
def test_zoom_and_shift_are_found_beside_an_edit(zoom, right, down):
    edited = scene(0)
    edited[30:80, 40:100] = scene(1)[30:80, 40:100]  # a fifth of the picture
    found = movement(scene(0), moved(edited, zoom, right, down))
    assert found.zoom == pytest.approx(zoom, abs=0.01)
    assert (found.right, found.down) == (pytest.approx(right, abs=0.005), pytest.approx(down, abs=0.005))
    assert found.moved == (zoom != 1.004)


def test_an_edit_in_place_has_not_moved_and_the_input_itself_is_exactly_itself():
    edited = scene(0)
    edited[30:80, 40:100] = scene(1)[30:80, 40:100]
    assert not movement(scene(0), edited).moved
    assert movement(scene(0), scene(0)) == (1.0, 0.0, 0.0)


def test_an_image_that_cannot_be_laid_on_its_input_has_no_score():
    images = np.stack([scene(0), scene(1), np.zeros_like(scene(0)), moved(scene(0), 1.1, 0, 0)])
    scores = {
        what: Registered(what).score(Reference(scene(0), "A dog."), images) for what in ("zoom", "shift", "moved")
    }
    assert np.isnan(scores["zoom"]).tolist() == [False, True, True, False]
    assert scores["moved"][[0, 3]].tolist() == [0, 1] and scores["shift"][0] == 0
    assert scores["zoom"][3] == pytest.approx(1.1, abs=0.01)
    assert Registered().card.partial and Registered().card.kind == "geometry"
    with pytest.raises(UserError, match="what=zoom, shift, moved"):
        Registered("turn")


def test_metrics_that_cannot_survive_a_zoom_say_so(clip_folder):
    from eval.metrics.clip_score import ClipScore

    backbone = {
        "_target_": "eval.metrics.lpips_distance.LpipsDistance",
        "size": 64,
        "backbone": "picturebook:perceptual/alex.safetensors",
    }
    own = LpipsDistance(**{key: value for key, value in backbone.items() if key != "_target_"})
    assert all(metric.card.pixelwise for metric in (own, Psnr(), Ssim(), TowardsTruth(backbone)))
    assert not ClipScore(str(clip_folder)).card.pixelwise


def test_a_report_tells_of_images_that_moved_and_of_what_counts_that():
    cards = MetricCards(metric.card for metric in (Registered("moved"), Psnr(), Ssim()))
    scores = pd.DataFrame({"metric": "moved/phase192", "score": [1.0, 1.0, 0.0, np.nan]})
    (note,) = movement_notes(scores, cards)
    assert note.startswith("2 of the 3 images that can be laid on their input (4 in all) are zoomed or shifted")
    assert note.endswith("SSIM and PSNR compare place by place and count that as a change.")
    assert movement_notes(scores.assign(score=0.0), cards) == []
    assert movement_notes(scores, MetricCards([Psnr().card])) == []


def test_sizes_that_came_back_are_counted():
    rows = [("1024×1024", "resized")] * 3 + [("512×512", ""), ("640×480", "cut")]
    columns = dict.fromkeys(SAMPLE_COLUMNS, "") | {"status": "ok", "pair_id": "a"}
    samples = pd.DataFrame([columns | {"edit_size": size, "geometry": way} for size, way in rows])
    assert size_notes(samples) == [
        "3 of 5 images came back as 1024×1024 (3) and were resized to the pairs' square.",
        "1 of 5 images came back as 640×480 (1) and were cut to their centre square and resized.",
    ]


def test_an_image_is_brought_back_to_the_square():
    assert brought_back(scene(0), SIDE)[1] == Returned((SIDE, SIDE), "")
    assert brought_back(scene(0), 64)[1] == Returned((SIDE, SIDE), "resized")
    cut, form = brought_back(scene(0)[:96], 64)
    assert form == Returned((SIDE, 96), "cut") and cut.shape == (64, 64, 3)
