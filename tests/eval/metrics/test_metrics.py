"""What holds for every metric: how they are named, shown, refused and kept in a run."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import torch

from cli.command import compose, resolved
from eval.analysis.curves import curve_table
from eval.engine.progress import Reporter
from eval.engine.score_pair import score_run
from eval.metrics.base import Reference
from eval.metrics.clip_direction import ClipDirection
from eval.metrics.clip_image import ClipImageSimilarity
from eval.metrics.clip_score import ClipScore
from eval.metrics.judge import Judged
from eval.metrics.pixels import Psnr, Ssim
from eval.metrics.recent import Recent, content
from eval.metrics.truth import TowardsTruth
from eval.present.text import coverage, pairs_of, strength_cells
from eval.runs.cards import MetricCards
from eval.runs.writer import RunWriter
from tedbench.build import build
from tedbench.datasets.picturebook import PicturebookPairs
from tedbench.errors import UserError
from tedbench.method import Sample
from tedbench.pair import EditPair, Entry
from tests.made_runs import card_of, made_config

OWN_LPIPS = {
    "_target_": "eval.metrics.lpips_distance.LpipsDistance",
    "size": 64,
    "backbone": "picturebook:perceptual/alex.safetensors",
}


@pytest.fixture(scope="module")
def metrics(clip_folder):
    clip = str(clip_folder)
    return [ClipScore(clip), ClipDirection(clip), build(OWN_LPIPS), Psnr(), Ssim(), TowardsTruth(OWN_LPIPS)]


def test_distances_are_shown_as_one_minus_and_other_scores_as_they_are(metrics):
    shown = {metric.name.split("/")[0]: (metric.card.shown, metric.card.shown_score(0.25)) for metric in metrics}
    for word in ("lpips", "truth-lpips"):
        assert shown[word][0].startswith(f"1-{word}/") and shown[word][1] == 0.75
    for word in ("clip", "clip-direction", "psnr", "ssim"):
        assert shown[word][0].startswith(f"{word}/") and shown[word][1] == 0.25


def test_hand_made_runs_have_the_cards_of_the_projects_metrics(metrics, clip_folder):
    for metric in (*metrics[:5], ClipImageSimilarity(str(clip_folder)), Judged("success"), Judged("kept")):
        about = {"synthetic": metric.card.synthetic, "about": metric.card.about}
        assert replace(card_of(metric.name), **about) == metric.card


def test_headings_say_what_is_measured(metrics):
    words = ["CLIP score", "CLIP direction", "1−LPIPS", "PSNR", "SSIM", "1−LPIPS to true edit"]
    cards = MetricCards(metric.card for metric in metrics)
    assert [cards.short_name(metric.name) for metric in metrics] == words
    both = cards | MetricCards([card_of("lpips/vgg/512")])
    assert [both.short_name(name) for name in ("lpips/vgg/512", metrics[0].name)] == ["1−LPIPS vgg", "CLIP score"]


def test_images_are_refused_that_would_give_a_plausible_wrong_number(metrics, pictures):
    image, images = pictures(1, 64)[0], pictures(2, 64)
    reference = Reference(image, "a dog", "a cat", image)
    for metric in metrics:
        for wrong in (
            images / 255,
            images.astype(np.int64),
            images[..., :1],
            images[0],
            np.zeros((2, 3, 64, 64), "u1"),
        ):
            with pytest.raises(TypeError, match="uint8"):
                metric.score(reference, wrong)
        with pytest.raises(ValueError, match="96×96 are compared with 64×64"):
            metric.score(reference, pictures(2, 96))


def test_networks_see_a_batch_at_a_time_however_many_images_there_are(clip_folder, pictures, monkeypatch):
    clip = ClipScore(str(clip_folder), batch=3)
    lpips = build({**OWN_LPIPS, "batch": 3})
    seen = []
    conv = torch.nn.Conv2d.forward
    monkeypatch.setattr(torch.nn.Conv2d, "forward", lambda self, x: seen.append(len(x)) or conv(self, x))
    reference = Reference(pictures(1, 64)[0], "A dog.")
    for metric in (clip, lpips):
        seen.clear()
        assert len(metric.score(reference, pictures(10, 64, seed=1))) == 10
        assert seen and max(seen) == 3


def test_scores_do_not_depend_on_what_was_scored_before(metrics, pictures):
    first, second = (
        Reference(i, t, "A dog.", j) for i, t, j in zip(pictures(2, 64), "ab", pictures(2, 64, seed=1), strict=True)
    )
    images = pictures(3, 64, seed=2)
    for metric in metrics:
        before = metric.score(first, images)
        metric.score(second, images[:2])
        np.testing.assert_array_equal(metric.score(first, images), before, err_msg=metric.name)


def test_towards_truth_is_the_metric_with_the_true_edit_for_the_input(pictures):
    image, truth, images = pictures(1, 64)[0], pictures(1, 64, seed=1)[0], pictures(3, 64, seed=2)
    for metric in ({"_target_": "eval.metrics.pixels.Psnr"}, OWN_LPIPS):
        inner, outer = build(metric), TowardsTruth(metric)
        assert outer.name == f"truth-{inner.name}" and outer.higher_is_better == inner.higher_is_better
        found = outer.score(Reference(image, "", None, truth), images)
        np.testing.assert_array_equal(found, inner.score(Reference(truth, ""), images))
        assert outer.unscored(Reference(image, "")) == "no true edited image"
    with pytest.raises(UserError, match="cannot take these settings"):
        TowardsTruth({**OWN_LPIPS, "nett": "vgg"})


def test_what_is_remembered_is_bounded_and_the_oldest_goes():
    recent, made = Recent(2), []
    for key in "abacab":
        recent.get(key, lambda key=key: made.append(key) or key)
    assert made == ["a", "b", "c", "b"] and len(recent) == 2


def test_content_tells_pixels_shapes_and_order_apart():
    pixels = np.arange(12, dtype=np.uint8)
    keys = {content(pixels), content(pixels.reshape(3, 4)), content(pixels[::-1]), content(pixels, pixels)}
    assert len(keys) == 4 and content(pixels[::-1]) == content(pixels[::-1].copy())


@pytest.mark.parametrize("group", ["picturebook", "picturebook_full"])
def test_groups_for_picturebook_score_its_pairs(group):
    settings = resolved(compose("run", [f"metrics={group}"]))["metrics"]
    built = [build(block, device="cpu") for block in settings.values()]
    assert len({metric.name for metric in built}) == len(built) == len(settings)
    pair = next(iter(PicturebookPairs(size=64)))
    assert pair.truth is not None
    for metric in built:
        reference = Reference(pair.image, pair.target_text, pair.source_text, pair.truth)
        scores = metric.score(reference, np.stack([pair.truth]))
        assert scores.shape == (1,) and scores.dtype == np.float64 and not np.isnan(scores).any()


def test_the_full_group_names_the_published_networks():
    settings = compose("run", ["metrics=full", "metrics.clip.model=ViT-B-16-quickgelu"]).metrics
    assert {block.get("model") for block in settings.values()} == {
        "ViT-B-16-quickgelu",
        "ViT-L-14-quickgelu",
        "facebook/dinov2-base",
        None,
    }
    assert (settings.lpips.net, settings.lpips.size, settings.lpips_vgg.net) == ("alex", 512, "vgg")


@pytest.fixture
def run(tmp_path, pictures):
    """Three pairs with two images each, of which the second has no source text and the third a true edit."""
    run = RunWriter.create(tmp_path / "run", made_config("m", "n"))
    images = pictures(6, 64)
    for k, (name, source) in enumerate((("a", "A dog."), ("b", None), ("c", "A cat."))):
        pair = EditPair(Entry(f"{name}.png", "A bird.", source), images[k], images[k + 3] if name == "c" else None)
        run.write_shard(pair, [Sample(0.0, 0, images[k]), Sample(1.0, 0, images[k + 3])])
    return run


@pytest.fixture
def reporter(tmp_path):
    from rich.console import Console

    return Reporter(Console(file=io.StringIO(), width=500))


def test_an_unscored_pair_is_kept_with_its_reason_and_counted(run, reporter, metrics):
    assert score_run(run, metrics, reporter) == 0
    scores = run.scores()
    reasons = scores[scores["score"].isna()].groupby(["metric", "pair_id"])["reason"].first().reset_index()
    assert [(m.split("/")[0], p[0], r) for m, p, r in reasons.itertuples(index=False)] == [
        ("clip-direction", "b", "no source text"),
        ("truth-lpips", "a", "no true edited image"),
        ("truth-lpips", "b", "no true edited image"),
    ]
    assert (scores.loc[scores["score"].notna(), "reason"] == "").all()
    said = reporter.console.file.getvalue()
    assert f"no score of {metrics[1].name} for 1 of 3 pairs: no source text" in said
    assert "for 2 of 3 pairs: no true edited image" in said


def test_a_table_says_how_many_images_a_metric_is_of_that_has_fewer(run, reporter, metrics):
    score_run(run, metrics, reporter)
    table = curve_table(run, [shard.id for shard in run.shards()])
    group = table[table["strength"] == 1]
    ends = [cell.partition(" ")[2] for cell in strength_cells(group, run.metrics)]
    assert ends == ["", "of 2", "", "", "", "of 1"]
    assert (coverage(group, run.metrics), pairs_of(table, run.metrics)) == ("3 of 3", "3")


def test_a_broken_image_harms_no_other_pair_and_can_be_mended(run, reporter, metrics):
    whole = (run.shards()[1].folder / "eta1-s0.png").read_bytes()
    (run.shards()[1].folder / "eta1-s0.png").write_bytes(whole[: len(whole) // 2])
    assert score_run(run, metrics, reporter) == 1
    said = [line for line in reporter.console.file.getvalue().splitlines() if line.startswith("not scored")]
    assert len(said) == 1 and "eta1-s0.png cannot be read as an image" in said[0]
    assert set(run.scores()["pair_id"].str[0]) == {"a", "c"}
    (run.shards()[1].folder / "eta1-s0.png").write_bytes(whole)
    assert score_run(run, metrics, reporter) == 0
    assert run.scores()["pair_id"].nunique() == 3
