"""Imagic's settings against each other, over saved runs whose images are known to be the true edit or the input."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from PIL import Image

from eval.runs.writer import RunWriter
from tedbench.method import Sample
from tedbench.pair import EditPair, Entry
from tests.made_runs import card_of, made_config

ENTRIES = [Entry("a.png", "A dog.", category="pose"), Entry("b.png", "Two dogs.", category="count")]
STAGE = {"steps": 100, "lr": 0.01, "draws": 4, "decay": True, "empty": 0.0}
LPIPS, TRUTH = "lpips/alex/64", "truth-lpips/alex/64"


@pytest.fixture(scope="module")
def make_run(tmp_path_factory, noise_image):
    """Writes a run in which so many of two pairs are solved at η = 0.5, and none at 0."""
    image = noise_image(0, 64)
    truth = image.copy()
    truth[:32, :32] = noise_image(1, 64)[:32, :32]

    def make(name, solved, method="imagic", steps=100):
        stages = {"embedding": STAGE, "finetune": {**STAGE, "steps": steps}, "sampling": {"guidance": 6.0}}
        metrics = [LPIPS, "lpips/vgg/64", replace(card_of(LPIPS), name=TRUTH, kind="truth")]
        config = made_config(method, metrics=metrics, fit={"method": {"name": method, **stages}})
        run = RunWriter.create(tmp_path_factory.mktemp("runs") / name, config)
        for place, entry in enumerate(ENTRIES):
            at_half = truth if place < solved else image
            run.write_shard(EditPair(entry, image, truth), [Sample(0.0, 0, image), Sample(0.5, 0, at_half)])
            for metric, scores in ((LPIPS, (0.25, 0.5)), ("lpips/vgg/64", (1, 1)), (TRUTH, (1, 1))):
                rows = [(entry.id, s, 0, metric, float(x)) for s, x in zip((0.0, 0.5), scores, strict=True)]
                table = pd.DataFrame(rows, columns=["pair_id", "strength", "seed", "metric", "score"])
                run.shard(entry.id).write_scores(metric, table)
        return run

    return make


@pytest.fixture(scope="module")
def written(make_run, random_judge, tmp_path_factory, command):
    out = tmp_path_factory.mktemp("out") / "figures"
    runs = f"[{make_run('half', 1).folder}, {make_run('all', 2, steps=0).folder}]"
    done = command("eval.tradeoff", f"runs={runs}", f"out={out}", f"judge={random_judge}")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{(out / 'tradeoff.md').read_text()}\n{out}\n"
    return out


def test_the_most_successful_run_comes_first_with_its_settings(written):
    table = pd.read_csv(written / "tradeoff.csv", keep_default_na=False)
    assert table["run"].tolist() == ["all", "half"]
    assert table["success"].tolist() == table["any"].tolist() == [1, 0.5]
    assert table["best_eta"].tolist() == [0.5, 0.5] and table["pairs"].tolist() == [2, 2]
    assert table["finetune"].tolist() == ["none", "100 × 0.01, 4 draws, decay 1"]
    assert set(table["embedding"]) == {"100 × 0.01, 4 draws, decay 1"}


def test_fidelity_is_of_one_lpips_to_the_input_alone(written):
    """A second backbone, and the distance to the true edit, are not averaged into it."""
    table = pd.read_csv(written / "tradeoff.csv")
    assert table["fidelity_at_best"].tolist() == [0.5, 0.5] and table["fidelity_at_0"].tolist() == [0.75, 0.75]


def test_the_page_and_the_figure_have_every_run(written):
    page = (written / "tradeoff.md").read_text()
    assert "| none | 6 | 0.5 | 100% | 100% | 0.500 | 0.750 |" in page and page.count("\n") == 4
    assert Image.open(written / "tradeoff.png").width > 600
    assert (written / "tradeoff.pdf").read_bytes().startswith(b"%PDF")


def test_a_run_of_another_method_is_refused(make_run, random_judge, tmp_path, command):
    folder = make_run("other", 1, method="sdedit").folder
    done = command("eval.tradeoff", f"runs=[{folder}]", f"out={tmp_path / 'out'}", f"judge={random_judge}")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "is a run of sdedit. Give runs of imagic." in done.stderr and not (tmp_path / "out").exists()
