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
    (folder / "numbers.py").write_text("GRID = [1, 2]\n")
    (folder / "classes.py").write_text(MODULE.format(package=package))
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    return f"{package}.classes"


def test_attributes_are_inherited_imported_and_computed_from_constants(own):
    child = find_class(f"{own}.Child")
    assert child.attribute("axis", Axis=Axis) == Axis("mix", "mix", (0.0, 0.25, 0.5))
    assert child.attribute("grid") == [1, 2] and child.attribute("shares") is False
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
