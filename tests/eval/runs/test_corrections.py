"""What a list says otherwise than a run has it: taken over, said, and measured again; images stay."""

from __future__ import annotations

import json
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from eval.engine.progress import Reporter
from eval.engine.score_pair import score_run
from eval.metrics.base import Metric
from eval.metrics.pixels import Psnr
from eval.metrics.truth import TowardsTruth
from eval.runs.cards import MetricCards
from eval.runs.corrections import TRUTH, depends
from eval.runs.listing import listing_of
from eval.runs.pairs import RunPairs
from eval.runs.writer import RunWriter
from tedbench.datasets.folder import Folder
from tedbench.errors import UserError
from tedbench.method import Axis, Edit, Editor, Sample, silent
from tedbench.pair import Entry
from tests.made_runs import card_of, made_config

CONFIG = made_config("darker", "none", "depth", fit={"size": 16})


class Darker(Editor):
    """Divides; counts its fits."""

    randomness = "none"
    axis = Axis("depth", "depth", (0.0, 1.0))

    def __init__(self, *needs):
        self.needs, self.made = needs, []

    def fit(self, pair, progress=silent):
        self.require(pair.entry)
        self.made.append(pair.entry.image_name)
        return DarkerEdit(pair)


class DarkerEdit(Edit):
    def __init__(self, pair):
        self.pair = pair

    def sample(self, requests, progress=silent):
        yield from (Sample(strength, seed, self.pair.image // (2 + int(strength))) for strength, seed in requests)


class WordCount(Metric):
    """A stranger's: how many words the source text has."""

    kind: ClassVar = "alignment"
    name = "words/source"

    def score(self, reference, images):
        return np.full(len(images), float(len((reference.source_text or "").split())))


METRICS = (Psnr(), TowardsTruth({"_target_": "eval.metrics.pixels.Psnr"}), WordCount())


@pytest.fixture
def work(tmp_path, noise_image, make_job):
    """Runs a list's rows as ``eval.run`` does, up to its tables; gives the run, the editor and what was said."""
    for number, name in enumerate(("a.png", "b.png", "true.png", "other.png", "mask.png")):
        Image.fromarray(noise_image(number)).save(tmp_path / name)

    def run(rows, *needs, folder="run", place=".", depths=(0.0, 1.0), limit=None):
        (tmp_path / place).mkdir(exist_ok=True)
        file = tmp_path / place / "pairs.json"
        file.write_text(json.dumps([{"target_text": "A dog.", **row} for row in rows]))
        if place != ".":
            for image in tmp_path.glob("*.png"):
                (tmp_path / place / image.name).write_bytes(image.read_bytes())
        dataset, editor, said = Folder(file, 16, limit), Darker(*needs), []
        found = RunWriter.create(tmp_path / folder, CONFIG, listing=listing_of(dataset))
        reporter = Reporter(Console(quiet=True))
        reporter.say = said.append
        requests = [(depth, 0) for depth in depths]
        make_job(found, dataset, editor, requests, reporter=reporter, metrics=[m.name for m in METRICS]).execute()
        score_run(found, METRICS, reporter)
        return found, editor, said

    return run


FIRST = {"image": "a.png", "source_text": "A cat", "category": "colour", "truth": "other.png"}


@pytest.mark.parametrize(
    ("change", "names", "measured"),
    [
        ({"source_text": "One small cat"}, "source_text", {"words/source"}),
        ({"source_text": None}, "source_text", {"words/source"}),
        ({"source_object": "cat"}, "source_object", set()),
        ({"instruction": "Make it sit."}, "instruction", set()),
        ({"mask": "mask.png"}, "mask", set()),
        ({"category": "object"}, "category", set()),
        ({"truth": "true.png"}, TRUTH, {"truth-psnr/native", "words/source"}),
        ({"truth": None}, TRUTH, {"truth-psnr/native", "words/source"}),
    ],
)
def test_a_corrected_list_gives_what_a_new_run_gives_and_makes_no_image(work, change, names, measured, shards):
    work([FIRST, {"image": "b.png"}])
    rows = [FIRST | change, {"image": "b.png"}]
    corrected, editor, said = work(rows)
    assert editor.made == []
    (line,) = [line for line in said if "has changed" in line]
    assert line.startswith(f"{names} of 1 pair has changed") and ("measured again" in line) == bool(measured)
    scored = [line.partition(" with ")[2].split(", ") for line in said if line.startswith("scoring")]
    assert {name for names in scored for name in names} == measured
    fresh, _, _ = work(rows, folder="fresh")
    assert shards(corrected.folder) == shards(fresh.folder)
    assert not any("changed" in line for line in work(rows)[2])


def test_a_truth_that_comes_is_measured_against(work, shards):
    work([{"image": "a.png"}])
    rows = [{"image": "a.png", "truth": "true.png"}]
    corrected, _, said = work(rows)
    assert f"{TRUTH} of 1 pair has changed: PSNR to true edit, words/source are measured again" in said
    assert shards(corrected.folder) == shards(work(rows, folder="fresh")[0].folder)


def test_a_truth_of_the_same_name_with_other_pixels_is_another(work, tmp_path, shards, noise_image):
    work([FIRST])
    Image.fromarray(noise_image(9)).save(tmp_path / "other.png")
    corrected, _, _ = work([FIRST])
    assert shards(corrected.folder) == shards(work([FIRST], folder="fresh")[0].folder)


def test_a_correction_beside_a_longer_sweep_or_a_lost_image_is_taken_over_too(work, shards):
    found, _, _ = work([FIRST])
    next(found.folder.glob("pairs/*/depth1-s0.png")).unlink()
    rows = [FIRST | {"source_text": "One small cat", "truth": "true.png", "category": "object"}]
    corrected, _, _ = work(rows, depths=(0.0, 1.0, 2.0))
    assert shards(corrected.folder) == shards(work(rows, folder="fresh", depths=(0.0, 1.0, 2.0))[0].folder)


def test_scores_of_metrics_that_the_command_does_not_measure_are_said_to_be_forgotten(work, monkeypatch):
    work([FIRST])
    monkeypatch.setattr(f"{__name__}.METRICS", METRICS[:1])
    found, _, said = work([FIRST | {"source_text": "One small cat"}])
    (line,) = [line for line in said if "has changed" in line]
    assert "words/source is forgotten" in line
    assert set(found.scores()["metric"]) == {"psnr/native", "truth-psnr/native"}


def test_what_images_depend_on_is_refused_and_named(work):
    work([FIRST], "source_text")
    with pytest.raises(UserError, match=r"source_text of a\.png.*'One small cat'.*'A cat'"):
        work([FIRST | {"source_text": "One small cat"}], "source_text")


def test_pictures_that_cannot_be_read_now_are_said_to_stay(work):
    work([FIRST])
    _, _, said = work([FIRST | {"truth": "nowhere.png", "category": "object"}])
    assert any("pictures of 1 finished pair cannot be read now" in line for line in said)
    assert "category of 1 pair has changed" in said and not any(TRUTH in line for line in said)


def test_a_failed_pair_is_tried_again_once_what_it_lacked_is_there(work, tmp_path, noise_image, shards):
    rows = [FIRST, {"image": "late.png", "source_text": "A cat"}, {"image": "b.png"}]
    _, editor, said = work(rows, "source_text")
    assert editor.made == ["a.png"]
    _, editor, said = work(rows, "source_text")
    assert (
        editor.made == []
        and "3 of 3 pairs are already there, 2 of them failed; run.retry_failed=true tries again" in said
    )
    rows[2]["source_text"] = "A mouse"
    Image.fromarray(noise_image(7)).save(tmp_path / "late.png")
    found, editor, said = work(rows, "source_text")
    assert editor.made == ["late.png", "b.png"] and "1 of 3 pairs are already there" in said
    assert shards(found.folder) == shards(work(rows, "source_text", folder="fresh")[0].folder)


def test_the_projects_metrics_depend_on_what_they_read_and_strangers_on_all_they_can_read():
    own = [card_of(name) for name in ("clip/x/1", "lpips/alex-x/64", "psnr/native", "clip-i/x/1", "judge/success/1")]
    cards = MetricCards([*own, card_of("clip-direction/x/1"), *(metric.card for metric in METRICS)])

    def on(name):
        found = (TRUTH, "source_text", "source_object", "target_object", "category")
        return {what for what in found if depends(cards, name, {what})}

    assert [on(card.name) for card in own[:4]] == [set()] * 4
    assert on("clip-direction/x/1") == {"source_text"}
    assert on("judge/success/1") == on("truth-psnr/native") == {TRUTH}
    assert on("words/source") == {TRUTH, "source_text"}
    assert on("without/card") == {TRUTH, "source_text", "source_object", "target_object", "category"}


def test_every_text_field_of_a_pair_goes_from_the_list_to_the_run_and_back(work, tmp_path):
    texts = {name: f"its {name}" for name in Entry.fields()}
    assert {"source_text", "instruction", "mask", "category"} <= texts.keys() and "path" not in texts
    found, *_ = work([{"image": "a.png", **texts}])
    (entry,) = RunPairs(found.reader()).entries
    assert entry.texts() == texts and entry.id == Entry("a.png", "A dog.").id


A, B, C = ({"image": "a.png", "target_text": f"A {word}."} for word in ("dog", "cat", "cow"))


def test_a_list_that_grows_goes_on_and_what_it_loses_is_left_out_until_it_is_back(work):
    texts = lambda run: sorted(set(run.samples()["target_text"]))
    work([A, B])
    found, editor, _ = work([A, B, C])
    assert editor.made == ["a.png"] and len(texts(found)) == 3
    found, editor, _ = work([A, C])
    assert texts(found) == ["A cow.", "A dog."] and set(found.scores()["pair_id"]) == set(found.samples()["pair_id"])
    found, editor, _ = work([A, C], limit=1)  # what a command does not take is not lost
    assert texts(found) == ["A cow.", "A dog."]
    found, editor, _ = work([A, B, C])
    assert editor.made == [] and len(texts(found)) == 3


@pytest.mark.parametrize("others", [[B], [A, B], [B, C]])
def test_a_list_elsewhere_that_lacks_pairs_is_another(work, others):
    work([A, C], place="one")
    with pytest.raises(UserError, match=r"holds a run of another list: \d of its pairs are not in this one"):
        work(others, place="two")


def test_a_list_that_moved_goes_on(work):
    work([A], place="one")
    _, editor, _ = work([A, B], place="two")
    assert editor.made == ["a.png"]


def test_a_mask_of_the_same_name_with_other_pixels_is_taken_over_where_no_image_depends_on_it(work, tmp_path, shards):
    rows = [{"image": "a.png", "mask": "mask.png"}]
    work(rows)
    Image.fromarray(np.eye(16, dtype=np.uint8) * 255).save(tmp_path / "mask.png")
    found, editor, said = work(rows)
    assert editor.made == [] and any(line.startswith("mask of 1 pair has changed") for line in said)
    assert shards(found.folder) == shards(work(rows, folder="fresh")[0].folder)
    assert not any("changed" in line for line in work(rows)[2])


def test_another_mask_is_refused_where_images_depend_on_it(work, tmp_path):
    rows = [{"image": "a.png", "mask": "mask.png"}]
    work(rows, "mask")
    Image.fromarray(np.eye(16, dtype=np.uint8) * 255).save(tmp_path / "mask.png")
    with pytest.raises(UserError, match=r"The mask of a\.png.* is not the one that .*run was made with"):
        work(rows, "mask")
    (tmp_path / "mask.png").unlink()  # finished images stay valid
    assert work(rows, "mask")[1].made == []
