"""Choosing one image for each pair: rules, the paper's protocols, picks read back, the command."""

from __future__ import annotations

from math import nan
from typing import NamedTuple

import pandas as pd
import pytest
from PIL import Image

from eval.analysis.selection import chosen
from eval.analysis.selection_rules import best, candidates, fixed, picks
from eval.runs.writer import RunWriter
from tedbench.errors import UserError
from tedbench.method import Sample
from tedbench.pair import EditPair, Entry
from tests.made_runs import made_config

CLIP, LPIPS = "clip/a/b", "lpips/alex/64"
CONFIG = made_config(symbol="η", metrics=[CLIP, "clip/c/d", LPIPS])
PAIRS = {name: Entry(f"{name}.png", "A dog.") for name in ("apple", "bread", "cake", "dates", "egg")}
IMAGES = [(0.0, 0), (0.5, 0), (0.5, 1), (1.0, 0), (1.0, 1)]


def score(run, entry, metric, values):
    rows = [(entry.id, s, k, metric, v) for (s, k), v in zip(IMAGES, values, strict=True)]
    run.shard(entry.id).write_scores(
        metric, pd.DataFrame(rows, columns=["pair_id", "strength", "seed", "metric", "score"])
    )


@pytest.fixture
def run(tmp_path, noise_image):
    """Four pairs with η 0, 0.5 and 1 and seeds 0 and 1 (η = 0 without seed 1), and one that failed."""
    run = RunWriter.create(tmp_path / "run", CONFIG)
    scores = {  # CLIP, then LPIPS
        "apple": ([0.1, 0.2, 0.3, 0.9, 0.4], [0.0, 0.1, 0.2, 0.5, 0.2]),
        "bread": ([0.1, nan, 0.3, 0.3, 0.3], [0.0, 0.0, 0.2, 0.1, 0.1]),
        "cake": ([0.1, 0.2, 0.3, 0.4, 0.5], [0.6, 0.4, 0.4, 0.9, nan]),
        "dates": ([nan] * 5, [0.1] * 5),
    }
    for name, (clip, lpips) in scores.items():
        pair = EditPair(PAIRS[name], noise_image())
        run.write_shard(pair, [Sample(s, k, pair.image) for s, k in IMAGES])
        score(run, pair.entry, CLIP, clip)
        score(run, pair.entry, LPIPS, lpips)
    run.write_failure(PAIRS["egg"], IMAGES, "the loss became nan")
    return run


def short(choice):
    """{"apple": (0.5, 1), …}"""
    names = {entry.id: name for name, entry in PAIRS.items()}
    return {names[row.pair_id]: (row.strength, row.seed) for row in choice.images.itertuples()}


def left(choice):
    names = {entry.id: name for name, entry in PAIRS.items()}
    return {names[pair]: reason for pair, reason in choice.left_out.items()}


def test_best_is_the_highest_clip_among_the_faithful_and_says_what_it_did(run):
    choice = best(candidates(run), 0.8)
    assert short(choice)["apple"] == (1.0, 1)  # 0.9 at (1, 0) is not faithful enough
    assert choice.rule == (
        f"highest {CLIP} among images with 1-{LPIPS} ≥ 0.8; where none has, the most faithful (1 of 3 pairs)"
    )
    assert choice.parameters["threshold"] == 0.8 and choice.parameters["alignment"] == CLIP


def test_equals_go_by_fidelity_then_weaker_strength_then_lower_seed(run):
    assert short(best(candidates(run), 0.8))["bread"] == (1.0, 0)  # 0.3 thrice: LPIPS 0.1 twice, seed 0
    score(run, PAIRS["bread"], CLIP, [0.3] * 5)
    score(run, PAIRS["bread"], LPIPS, [0.2] * 5)
    assert short(best(candidates(run), 0.8))["bread"] == (0.0, 0)


def test_a_pair_without_a_faithful_image_has_its_most_faithful_or_none(run):
    choice = best(candidates(run), 0.8)
    assert short(choice)["cake"] == (0.5, 1)  # both have LPIPS 0.4: the better aligned
    assert choice.notes == {PAIRS["cake"].id: "none reaches 0.8; this is the most faithful"}
    choice = best(candidates(run), 0.8, below="leave")
    assert "cake" not in short(choice) and left(choice)["cake"] == "none of its images reaches 0.8"


def test_nan_is_never_chosen_and_what_has_no_scores_is_told(run):
    choice = best(candidates(run), -1)
    assert short(choice) == {"apple": (1.0, 0), "bread": (1.0, 0), "cake": (1.0, 0)}
    assert left(choice) == {
        "dates": "none of its images has both scores",
        "egg": "failed: the loss became nan",
    }
    assert choice.coverage == "3 of 5"


def test_several_scores_of_a_kind_must_be_told_apart(run):
    score(run, PAIRS["apple"], "clip/c/d", [0.9, 0.1, 0.1, 0.1, 0.1])
    with pytest.raises(UserError, match=r"alignment= one of: clip/a/b, clip/c/d"):
        best(candidates(run), 0.8)
    choice = best(candidates(run), 0.8, alignment="clip/c/d", fidelity=f"1-{LPIPS}")
    assert short(choice) == {"apple": (0.0, 0)}


def test_fixed_is_one_strength_and_seed(run):
    choice = fixed(candidates(run, seed=1), 0.5)
    assert set(short(choice).values()) == {(0.5, 1)} and len(choice.images) == 4
    assert choice.rule == "the same for every pair: η = 0.5, seed 1"
    assert left(fixed(candidates(run, seed=1), 0))["apple"] == "has no image with η = 0, seed 1"
    with pytest.raises(UserError, match=r"has eta 0, 0\.5, 1"):
        fixed(candidates(run, seed=1), 0.7)


def test_the_protocol_of_figure_6_has_all_seeds_and_says_where_these_are_fewer_than_the_papers(run):
    choice = best(candidates(run, "figure6"), 0.8)
    assert {seed for _, seed in short(choice).values()} == {0, 1}
    assert choice.rule.startswith(
        "protocol of Figure 6 (best of the run's 2 seeds and 3 strengths; the paper has 8 seeds): highest"
    )
    with pytest.raises(UserError, match="among all seeds"):
        candidates(run, "figure6", 0)


def test_the_protocol_of_the_study_has_one_seed_and_a_strength_per_pair(run):
    choice = best(candidates(run, "study"), 0.5)
    assert short(choice) == {"apple": (1.0, 0), "bread": (1.0, 0), "cake": (0.5, 0)}
    assert choice.rule.startswith("protocol of the user study (seed 0 for every pair, η chosen per pair): highest")
    assert {seed for _, seed in short(best(candidates(run, "study", 1), 0.5)).values()} == {1}
    with pytest.raises(UserError, match=r"no images with seed=7\. It has seed 0, 1"):
        candidates(run, "study", 7)


def picks_file(run, *lines, header="pair_id,strength,seed"):
    path = run.folder.parent / "picks.csv"
    path.write_text("\n".join([header, *(line.format(**{n: e.id for n, e in PAIRS.items()}) for line in lines)]) + "\n")
    return path


def test_picks_come_back_and_pairs_without_one_are_named(run):
    choice = picks(candidates(run), picks_file(run, "{bread},0.50,1", "{apple},1,0", "{cake},,"))
    assert short(choice) == {"apple": (1.0, 0), "bread": (0.5, 1)}
    assert left(choice) == {"cake": "not picked", "dates": "not picked", "egg": "failed: the loss became nan"}
    assert choice.rule == "picked by hand (picks.csv)"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nothing,0.5,0", "line 3: the run has no pair nothing"),
        ("{bread}x,0.5,0", "Did you mean bread"),
        ("{bread},0.7,0", "line 3: the run has no strength '0.7'. It has eta 0, 0.5, 1"),
        ("{bread},nan,0", "no strength 'nan'"),
        ("{bread},,0", "no strength None"),
        ("{bread},0.5,3", "line 3: seed '3' is not among those to pick. There is 0, 1"),
        ("{bread},0.5,0.5", "seed '0.5'"),
        ("{bread},0,1", "no image with η = 0, seed 1"),
        ("{apple},0.5,0", "twice (line 2, line 3)"),
        ("{egg},0.5,0", "failed: the loss became nan"),
    ],
)
def test_a_wrong_pick_is_named_with_its_line(run, line, words):
    with pytest.raises(UserError) as caught:
        picks(candidates(run), picks_file(run, "{apple},1,0", line))
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_picks_of_another_seed_than_the_protocols_are_refused(run):
    with pytest.raises(UserError, match=r"seed '1' is not among those to pick \(protocol of the user study"):
        picks(candidates(run, "study"), picks_file(run, "{apple},1,1"))


def test_picks_of_another_run_are_refused_wherever_its_folder_is(run):
    header = "pair_id,strength,seed,run"
    assert short(picks(candidates(run), picks_file(run, f"{{apple}},1,0,{run.key}", header=header)))
    with pytest.raises(UserError, match="of the run imagic-00000000, and this is"):
        picks(candidates(run), picks_file(run, "{apple},1,0,imagic-00000000", header=header))


def test_a_file_without_picks_is_refused(run):
    with pytest.raises(UserError, match="has no picks"):
        picks(candidates(run), picks_file(run, "{apple},,"))


class Done(NamedTuple):
    """How a command ended."""

    status: int
    out: list[str]
    err: list[str]


@pytest.fixture
def select(command):
    """Runs the command; gives its exit status and the lines that it said."""

    def do(*overrides):
        status, out, err = command("eval.select", *overrides)
        return Done(status, out.splitlines(), err.splitlines())

    return do


def test_the_command_keeps_the_choice_and_draws_it(run, select):
    done = select(f"run={run.folder}", "rule=best", "threshold=0.8")
    assert done.status == 1 and done.err == []  # two of five pairs have no image
    assert done.out[0].startswith("3 of 5 pairs; highest clip/a/b") and done.out[-1] == str(run.folder / "chosen.csv")
    assert f"without an image: {PAIRS['egg'].id}: failed: the loss became nan" in done.out
    assert short(chosen(run)) == short(best(candidates(run), 0.8))
    assert Image.open(run.folder / "chosen.png").width > 600


def test_a_choice_can_be_read_back_as_picks(run, select):
    select(f"run={run.folder}", "rule=best", "threshold=0.8")
    before = chosen(run)
    select(f"run={run.folder}", "rule=picks", f"picks={run.folder / 'chosen.csv'}")
    pd.testing.assert_frame_equal(chosen(run).images, before.images)
    assert chosen(run).rule == "picked by hand (chosen.csv)"


def test_without_a_rule_only_the_page_is_written(run, select):
    done = select(f"run={run.folder}", "protocol=study", "seed=1")
    assert done.status == 0 and done.out[-1] == str(run.folder / "picks.html")
    assert done.out[1].endswith("protocol=study seed=1 rule=picks picks=picks.csv")
    page = (run.folder / "picks.html").read_text()
    assert "eta0.5-s1.png" in page and "eta0.5-s0.png" not in page
    assert chosen(run) is None


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["rule=bset"], "one of fixed, best, picks, or null"),
        (["protocol=figure7"], "one of figure6, study, or null"),
        (["rule=best"], "threshold=0.8"),
        (["rule=best", "threshold=high"], "threshold is 'high'. It must be a number"),
        (["rule=best", "threshold=2"], "at most 1"),
        (["rule=best", "threshold=0.8", "below=drop"], "faithful, leave"),
        (["rule=best", "threshold=0.8", "strength=1"], "belongs to rule=fixed"),
        (["rule=best", "threshold=0.8", "fidelity=dists"], "has no score dists"),
        (["picks=picks.csv"], "belongs to rule=picks"),
        (["rule=picks"], "needs picks="),
        (["rule=picks", "picks=nowhere.csv"], "does not exist"),
        (["rule=fixed"], "has eta 0, 0.5, 1"),
        (["rule=fixed", "strength=1", "protocol=study"], "Leave out one"),
        (["rule=fixed", "strength=1", "seed=0.5"], "seed is 0.5. It must be a whole number"),
        (["seed=9"], "It has seed 0, 1"),
        (["treshold=0.8"], "Did you mean threshold"),
    ],
)
def test_what_cannot_be_chosen_says_why_in_one_line(run, overrides, words, select):
    done = select(f"run={run.folder}", *overrides)
    assert done.status == 2 and done.out == []
    (line,) = done.err
    assert line.startswith("error: ") and words in line
    assert chosen(run) is None


def test_a_run_is_needed(tmp_path, select):
    assert "Give a run's folder" in select().err[0]
    assert "is not a run" in select(f"run={tmp_path}").err[0]
