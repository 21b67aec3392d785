from __future__ import annotations

import errno
import os
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml

from eval.runs.cards import DatasetCard
from eval.runs.folder import Run
from eval.runs.lock import RunLock
from eval.runs.pairs import RunPairs
from eval.runs.shard import SAMPLE_COLUMNS, SCORE_COLUMNS, SIZE_COLUMNS
from eval.runs.writer import RunWriter
from tedbench.datasets.folder import Folder
from tedbench.errors import UserError
from tedbench.method import Axis, Origin, Sample
from tedbench.pair import EditPair, Entry
from tests.made_runs import made_config

CONFIG = made_config(
    fit={"size": 16, "seed": 0},
    numerics={"device": "cpu", "threads": 1},
    sweep={"strengths": [0.0, 1.0], "seeds": [0]},
)


@pytest.fixture
def pair(noise_image):
    return EditPair(Entry("dog.png", "A sitting dog."), noise_image())


@pytest.fixture
def run(tmp_path):
    return RunWriter.create(tmp_path / "run", CONFIG)


def samples(pair, *requests):
    return [Sample(strength, seed, (pair.image // (2 + seed)).astype(np.uint8)) for strength, seed in requests]


def test_a_shard_holds_input_images_and_rows(run, pair):
    run.write_shard(pair, samples(pair, (0.0, 0), (1.0, 0)))
    (shard,) = run.shards()
    assert np.array_equal(shard.input(), pair.image)
    table = shard.samples()
    assert list(table["strength"]) == [0.0, 1.0] and set(table["status"]) == {"ok"}
    assert np.array_equal(shard.image(table["image"][1]), pair.image // 2)


def test_a_larger_sweep_keeps_what_is_there(run, pair):
    run.write_shard(pair, samples(pair, (0.0, 0)))
    run.write_shard(pair, samples(pair, (1.0, 0), (0.0, 1)))
    table = run.shard(pair.id).samples()
    assert list(zip(table["strength"], table["seed"], strict=True)) == [(0.0, 0), (0.0, 1), (1.0, 0)]
    assert all((run.folder / image).exists() for image in table["image"])


def test_an_interrupted_write_leaves_no_shard_and_the_old_one_whole(run, pair, monkeypatch):
    run.write_shard(pair, samples(pair, (0.0, 0)))
    monkeypatch.setattr("eval.runs.writer.write_png", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run.write_shard(pair, samples(pair, (1.0, 0)))
    assert len(run.shard(pair.id).samples()) == 1
    assert [p.name for p in (run.folder / "pairs").iterdir()] == [pair.id]


@pytest.mark.parametrize("ids", [None, "own"])
def test_a_shard_moved_aside_by_a_killed_process_comes_back(run, pair, ids):
    run.write_shard(pair, samples(pair, (0.0, 0)))
    folder = run.folder / "pairs" / pair.id
    folder.rename(folder.with_name(f".{pair.id}.0a1b2c3d.old"))
    (run.folder / "pairs" / f".{pair.id}.0a1b2c3d.new").mkdir()
    run.clear_leftovers(ids and {pair.id})
    assert len(run.shards()) == 1
    assert [p.name for p in (run.folder / "pairs").iterdir()] == [pair.id]


def test_hidden_files_of_others_stay_where_they_are(run, pair):
    run.write_shard(pair, samples(pair, (0.0, 0)))
    for name in (".DS_Store", ".thumbnails.v2.cache"):
        (run.folder / "pairs" / name).write_text("a file manager's")
    run.clear_leftovers()
    assert (run.folder / "pairs" / ".thumbnails.v2.cache").exists() and len(run.shards()) == 1


def test_nothing_is_written_through_a_link_among_the_locks(run, tmp_path):
    (tmp_path / "precious").write_text("precious")
    (run.folder / ".locks").mkdir(exist_ok=True)
    (run.folder / ".locks" / "1-of-1.json").symlink_to(tmp_path / "precious")
    with pytest.raises(UserError, match="is a link"):
        RunWriter.create(run.folder, CONFIG, RunLock(run.folder, log=lambda _: None))
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_first_start_killed_before_its_configuration_was_written_can_be_repeated(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".config.yaml.77").write_text("half")
    assert RunWriter.create(tmp_path / "run", CONFIG).shards() == []


def test_what_others_are_writing_is_neither_counted_nor_cleared(run, pair):
    run.write_shard(pair, samples(pair, (0.0, 0)))
    folder = run.folder / "pairs" / pair.id
    theirs = folder.with_name(f".{pair.id}.0a1b2c3d.new")
    shutil.copytree(folder, theirs)
    run.clear_leftovers({"another pair"})
    assert len(run.shards()) == 1
    assert theirs.exists()


def test_a_failed_extension_keeps_images_and_what_is_known_of_the_input(run, pair):
    run.write_shard(pair, samples(pair, (0.0, 0)))
    digest = run.shard(pair.id).info()["input"]
    run.write_failure(pair.entry, [(0.0, 0), (1.0, 0)], "out of memory")
    shard = run.shard(pair.id)
    assert list(shard.samples()["status"]) == ["ok", "failed"]
    assert shard.info()["input"] == digest


def test_a_failure_is_a_row_for_each_missing_image(run, pair):
    run.write_failure(pair.entry, [(0.0, 0), (1.0, 0)], "the loss became nan")
    table = run.samples()
    assert list(table["status"]) == ["failed"] * 2
    assert set(table["reason"]) == {"the loss became nan"}


def test_another_configuration_in_the_same_folder_is_refused(run):
    other = {**CONFIG, "fit": {**CONFIG["fit"], "seed": 1}}
    with pytest.raises(UserError, match=r"fit\.seed was 0, now 1"):
        RunWriter.create(run.folder, other)


def test_sweep_measure_and_how_may_change(run):
    RunWriter.create(run.folder, {**CONFIG, "sweep": {"strengths": [0.5]}, "how": {"executor": "ray"}})


def test_a_folder_with_other_things_in_it_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(UserError, match="not empty"):
        RunWriter.create(tmp_path, CONFIG)
    assert (tmp_path / "thesis.tex").read_text() == "precious"


@pytest.mark.parametrize(("number", "words"), [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only")])
def test_a_full_or_read_only_disk_is_one_clear_line_and_loses_nothing(run, pair, monkeypatch, number, words):
    run.write_shard(pair, samples(pair, (0.0, 0)))

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("eval.runs.writer.write_png", refuse)
    with pytest.raises(UserError, match=words):
        run.write_shard(pair, samples(pair, (1.0, 0)))
    assert len(run.shard(pair.id).samples()) == 1


def test_scores_are_added_one_metric_at_a_time(run, pair):
    run.write_shard(pair, samples(pair, (0.0, 0)))
    shard = run.shard(pair.id)
    for metric, score in (("clip/a/b", 0.25), ("lpips/alex/64", 0.5), ("clip/a/b", 0.3)):
        shard.write_scores(
            metric,
            pd.DataFrame(
                [(pair.id, 0.0, 0, metric, score)], columns=["pair_id", "strength", "seed", "metric", "score"]
            ),
        )
    assert dict(zip(run.scores()["metric"], run.scores()["score"], strict=True)) == {
        "clip/a/b": 0.3,
        "lpips/alex/64": 0.5,
    }


def test_opening_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="is not a run"):
        RunWriter.open(tmp_path)


def test_strengths_that_older_versions_kept_apart_are_one(run, pair, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("eval.runs.writer.rounded_strength", float)
        run.write_shard(pair, samples(pair, (0.3, 0), (1.0, 0)))
        run.write_shard(pair, samples(pair, (0.1 + 0.2, 0)))
    shard = run.shard(pair.id)
    rows = [(pair.id, strength, 0, "m", score, "") for strength, score in ((0.3, 1.0), (0.1 + 0.2, 2.0), (1.0, 3.0))]
    shard.write_scores("m", pd.DataFrame(rows, columns=list(SCORE_COLUMNS)))
    assert list(run.samples()["strength"]) == [0.3, 1.0]
    assert list(run.scores()["strength"]) == [0.3, 1.0] and list(run.scores()["score"]) == [2.0, 3.0]
    run.write_shard(pair, samples(pair, (0.1 + 0.2, 1)))
    assert list(run.samples()["strength"]) == [0.3, 0.3, 1.0] and list(run.samples()["seed"]) == [0, 1, 0]


def test_a_new_image_takes_the_place_of_one_that_is_there(run, pair):
    run.write_shard(pair, samples(pair, (0.3, 0)))
    run.write_shard(pair, samples(pair, (0.1 + 0.2, 0)))
    assert len(run.samples()) == 1


def test_shards_of_older_versions_have_no_sizes(run, pair, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("eval.runs.writer.SAMPLE_COLUMNS", SAMPLE_COLUMNS[:-3])
        run.write_shard(pair, samples(pair, (0.0, 0)))
    sized = EditPair(Entry("cat.png", "A cat."), pair.image, original_size=(30, 20))
    run.write_shard(sized, samples(sized, (0.0, 0)), {(0.0, 0): Origin("digest", (40, 40), "squash")})
    found = run.samples().set_index("image_name")[list(SIZE_COLUMNS)]
    assert list(found.loc["dog.png"]) == ["", "", ""] and list(found.loc["cat.png"]) == ["30×20", "40×40", "squash"]
    run.write_shard(pair, samples(pair, (1.0, 0)))
    assert set(run.samples()["input_size"]) == {"", "30×20"}


@pytest.mark.parametrize(("found", "says"), [(None, "has no format"), (2, "is of format 2"), ("1", "is of format '1'")])
def test_a_run_of_another_format_is_refused_in_one_line(run, found, says):
    config = {key: value for key, value in run.config().items() if key != "format"}
    (run.folder / "config.yaml").write_text(yaml.safe_dump(config | ({} if found is None else {"format": found})))
    for use in (Run.open, lambda folder: RunWriter.create(folder, CONFIG)):
        with pytest.raises(UserError) as error:
            use(run.folder)
        assert f"config.yaml {says}, and only format 1 is read. Make the run again" in str(error.value)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "harm",
    [
        {"dataset": {}},
        {"method": {"name": "m"}},
        {"dataset": {"name": "d", "label": ["d"]}},
        {"metrics": {"m": {"kind": "alignment"}}},
    ],
)
def test_cards_that_are_not_whole_are_damage(run, harm):
    config = run.config()
    config["cards"] |= harm
    (run.folder / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(UserError, match="is damaged"):
        Run.open(run.folder)


def test_a_run_tells_of_its_dataset_and_method_what_their_cards_say(tmp_path, run, pair):
    class Drawn(Folder):
        synthetic, licence = True, "cc0-1.0"

    config = made_config("sdedit", "none", "t0", symbol="t₀", fixed=True)
    config["cards"]["dataset"] = vars(DatasetCard.of(object.__new__(Drawn), "comics"))
    drawn = RunWriter.create(tmp_path / "drawn", config)
    drawn.write_shard(pair, samples(pair, (0.5, 0)))
    opened = Run.open(drawn.folder)
    assert (opened.dataset_label, opened.title) == ("Comics (synthetic)", "sdedit · Comics (synthetic)")
    assert RunPairs(opened).synthetic and RunPairs(opened).label == "Comics (synthetic)"
    assert opened.axis == Axis("t0", "t₀", (0.5,), None, True)
    assert not Run.open(run.folder).cards.dataset.synthetic
