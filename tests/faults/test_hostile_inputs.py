"""What cannot be right is told in one line, with an exit status, and nothing outside the run's folder is written.

Each case makes its files in a folder of its own and gives a real command line.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import yaml
from PIL import Image

from eval.runs.folder import Run
from eval.runs.writer import RunWriter
from imagic.models.weights import locate
from tedbench.method import Sample
from tedbench.pair import EditPair, Entry
from tests.made_runs import made_config

HERE, OUTSIDE = "here", "outside"
"""The folder that a command runs in, with a pair and its edited image, and its neighbour, which nothing may touch."""


class Hostile(NamedTuple):
    """What is given, and what must be said of it.

    Attributes:
        says: words of the one line.
        prepare: makes files in the folder that the command runs in.
    """

    arguments: list[str]
    says: str
    prepare: Callable[[Path], object] = lambda here: None
    command: str = "eval.run"


class Evil:
    """Leaves a file where it was unpickled."""

    def __reduce__(self):
        return (os.mkdir, (str(Path(OUTSIDE).absolute().parent.parent / OUTSIDE / "executed"),))


def picture(path: Path, size: int = 64) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, format="PNG")


def pairs(*rows: tuple[str, str]) -> Callable[[Path], None]:
    """pairs.json with these images and texts."""

    def prepare(here: Path) -> None:
        (here / "pairs.json").write_text(json.dumps([{"image": i, "target_text": t} for i, t in rows]))

    return prepare


def file(name: str, content: str | bytes) -> Callable[[Path], None]:
    def prepare(here: Path) -> None:
        (here / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    return prepare


def weights(*, replace: str, by: bytes | None) -> Callable[[Path], None]:
    """``model``: a small model with a file replaced (by a pickle beside it where ``by`` is None)."""

    def prepare(here: Path) -> None:
        shutil.copytree(here.parent / "model", here / "model")
        damaged = here / "model" / replace
        damaged.unlink()
        if by is None:
            damaged.with_suffix(".bin").write_bytes(pickle.dumps(Evil()))
        else:
            damaged.write_bytes(by)

    return prepare


def clip(name: str, content: bytes) -> Callable[[Path], None]:
    """``clip``: the embedded CLIP with other weights."""

    def prepare(here: Path) -> None:
        shutil.copytree(locate("picturebook:clip"), here / "clip")
        (here / "clip" / "open_clip_model.safetensors").unlink()
        (here / "clip" / name).write_bytes(content)

    return prepare


def saved_run(**changes: object) -> Callable[[Path], None]:
    """``old``: a run's folder of one pair whose configuration was edited."""

    def prepare(here: Path) -> None:
        run = RunWriter.create(here / "old", made_config("m", "n", fit={"size": 16}))
        image = np.zeros((16, 16, 3), np.uint8)
        run.write_shard(EditPair(Entry("a.png", "A dog."), image), [Sample(0.0, 0, image)])
        (here / "old" / "config.yaml").write_text(yaml.safe_dump(run.config() | changes))

    return prepare


def then(*steps: Callable[[Path], object]) -> Callable[[Path], None]:
    def prepare(here: Path) -> None:
        for step in steps:
            step(here)

    return prepare


def link(name: str, target: str) -> Callable[[Path], None]:
    return lambda here: (here / name).symlink_to(target)


def locked(here: Path) -> None:
    """A folder in which nobody may write; for root, who may everywhere, a place where no folder can be."""
    if os.geteuid() == 0:
        (here / "locked").symlink_to("/sys")
    else:
        (here / "locked").mkdir(mode=0o500)


IMAGIC = ["model.path=../model", "model.image_size=16"]
LIST = ["dataset=folder", "dataset.file=pairs.json", "dataset.size=64"]
PIXELS = [
    f"~metrics.{name}" for name in ("clip", "clip_large", "lpips", "clip_direction", "clip_image", "lpips_vgg", "dino")
]
EDITS = ["method=precomputed", "method.folder=edits", "metrics=full", *PIXELS, *LIST]
MEASURED = ["method=precomputed", "method.folder=edits", "metrics=picturebook", *LIST]
LONG = "x" * 300
EXECUTE = {"_target_": "os.mkdir", "path": f"../{OUTSIDE}/executed"}

CASES = {
    # what is typed wrong
    "unknown_method": Hostile(["method=imagik"], "Did you mean method=imagic"),
    "misspelt_option": Hostile(["sweep.strength=[0]"], "Did you mean sweep.strengths"),
    "misspelt_recipe": Hostile(["recipe.imagic.embeding.steps=3"], "Did you mean"),
    "invented_option": Hostile(["+sweep.speed=9"], "Leave out the +"),
    "open_bracket": Hostile(["sweep.seeds=[0,1"], "--help"),
    "no_option_at_all": Hostile(["imagic"], "key=value"),
    "group_without_choice": Hostile(["method=null"], "no choice 'null' of method"),
    # what is no such value
    "strength_nan": Hostile([*EDITS, "sweep.strengths=[0,nan]"], "finite numbers"),
    "strength_infinite": Hostile([*EDITS, "sweep.strengths=[inf]"], "finite numbers"),
    "strength_text": Hostile([*EDITS, "sweep.strengths=[much]"], "finite numbers"),
    "strength_twice": Hostile([*EDITS, "sweep.strengths=[0.5,0.50]"], "none twice"),
    "no_seeds": Hostile([*EDITS, "sweep.seeds=[]"], "at least one"),
    "seed_text": Hostile([*IMAGIC, "seed=lucky"], "seed is 'lucky'"),
    "seed_nothing": Hostile([*IMAGIC, "seed=null"], "seed is None"),
    "negative_steps": Hostile([*IMAGIC, "recipe.imagic.embedding.steps=-1"], "whole number from 0"),
    "steps_text": Hostile([*IMAGIC, "recipe.imagic.sampling.steps=ten"], "whole number from 1"),
    "rate_nan": Hostile([*IMAGIC, "recipe.imagic.finetune.lr=nan"], "a number from 0"),
    "guidance_nan": Hostile([*IMAGIC, "recipe.imagic.sampling.guidance=nan"], "a number from 0"),
    "negative_limit": Hostile(["dataset.limit=-1"], "whole number from 1"),
    "size_zero": Hostile(["dataset.size=0"], "whole number from 1"),
    "odd_size": Hostile([*IMAGIC[:1], "model.image_size=15"], "multiple of"),
    "no_such_device": Hostile(["numerics.device=cuda:9"], "no device"),
    "no_threads": Hostile(["numerics.threads=0"], "whole number from 1"),
    "half_precision": Hostile([*IMAGIC, "numerics.dtype=float16"], "bfloat16"),
    "retry_perhaps": Hostile(["run.retry_failed=perhaps"], "true or false"),
    "no_variant": Hostile([*IMAGIC, "method.variant.sampler=euler"], "ddim, dpm_solver"),
    # what is not there, or not to be written
    "no_model_folder": Hostile(["model.path=./nowhere"], "does not exist"),
    "no_dataset_root": Hostile(["dataset=tedbench", "dataset.root=nowhere"], "nowhere"),
    "no_list": Hostile(["dataset=folder", "dataset.file=none.csv"], "none.csv"),
    "no_run": Hostile(["run=nowhere"], "is not a run", command="eval.score"),
    "output_is_a_file": Hostile([*EDITS, "run_dir=taken"], "is a file", file("taken", "")),
    "output_below_a_file": Hostile([*EDITS, "run_dir=taken/run"], "a file is where a folder should be", file("taken", "")),
    "output_read_only": Hostile([*EDITS, "run_dir=locked/run"], "cannot be written", locked),
    "output_not_empty": Hostile([*EDITS, "run_dir=edits"], "not a run"),
    "output_name_too_long": Hostile([*EDITS, f"run_dir={LONG}"], "too long"),
    "model_name_too_long": Hostile([f"model.path=./{LONG}"], "does not exist"),
    "list_name_too_long": Hostile(["dataset=folder", f"dataset.file={LONG}.csv"], "too long"),
    # links and paths in names
    "output_is_a_circle_of_links": Hostile([*EDITS, "run_dir=loop"], "loop", link("loop", "loop")),
    "run_with_a_link_inside": Hostile(
        ["run=old"],
        "is a link",
        then(saved_run(), link("old/scores.parquet", f"../../{OUTSIDE}/precious")),
        command="eval.score",
    ),
    "method_name_with_a_path": Hostile([*EDITS, f"method.name=../../{OUTSIDE}/x"], "method.name"),
    "model_name_with_a_path": Hostile([f"model.name=/{OUTSIDE}"], "model.name"),
    "dataset_name_with_a_path": Hostile(["dataset.name=/x"], "dataset.name"),
    "name_like_a_pattern": Hostile(["model.name='a**b'", "model.path=./nowhere"], "does not exist"),
    "text_with_half_a_character": Hostile(LIST, "Unicode", pairs(("ok.png", "A \ud800 dog."))),
    "tedbench_name_with_a_path": Hostile(
        ["dataset=tedbench", "dataset.root=."],
        "plain file name",
        file("input_list.json", json.dumps([{"img_name": f"../../{OUTSIDE}/precious", "target_text": "A dog."}])),
    ),
    "pattern_that_looks_inside": Hostile(
        [*EDITS, "method.pattern='{image_name.__class__.__mro__}'"], "cannot be used", pairs(("ok.png", "A dog."))
    ),
    # datasets
    "empty_list": Hostile(LIST, "no pairs", pairs()),
    "empty_file": Hostile(["dataset=folder", "dataset.file=p.csv"], "no column image", file("p.csv", "")),
    "pair_twice": Hostile(LIST, "more than once", pairs(("ok.png", "A dog."), ("./ok.png", "A dog."))),
    "list_is_no_json": Hostile(LIST, "not JSON", file("pairs.json", '[{"image": ')),
    "list_in_latin1": Hostile(["dataset=folder", "dataset.file=p.csv"], "UTF-8", file("p.csv", "image,target_text\na,é".encode("latin1"))),
    "empty_text": Hostile(LIST, "target_text is empty", pairs(("ok.png", " "))),
    # weights and configurations of strangers
    "torn_weights": Hostile(["model.path=model", "model.image_size=16"], "cannot be loaded", weights(replace="unet/diffusion_pytorch_model.safetensors", by=b"\x08\0\0\0\0\0\0\0{}")),
    "weights_of_zeros": Hostile(["model.path=model", "model.image_size=16"], "cannot be loaded", weights(replace="vae/diffusion_pytorch_model.safetensors", by=bytes(1000))),
    "pickled_weights": Hostile(["model.path=model", "model.image_size=16"], "is a pickle", weights(replace="unet/diffusion_pytorch_model.safetensors", by=None)),
    "index_is_no_json": Hostile(["model.path=model", "model.image_size=16"], "model_index.json", weights(replace="model_index.json", by=b"]")),
    "torn_clip": Hostile([*MEASURED, "metrics.clip.model=./clip"], "cannot be loaded", clip("open_clip_model.safetensors", b"torn")),
    "pickled_clip": Hostile([*MEASURED, "metrics.clip.model=./clip"], "pickles", clip("open_clip_pytorch_model.bin", pickle.dumps(Evil()))),
    "pickled_lpips": Hostile([*MEASURED, "metrics.lpips.backbone=evil.pt"], "safetensors", file("evil.pt", pickle.dumps(Evil()))),
    "pickled_judge": Hostile([*MEASURED, "metrics.judge_success.weights=evil.pt"], "judge's weights", file("evil.pt", pickle.dumps(Evil()))),
    "run_that_names_a_program": Hostile(["run=old"], "is no Metric", saved_run(measure={"x": EXECUTE}), command="eval.score"),
    "run_with_torn_config": Hostile(
        ["run=old"], "config.yaml", then(saved_run(), file("old/config.yaml", "fit: [")), command="eval.score"
    ),
    "run_with_python_in_config": Hostile(
        ["run=old"],
        "config.yaml",
        then(saved_run(), file("old/config.yaml", f"fit: !!python/object/apply:os.mkdir ['../{OUTSIDE}/executed']")),
        command="eval.score",
    ),
}  # fmt: skip


def everything(root: Path) -> dict[str, bytes]:
    """Every file, folder and link below a folder."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder) / name
            plain = path.is_file() and not path.is_symlink()
            found[str(path)] = (
                path.read_bytes() if plain else os.fsencode(path.readlink()) if path.is_symlink() else b""
            )
    return found


@pytest.mark.parametrize("case", CASES)
def test_one_clear_line_and_nothing_written_elsewhere(case, tiny_folder, tmp_path, monkeypatch, command):
    hostile, here = CASES[case], tmp_path / HERE
    shutil.copytree(tiny_folder, tmp_path / "model")
    here.mkdir()
    (tmp_path / OUTSIDE).mkdir()
    (tmp_path / OUTSIDE / "precious").write_text("precious")
    monkeypatch.chdir(here)
    picture(here / "ok.png")
    picture(here / "edits" / "ok.png-A_dog.png")
    pairs(("ok.png", "A dog."))(here)
    hostile.prepare(here)
    monkeypatch.setenv("IMAGIC_BENCH_CACHE", str(tmp_path / "cache"))
    before = everything(tmp_path)

    status, out, err = command(hostile.command, *hostile.arguments, cwd=here)

    assert status == 2, err + out
    lines = [line for line in err.splitlines() if line.strip() and not line.startswith("warning: ")]
    assert len(lines) == 1 and lines[0].startswith("error: ") and hostile.says in lines[0], err
    written = {path for path, content in everything(tmp_path).items() if before.get(path) != content}
    allowed = (str(here / "runs"), str(tmp_path / "cache"), str(here / "old" / "."))
    elsewhere = {path for path in written if not path.startswith(allowed)}
    assert not elsewhere and before.keys() <= everything(tmp_path).keys()


IMAGES = {
    "/etc/passwd": "cannot be read as an image",
    "/dev/zero": "is not a file",
    "../../nowhere.png": "does not exist",
    f"{LONG}.png": "too long",
    "a\0.png": "null byte",
    "torn.png": "cannot be read as an image",
    "huge.png": "Make it smaller",
}
"""Inputs that are none, and what is said of each pair."""

NAMES = ["собака 犬 🐕.png", "name with spaces & 'quotes'.png", f"{'é' * 100}.png"]
"""Names in any script and of 200 letters, which are names like others."""


def test_an_image_that_is_none_fails_its_pair_alone(tmp_path, command):
    for name in NAMES:
        picture(tmp_path / name)
        picture(tmp_path / "edits" / f"{name}-A_dog.png")
    (tmp_path / "torn.png").write_bytes((tmp_path / NAMES[0]).read_bytes()[:200])
    Image.new("1", (20_000, 6_000)).save(tmp_path / "huge.png")
    pairs(*((name, "A dog.") for name in (*IMAGES, *NAMES)))(tmp_path)
    before = everything(tmp_path)
    status, out, _ = command("eval.run", *EDITS, "run_dir=run", cwd=tmp_path)
    assert status == 1
    failing = {os.path.relpath(name, tmp_path) if name[0] == "/" else name: says for name, says in IMAGES.items()}
    samples = Run.open(tmp_path / "run").samples().set_index("image_name")
    assert dict(samples["status"]) == dict.fromkeys(failing, "failed") | dict.fromkeys(NAMES, "ok")
    for name, says in failing.items():
        assert says in samples.loc[name, "reason"] and "\n" not in samples.loc[name, "reason"]
        assert samples.loc[name, "reason"] in out
    assert {path: c for path, c in everything(tmp_path).items() if not path.startswith(str(tmp_path / "run"))} == before
