"""``imagic-bench validate``: every problem of a YAML of one's own in a line, before anything is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.places import ROOT
from cli.validate import main
from cli.validation import problems
from tedbench.errors import UserError

CLASSES = """
from eval.metrics.base import Metric
from tedbench.datasets.base import Dataset
from tedbench.method import Axis, Editor
from tedbench.settings import Count, Share, checked_block

class Mine(Editor):
    axis = Axis("mix", "mix", (0.0, 1.0))
    randomness = "none"
    def __init__(self, model, *, sampling: dict, mix: Share = 0.5, seed: int = 0) -> None: ...
    @classmethod
    def describe(cls, settings):
        checked_block("Mine's sampling", settings["sampling"], steps=Count)
        return super().describe(settings)
    def fit(self, pair, progress=None): ...

class NoKind(Metric):
    def __init__(self, device="cpu") -> None: ...
    def score(self, reference, images): ...

class WrongKind(NoKind):
    kind = "Fidelity"

class NoScore(Metric):
    kind = "fidelity"
    def __init__(self, device="cpu") -> None: ...

class NoDevice(NoKind):
    kind = "fidelity"
    def __init__(self) -> None: ...

class Pairs(Dataset):
    def __init__(self, root: str, size: Count, fast: bool = False) -> None: ...
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Write files into a folder of one's own, with classes beside it; returns the problems of the last."""
    (tmp_path / "own_classes.py").write_text(CLASSES)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "own_classes", raising=False)

    def write(**files: str) -> list[str]:
        for name, content in files.items():
            path = tmp_path / "my" / f"{name}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return problems(path)

    return lambda *files: write(**dict(files))


HEAD = "_target_: own_classes.Mine\nname: mine\n"
GOOD = HEAD + "sampling:\n  steps: 3\n"
READS = HEAD + "sampling: ${recipe.mine.sampling}\n"


def test_right_files_are_ok(own):
    assert own(("method/mine", GOOD)) == []
    assert own(("recipe/mine/sd", "sampling:\n  steps: 3\n"), ("method/mine", READS)) == []
    assert own(("method/mine", READS), ("recipe/mine/sd", "sampling:\n  steps: 3\n")) == []
    assert own(("method/child", "defaults:\n  - mine\nname: child\nmix: 1\n")) == []
    data = "_target_: own_classes.Pairs\nname: a\nroot: x\nsize: ${model.image_size}\n"
    assert own(("dataset/pairs", data)) == []
    assert own(("metrics/mine", "defaults:\n  - standard\nlpips:\n  size: 64\n")) == []
    assert own(("experiment/mine", "# @package _global_\ndefaults:\n  - override /model: sd15\nseed: 3\n")) == []
    model = (ROOT / "model" / "sd15.yaml").read_text().replace("sd15", "mine")
    assert own(("model/mine", model)) == []


@pytest.mark.parametrize(
    ("files", "hints"),
    [
        ([("method/mine", GOOD + "mx: 1\nother: 2\n")], ["method.mx is no setting of own_classes.Mine. Did you mean mix?", "method.other is no"]),
        ([("method/mine", HEAD)], ["method.sampling is missing: own_classes.Mine needs it"]),
        ([("method/mine", GOOD + "mix: 2\n")], ["method.mix is 2. It must be a number from 0 to 1"]),
        ([("method/mine", GOOD + "seed: 2\n")], ["method.seed is no setting"]),
        ([("method/mine", GOOD.replace("steps: 3", "stes: 3"))], ["Mine's sampling has stes. It takes steps"]),
        ([("method/mine", GOOD.replace(".Mine", ".Mina"))], ["_target_=own_classes.Mina cannot be loaded: own_classes has no class Mina. Did you mean Mine?"]),
        ([("method/mine", GOOD.replace(".Mine", ".Qzx"))], ["own_classes has no class Qzx. Check its name."]),
        ([("method/mine", GOOD.replace("own_classes.Mine", "tedbench.Edtor"))], ["tedbench has no class Edtor. Did you mean Editor?"]),
        ([("method/mine", GOOD.replace("own_classes.Mine", "tedbench.nowhere.Mine"))], ["No module named 'tedbench.nowhere'"]),
        ([("method/mine", GOOD.replace(".Mine", ".Pairs"))], ["is no Editor"]),
        ([("method/mine", GOOD.replace("name: mine", "name: a/b"))], ["method.name is 'a/b'"]),
        ([("method/mine", "name: mine\n")], ["method has no _target_"]),
        ([("method/mine", READS)], ["no model has a recipe for it. Write recipe/mine/FAMILY.yaml"]),
        ([("method/mine", "defaults:\n  - imagik\n")], ["there is no choice 'imagik' of method. Did you mean imagic?"]),
        ([("method/mine", GOOD + "name: again\n")], ["is not YAML (line 5): found duplicate key name"]),
        ([("method/mine", "name: [")], ["is not YAML"]),
        ([("method/mine", "mine")], ["has no settings"]),
        ([("method/mine", READS), ("recipe/mine/sd", "samplin:\n  steps: 3\n")], ["recipe.mine.samplin is read by no method. Did you mean sampling?"]),
        ([("method/mine", READS), ("recipe/mine/sd", "sampling:\n  steps: 0\n")], ["Mine's sampling.steps is 0"]),
        ([("recipe/minne/sd", "sampling:\n  steps: 3\n")], ["no method refers to it"]),
        ([("recipe/imagic/mine", "defaults:\n  - sd\nfinetune:\n  steps: -1\n")], ["recipe.imagic.finetune.steps is -1"]),
        ([("dataset/pairs", "_target_: own_classes.Pairs\nname: a\nroot: x\nsize: 0\nfast: 3\n")], ["dataset.size is 0", "dataset.fast is 3"]),
        ([("metrics/mine", "lpips:\n  _target_: eval.metrics.lpips_distance.LpipsDistance\n  nett: alex\n")], ["metrics.lpips.nett is no setting of"]),
        ([("metrics/mine", "a:\n  _target_: own_classes.NoDevice\n")], ["metrics.a: own_classes.NoDevice does not take device, which every Metric is given. Add the parameter device to its constructor."]),
        ([("metrics/mine", "a:\n  _target_: own_classes.NoKind\n")], ["The metric own_classes.NoKind has no attribute kind. Give one of: alignment,"]),
        ([("metrics/mine", "a:\n  _target_: own_classes.NoScore\n")], ["own_classes.NoScore has no method score. Write it."]),
        ([("metrics/mine", "a:\n  _target_: own_classes.WrongKind\n")], ["own_classes.WrongKind has the kind 'Fidelity'"]),
        ([("metrics/mine", "clip: 3\n")], ["metrics.clip is 3"]),
        ([("model/mine", "_target_: imagic.models.latent.LatentDiffusion.load\nname: mine\nfamily: sdd\npath: a\nimage_sze: 3\n")], ["model.family is 'sdd', for which no method has a recipe. Did you mean sd?", "model.image_sze is no setting"]),
        ([("executor/mine", "_target_: eval.engine.inline.Inline\nshard: null\nworkers: 2\n")], ["executor.workers is no setting"]),
        ([("experiment/mine", "# @package _global_\ndefaults:\n  - override /model: sd\n")], ["there is no choice 'sd' of model"]),
    ],
)  # fmt: skip
def test_every_problem_is_told(own, files, hints):
    found = own(*files)
    assert all(any(hint in line for line in found) for hint in hints), found
    assert all("\n" not in line for line in found)


def test_a_file_that_is_none_or_lies_in_no_group_is_an_error(tmp_path):
    with pytest.raises(UserError, match="is no file"):
        problems(tmp_path / "method" / "mine.yaml")
    (tmp_path / "mine.yaml").write_text(GOOD)
    with pytest.raises(UserError, match=r"which is no group\. Put it into a folder called method"):
        problems(tmp_path / "mine.yaml")


@pytest.mark.parametrize("group", ["method", "model", "dataset", "metrics", "executor", "recipe"])
def test_the_projects_own_files_are_right(group):
    for path in (ROOT / group).rglob("*.yaml"):
        if path.stem != "imagic_adam8bit":  # says so where bitsandbytes is not installed
            assert problems(path) == [], path


def test_the_status_is_1_if_any_file_is_wrong(monkeypatch, capsys):
    good = str(Path(ROOT) / "metrics" / "standard.yaml")
    monkeypatch.setattr("sys.argv", ["validate", good])
    main()
    assert capsys.readouterr().out == f"{good}: ok\n"
    monkeypatch.setattr("sys.argv", ["validate"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2 and capsys.readouterr().err.startswith("error: Nothing to check.")


def test_the_projects_metrics_that_a_file_leaves_as_they_are_are_not_loaded(own, monkeypatch):
    checked: list[str] = []
    monkeypatch.setattr("cli.validation.wrong_settings", lambda _, __, where: checked.append(where) or ())
    assert own(("metrics/mine", "defaults:\n  - standard\nlpips:\n  size: 64\na:\n  _target_: own.A\n")) == []
    assert sorted(checked) == ["metrics.a", "metrics.lpips"]


def test_a_wrong_files_status_is_1(monkeypatch, capsys, tmp_path):
    (tmp_path / "method").mkdir()
    (tmp_path / "method" / "mine.yaml").write_text("name: mine\n")
    monkeypatch.setattr("sys.argv", ["validate", str(tmp_path / "method" / "mine.yaml")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1 and "mine.yaml: method has no _target_" in capsys.readouterr().out
