"""The scripts of examples/: short, and they print what they say."""

from __future__ import annotations

import csv
import runpy
import sys
from pathlib import Path

import pytest
from PIL import Image

pytestmark = pytest.mark.usefixtures("blank_figures")

EXAMPLES = Path(__file__).parents[1] / "examples"
QUICK = ["numerics.threads=1", "~metrics.judge_success", "~metrics.judge_changed", "~metrics.judge_kept"]


@pytest.fixture
def script(tmp_path, monkeypatch, capsys):
    """``python examples/NAME ARGUMENT …`` in this process, in a folder of its own; returns what it prints."""

    def run(name: str, *arguments: str) -> str:
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend(str(EXAMPLES))
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    yield run
    sys.modules.pop("own_method", None)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_a_script_is_short_and_says_how_to_run_it(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 50
    assert f"python examples/{path.name}" in text.split('"""')[1]


def test_a_folder_of_images_made_elsewhere_is_scored(script, tmp_path, noise_image):
    (tmp_path / "edited").mkdir()
    rows = [("dog.png", "A sitting dog"), ("cat.png", "A black cat")]
    with open(tmp_path / "pairs.csv", "w", newline="") as file:
        csv.writer(file).writerows([("image", "target_text"), *rows])
    for seed, (image, _) in enumerate(rows):
        Image.fromarray(noise_image(seed)).save(tmp_path / image)
    Image.fromarray(noise_image(5)).save(tmp_path / "edited" / "dog.png-A_sitting_dog.png")
    with pytest.warns(UserWarning, match="cat"):
        printed = script("score_folder.py", "pairs.csv", "edited", "metrics=picturebook", *QUICK, "model.image_size=64")
    assert "dog.png_a_sitting_dog" in printed and "lpips/alex" in printed
    assert "cat.png_a_black_cat" in printed.partition("reason")[2]  # the pair without an image, with its reason
    (run,) = (tmp_path / "runs").iterdir()
    assert run.name.startswith("folder-none-mine-") and printed.strip().endswith(str(run))


def test_two_methods_are_compared_on_the_pairs_that_both_have(script):
    quick = ["recipe.sdedit.sampling.steps=2", "recipe.ddib.sampling.steps=2", "dataset.limit=2", *QUICK]
    printed = script("compare_methods.py", *quick, "sweep.strengths=[0.5,1]")
    assert "ddib" in printed and "sdedit" in printed and "2 of 2 pairs compared" in printed
    assert "1-lpips/alex" in printed and "≥ 0.8" in printed


def test_a_method_of_ones_own_is_evaluated_and_a_pair_it_cannot_edit_is_named(script, tmp_path):
    printed = script("own_method.py", *QUICK)
    means = [float(line.split()[1]) for line in printed.splitlines() if line.startswith(("0.00 ", "0.75 "))]
    assert means[0] == 1 > means[1]  # 1 - LPIPS falls from the input itself
    assert "its target text names no colour" in printed
    (run,) = (tmp_path / "runs").iterdir()
    assert run.name.startswith("picturebook-none-tint-")
