"""``imagic-bench ls``: what there is to choose from, for people and for programs."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from cli.help import choices, help_text
from cli.kinds import KINDS
from cli.listing import listed
from cli.listing_text import table
from cli.ls import GROUPS, main
from cli.method_facts import loaded_facts, read_facts
from cli.places import ROOT
from cli.settings import families_with, method_settings


@pytest.fixture
def ls(monkeypatch, capsys):
    """``imagic-bench ls WORD …``: (exit status, output, errors)."""

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["imagic-bench ls", *words])
        try:
            main()
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
        return status, *capsys.readouterr()

    return run


def test_methods_tell_their_axis_families_needs_and_paper(ls):
    records = {record["name"]: record for record in json.loads(ls("methods", "--json")[1])}
    assert list(records) == choices("method")
    imagic, sdedit = records["imagic"], records["sdedit"]
    assert imagic["axis"] | {"grid": None} == {
        "name": "eta", "symbol": "η", "identity": 0.0, "grid": None, "least": None, "most": None, "fixed": False,
    }  # fmt: skip
    assert (len(imagic["axis"]["grid"]), imagic["needs"], imagic["source"]) == (11, [], "arXiv:2210.09276")
    assert imagic["families"] == ["flux", "if", "picturebook", "picturebook_cascade", "picturebook_flow", "sd", "sd3"]
    assert sdedit["axis"]["most"] == 1.0 and records["ddib"]["needs"] == ["source_text"]
    assert records["imagic_source_text"]["needs"] == ["source_text"]
    assert records["precomputed"]["families"] is None and records["precomputed"]["source"] is None


@pytest.mark.parametrize("what", GROUPS)
def test_every_record_of_a_list_has_the_same_keys(ls, what):
    records = json.loads(ls(what, "--json")[1])
    assert [record["name"] for record in records] == choices(GROUPS[what])
    assert len({tuple(record) for record in records}) == 1
    assert {"name", "about", "source", "file"} <= records[0].keys()


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("what", [*GROUPS, "commands"])
def test_tables_fit_the_terminal_and_have_every_name(ls, what, width, monkeypatch):
    records = json.loads(ls(what, "--json")[1])
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    lines = table(what, records, sys.stdout).splitlines()
    assert max(map(len, lines)) <= width
    assert all(any(line.startswith(record["name"]) for line in lines) for record in records)
    axes = [line for line in lines if "…" in line and line.split()[0] in choices("method")]
    # each in one line; precomputed and endpoint have one strength, and a pipeline's argument has a long name
    assert what != "methods" or len(axes) == len(records) - 3


def test_methods_are_listed_without_loading_their_classes():
    code = "import sys; sys.argv = ['ls', 'methods', '--json']; from cli.ls import main; main(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT.parent)
    assert done.returncode == 0 and '"axis"' in done.stdout
    assert not {"torch", "pandas", "hydra", "pydantic", "imagic.editor"} & {*done.stdout.splitlines()[-1].split()}


@pytest.mark.parametrize("name", choices("method"))
def test_what_a_methods_source_tells_is_what_its_class_says(name):
    families = families_with(name)
    settings = method_settings(name, families[0] if families else None)
    assert read_facts(settings) == loaded_facts(settings)


def test_a_method_that_takes_no_model_and_one_that_needs_no_recipe_say_so_under_family(ls):
    rows = {line.split()[0]: line for line in ls("methods")[1].splitlines() if line.strip()}
    assert re.split(r" {2,}", rows["precomputed"]) == ["precomputed", "none", "–", "as_published", "–", "–"]
    assert re.split(r" {2,}", rows["sdedit"])[1:4] == ["all 8", "–", "t0 0.1 … 1"]
    families = "flux, flux_schnell, if, picturebook, picturebook_cascade, picturebook_flow, sd, sd3"
    assert f"all 8: {families}." in " ".join(ls("methods")[1].split())


@pytest.mark.parametrize(
    ("grid", "shown"), [("()", "mine  *none +– +x +–"), ("('low', 'high')", "grid is not of numbers")]
)
def test_a_grid_that_is_empty_or_of_texts_leaves_the_list_whole(ls, tmp_path, monkeypatch, grid, shown):
    name = f"own_{len(grid)}_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(
        "from tedbench import Axis, Editor\nclass Mine(Editor):\n    randomness = 'none'\n"
        f"    axis = Axis('x', 'x', {grid})\n    def fit(self, pair, progress=None): ...\n"
    )
    (tmp_path / "method").mkdir()
    (tmp_path / "method" / "mine.yaml").write_text(f"# Mine.\n_target_: {name}.Mine\nname: mine\n")
    monkeypatch.setattr("sys.path", [*sys.path, str(tmp_path)])
    searched = f"hydra.searchpath=[file://{tmp_path}]"
    status, out, _ = ls("methods", searched)
    assert status == 0 and "sdedit" in out and re.search(shown, out)
    assert "(mine:" not in help_text("run", "", "", [searched, "method=mine"])


def test_the_note_below_methods_names_commands_as_this_one_was_called(monkeypatch):
    monkeypatch.setattr("sys.argv", ["python -m cli ls"])
    told = " ".join(table("methods", [], sys.stdout).split())
    assert "(python -m cli ls models)" in told and "python -m cli run method=NAME" in told


def test_models_are_listed_without_loading_their_classes(ls):
    rows = {line.split()[0]: line.split()[1:3] for line in ls("models")[1].splitlines()}
    assert rows["sd21"] == ["sd", "768"] and rows["none"] == ["–", "512"]


def test_a_folder_of_ones_own_is_listed_too_and_what_fails_there_is_told(ls, tmp_path):
    (tmp_path / "method").mkdir()
    (tmp_path / "method" / "mine.yaml").write_text(
        "# Mine, https://github.com/me/mine. Better.\n_target_: nowhere.Mine\nname: mine\n"
    )
    searched = f"hydra.searchpath=[file://{tmp_path}]"
    (mine,) = [record for record in json.loads(ls("methods", searched, "--json")[1]) if record["name"] == "mine"]
    assert mine["source"] == "https://github.com/me/mine" and mine["axis"] is None
    assert "mine: _target_=nowhere.Mine cannot be loaded" in ls("methods", searched)[1]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["mehtods"], "mehtods cannot be listed. Did you mean methods? Give one of methods"),
        (["datset"], "Did you mean datasets?"),
        (["qqqqq"], "qqqqq cannot be listed. Give one of methods"),
        (["models", "datasets"], "models datasets cannot be listed"),
        (["models", "--jsno"], "'--jsno' is no option here. Did you mean --json?"),
        ([], "Nothing cannot be listed"),
        (["models", "model=sd15"], "is no option here"),
        (["models", "hydra.searchpath=[file://nowhere]"], "which is no folder"),
    ],
)
def test_what_cannot_be_listed_is_refused_in_a_line(ls, words, hint):
    status, out, told = ls(*words)
    assert status == 2 and not out and hint in told and told.count("\n") == 1


def test_kinds_name_classes_that_there_are_and_every_choice_is_of_its_kind():
    from imagic.api import OFFERED
    from tedbench.build import find_target

    assert KINDS["method"].given == OFFERED
    for group, kind in KINDS.items():
        for record in listed(group, [ROOT]) if group != "metrics" else ():
            assert record.get("class") is None or find_target({"_target_": record["class"]}, kind.type)
