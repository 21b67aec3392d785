"""Class attributes read from source files, as Python itself would have them."""

from __future__ import annotations

import sys

import pytest

from cli.method_facts import facts_of, read_facts
from cli.source import SourceError, find_class
from tedbench.axis import Axis
from tedbench.errors import UserError

MODULE = """
from dataclasses import dataclass
from tedbench import Axis, Editor
from {package}.numbers import GRID as THEIRS

LEAST = 0.25

class Base(Editor):
    axis = Axis("mix", "mix", tuple(i * LEAST for i in range(3)))
    randomness = "sample"
    needs = ("mask",)

    def fit(self, pair, progress=None): ...

class Child(Base):
    grid = THEIRS
    needs_if = {{"a.b": {{1: ("instruction",)}}}}

    def __init__(self, model, *, a=None): ...

class Computed(Base):
    @property
    def needs(self): return ("mask",)

class Described(Base):
    @classmethod
    def describe(cls, settings): return super().describe(settings)

class Called(Base):
    axis = Axis("mix", "mix", tuple(open("/nowhere")))
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Make a package of classes of one's own, which fails where it is loaded; returns its module's name."""
    package = f"own_{tmp_path.name}".replace("-", "_")
    folder = tmp_path / package
    folder.mkdir()
    (folder / "__init__.py").write_text("raise RuntimeError('loaded')\n")
    (folder / "numbers.py").write_text("GRID = (1, 2)\n")
    (folder / "classes.py").write_text(MODULE.format(package=package))
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    return f"{package}.classes"


def test_attributes_are_inherited_imported_and_computed_from_constants(own):
    child = find_class(f"{own}.Child")
    assert child.attribute("axis") == Axis("mix", "mix", (0.0, 0.25, 0.5))
    assert child.attribute("grid") == (1, 2) and child.attribute("shares") is False
    assert [each.node.name for each in child.lineage()] == ["Child", "Base", "Editor"]


def test_a_method_is_told_without_loading_its_package(own):
    facts = read_facts({"_target_": f"{own}.Child", "a": {"b": 1}})
    assert (facts.needs, facts.takes_model, facts.randomness) == (("mask", "instruction"), True, "sample")
    assert read_facts({"_target_": f"{own}.Base"}).needs == ("mask",)


@pytest.mark.parametrize("name", ["Computed", "Described", "Called", "Nobody"])
def test_what_source_alone_does_not_tell_is_loaded(own, name):
    with pytest.raises(SourceError):
        read_facts({"_target_": f"{own}.{name}"})
    with pytest.raises(UserError, match=r"cannot be loaded \(loaded\)"):
        facts_of({"_target_": f"{own}.{name}"})


PLAIN = """
from tedbench import Axis, Editor
{before}
class Mine(Editor):
    {inside}
    axis = Axis("x", "x", {grid})
    randomness = "none"
{after}
"""


@pytest.fixture
def told(tmp_path, monkeypatch):
    """Write a method's module, and return the grid that its source alone tells."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])

    def write(grid: str, before: str = "", inside: str = "", after: str = "") -> tuple[float, ...]:
        name = f"mine_{len(sys.path)}_{tmp_path.name}".replace("-", "_")
        source = PLAIN.format(grid=grid, before=before, inside=inside, after=after)
        (tmp_path / f"{name}.py").write_text(source)
        return read_facts({"_target_": f"{name}.Mine"}).axis.grid

    return write


@pytest.mark.parametrize(
    ("grid", "before", "value"),
    [
        ("(0, -1.5, 1 / 4)", "", (0, -1.5, 0.25)),
        ("tuple(n / 10 for n in range(3))", "", (0, 0.1, 0.2)),
        ("GRID", "GRID: tuple = tuple(round(n * STEP, 1) for n in (1, 2))\nSTEP = 0.1", (0.1, 0.2)),
        ("tuple([0.0, 1.0])", "", (0.0, 1.0)),
        ("()", "", ()),
    ],
)
def test_a_grid_of_constants_is_told(told, grid, before, value):
    assert told(grid, before) == value


@pytest.mark.parametrize(
    ("grid", "before", "inside", "after"),
    [
        ("tuple(G)", "G = [0.0]; G += [0.5, 1.0]", "", ""),
        ("tuple(G)", "G = [0.0]\nG.append(0.5)", "", ""),
        ("tuple(G)", "G = H = [0.0]\nH.append(0.5)", "", ""),
        ("tuple(G)", "G = [0.0]\ndef more(): G.append(1.0)\nfound = more()", "", ""),
        ("G", "G = (0.0,)\ndef more():\n    global G\n    G = (1.0,)", "", ""),
        ("G", "G = (0.0,)\nif True: G = (1.0,)", "", ""),
        ("G", "try: G = (0.0,)\nexcept NameError: pass", "", ""),
        ("G", "G = (0.0,)\nfor G in ((1.0,),): pass", "", ""),
        ("G", "G = (0.0,)\nG = (1.0,)", "", ""),
        ("G", "G = (0.0,)\nfrom math import *", "", ""),
        ("G", "G = (0, 1); G = G + (2,)", "", ""),
        ("G", "G = G", "", ""),
        ("G", "G = (0.0,)", "G = (1.0,)", ""),
        ("(0.0,)", "", "", "Mine.axis = None"),
        ("(0.0,)", "", "", "    if True: axis = None"),
        ("(0.0,)", "def tuned(cls): return cls\n@tuned", "", ""),
        ("(0.0,)", "def Axis(*a): return None", "", ""),
        ("tuple([0.0])", "def tuple(a): return (1.0,)", "", ""),
        ("('low', 'high')", "", "", ""),
        ("1.0", "", "", ""),
        ("(0, 9**9**9)", "", "", ""),
        ("(0, 1 << 99999999999)", "", "", ""),
        ("tuple([0] * 99999999999)", "", "", ""),
        ("tuple(range(99999999999))", "", "", ""),
        ("tuple(round(5, -99999999999) for n in range(2))", "", "", ""),
        ("tuple(tuple(range(1000)) for n in range(1000))", "", "", ""),
        ("tuple(n for n in range(3) if n)", "", "", ""),
        ("(n for n in range(3))", "", "", ""),
        ("(0, __import__('os').getpid())", "", "", ""),
    ],
)
def test_a_grid_that_may_be_another_one_is_not_told(told, grid, before, inside, after):
    with pytest.raises(SourceError):
        told(grid, before, inside, after)
