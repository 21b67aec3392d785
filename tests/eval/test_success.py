"""Rates of judged success over saved runs whose images are known to be the true edit, the input, or neither."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from eval.analysis.named_runs import named_folders
from eval.analysis.stats import clustered_share
from eval.analysis.success import best_strength, judge_run
from eval.metrics.judge import open_reader
from eval.present.figures.style import COLORS
from eval.runs.writer import RunWriter
from tedbench.errors import UserError
from tedbench.method import Sample
from tedbench.pair import EditPair, Entry
from tests.made_runs import made_config

CONFIG = made_config(symbol="η", fit={"dataset": "picturebook"})
GRID = [(strength, seed) for strength in (0.0, 0.5, 1.0) for seed in (0, 1)]
# What each pair's images are, in the order of GRID: true edit (t), input (i), another scene (n).
SORTS = {
    Entry("a.png", "A dog.", category="pose"): "iitttn",
    Entry("a.png", "A cat.", category="pose"): "iiitii",
    Entry("b.png", "Two dogs.", category="count"): "iinnni",
}


@pytest.fixture(scope="module")
def make_run(tmp_path_factory, noise_image):
    """Writes a run of these pairs, whose inputs and true edits the random judge reads differently."""
    image = noise_image(0, 64)
    truth = image.copy()
    truth[:32, :32] = noise_image(1, 64)[:32, :32]
    pictures = {"i": image, "t": truth, "n": noise_image(2, 64)}

    def make(name, sorts=SORTS, with_truth=True):
        run = RunWriter.create(tmp_path_factory.mktemp("runs") / name, CONFIG)
        for entry, kinds in sorts.items():
            samples = [Sample(*at, pictures[kind]) for at, kind in zip(GRID, kinds, strict=False)]
            source = image.copy()
            source[-1, -1, 2] ^= entry.image_name == "b.png"  # another picture, though nobody sees it
            run.write_shard(EditPair(entry, source, truth if with_truth else None), samples)
        return run

    return make


@pytest.fixture(scope="module")
def written(make_run, random_judge, tmp_path_factory, command):
    """What the command wrote for a run, and for one beside it that lacks an image of the first pair."""
    out = tmp_path_factory.mktemp("out")
    lacking = {entry: kinds[:5] if kinds == "iitttn" else kinds for entry, kinds in SORTS.items()}
    whole, lacking = str(make_run("whole").folder), str(make_run("lacking", lacking).folder)
    for runs, name in ((f"{{one: {whole}}}", "one"), (f"[{whole}, {lacking}]", "two")):
        done = command("eval.success", f"runs={runs}", f"out={out / name}", f"judge={random_judge}")
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"{(out / name / 'success.md').read_text()}\n{out / name}\n"
    return out / "one", out / "two"


def rate(table, question, strength, category="all"):
    at = table["strength"].isna() if strength is None else table["strength"] == strength
    return table[at & (table["question"] == question) & (table["category"] == category)].iloc[0]


def test_rates_are_of_all_images_at_a_strength_with_intervals_by_source_image(written):
    table = pd.read_csv(written[0] / "success.csv")
    row = rate(table, "success", 0.5)
    wanted = clustered_share([1, 0.5, 0], ["a.png", "a.png", "b.png"])
    assert tuple(row[["mean", "ci_low", "ci_high"]]) == pytest.approx(wanted, abs=1e-6)
    assert (row["n"], row["n_pairs"], row["n_pairs_expected"]) == (6, 3, 3)
    assert rate(table, "kept", 0.0)["mean"] == 1
    assert rate(table, "changed", 0.0)["mean"] == 0
    assert rate(table, "success", 0.5, "pose")["mean"] == 0.75


def test_with_strength_and_seed_chosen_per_pair_a_pair_counts_once(written):
    table = pd.read_csv(written[0] / "success.csv")
    row = rate(table, "success", None)
    assert (row["mean"], row["n"]) == (pytest.approx(2 / 3), 3)


def test_the_best_strength_is_the_one_with_most_successes(written):
    assert best_strength(pd.read_csv(written[0] / "success.csv"), "one") == 0.5


def test_the_page_names_the_rates_and_says_of_how_many(written):
    page = (written[0] / "success.md").read_text()
    assert "Picturebook (synthetic)" in page and "3 of 3 pairs" in page
    assert "| all | 3 of 3 | one | 0.5 | 6 | 50% [0, 100] |" in page
    assert "| count | 1 of 1 | one |" in page


def test_runs_are_compared_on_the_pairs_that_all_have_whole(written):
    page, table = (written[1] / "success.md").read_text(), pd.read_csv(written[1] / "success.csv")
    assert "2 of 3 pairs" in page and "lacking: 5 of 6 images" in page
    assert set(table["run"]) == {"whole", "lacking"}
    assert set(table[table["category"] == "all"]["n_pairs"]) == {2}
    assert "| pose | 1 of 2 | lacking |" in page


def test_each_pairs_best_attempt_is_kept_in_a_table(written):
    pairs = pd.read_csv(written[0] / "pairs.csv").set_index("target_text")
    assert tuple(pairs.loc["A cat.", ["strength", "seed", "n_success", "n"]]) == (0.5, 1, 1, 6)
    assert pairs.loc["Two dogs.", "success"] == 0 and isinstance(pairs.loc["Two dogs.", "faults"], str)


def test_pictures_show_every_run_and_what_was_never_solved(written):
    for out, names in zip(written, (["one"], ["whole", "lacking"]), strict=True):
        assert (out / "success.pdf").read_bytes().startswith(b"%PDF")
        pixels = np.asarray(Image.open(out / "success.png").convert("RGB")).reshape(-1, 3)
        for color in COLORS[: len(names)]:
            assert (pixels == tuple(bytes.fromhex(color[1:]))).all(axis=1).sum() > 50
        assert all(Image.open(out / f"failures-{name}.png").width > 600 for name in names)


def test_a_run_without_true_edits_is_refused(make_run, random_judge):
    with pytest.raises(UserError, match="no true edit"):
        judge_run("x", make_run("bare", with_truth=False), open_reader(random_judge))


def test_errors_are_one_line_and_status_2(tmp_path, random_judge, command):
    done = command("eval.success", f"runs=[{tmp_path / 'nowhere'}]", f"judge={random_judge}", cwd=tmp_path)
    assert done.returncode == 2
    assert "is not a run" in done.stderr and done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_runs_are_called_by_their_folder_or_as_one_says(tmp_path):
    assert named_folders([str(tmp_path / "a"), f"{tmp_path}/b/"]) == {"a": tmp_path / "a", "b": tmp_path / "b"}
    assert named_folders({"b": f"{tmp_path / 'c'}"}) == {"b": tmp_path / "c"}
    for runs in (["x/a", "y/a"], {"a/b": "x"}, {" ": "x"}):
        with pytest.raises(UserError, match="name of its own"):
            named_folders(runs)
    with pytest.raises(UserError, match="Give the runs' folders"):
        named_folders(None)


def test_what_an_earlier_call_wrote_is_replaced_and_nothing_else(written, make_run, random_judge, tmp_path, command):
    for name in ("failures-gone.png", "success.pdf", "notes.md", "failures.txt"):
        (tmp_path / name).write_text("earlier")
    done = command("eval.success", f"runs=[{make_run('again').folder}]", f"out={tmp_path}", f"judge={random_judge}")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "failures-gone.png").exists() and (tmp_path / "failures-again.png").exists()
    assert (tmp_path / "success.pdf").read_bytes().startswith(b"%PDF")
    assert {(tmp_path / name).read_text() for name in ("notes.md", "failures.txt")} == {"earlier"}
