"""The evaluation from Python: the same runs as on the command line, in a process that is left as it was."""

from __future__ import annotations

import csv
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import chdir
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from PIL import Image

from eval.api import RunView, UserError, compare, evaluate, open_run
from eval.api.settings import written
from eval.runs.lock import RunLock, owners
from tedbench import Axis, Edit, Editor, Sample

pytestmark = pytest.mark.usefixtures("blank_figures")

UNJUDGED = ["~metrics.judge_success", "~metrics.judge_changed", "~metrics.judge_kept"]
QUICK = ["numerics.threads=1", "recipe.sdedit.sampling.steps=4", *UNJUDGED]


class Copy(Editor):
    """Returns the input, darker by its strength; fails where the text says so."""

    axis = Axis("dark", "dark", (0.0, 1.0), identity=0.0)
    randomness = "none"

    def __init__(self, steps: int = 1) -> None:
        self.steps = steps

    def fit(self, pair, progress=None):
        return CopyEdit(pair.image)


class CopyEdit(Edit):
    def __init__(self, image):
        self.image = image

    def sample(self, requests, progress=None):
        import torch

        torch.rand(3), np.random.rand(), random.random()  # what a careless method does
        for strength, seed in requests:
            yield Sample(strength, seed, (self.image * (1 - strength / 2)).astype(np.uint8))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with two pictures and a list of them."""
    home = tmp_path_factory.mktemp("home")
    for place, name in enumerate(("dog.png", "cat.png")):
        noise = np.random.default_rng(place).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(np.kron(noise, np.ones((8, 8, 1), dtype=np.uint8))).save(home / name)
    with open(home / "pairs.csv", "w", newline="") as file:
        csv.writer(file).writerows([("image", "target_text", "source_text"), *(row.values() for row in ROWS)])
    return home


ROWS = [
    {"image": "dog.png", "target_text": "A dog, ${sitting}", "source_text": "A dog"},
    {"image": "cat.png", "target_text": "A black cat", "source_text": ""},
]


@pytest.fixture
def here(home, monkeypatch):
    monkeypatch.chdir(home)
    return home


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run of two pairs with SDEdit."""
    with chdir(folder := tmp_path_factory.mktemp("made")):
        run = evaluate("sdedit", strengths=[0.25, 0.75], overrides=["dataset.limit=2", *QUICK], quiet=True)
    return folder, run


def copy(dataset=None, **given):
    """Evaluate the method above, without metrics."""
    overrides = ["numerics.threads=1", "~metrics", *given.pop("overrides", ())]
    return evaluate(Copy, dataset, **{"quiet": True, **given}, overrides=overrides)


def test_importing_it_loads_no_torch():
    code = "import sys, eval.api; print({'torch', 'matplotlib', 'hydra'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


def test_the_command_finds_the_same_run_complete(made, command):
    folder, run = made
    given = ["method=sdedit", "sweep.strengths=[0.25,0.75]", "dataset.limit=2", *QUICK]
    status, out, err = command("eval.run", *given, cwd=folder)
    assert status == 0, err
    assert out.startswith("complete: 2 of 2") and folder / out.splitlines()[-1] == run.folder
    assert (run.folder / "report.html").stat().st_size


def test_a_repeated_call_changes_nothing_and_more_strengths_extend_the_run(made, shards, capsys):
    folder, run = made
    before = shards(run.folder)
    copied = shutil.copytree(run.folder, folder / "copied")
    with chdir(folder):
        again = evaluate("sdedit", strengths=(0.25, 0.75), overrides=["dataset.limit=2", *QUICK], run_dir="copied")
        assert again.folder == copied and shards(copied) == before
        more = evaluate("sdedit", strengths=[0.5], overrides=["dataset.limit=2", *QUICK], run_dir=copied)
    assert sorted(more.curves()["strength"].unique()) == [0.25, 0.5, 0.75]
    assert "[2/2]" in capsys.readouterr().out


def test_tables_are_those_of_the_folder(made):
    _, run = made
    assert isinstance(run, RunView) and len(run.samples()) == 4
    curves, saved = run.curves(), pd.read_csv(run.folder / "curves.csv")
    pd.testing.assert_frame_equal(curves, saved[list(curves.columns)], atol=1e-5)
    pd.testing.assert_frame_equal(run.scores(), pd.read_parquet(run.folder / "scores.parquet"))
    assert {"pair_id", "strength", "seed", "metric", "score"} <= set(run.scores().columns)
    pairs = run.pairs()
    assert len(pairs) == 2 and set(pairs["status"]) == {"ok"} and all(pairs["source_text"])


def test_images_are_arrays_of_the_saved_pictures(made):
    _, run = made
    row = run.samples().iloc[0]
    image = run.image(row["pair_id"], 0.25)
    assert image.dtype == np.uint8 and (image == np.asarray(Image.open(run.folder / row["image"]))).all()
    assert run.input_image(row["pair_id"]).shape == image.shape
    with pytest.raises(UserError, match=r"There are strengths 0\.25, 0\.75 and seeds 0"):
        run.image(row["pair_id"], 0.3)
    with pytest.raises(UserError, match="Did you mean"):
        run.input_image(row["pair_id"][:-1])


def test_a_run_shows_itself_in_a_terminal_and_a_notebook(made):
    _, run = made
    assert "sdedit" in repr(run) and "2 of 2 pairs" in repr(run)
    assert "<table" in run._repr_html_() and "0.25" in run._repr_html_()


def test_a_pair_that_fails_is_a_row_and_no_error(here):
    run = copy([*ROWS, {"image": "gone.png", "target_text": "A ghost"}])
    failed = run.pairs().query("status == 'failed'")
    assert failed["image_name"].tolist() == ["gone.png"] and "does not exist" in failed["reason"].item()
    assert "2 of 3 pairs" in repr(run)
    with pytest.raises(UserError, match=r"gone\.png does not exist"):
        run.image(failed["pair_id"].item(), 1)


def test_rows_a_list_and_its_folder_are_the_same_pairs(here, tmp_path):
    runs = [
        copy(ROWS, run_dir=tmp_path / "rows"),
        copy(pd.DataFrame(ROWS).replace("", np.nan), run_dir=tmp_path / "frame"),
        copy([{**row, "image": here / row["image"]} for row in ROWS], run_dir=tmp_path / "absolute"),
        copy("pairs.csv", run_dir=tmp_path / "file"),
        copy(here, run_dir=tmp_path / "folder"),
    ]
    tables = [run.pairs() for run in runs]
    assert set(tables[0]["target_text"]) == {"A dog, ${sitting}", "A black cat"}
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0])


def test_other_rows_are_another_run_and_the_same_rows_the_same_run(here):
    first, second = copy(ROWS), copy(ROWS[:1])
    assert first.folder != second.folder and len(second.pairs()) == 1
    assert copy(list(ROWS)).folder == first.folder
    assert first.folder.name.startswith("table-")


def test_a_run_of_rows_can_be_made_again_from_its_folder(here, command, tmp_path):
    run = copy(ROWS, run_dir=tmp_path / "run")
    status, out, err = command("eval.rerun", f"run={run.folder}", f"run_dir={tmp_path / 'again'}", cwd=tmp_path)
    assert status == 0, out + err


def test_the_class_of_a_method_is_given_as_such_by_name_or_with_settings(here, tmp_path):
    runs = [
        evaluate(method, ROWS, overrides=["~metrics"], run_dir=tmp_path / str(place), quiet=True)
        for place, method in enumerate((Copy, f"{Copy.__module__}.Copy", {"_target_": Copy, "steps": 2}))
    ]
    assert [run.run.config()["fit"]["method"].get("steps") for run in runs] == [None, None, 2]
    assert {run.run.labels["method"] for run in runs} == {"copy"}


def test_what_is_no_importable_method_is_refused(here):
    class Local(Copy):
        pass

    with pytest.raises(UserError, match=r"Local .* cannot be imported by this name"):
        evaluate(Local, ROWS)
    with pytest.raises(UserError, match="not an object of it"):
        evaluate(Copy(), ROWS)
    shown = type("Shown", (Copy,), {"__module__": "__main__"})
    for method in (shown, "__main__.Shown"):
        with pytest.raises(UserError, match=r"file of its own .* method='my_method\.Shown'"):
            evaluate(method, ROWS)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"method": "sdedti"}, "Did you mean method=sdedit"),
        ({"dataset": "tedbnch"}, "Did you mean dataset=tedbench"),
        ({"dataset": "none.csv"}, "none.csv does not exist"),
        ({"dataset": [{"image": "dog.png"}]}, "dataset.rows, item 1 has no column target_text"),
        ({"dataset": 3}, "Give a name, a list's path"),
        ({"strengths": "all"}, "strengths is 'all'. Give a list of numbers"),
        ({"seeds": [0.5]}, "Give a list of whole numbers"),
        ({"strengths": [2]}, "2"),
        ({"overrides": ["numeric.threads=1"]}, "no option called 'numeric.threads'"),
        ({"overrides": "numerics.threads=1"}, "Give a list"),
        ({"overrides": ["+experiment=fig7"]}, "is several runs"),
        ({"overrides": {"numerics.device": "tpu"}}, "no device 'tpu'"),
    ],
)
def test_wrong_settings_are_one_clear_error(here, given, message):
    before = set(here.iterdir())
    with pytest.raises(UserError, match=message):
        evaluate(**{"method": "sdedit", "quiet": True, **given})
    assert set(here.iterdir()) - before <= {here / "runs"}


def test_a_folder_of_several_lists_is_refused(tmp_path):
    for name in ("a.csv", "b.json"):
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=r"holds a\.csv, b\.json"):
        evaluate("sdedit", tmp_path)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        0.5,
        "plain",
        "a dog, sitting",
        "null",
        "[sic]",
        'say "it"',
        [0, 0.5],
        ["a b", None],
        {"a": 1},
    ],
)
def test_values_of_options_survive_the_command_lines_form(value):
    assert OverridesParser.create().parse_override(f"key={written(value)}").value() == value


def state():
    """What other code in the process may rely on."""
    import matplotlib
    import matplotlib.pyplot as plt
    import torch
    from hydra.core.global_hydra import GlobalHydra

    return {
        "threads": torch.get_num_threads(),
        "tf32": (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32),
        "matmul": torch.get_float32_matmul_precision(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "random": (torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()),
        "directory": Path.cwd(),
        "workspace": os.environ.get("CUBLAS_WORKSPACE_CONFIG"),
        "handlers": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
        "style": dict(dict.items(matplotlib.rcParams)),
        "figures": plt.get_fignums(),
        "hydra": GlobalHydra.instance().hydra,
    }


@pytest.fixture
def peculiar():
    """A process whose settings are none of the defaults."""
    import matplotlib.pyplot as plt
    import torch

    tf32, threads = (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32), torch.get_num_threads()
    with plt.rc_context({"font.size": 17, "axes.grid": True}):
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        torch.set_num_threads(3)
        figure = plt.figure()
        yield
        plt.close(figure)
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = tf32
    torch.set_num_threads(threads)


def test_the_process_is_left_as_it_was(here, drawn_figures, tmp_path, peculiar):
    before = state()
    copy(ROWS, run_dir=tmp_path / "run")
    assert state() == before
    with pytest.raises(UserError):
        evaluate("sdedit", ROWS, strengths=[5], quiet=True)
    assert state() == before


@pytest.fixture
def newer_settings():
    """Torch with its newer settings of precision, after which it refuses to read ``allow_tf32``."""
    import torch

    backends = torch.backends
    each = (backends, backends.cuda.matmul, backends.cudnn, backends.cudnn.conv, backends.cudnn.rnn)
    backends.fp32_precision = "tf32"
    backends.cudnn.conv.fp32_precision = "ieee"
    yield each
    for settings in each:
        settings.fp32_precision = "none"
    backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32 = False, True


def test_torchs_newer_settings_of_precision_are_kept_as_well(here, tmp_path, newer_settings):
    before = [each.fp32_precision for each in newer_settings]
    assert "ieee" in before and "tf32" in before
    run = evaluate(Copy, ROWS, overrides=["numerics.threads=1", *UNJUDGED], run_dir=tmp_path / "run", quiet=True)
    assert len(run.scores()) == 2 * 2 * 2
    assert [each.fp32_precision for each in newer_settings] == before


def test_figures_are_in_the_papers_style_whatever_the_users(here, drawn_figures, tmp_path):
    import matplotlib

    given = {"overrides": ["numerics.threads=1", *UNJUDGED], "quiet": True}
    first = evaluate(Copy, ROWS, run_dir=tmp_path / "first", **given)
    with matplotlib.rc_context({"font.size": 17, "savefig.dpi": 30}):
        second = evaluate(Copy, ROWS, run_dir=tmp_path / "second", **given)
    assert (first.folder / "curves.png").read_bytes() == (second.folder / "curves.png").read_bytes()


def test_it_runs_in_another_thread(here, tmp_path):
    runs = []
    threads = [
        threading.Thread(target=lambda name=name: runs.append(copy(ROWS, run_dir=tmp_path / name))) for name in "ab"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(run.pairs()) for run in runs] == [2, 2]


def test_the_lock_is_released_and_that_of_others_is_respected(here, tmp_path):
    run = copy(ROWS, run_dir=tmp_path / "run")
    assert not owners(run.folder)
    with RunLock(run.folder), pytest.raises(UserError, match="is being worked on by"):
        copy(ROWS, strengths=[0.5], run_dir=run.folder)
    assert len(copy(ROWS, strengths=[0.5], run_dir=run.folder).samples()) == 6


def test_quiet_prints_nothing(here, tmp_path, capfd):
    copy(ROWS, run_dir=tmp_path / "run")
    assert capfd.readouterr() == ("", "")


def test_what_is_no_run_or_damaged_is_not_opened(tmp_path, made):
    _, run = made
    with pytest.raises(UserError, match="is not a run"):
        open_run(tmp_path)
    damaged = shutil.copytree(run.folder, tmp_path / "damaged")
    assert len(open_run(str(damaged)).pairs()) == 2
    (damaged / "config.yaml").write_bytes(b"\xff\xfe{")
    with pytest.raises(UserError, match="damaged"):
        open_run(damaged)
    shutil.copy(run.folder / "config.yaml", damaged)
    shutil.rmtree(damaged / "pairs")
    with pytest.raises(UserError, match="no folder pairs"):
        open_run(damaged)


def test_a_comparison_takes_the_best_image_of_each_pair(made):
    _, run = made
    table = compare({"ours": run, "theirs": run.folder}, threshold=0.5)
    assert set(table["method"]) == {"ours", "theirs"} and table["rule"].str.contains("≥ 0.5").all()
    row = table[table["metric"].str.startswith("1-lpips") & (table["method"] == "ours")].iloc[0]
    scores = run.scores().pivot(index=["pair_id", "strength"], columns="metric", values="score").reset_index()
    clip, lpips = (next(name for name in scores if name.startswith(word)) for word in ("clip", "lpips"))
    faithful = scores[1 - scores[lpips] >= 0.5].sort_values(clip).groupby("pair_id")[lpips].last()
    assert len(faithful) == 2 and row["mean"] == pytest.approx(1 - faithful.mean())
    assert not (run.folder / "chosen.csv").exists()


def test_a_comparison_at_one_strength_or_of_nothing(made):
    _, run = made
    assert compare([run], strengths={"sdedit": 0.25})["rule"].str.contains("0.25").all()
    with pytest.raises(UserError, match="both are given"):
        compare([run], threshold=0.5, strengths={"sdedit": 0.25})
    with pytest.raises(UserError, match="is empty"):
        compare([])
