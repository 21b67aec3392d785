"""Command lines: help, typos, no torch."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cli.called import as_called
from cli.columns import two_columns
from cli.command import command, compose, resolved
from cli.defaults import shown_default
from cli.help import ROOT, first_comment, help_text, options
from tedbench.errors import UserError

REPOSITORY = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("override", "hint"),
    [
        ("method=imagik", "Did you mean method=imagic"),
        ("model=picturbook", "Did you mean model=picturebook"),
        ("dataset.splt=all", "Did you mean dataset.split"),
        ("sweep.strength=[0]", "Did you mean sweep.strengths"),
        ("+experiment=tedbensh", "Did you mean experiment=tedbench"),
        ("metrics=standart", "Did you mean metrics=standard"),
        ("nonsense", "key=value"),
        ("experiment=tedbench", r"write +experiment=tedbench"),
        ("+model=sd15", "write model=sd15"),
        ("=3", "key=value"),
        ("+nonsense=1", "Leave out the +"),
        ("method.embedding.steps=7", "It is set by recipe.imagic.embedding.steps."),
        ("method.lr=7", "Did you mean recipe.imagic.embedding.lr or recipe.imagic.finetune.lr?"),
        ("dataset.root=/data", "It belongs to dataset=tedbench"),
    ],
)
def test_a_typo_is_refused_with_a_suggestion(override, hint):
    with pytest.raises(UserError, match=re.escape(hint)):
        compose("run", [override])


@pytest.mark.parametrize("group", ["model=picturebook", "experiment=tedbench"])
def test_a_group_that_a_command_does_not_have_is_no_option_of_it(group):
    with pytest.raises(UserError, match=f"There is no option called '{group.partition('=')[0]}' here"):
        compose("show", [group])


def test_what_is_taken_away_is_not_blamed_for_a_typo_beside_it():
    with pytest.raises(UserError, match=r"Did you mean dataset\.limit"):
        compose("run", ["~metrics", "datset.limit=1"])
    with pytest.raises(UserError, match="'metricz' does not exist"):
        compose("run", ["~metricz"])


@pytest.mark.parametrize(
    ("chosen", "taken", "left"),
    [
        ("full", "lpips", "lpips_vgg"),
        ("full", "clip", "clip_direction"),
        ("picturebook", "judge_success", "judge_kept"),
        ("picturebook_full", "lpips", "truth_lpips"),
    ],
)
def test_a_metric_is_taken_away_and_those_that_share_its_settings_keep_them(chosen, taken, left):
    whole = resolved(compose("run", [f"metrics={chosen}"]))["metrics"]
    metrics = resolved(compose("run", [f"metrics={chosen}", f"~metrics.{taken}"]))["metrics"]
    assert metrics == {name: block for name, block in whole.items() if name != taken}
    assert metrics[left] == whole[left]


def test_a_metric_that_is_not_there_cannot_be_taken_away():
    with pytest.raises(
        UserError, match=r"no 'lpisp'. Did you mean ~metrics.lpips\? There are: clip, lpips, judge_success"
    ):
        compose("run", ["~metrics.lpisp"])
    with pytest.raises(UserError, match=r"metrics.lpips_vgg.size refers to an option that is not there"):
        resolved(compose("run", ["metrics=full", "~metrics.lpips.size"]))


def test_a_metric_is_taken_away_before_the_task_sees_the_configuration(monkeypatch):
    seen = []
    monkeypatch.setattr("sys.argv", ["run", "metrics=full", "~metrics.lpips", "run_dir=runs/a (1)"])
    command("run", "", "")(lambda cfg: seen.append(resolved(cfg)))()
    assert "lpips" not in seen[0]["metrics"] and seen[0]["metrics"]["lpips_vgg"]["size"] == 512
    assert seen[0]["run_dir"] == "runs/a (1)"


def test_the_model_brings_its_recipe_and_metrics_and_both_can_be_overridden():
    assert compose("run", []).method.embedding.steps == 120
    sd = compose("run", ["model=sd15"])
    assert (sd.method.embedding.steps, sd.method.embedding.lr) == (1000, 2e-3)
    assert (sd.method.finetune.steps, sd.method.finetune.lr) == (1500, 5e-7)
    assert sd.dataset.size == 512 and sd.metrics.lpips.size == 512
    assert compose("run", ["recipe.imagic.embedding.steps=7"]).method.embedding.steps == 7
    assert compose("run", ["metrics=standard"]).metrics.clip.pretrained == "openai"
    assert compose("run", ["model=sd15", "recipe/imagic=picturebook"]).method.embedding.steps == 120


def test_images_made_elsewhere_need_no_model_unless_one_is_asked_for():
    cfg = compose("run", ["method=precomputed"])
    assert (cfg.model.name, cfg.dataset.size, cfg.metrics.lpips.size) == ("none", 512, 512)
    assert compose("run", ["method=precomputed", "model=picturebook"]).dataset.size == 64
    with pytest.raises(UserError, match="model=none has no recipe for method=imagic"):
        resolved(compose("run", ["model=none"]))


def test_the_paper_experiment():
    cfg = compose("run", ["+experiment=tedbench"])
    assert (cfg.model.name, cfg.dataset.name, len(cfg.sweep.seeds)) == ("sd15", "tedbench", 8)
    assert compose("run", ["+experiment=tedbench", "model=sd21"]).model.name == "sd21"


def test_help_lists_every_choice_and_the_options_of_the_chosen_ones():
    text = help_text("run", "About.", "python -m eval.run")
    for word in ("imagic", "sd14", "sd15", "sd21", "tedbench", "folder", "SDEdit", "DDIB", "precomputed", "fig9"):
        assert f" {word} " in text
    for option in ("sweep.seeds", "run_dir", "dataset.split", "recipe.imagic.embedding.steps=120", "metrics.lpips.net"):
        assert f"  {option}" in text
    told = text.partition("\nOptions ")[2].partition("\n\n")[0]
    assert not re.search(r"recipe\.(sdedit|ddib)|dataset\.(root|file)|method\.(stochasticity|pattern)", told)


def test_help_lists_the_choices_of_a_group_of_which_none_is_the_default():
    text = " ".join(help_text("score", "", "").split())
    assert " metrics full " in text and "metrics=NAME --help" in text and "-m method" not in text
    assert "found with 'hydra.searchpath=[file://my]'" in text
    assert "  metrics.lpips.net" in help_text("score", "", "", ["metrics=standard"])


def test_a_choice_in_a_folder_that_is_not_searched_is_pointed_to(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my" / "metrics").mkdir(parents=True)
    (tmp_path / "my" / "metrics" / "mine.yaml").touch()
    hint = r"no choice 'mine' of metrics\. my/metrics/mine\.yaml is found with 'hydra\.searchpath=\[file://my\]'\."
    with pytest.raises(UserError, match=hint):
        compose("score", ["run=a", "metrics=mine"])


@pytest.mark.parametrize(
    ("overrides", "there", "not_there"),
    [
        (["method=sdedit", "model=sd15"], ["method.stochasticity=1 ", "recipe.sdedit.sampling.steps=100 "], "imagic."),
        (["method=imagic_lora"], ["method.variant.finetune=lora  ", "recipe.imagic.finetune.lr"], "recipe.sdedit"),
        (["method=precomputed"], ["method.pattern", "model.image_size=512"], "recipe."),
        (
            ["dataset=folder", "metrics=full"],
            ["dataset.file=null", "metrics.dino.model", "metrics.clip.model"],
            "split",
        ),
        (["+experiment=tedbench"], ["dataset.root", "recipe.imagic.embedding.steps=1000", "metrics.clip."], "split"),
        (["recipe/imagic=picturebook_photo"], ["recipe.imagic.embedding.steps=250"], "steps=120"),
    ],
)
def test_help_has_the_options_of_what_is_chosen(overrides, there, not_there):
    told = help_text("run", "", "", overrides).partition("\nOptions ")[2].partition("\n\n")[0]
    assert all(f"  {option}" in told for option in there), told
    assert f"  {not_there}" not in told and f"  recipe.{not_there}" not in told


@pytest.mark.parametrize(
    ("override", "axis"),
    [
        ("method=imagic", "(imagic: eta 0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)"),
        ("method=ddib", "(ddib: guidance 1, 2, 3, 4, 5)"),
    ],
)
def test_help_has_the_grid_of_the_chosen_method(override, axis):
    assert f"takes the method's own grid {axis}" in " ".join(help_text("run", "", "", [override]).split())
    assert "(precomputed:" not in help_text(
        "run", "", "", ["method=precomputed"]
    )  # its list may have a grid of its own


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ([], ["dataset.size=64 ", "method.embedding=(recipe.imagic.embedding) ", "method.upscaler=null "]),
        (["model=sd21"], ["dataset.size=768 "]),
        (["model=picturebook_cascade"], ["method.upscaler=(recipe.imagic.upscaler) "]),
        (["method=text2live"], ["method.size=null ", "method.views=(recipe.text2live.views) "]),
    ],
)
def test_defaults_in_help_are_values_or_names_of_options_and_no_references(overrides, told):
    text = help_text("run", "", "", overrides)
    assert "${" not in text and all(f"  {each}" in text for each in told), text
    assert "A default in brackets stands for the options that begin with that name." in text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("${..clip.model}", "b32"),
        ("${.size}", "8"),
        ("${oc.select:nowhere.size,512}", "512"),
        ("${nowhere.size}", "(nowhere.size)"),
        ("${metrics.clip.again}", "8"),
        ("${metrics.clip.own}", "${metrics.clip.own}"),
        ("plain", "plain"),
    ],
)
def test_a_reference_in_a_default_is_followed(value, shown):
    clip = {"model": "b32", "size": 3, "again": "${..lpips.size}", "own": "${metrics.clip.own}"}
    assert shown_default("metrics.lpips.x", value, {"metrics": {"clip": clip, "lpips": {"size": 8}}}) == shown


def test_texts_of_help_begin_in_one_column_and_fit(monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    long = "an_option_whose_name_is_longer_than_its_column=3"
    lines = two_columns([("short=1", "of one. " * 20), (long, "of another"), ("c=2", "")], 2)
    assert max(map(len, lines)) <= 80 and lines[-1] == "  c=2"
    assert {len(line) - len(line.lstrip()) for line in lines[1:-1] if "=" not in line} == {11}
    assert lines[lines.index(f"  {long}") + 1] == " " * 11 + "of another"


@pytest.mark.parametrize(
    ("comment", "shown"),
    [
        ("# One. Two.\n# Three.", "One. Two."),
        ("# One goes\n# on here. Two.", "One goes on here."),
        ("# One (arXiv 2210.0927\n# 6), and\n#\n# so on", "One (arXiv 2210.0927 6), and so on"),
        ("# @package _global_\n# One.", "One."),
        ("a: 3", ""),
    ],
)
def test_a_choice_is_told_in_whole_sentences(comment, shown, tmp_path):
    (tmp_path / "a.yaml").write_text(f"{comment}\nb: 1 # not this\n")
    assert first_comment(tmp_path / "a.yaml") == shown


def test_what_help_tells_of_a_choice_ends_with_a_sentence():
    for path in ROOT.glob("*/*.yaml"):
        assert first_comment(path).endswith("."), path


@pytest.mark.parametrize(
    ("called", "run", "edit", "listed"),
    [
        ("imagic-bench run", "imagic-bench run a=1", "imagic-bench edit", "imagic-bench ls models"),
        ("python -m cli run", "python -m cli run a=1", "python -m cli edit", "python -m cli ls models"),
        ("/here/eval/run.py", "python -m eval.run a=1", "python -m imagic", "python -m cli.ls models"),
    ],
)
def test_commands_in_help_are_named_as_this_one_was_called(called, run, edit, listed):
    text = "python -m eval.run a=1; python -m imagic; imagic-bench ls models; python -m picturebook.train judge"
    assert as_called(text, called) == f"{run}; {edit}; {listed}; python -m picturebook.train judge"


COMMAND = re.compile(r'^@command\("(\w+)"', re.MULTILINE)
SOURCES = [
    *(REPOSITORY / "eval").rglob("*.py"),
    *(REPOSITORY / "imagic").glob("*.py"),
    *(REPOSITORY / "tedbench").glob("*.py"),
]
CONFIGS = {
    ".".join(path.relative_to(REPOSITORY).with_suffix("").parts): found[1]
    for path in sorted(SOURCES)
    if (found := COMMAND.search(path.read_text(encoding="utf-8")))
}
"""The name of its configuration, of every command."""

HELP = """
import io, json, runpy, sys
from contextlib import redirect_stdout
said, modules = {}, sys.argv[1:]
for module in modules:
    sys.argv = [module, "--help"]
    with redirect_stdout(io.StringIO()) as printed:
        runpy.run_module(module, run_name="__main__")
    said[module] = printed.getvalue()
print(json.dumps([said, list(sys.modules)]))
"""


@pytest.fixture(scope="module")
def helped() -> tuple[dict[str, str], set[str]]:
    """What each command's ``--help`` prints, and the modules loaded after all of them, in one process."""
    done = subprocess.run([sys.executable, "-c", HELP, *CONFIGS], capture_output=True, text=True, cwd=REPOSITORY)
    assert done.returncode == 0, done.stderr
    said, modules = json.loads(done.stdout)
    return said, set(modules)


def test_help_of_no_command_loads_torch_or_what_else_takes_seconds(helped):
    said, modules = helped
    assert len(said) > 20 and {"eval.run", "imagic.__main__", "tedbench.show", "eval.study.serve"} <= said.keys()
    assert not {"torch", "pandas", "pydantic", "starlette", "matplotlib"} & modules


@pytest.mark.parametrize("module", CONFIGS)
def test_help_has_examples_and_tells_every_option(helped, module):
    text = helped[0][module]
    assert "Examples:" in text
    for name, _, meaning in options(ROOT / f"{CONFIGS[module]}.yaml"):
        assert f"  {name}=" in text and meaning and meaning in " ".join(text.split()), name
