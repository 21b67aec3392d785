"""The console script: every command under one name, listed without loading what takes seconds."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from cli.main import main
from cli.verbs import split, verbs
from tedbench.errors import UserError

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def script(monkeypatch, capsys):
    """``imagic-bench ARGUMENT …`` in this process: (exit status, output, errors)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["imagic-bench", *arguments])
        try:
            main()
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
        return status, *capsys.readouterr()

    return run


def test_every_command_is_a_verb():
    known = {verb.module for verb in verbs().values()}
    for path in [*(REPOSITORY / "eval").rglob("*.py"), *(REPOSITORY / "imagic").glob("*.py")]:
        if re.search(r"^@command\(", path.read_text(encoding="utf-8"), re.MULTILINE):
            assert ".".join(path.relative_to(REPOSITORY).with_suffix("").parts) in known
    assert {"run", "edit", "show", "study prepare", "ls", "validate"} <= verbs().keys()


def test_the_list_has_each_command_in_a_line_under_its_heading(script):
    status, text, _ = script("--help")
    assert status == 0 and script() == (0, text, "")
    for verb in verbs().values():
        assert f"  {verb.name} " in text.partition(f"{verb.heading}:")[2]
    lines = {verb.name: verb.heading for verb in verbs().values()}
    assert (lines["edit"], lines["status"], lines["curves"]) == ("Make images", "One saved run", "Several saved runs")
    assert max(map(len, text.splitlines())) <= 120


def test_the_list_is_quick_and_loads_no_torch():
    code = "import sys; sys.argv[1:] = ['--help']; from cli.main import main; main(); print(*sys.modules)"
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY)
    assert time.monotonic() - start < 5  # 0.3 s on a machine that does nothing else
    assert done.returncode == 0 and not {"torch", "hydra", "omegaconf", "pandas", "numpy"} & set(done.stdout.split())


def test_the_version_is_the_projects(script):
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"imagic-bench": "cli.main:main"}
    assert re.fullmatch(r"imagic-bench (\d+\.\d+\.\d+\S*|\(not installed.*\))\n", script("--version")[1])


@pytest.mark.parametrize(
    ("words", "name", "rest"),
    [
        (["run", "method=sdedit"], "run", ["method=sdedit"]),
        (["study", "prepare", "out=a"], "study prepare", ["out=a"]),
        (["study.prepare", "--help"], "study prepare", ["--help"]),
        (["eval.study.plan"], "study plan", []),
        (["plan"], "plan", []),
    ],
)
def test_a_command_is_named_by_words(words, name, rest):
    assert (split(words)[0].name, split(words)[1]) == (name, rest)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["rn"], "Did you mean run?"),
        (["rum"], "Did you mean run?"),
        (["--vesion"], "Did you mean --version?"),
        (["study", "prepar"], "Did you mean study prepare?"),
        (["study"], "study is several commands: study analyze"),
        (["qqqqq"], "imagic-bench --help lists them"),
    ],
)
def test_a_mistyped_command_is_refused_with_a_suggestion(words, hint, script):
    with pytest.raises(UserError, match=re.escape(hint)):
        split(words)
    status, _, told = script(*words)
    assert status == 2 and told.startswith("error: ") and told.count("\n") == 1


def test_a_verb_is_the_command_with_its_options_help_and_status(script, tmp_path):
    assert "Says what of a run is done" in script("status", "--help")[1]
    status, _, told = script("status", f"run={tmp_path}")
    assert status == 2 and "is not a run" in told
    assert script("status", "rnu=a") == (
        2,
        "",
        "error: There is no option called 'rnu' here. Did you mean run? --help lists them all.\n",
    )


def test_examples_name_the_console_script_where_it_was_called(script):
    for words in (["run"], ["edit"], ["study", "plan"], ["ls"], ["validate"]):
        text = script(*words, "--help")[1]
        assert f"  imagic-bench {' '.join(words)} " in text and "python -m" not in text


def test_classes_beside_the_caller_are_found_behind_the_projects(script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    script("status", "--help")
    assert sys.path[-1] == str(tmp_path)
