"""PSNR is infinite where an image is its input: what is made from such scores says so, and stays valid."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pandas as pd
import pytest

from eval.engine.progress import Reporter
from eval.engine.score_pair import score_run
from eval.metrics.pixels import Psnr, Ssim
from eval.present.comparison_page import compare_runs
from eval.present.export.folder import write_folder
from eval.present.outputs import write_outputs
from eval.runs.writer import RunWriter
from tedbench.method import Sample
from tedbench.pair import EditPair, Entry
from tests.made_runs import made_config

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
ENTRIES = [Entry(name, "A dog.", category="pose") for name in ("a.png", "b.png")]


@pytest.fixture
def make_run(tmp_path, noise_image):
    """A scored run of two pairs; the first pair's image at strength 0 is its input."""

    def make(name):
        run = RunWriter.create(tmp_path / name, made_config(name, fit={"size": 16}))
        for place, entry in enumerate(ENTRIES):
            source = noise_image(10 + place)
            at_0 = source if place == 0 else noise_image(20)
            run.write_shard(EditPair(entry, source), [Sample(0.0, 0, at_0), Sample(1.0, 0, noise_image(30 + place))])
        score_run(run, [Psnr(), Ssim()], Reporter())
        return run

    return make


def parsed(text):
    """JSON as browsers read it, which know no Infinity and no NaN."""
    return json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


def test_a_mean_with_an_infinite_score_is_infinite_and_has_no_interval(make_run):
    run = make_run("one")
    write_outputs(run)
    table = pd.read_csv(run.folder / "curves.csv").set_index(["metric", "strength"])
    assert table.loc[("psnr/native", 0.0), "mean"] == math.inf
    assert np.isnan(table.loc[("psnr/native", 0.0), "ci_low"]) and table.loc[("psnr/native", 0.0), "n_images"] == 2
    assert np.isfinite(table.loc[("psnr/native", 1.0), ["mean", "ci_low"]].astype(float)).all()
    assert (run.folder / "curves.png").exists()


def test_pages_show_it_and_their_data_is_json(make_run, tmp_path):
    run = make_run("one")
    write_outputs(run)
    page = (run.folder / "report.html").read_text()
    shown = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL)
    assert "∞" in shown and not re.search(r"\bnan\b", shown)
    data = parsed(re.search(r'<script type="application/json" id="data">(.*?)</script>', page).group(1))
    assert "Infinity" in json.dumps(data["pairs"])
    write_folder(run, tmp_path / "export", "cc0-1.0")
    curves = parsed((tmp_path / "export" / "results.json").read_text())["curves"]
    assert [row["mean"] for row in curves if row["metric"] == "psnr/native" and row["strength"] == 0] == [None]
    for path in run.folder.rglob("*.json*"):
        for line in path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]:
            parsed(line)


def test_tables_of_methods_say_infinite_and_give_no_difference_of_two_infinite_means(make_run, tmp_path):
    folders = [str(make_run(name).folder) for name in ("one", "two")]
    compare_runs(folders, tmp_path / "out", strengths={"one": 0.0, "two": 0.0})
    page = (tmp_path / "out" / "comparison.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| one")]
    assert "∞" in rows[0] and "inf" not in rows[0]
    assert rows[1].rstrip(" |").endswith("–") and not re.search(r"\bnan\b", page)
