"""Facts about a method for lists and help: read from its class's source, or by loading the class where that is not enough."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any, NamedTuple

from cli.kinds import KINDS
from cli.source import SourceError, find_class
from tedbench.axis import Axis, argument_axis
from tedbench.errors import UserError
from tedbench.method import needs_with

OWN = ("imagic", "baselines")
"""Packages whose methods' ``describe`` changes only what ``needs_if`` says of these facts; a test compares both."""


class MethodFacts(NamedTuple):
    """Facts about a method with its settings.

    Attributes:
        axis: of its strength.
        randomness: the effect of its seed.
        needs: fields of a pair that not every pair has.
        takes_model: True if it works on a generative model.
        cost: see :attr:`tedbench.method.Editor.cost`.
    """

    axis: Axis
    randomness: str
    needs: tuple[str, ...]
    takes_model: bool
    cost: str


def facts_of(settings: Mapping[str, Any]) -> MethodFacts:
    """Return the facts of a method.

    Args:
        settings: its block ``method``, with ``_target_``.

    Raises:
        Exception: any that its module raises while it is loaded, where its source does not tell enough.
    """
    try:
        return read_facts(settings)
    except SourceError:
        found = loaded_facts(settings)
    if not _has_numbers(found.axis):
        raise UserError(
            f"_target_={settings.get('_target_')} has an axis whose grid is not of numbers. Give it a tuple."
        )
    return found


def read_facts(settings: Mapping[str, Any]) -> MethodFacts:
    """Return the facts of a method from its class's source file, without loading it.

    Raises:
        SourceError: the source does not tell them, or they may depend on the settings in a way of their own.
    """
    try:
        return _read(settings)
    except SourceError:
        raise
    except Exception as error:  # a source file may hold anything
        raise SourceError(f"{settings.get('_target_')}: {error}") from error


def _read(settings: Mapping[str, Any]) -> MethodFacts:
    target = find_class(str(settings.get("_target_")))
    ancestry = [each.name for each in target.lineage()]
    if KINDS["method"].base not in ancestry:
        raise SourceError(f"{target.name} is no method")
    describe, init = target.method("describe"), target.method("__init__")
    if describe and describe[0].name != KINDS["method"].base and describe[0].module.split(".")[0] not in OWN:
        raise SourceError(f"{target.name} describes itself")
    arguments = init[1].args if init else None
    takes = [each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)] if arguments else []
    needs = needs_with(target.attribute("needs"), target.attribute("needs_if"), settings)
    own = settings.get("axis")  # of a method whose strength is a setting
    axis = argument_axis(own) if isinstance(own, Mapping) and "argument" in own else target.attribute("axis")
    if not (isinstance(axis, Axis) and _has_numbers(axis)):
        raise SourceError(f"{target.name}.axis is no Axis with a grid of numbers")
    return MethodFacts(
        axis, str(target.attribute("randomness")), needs, "model" in takes, str(target.attribute("cost"))
    )


def _has_numbers(axis: Axis) -> bool:
    return all(isinstance(strength, Real) for strength in axis.grid)


def loaded_facts(settings: Mapping[str, Any]) -> MethodFacts:
    """Return the facts of a method as its class describes it; this loads its module, and with most methods torch."""
    from tedbench.build import find_target

    target = find_target(settings, KINDS["method"].type)
    editor = getattr(target, "__self__", target)
    known = {key: value for key, value in settings.items() if key not in ("_target_", "name")}
    try:
        found = editor.describe(known)
    except UserError:  # it needs a setting that has no default, such as a folder
        import inspect

        return MethodFacts(
            editor.axis,
            editor.randomness,
            tuple(editor.needs),
            "model" in inspect.signature(editor).parameters,
            editor.cost,
        )
    return MethodFacts(found.axis, found.randomness, tuple(found.needs), found.takes_model, editor.cost)
