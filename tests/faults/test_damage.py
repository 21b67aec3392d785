"""What is missing, torn or edited in a run's folder is noticed; what is whole stays as it is."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

from eval.runs.files import DamagedError
from eval.runs.writer import RunWriter
from tedbench.errors import UserError
from tedbench.image import write_png
from tedbench.method import Sample
from tedbench.pair import EditPair, Entry

METRIC = "psnr/native"


@pytest.fixture
def pairs(noise_image):
    return [EditPair(Entry(name, "A dog."), noise_image(k)) for k, name in enumerate(("a.png", "b.png"))]


@pytest.fixture
def run(tmp_path, pairs, create_run):
    """Two pairs of two scored images."""
    run = create_run(tmp_path / "run")
    for pair in pairs:
        run.write_shard(pair, [sample(pair, 0.0), sample(pair, 1.0)])
        measure(run, pair, 0.0, 1.0)
    return run


def sample(pair, strength):
    return Sample(strength, 0, (pair.image // (2 + int(strength))).astype(np.uint8))


def measure(run, pair, *strengths):
    rows = [(pair.id, strength, 0, METRIC, 10 + strength, "") for strength in strengths]
    table = pd.DataFrame(rows, columns=["pair_id", "strength", "seed", "metric", "score", "reason"])
    run.shard(pair.id).write_scores(METRIC, table)


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def cut(path):
    path.write_bytes(path.read_bytes()[:-7])


def edit(path):
    """Changes a file and not its size."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("harm", "thorough", "words"),
    [
        (lambda path: path.unlink(), False, "is missing"),
        (cut, False, "has been changed"),
        (edit, True, "has been changed"),
    ],
)
@pytest.mark.parametrize("name", ["eta1-s0.png", "input.png", "samples.parquet"])
def test_a_file_that_is_missing_torn_or_edited_is_named(run, pairs, name, harm, thorough, words):
    shard = run.shard(pairs[0].id)
    assert shard.broken(thorough=True) == {}
    harm(shard.folder / name)
    assert shard.broken(thorough) == {name: words}
    assert run.shard(pairs[1].id).broken(thorough=True) == {}


def test_an_image_that_was_lost_is_made_again_and_the_others_keep_their_scores(run, pairs):
    shard = run.shard(pairs[0].id)
    whole = contents(shard.folder)
    (shard.folder / "eta1-s0.png").unlink()
    run.write_shard(pairs[0], [sample(pairs[0], 1.0)])
    assert shard.broken(thorough=True) == {}
    assert list(shard.scores()["strength"]) == [0.0]
    measure(run, pairs[0], 0.0, 1.0)
    assert contents(shard.folder) == whole


def test_an_edited_image_is_not_taken_over(run, pairs):
    shard = run.shard(pairs[0].id)
    write_png(shard.folder / "eta0-s0.png", np.zeros((16, 16, 3), np.uint8))
    run.write_shard(pairs[0], [sample(pairs[0], 2.0)])
    assert list(shard.samples()["strength"]) == [1.0, 2.0]


def test_making_an_image_again_leaves_the_old_shard_whole_until_it_is_replaced(run, pairs, monkeypatch):
    shard = run.shard(pairs[0].id)
    whole = contents(shard.folder)
    monkeypatch.setattr(RunWriter, "_finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run.write_shard(pairs[0], [Sample(1.0, 0, np.zeros((16, 16, 3), np.uint8))])
    assert contents(shard.folder) == whole


def test_a_torn_done_makes_the_shard_incomplete(run, pairs):
    cut(run.shard(pairs[0].id).folder / "done")
    assert [shard.id for shard in run.shards()] == [pairs[1].id]


@pytest.mark.parametrize("harm", [cut, edit])
def test_a_damaged_table_costs_its_own_pair_only_and_is_named(run, pairs, harm):
    harm(run.shard(pairs[0].id).folder / "samples.parquet")
    with pytest.warns(UserWarning, match="samples.parquet"):
        assert set(run.samples()["pair_id"]) == {pairs[1].id}
    with pytest.raises(DamagedError, match=r"samples\.parquet"):
        run.shard(pairs[0].id).samples()


@pytest.mark.parametrize(
    "harm", [cut, edit, lambda path: path.unlink(), lambda path: pd.DataFrame({"score": [1.0]}).to_parquet(path)]
)
def test_damaged_scores_are_left_out_and_named(run, pairs, harm):
    harm(run.shard(pairs[0].id).score_file(METRIC))
    with pytest.warns(UserWarning, match=METRIC.partition("/")[0]):
        assert set(run.scores()["pair_id"]) == {pairs[1].id}
    assert run.shard(pairs[0].id).scores_of(METRIC) is None


def test_scores_without_their_sum_are_damaged(run, pairs):
    (run.shard(pairs[0].id).folder / "scores" / "sums.json").unlink()
    with pytest.warns(UserWarning, match=METRIC.partition("/")[0]):
        assert set(run.scores()["pair_id"]) == {pairs[1].id}


def test_a_damaged_configuration_is_one_clear_line(run, create_run):
    (run.folder / "config.yaml").write_text("fit: {size: [")
    for again in (lambda: RunWriter.open(run.folder), lambda: create_run(run.folder)):
        with pytest.raises(UserError, match=r"config\.yaml is damaged"):
            again()


def test_a_cut_line_of_events_costs_no_other(run):
    run.event("a")
    with open(run.folder / "events.jsonl", "a") as file:
        file.write('{"time": 1, "eve')
    run.event("b")
    assert [event["event"] for event in run.events()] == ["a", "b"]


def test_half_written_files_of_killed_processes_are_cleared(run, monkeypatch):
    left = run.folder / ".samples.parquet.0a1b2c3d"
    left.write_text("half")
    run.clear_leftovers()
    assert left.exists()  # somebody may be writing it
    monkeypatch.setattr("eval.runs.files.OLD", -1.0)
    run.clear_leftovers()
    assert not left.exists() and (run.folder / "config.yaml").exists()


def test_a_disk_without_second_names_for_files_takes_copies(run, pairs, monkeypatch):
    monkeypatch.setattr("os.link", lambda *_: (_ for _ in ()).throw(OSError))
    run.write_shard(pairs[0], [sample(pairs[0], 2.0)])
    assert run.shard(pairs[0].id).broken(thorough=True) == {} and len(run.shard(pairs[0].id).samples()) == 3


def test_a_moved_run_is_still_whole(run, tmp_path):
    shutil.copytree(run.folder, tmp_path / "elsewhere")
    assert all(shard.broken(thorough=True) == {} for shard in RunWriter.open(tmp_path / "elsewhere").shards())
