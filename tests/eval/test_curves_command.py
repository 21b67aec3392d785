"""eval.curves: Figure 9 again from saved runs, made up here by the real store."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from eval.analysis.curves import REGION_RULE
from eval.present.curves_page import curves
from eval.runs.folder import Run
from eval.runs.writer import RunWriter
from tedbench.errors import UserError
from tedbench.method import Sample
from tedbench.pair import EditPair, Entry
from tests.made_runs import made_config

pytestmark = pytest.mark.usefixtures("blank_figures")

CLIP, LPIPS = "clip/a/b", "lpips/alex/64"
ENTRIES = [
    Entry(image, text, category=category)
    for image, text, category in (
        ("a.png", "A dog.", "pose"),
        ("a.png", "A cat.", "pose"),
        ("b.png", "A dog.", "setting"),
        ("c.png", "A dog.", "setting"),
    )
]


@pytest.fixture
def make_run(tmp_path, noise_image):
    def make(method, axis="eta", failed=(), metrics=(CLIP, LPIPS), reached=ENTRIES):
        config = made_config(method, axis=axis, metrics=metrics, fit={"dataset": "picturebook", "size": 16})
        run = RunWriter.create(tmp_path / method, config)
        run.event("start", pairs=len(ENTRIES))
        for place, entry in enumerate(reached):
            if entry in failed:
                run.write_failure(entry, [(0.0, 0), (0.5, 0), (1.0, 0)], "the loss became nan")
                continue
            image = noise_image(0)
            run.write_shard(EditPair(entry, image), [Sample(s, 0, image) for s in (0.0, 0.5, 1.0)])
            for metric in metrics:
                rows = [(entry.id, s, 0, metric, 0.1 + 0.1 * place + s / 2) for s in (0.0, 0.5, 1.0)]
                table = pd.DataFrame(rows, columns=["pair_id", "strength", "seed", "metric", "score"])
                run.shard(entry.id).write_scores(metric, table)
        return str(run.folder)

    return make


def table(out, name="curves"):
    return pd.read_csv(out / f"{name}.csv", keep_default_na=False, na_values={"region_low": [""], "region_high": [""]})


def test_methods_are_drawn_on_the_pairs_that_all_have_and_the_others_are_named(make_run, tmp_path, capsys):
    runs = [make_run("imagic"), make_run("sdedit", "t0", failed=ENTRIES[1:2])]
    curves(runs, tmp_path / "out")
    found = table(tmp_path / "out").set_index(["method", "metric", "strength"])
    assert found.loc["imagic", CLIP, 0.5]["mean"] == pytest.approx((0.35 + 0.55 + 0.65) / 3, abs=1e-6)
    assert set(found["n_pairs"]) == {3} and set(found["n_expected"]) == {4}
    assert set(found["dataset"]) == {"Picturebook (synthetic)"} and set(found["region_rule"]) == {REGION_RULE}
    page, said = (tmp_path / "out" / "curves.md").read_text(), capsys.readouterr().out
    for text in (page, said):
        assert "Picturebook (synthetic), 3 of 4 pairs" in text and "the loss became nan" in text
        assert REGION_RULE in text and "clustered by source image" in text


def test_each_category_has_its_own_curves_in_a_table_of_its_own(make_run, tmp_path):
    curves([make_run("imagic")], tmp_path / "out")
    found = table(tmp_path / "out", "curves-by-category").set_index(["category", "metric", "strength"])
    assert found.loc["pose", CLIP, 0.0]["mean"] == pytest.approx(0.15)
    assert found.loc["setting", f"1-{LPIPS}", 0.0]["mean"] == pytest.approx(0.65)
    assert set(found["n_pairs"]) == {2}
    assert (tmp_path / "out" / "curves-by-category.pdf").exists()


def test_equal_runs_give_equal_bytes_and_what_was_there_before_goes(make_run, tmp_path):
    run, out = make_run("imagic"), tmp_path / "out"
    curves([run], out)
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    curves([run], out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first


def test_an_unfinished_run_is_drawn_and_says_how_far_it_is(make_run, tmp_path, capsys):
    curves([make_run("imagic", reached=ENTRIES[:3])], tmp_path / "out")
    assert "3 of 4 pairs" in capsys.readouterr().out
    assert set(table(tmp_path / "out")["n_expected"]) == {4}


def test_pairs_without_scores_in_one_run_count_in_none(make_run, tmp_path, capsys):
    runs = [make_run("imagic"), make_run("sdedit")]
    Run.open(Path(runs[1])).shard(ENTRIES[0].id).score_file(CLIP).unlink()
    curves(runs, tmp_path / "out")
    found = table(tmp_path / "out")
    assert set(found.loc[found["metric"] == CLIP, "n_pairs"]) == {3}
    said = capsys.readouterr().out
    assert "3 of 4 pairs" in said and "1 of the 4 pairs lacks scores in some run" in said


def test_a_metric_can_be_asked_for_and_one_that_is_not_everywhere_is_refused(make_run, tmp_path):
    other = "clip/large/b"
    runs = [make_run("imagic", metrics=(CLIP, LPIPS, other)), make_run("sdedit", metrics=(CLIP, other))]
    curves(runs, tmp_path / "out", alignment=other)
    assert other in (tmp_path / "out" / "curves.md").read_text()
    with pytest.raises(UserError, match=r"fidelity=lpips/alex/64 is no fidelity metric that every run has"):
        curves(runs, tmp_path / "out", fidelity=LPIPS)
    with pytest.raises(UserError, match=r"no metric in common.*eval\.score"):
        curves([make_run("a", metrics=(CLIP,)), make_run("b", metrics=(LPIPS,))], tmp_path / "out")


@pytest.mark.parametrize(
    ("argument", "hint"), [("runs=null", "Give the runs' folders"), ("runs=[nowhere]", "is not a run")]
)
def test_errors_are_one_line(command, argument, hint):
    status, _, said = command("eval.curves", argument)
    assert status == 2 and hint in said and said.count("\n") == 1


def test_drawing_loads_no_torch(make_run, tmp_path):
    code = f"""
import sys
from pathlib import Path
from eval.present.curves_page import curves
from eval.present.figures.material import FigureOptions
from eval.present.figures.page import figure
run, out = {make_run("imagic")!r}, Path({str(tmp_path / "out")!r})
curves([run], out)
figure([run], out, FigureOptions("5", 5, 1))
assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
