"""eval.score: metrics of a saved run, without the model that made its images."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from eval.engine.progress import Reporter
from eval.engine.score_pair import score_run
from eval.metrics.pixels import Psnr
from eval.runs.shard import Shard
from eval.runs.writer import RunWriter
from imagic.models.device import multiply_exactly
from tedbench.image import write_png
from tedbench.method import Sample
from tedbench.pair import EditPair, Entry
from tests.made_runs import made_config

pytestmark = pytest.mark.usefixtures("blank_figures")

PSNR = "psnr/native"
METRIC = {"_target_": "eval.metrics.pixels.Psnr"}
CONFIG = made_config(
    model="gone",
    symbol="η",
    identity=0.0,
    fit={"size": 16, "model": {"name": "a-model-that-is-not-here"}},
    measure={"psnr": METRIC},
    how={"model_path": "/nowhere"},
)
ENTRIES = [Entry(name, "A dog.", category="pose") for name in ("a.png", "b.png", "c.png")]


@pytest.fixture
def run(tmp_path, noise_image):
    """Two pairs of two images, and one that failed; nothing is measured yet."""
    run = RunWriter.create(tmp_path / "run", CONFIG)
    for place, entry in enumerate(ENTRIES[:2]):
        samples = [Sample(s, 0, noise_image(10 * place + int(s))) for s in (0.0, 1.0)]
        run.write_shard(EditPair(entry, noise_image(99)), samples)
    run.write_failure(ENTRIES[2], [(0.0, 0), (1.0, 0)], "the loss became nan")
    run.event("start", pairs=4)
    made_with = {"packages": {}, "python": "3", "gpu": None, "device": "cpu", "git": None, "threads": 1}
    run.write_json("provenance.json", made_with)
    return run


@pytest.fixture
def score(command):
    """Runs the command; gives its exit status and what it said."""

    def do(*arguments):
        done = command("eval.score", *arguments)
        return done.returncode, done.stdout + done.stderr

    return do


def test_a_runs_own_metrics_are_measured_without_its_model_and_all_is_made_anew(run, score):
    status, said = score(f"run={run.folder}", "numerics.threads=1")
    assert status == 0 and f"{PSNR}: 4 of 6 images scored" in said
    assert said.splitlines()[-1] == str(run.folder)
    table = pd.read_csv(run.folder / "curves.csv")
    assert set(table["metric"]) == {PSNR}
    assert set(table["n_images"]) == {2} and set(table["n_expected"]) == {4}  # also the pair that was never reached
    assert len(pd.read_parquet(run.folder / "scores.parquet")) == 4
    assert "PSNR" in (run.folder / "report.html").read_text()


def test_another_metric_is_added_beside_those_that_are_there(run, score):
    score(f"run={run.folder}", "numerics.threads=1")
    status, _ = score(f"run={run.folder}", "metrics=picturebook", "~metrics.clip", "numerics.threads=1")
    assert status == 0
    names = {name.partition("/")[0] for name in run.scores()["metric"]}
    assert names == {"psnr", "lpips", "judge"}
    assert pd.read_csv(run.folder / "curves.csv")["region_rule"].notna().all()


def test_only_what_lacks_scores_is_measured_unless_redone(run, score):
    score(f"run={run.folder}", "numerics.threads=1")
    first, second = run.shards()[:2]
    right, wrong = run.scores(), first.scores().assign(score=-1.0)
    first.write_scores(PSNR, wrong)
    second.score_file(PSNR).unlink()
    _, said = score(f"run={run.folder}", "numerics.threads=1")
    assert "scoring 1 pairs" in said
    assert (first.scores()["score"] == -1).all() and len(second.scores()) == 2
    _, said = score(f"run={run.folder}", "redo=true", "numerics.threads=1")
    assert "scoring 2 pairs" in said
    pd.testing.assert_frame_equal(run.scores(), right)


def test_of_a_longer_sweep_only_the_new_images_are_measured(run, score, noise_image):
    score(f"run={run.folder}", "numerics.threads=1")
    first = run.shards()[0]
    first.write_scores(PSNR, first.scores().assign(score=-1.0))
    run.write_shard(EditPair(ENTRIES[0], noise_image(99)), [Sample(0.5, 0, noise_image(5))])
    status, said = score(f"run={run.folder}", "numerics.threads=1")
    assert status == 0 and "scoring 1 pairs" in said
    scores = first.scores()
    assert list(scores["strength"]) == [0.0, 0.5, 1.0] and list(scores["score"] == -1) == [True, False, True]


def test_two_commands_that_score_one_run_do_not_harm_each_other(run):
    class Late(Psnr):
        """Another command measures the whole run before its first score is there."""

        def score(self, reference, images):
            if not len(run.scores()):
                score_run(run, [Psnr()], Reporter())
            return super().score(reference, images)

    assert score_run(run, [Late()], Reporter()) == 0
    scores = run.scores()
    assert len(scores) == 4 and not scores.duplicated(["pair_id", "strength", "seed"]).any()


def test_writers_of_scores_lose_none_of_each_others_checksums(run):
    folder = run.shards()[0].folder

    def add(name):
        row = {"pair_id": folder.name, "strength": 0.0, "seed": 0, "metric": name, "score": 1.0}
        Shard(folder).add_scores(name, pd.DataFrame([row]))

    names = [f"metric{number}" for number in range(24)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, names))
    assert set(json.loads((folder / "scores" / "sums.json").read_text())) == {f"{name}.parquet" for name in names}


def test_a_shard_that_is_damaged_while_others_are_scored_is_told_of(run):
    first, second = run.shards()[:2]

    class Harmful(Psnr):
        def score(self, reference, images):
            (second.folder / "samples.parquet").unlink(missing_ok=True)
            return super().score(reference, images)

    assert score_run(run, [Harmful()], Reporter()) == 1
    assert list(first.scores()["strength"]) == [0.0, 1.0]


def test_a_redoing_that_was_interrupted_goes_on_without_redo(run, score, monkeypatch):
    score(f"run={run.folder}", "numerics.threads=1")
    right = run.scores()
    run.shards()[1].write_scores(PSNR, run.shards()[1].scores().assign(score=-1.0))
    monkeypatch.setattr("eval.engine.score_pair.score_run", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    assert score(f"run={run.folder}", "redo=true", "numerics.threads=1")[0] == 130
    monkeypatch.undo()
    assert score(f"run={run.folder}", "numerics.threads=1")[0] == 0
    pd.testing.assert_frame_equal(run.scores(), right)


def test_a_broken_image_is_named_and_the_others_are_scored(run, score):
    broken = run.shards()[0]
    whole = (broken.folder / "eta1-s0.png").read_bytes()
    (broken.folder / "eta1-s0.png").write_bytes(whole[:60])
    status, said = score(f"run={run.folder}", "numerics.threads=1")
    assert status == 1 and broken.id in said and "Traceback" not in said
    assert set(run.scores()["pair_id"]) == {run.shards()[1].id}
    write_png(broken.folder / "eta1-s0.png", broken.input())
    status, said = score(f"run={run.folder}", "numerics.threads=1")
    assert status == 1 and "eta1-s0.png has been changed" in said
    (broken.folder / "eta1-s0.png").write_bytes(whole)
    assert score(f"run={run.folder}", "numerics.threads=1")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ([], "Give a run's folder"),
        (["run=nowhere"], "is not a run"),
        (["run={run}", "metrics=standart"], "Did you mean metrics=standard"),
        (["run={run}", "redo=perhaps"], "true or false"),
        (["run={run}", "metrics.lpips.size=64"], "It belongs to metrics="),
    ],
)
def test_errors_are_one_line(run, score, arguments, hint):
    status, said = score(*(each.format(run=run.folder) for each in arguments))
    assert status == 2 and hint in said and said.startswith("error: ") and said.count("\n") == 1


class Multiplication(Psnr):
    """Scores whether products are exact."""

    def score(self, reference, images):
        import torch

        exact = not (torch.backends.cuda.matmul.allow_tf32 or torch.backends.cudnn.allow_tf32)
        return np.full(len(images), float(exact))


def test_metrics_are_measured_in_float32_after_images_made_with_tf32(run):
    multiply_exactly(False)
    try:
        score_run(run, [Multiplication()], Reporter(Console(quiet=True)))
    finally:
        multiply_exactly()
    assert set(run.scores()["score"]) == {1.0}


def test_a_metric_that_is_added_adds_its_card_and_loses_no_other(run, score):
    assert score(f"run={run.folder}")[0] == 0
    one = {"_target_": "eval.metrics.pixels.Ssim"}
    given = ",".join(f"{key}: {value}" for key, value in one.items())
    assert score(f"run={run.folder}", f"+metrics={{ssim: {{{given}}}}}")[0] == 0
    assert [card.heading for card in run.metrics] == ["SSIM", "PSNR"]
    again = RunWriter.create(run.folder, CONFIG)  # as a repeated eval.run does, which knows nothing of the second
    assert [card.heading for card in again.metrics] == ["SSIM", "PSNR"]
    assert again.config()["measure"] == CONFIG["measure"]
