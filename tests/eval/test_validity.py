"""Metrics held against judgements, on saved runs whose scores and judgements are written down here."""

from __future__ import annotations

import itertools
import shutil
from functools import cache

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import stats

from eval.analysis.stats import clustered_mean, clustered_share
from eval.analysis.validity.choosing import FIXED, ORACLE, choice_table
from eval.analysis.validity.images import gather_judged
from eval.analysis.validity.misled import misled
from eval.analysis.validity.ranking import auc, auc_same_pair, auc_same_strength, jackknife, rankings, spearman
from eval.analysis.validity.scores import STRENGTH, Score, add_scores, fitted_elsewhere
from eval.present.validity import page, write_validity
from eval.runs.folder import Run
from eval.runs.writer import RunWriter
from tedbench.errors import UserError
from tedbench.method import Sample
from tedbench.pair import EditPair, Entry
from tests.made_runs import made_config

CLIP, LPIPS, JUDGE = "clip/a/b", "lpips/alex/64", "judge/success/1"
STRENGTHS, SEEDS = (0.0, 0.5, 1.0), (0, 1)
GRID = list(itertools.product(STRENGTHS, SEEDS))
ENTRIES = tuple(Entry(f"{name}.png", f"A {what} dog.", category=what) for name in "abc" for what in ("big", "sitting"))
# Whether each image of a pair is good, in the order of GRID: at 0.5 mostly; the last pair has none.
GOOD = ["001100", "001000", "001110", "000011", "001101", "000000"]


@pytest.fixture(scope="module")
def make_run(tmp_path_factory, noise_image):
    """Writes a run whose CLIP score grows along the strength and whose LPIPS is the judgement with noise; none changes it."""

    @cache
    def make(name="run", entries=ENTRIES, judged=True):
        metrics = [CLIP, LPIPS, JUDGE, "judge/changed/1"]
        config = made_config(metrics=metrics, fit={"dataset": "picturebook", "size": 16})
        run = RunWriter.create(tmp_path_factory.mktemp("runs") / name, config)
        rng = np.random.default_rng(0)
        for place, (entry, good) in enumerate(zip(entries, GOOD, strict=False)):
            samples = [Sample(s, seed, noise_image(10 * place + int(4 * s) + seed)) for s, seed in GRID]
            run.write_shard(EditPair(entry, noise_image(100 + place), noise_image(200 + place)), samples)
            found = {
                CLIP: [0.2 + 0.1 * s + 0.01 * seed for s, seed in GRID],
                LPIPS: [0.5 - 0.3 * int(g) + 0.1 * rng.random() for g in good],
                JUDGE: [float(g) for g in good],
                "judge/changed/1": [float(s > 0) for s, _ in GRID],
            }
            for metric, scores in found.items():
                rows = [(entry.id, s, k, metric, x) for (s, k), x in zip(GRID, scores, strict=True)]
                table = pd.DataFrame(rows, columns=["pair_id", "strength", "seed", "metric", "score"])
                if judged or not metric.startswith("judge"):
                    run.shard(entry.id).write_scores(metric, table)
        return run

    return make


@pytest.fixture(scope="module")
def material(make_run):
    return gather_judged({"ours": make_run()}, "judge/success")


@pytest.fixture(scope="module")
def scored(material):
    return add_scores(material.images, material.metrics)


@pytest.fixture(scope="module")
def written(make_run, tmp_path_factory, command):
    """What the command wrote for two runs, twice."""
    runs = ", ".join(f"{name}: {make_run(name).folder}" for name in ("one", "two"))
    outs = [tmp_path_factory.mktemp("out") for _ in range(2)]
    for out in outs:
        done = command("eval.validity", f"runs={{{runs}}}", f"out={out}")
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"{(out / 'validity.md').read_text()}\n{out}\n"
    return outs


def some(count=60, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 12, count).astype(float), rng.random(count) < 0.4, rng.integers(0, 4, count)


def test_auc_counts_every_good_and_bad_image():
    scores, good, strata = some()
    wins = lambda keep: [
        (scores[i] > scores[j]) + (scores[i] == scores[j]) / 2
        for i, j in itertools.product(range(60), repeat=2)
        if good[i] and not good[j] and keep(i, j)
    ]
    assert auc(scores, good) == pytest.approx(np.mean(wins(lambda i, j: True)))
    assert auc_same_strength(scores, good, strata) == pytest.approx(np.mean(wins(lambda i, j: strata[i] == strata[j])))
    assert np.isnan(auc(scores, np.ones(60, dtype=bool)))


def test_spearman_is_scipys():
    scores, good, _ = some()
    assert spearman(scores, good) == pytest.approx(stats.spearmanr(scores, good).statistic)
    assert np.isnan(spearman(np.zeros(5), np.arange(5)))


def test_the_jackknife_of_a_mean_is_the_t_interval_and_clusters_widen_it():
    values = np.random.default_rng(0).normal(size=30)
    mean = lambda left: float(values[left].mean())
    assert jackknife(mean, np.arange(30)) == pytest.approx(clustered_mean(values, np.arange(30)))
    fives = np.repeat(np.arange(6), 5)
    assert jackknife(mean, fives) == pytest.approx(clustered_mean(values, fives))
    assert np.isnan(jackknife(mean, np.repeat([0, 1], 15)).low)


def test_intervals_of_auc_cover_with_clusters_of_unequal_size():
    rng, covered, rounds = np.random.default_rng(0), 0, 200
    sizes = np.arange(30) % 5 + 1
    clusters = np.repeat(np.arange(30), 4 * sizes)
    truth = stats.norm.cdf(1 / np.sqrt(2 * (1 + 0.5**2)))  # good ones lie 1 higher; between clusters sd 0.5
    for _ in range(rounds):
        good = rng.random(len(clusters)) < 0.4
        scores = good + rng.normal(size=len(clusters)) + 0.5 * rng.normal(size=30)[clusters]
        low, high = jackknife(lambda left, x=scores, y=good: auc(x[left], y[left]), clusters)[1:]
        covered += low <= truth <= high
    assert 0.9 <= covered / rounds <= 0.99


def test_what_is_fitted_knows_nothing_of_the_image_itself(material):
    """Judgements of a source image turned round change no score of its own images that was learned from judgements."""
    own = material.images["source_group"] == material.images["source_group"].iloc[0]
    turned = material.images.assign(good=material.images["good"].where(~own, 1 - material.images["good"]))
    before, scores = add_scores(material.images, material.metrics)
    after, _ = add_scores(turned, material.metrics)
    names = [score.name for score in scores]
    pd.testing.assert_frame_equal(before.loc[own, names], after.loc[own, names])
    assert not before.loc[~own, names].equals(after.loc[~own, names])


def test_the_weighted_sum_is_the_least_squares_plane_of_the_others():
    rng = np.random.default_rng(0)
    x, groups = rng.random((40, 2)), np.repeat(np.arange(4), 10)
    assert fitted_elsewhere(x, x @ [2.0, -1.0] + 3, groups) == pytest.approx(x @ [2.0, -1.0] + 3)
    assert (fitted_elsewhere(x, x[:, 0], np.zeros(40)) == 0).all()


def test_combinations_hold_alignment_and_fidelity_together(scored):
    images, scores = scored
    ranks = images[[CLIP, f"1-{LPIPS}"]].rank(pct=True)
    assert [score.kind for score in scores] == ["metric"] * 2 + ["combination"] * 4 + ["baseline"]
    assert images["mean rank: CLIP score, 1 − LPIPS"].tolist() == pytest.approx(ranks.mean(axis=1).tolist())
    assert images["lesser rank: CLIP score, 1 − LPIPS"].tolist() == pytest.approx(ranks.min(axis=1).tolist())
    faithful = images["CLIP score where 1 − LPIPS ≥ t"] > 0  # each source image has its own threshold
    for _, rows in images.groupby("source_group"):
        inside = faithful[rows.index]
        assert 0 < inside.sum() < len(rows)
        assert rows.loc[inside, f"1-{LPIPS}"].min() > rows.loc[~inside, f"1-{LPIPS}"].max()
        assert (rows.loc[inside, CLIP].rank() == rows.loc[inside, "CLIP score where 1 − LPIPS ≥ t"].rank()).all()


def test_a_score_chooses_and_is_held_against_one_strength_and_the_best_there_is(scored):
    images, scores = scored
    table = choice_table(images, scores, ["changed"])
    rows = table[(table["category"] == "all") & (table["free"] == "strength")].set_index("how")
    assert rows.loc[ORACLE, "good"] == pytest.approx(np.mean([1, 0.5, 1, 1, 1, 0]))
    assert rows.loc[FIXED, "good"] == pytest.approx(np.mean([1, 0.5, 1, 0, 1, 0]))  # 0.5 for all
    assert rows.loc[CLIP, "good"] == pytest.approx(np.mean([0, 0, 0.5, 1, 0.5, 0]))  # always 1
    assert rows.loc[CLIP, "strength_median"] == 1
    perfect = rows.loc[f"1-{LPIPS}"]
    assert perfect["room"] == 1 and perfect["more"] == pytest.approx(rows.loc[ORACLE, "good"] - rows.loc[FIXED, "good"])
    assert rows.loc[CLIP, "changed"] == 1 and rows.loc[ORACLE, "changed"] == pytest.approx(4.5 / 6)
    assert rows["p_holm"].notna().sum() == 6 and (rows["p_holm"].dropna() >= rows["p"][rows["p_holm"].notna()]).all()
    both = table[(table["category"] == "all") & (table["free"] == "strength and seed")].set_index("how")
    assert both.loc[ORACLE, "good"] == pytest.approx(5 / 6)
    seed = table[(table["category"] == "all") & (table["free"] == "seed")].set_index("how")
    assert seed.loc[ORACLE, "good"] == pytest.approx(4 / 6)


def test_of_equal_scores_the_weakest_strength_is_chosen(material):
    images = material.images.assign(flat=1.0, **{STRENGTH: 0.0})
    table = choice_table(images, [Score("flat", "flat", "metric")], [])
    rows = table[(table["category"] == "all") & (table["free"] == "strength")].set_index("how")
    assert rows.loc["flat", "strength_median"] == 0 and rows.loc["flat", "good"] == 0


def test_pairs_without_an_image_for_every_strength_and_seed_are_not_chosen_from(scored):
    images, scores = scored
    table = choice_table(images.drop(index=images.index[0]), scores, [])
    assert set(table[table["category"] == "all"]["n_pairs"]) == {5}
    assert choice_table(images[images["strength"] + images["seed"] != 0].iloc[::2], scores, []).empty


def test_a_score_is_misled_where_its_favourite_is_bad_though_there_is_a_good_image(scored):
    images, scores = scored
    table = misled(images, scores[:2], ["changed"])
    clip = table[table["score"] == CLIP].set_index("pair_id")
    assert len(clip) == 5 and clip["is_misled"].sum() == 3  # at strength 1 and seed 1 two pairs are good
    first = clip.loc[ENTRIES[0].id]
    assert (first["picked_strength"], first["picked_seed"]) == (1, 1) and (
        first["good_strength"],
        first["good_seed"],
    ) == (0.5, 1)
    assert first["gap"] > 0 and not table[table["score"] == f"1-{LPIPS}"]["is_misled"].any()


def test_a_pairs_images_are_compared_with_its_own_alone(scored):
    images, _ = scored
    pairs = [rows for _, rows in images.groupby("pair_id") if rows["good"].nunique() > 1]
    wanted = clustered_share(
        [auc(rows[CLIP].to_numpy(), rows["good"].to_numpy() > 0) for rows in pairs],
        [rows["source_group"].iloc[0] for rows in pairs],
    )
    assert len(pairs) == 5 and auc_same_pair(images, CLIP) == pytest.approx(wanted)


def test_answers_of_people_take_the_judges_place(make_run, tmp_path):
    file = tmp_path / "answers.csv"
    rows = [f"{e.id},{s},{k},{int(s == 1)}" for e in ENTRIES for s, k in GRID]
    file.write_text("\n".join(["pair,strength,seed,good", *rows, f"{ENTRIES[0].id},1.0,0,0"]))
    material = gather_judged({"ours": make_run(judged=False)}, str(file))
    assert material.images.groupby("strength")["good"].mean().tolist() == pytest.approx([0, 0, 11.5 / 12])
    assert "answers.csv" in material.judgement and material.questions == []


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("{pair},0.7,0,1", "has no image of"),
        ("{pair},0.5,0,2", "from 0 .bad. to 1"),
        ("{pair},half,0,1", "are numbers"),
        ("{pair},0.5,0,", "good"),
    ],
)
def test_a_wrong_answer_is_refused_with_its_line(make_run, tmp_path, line, hint):
    file = tmp_path / "answers.csv"
    file.write_text(f"pair,strength,seed,good\n{line.format(pair=ENTRIES[0].id)}\n")
    with pytest.raises(UserError, match=hint):
        gather_judged({"ours": make_run()}, str(file))


def test_answers_to_several_runs_say_which(make_run, tmp_path):
    file = tmp_path / "answers.csv"
    file.write_text(f"pair,strength,seed,good\n{ENTRIES[0].id},0.5,0,1\n")
    with pytest.raises(UserError, match="Give a column run"):
        gather_judged({"one": make_run(), "two": make_run()}, str(file))


def test_pairs_that_a_run_lacks_are_left_out_of_all_and_named(make_run):
    material = gather_judged({"one": make_run(), "two": make_run(entries=ENTRIES[:4])}, "judge/success")
    assert material.coverage == "4 of 6 pairs" and set(material.left_out) == {e.id for e in ENTRIES[4:]}
    assert material.images["pair_id"].nunique() == 4


def test_what_the_runs_do_not_have_is_refused(make_run):
    with pytest.raises(UserError, match=r"no score .judge/beauty.*judge/success/1"):
        gather_judged({"ours": make_run()}, "judge/beauty")
    with pytest.raises(UserError, match="metric 'dino'"):
        gather_judged({"ours": make_run()}, "judge/success", ["dino"])


def test_the_page_says_first_that_the_metrics_are_toys_and_where_they_fail(written):
    text = (written[0] / "validity.md").read_text()
    assert text.split("\n\n")[1].startswith("**These are toy metrics.**")
    assert "6 of 6 pairs" in text and "| CLIP score |" in text and "strength alone" in text
    for name in ("rankings", "rankings-by-category", "choices", "misled-clip-score"):
        assert f"({name}.png)" in text and Image.open(written[0] / f"{name}.png").width > 600


def test_cases_without_images_are_in_the_table_and_not_on_the_sheets(make_run, tmp_path):
    folder = shutil.copytree(make_run().folder, tmp_path / "published")
    for image in folder.glob("pairs/*/eta*.png"):
        image.unlink()
    text = write_validity(gather_judged({"published": Run.open(folder)}, JUDGE), tmp_path / "out")
    assert pd.read_csv(tmp_path / "out" / "misled.csv")["is_misled"].any()
    assert "misled-" not in text and not list((tmp_path / "out").glob("misled-*.png"))


def test_photographs_are_not_called_drawn(material, scored):
    images, scores = scored
    tables = {
        "rankings": rankings(images, scores, []),
        "choices": choice_table(
            images[images["strength"] + images["seed"] != 0].iloc[::2], scores, []
        ),  # no pair is whole
        "misled": misled(images, scores[:1], []),
    }
    text = page(material._replace(dataset="photos", synthetic=False, questions=[]), scores, tables, [], [])
    assert "toy" not in text and "photos, 6 of 6 pairs" in text and "nothing can be chosen" in text


def test_every_figure_has_its_table_and_equal_runs_give_equal_bytes(written):
    tables = {path.stem for path in written[0].glob("*.csv")}
    assert tables == {"rankings", "choices", "misled"}
    assert all(path.stem.split("-")[0] in tables for path in written[0].glob("*.png"))
    names = sorted(path.name for path in written[0].iterdir())
    assert names == sorted(path.name for path in written[1].iterdir())
    for name in names:
        assert (written[0] / name).read_bytes() == (written[1] / name).read_bytes(), name


def test_metrics_are_shown_in_one_order_whatever_the_order_they_are_asked_for_in(make_run):
    material = gather_judged({"ours": make_run()}, "judge/success", [LPIPS, CLIP, f"1-{LPIPS}"])
    assert [(score.name, score.label, score.measures) for score in material.metrics] == [
        (CLIP, "CLIP score", "alignment"),
        (f"1-{LPIPS}", "1 − LPIPS", "fidelity"),
    ]


def test_errors_are_one_line_and_status_2(make_run, tmp_path, command):
    for options, hint in (
        ([f"runs=[{tmp_path / 'nowhere'}]"], "is not a run"),
        ([f"runs=[{make_run().folder}]", "columns=clip"], "columns is 'clip'. It must be a list"),
        ([f"runs=[{make_run().folder}]", "columns=[dino]"], "metric 'dino'"),
        ([f"runs=[{make_run().folder}]", "judgement=answers.csv"], "judgement=answers.csv does not exist"),
    ):
        done = command("eval.validity", *options, f"out={tmp_path / 'out'}")
        assert done.returncode == 2
        assert hint in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
