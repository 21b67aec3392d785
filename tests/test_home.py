"""``~`` in options: the home folder, wherever a path begins with it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from cli.command import compose
from cli.help import ROOT, options
from cli.home import WORDS
from eval.engine.rerun_settings import changed

PATHS = re.compile(
    r"(^|[._])(run_dir|run|runs|untuned|out|folder|file|root|annotations|path|weights|picks|consent|study|answers|judge|judgement|image)$"
)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_every_path_option_of_every_command_begins_at_home(home):
    seen = set()
    for file in sorted(ROOT.glob("*.yaml")):
        groups = re.findall(r"^  - (?:optional )?/?(\w+): (\w+)", file.read_text(), re.MULTILINE)
        names = [key for key, _, _ in options(file)]
        names += [
            key
            for group, name in groups
            if name != "null"
            for key, _, _ in options(ROOT / group / f"{name}.yaml", f"{group}.")
        ]
        names = list(filter(PATHS.search, names))
        cfg = compose(file.stem, [f'{name}="~/a b/x"' for name in names])
        assert {name: OmegaConf.select(cfg, name) for name in names} == dict.fromkeys(names, f"{home}/a b/x"), file.stem
        seen |= set(names)
    assert {"run_dir", "run", "runs", "fits.folder", "model.path", "study", "answers", "out", "image", "picks"} <= seen


@pytest.mark.parametrize("choice", ["dataset=folder", "dataset=tedbench", "method=precomputed"])
def test_so_do_those_of_datasets_and_methods(choice, home):
    group, _, chosen = choice.partition("=")
    names = [name for name, _, _ in options(ROOT / group / f"{chosen}.yaml", f"{group}.") if PATHS.search(name)]
    cfg = compose("run", [choice, *(f'{name}="~"' for name in names)])
    assert names and {OmegaConf.select(cfg, name) for name in names} == {str(home)}


def test_lists_names_of_ones_own_and_metrics_are_paths_too(home):
    assert list(compose("report", ['runs=["~/a",b]']).runs) == [f"{home}/a", "b"]
    assert dict(compose("report", ['runs={name: "~/a", b.c: "~/b~"}']).runs) == {
        "name": f"{home}/a",
        "b.c": f"{home}/b~",
    }
    metrics = compose("run", ['metrics.judge_success.weights="~/j.safetensors"', 'metrics.clip.model="~/clip"']).metrics
    assert metrics.judge_kept.weights == f"{home}/j.safetensors" and metrics.clip.model == f"{home}/clip"
    assert changed(compose("run", []), ["model.path=~/w"]).model.path == f"{home}/w"


def test_users_who_are_there_are_found_and_all_else_stays(home):
    value = lambda text: compose("run", [f'run_dir="{text}"']).run_dir
    assert value("~root/x") == f"{Path('~root').expanduser()}/x"
    for text in ("~no-such-user/x", "backup~", "a/~/b", "./~", "x~y"):
        assert value(text) == text
    for word in WORDS:
        assert word not in PATHS.pattern
    assert compose("imagic", ["image=a", 'text="~/a dog"']).text == "~/a dog"


def test_a_command_is_given_what_compose_gives(home, command):
    done = command("eval.status", 'run="~/nothing"')
    assert done.returncode == 2 and f"{home}/nothing is not a run" in done.stderr
