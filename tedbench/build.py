"""Objects from their configuration."""

from __future__ import annotations

import inspect
import logging
import re
import sys
from collections.abc import Collection, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tedbench.errors import UserError
from tedbench.near import nearest


def build(settings: Mapping[str, Any], kind: type = object, where: str = "", /, **more: Any) -> Any:
    """Call what ``_target_`` names with the other settings and ``more``.

    Hydra's own ``instantiate`` does the same and wraps every error in one of its own; here a
    :class:`~tedbench.errors.UserError` stays what it is.

    Raises:
        UserError: see :func:`find`.
    """
    return find(settings, kind, where, **more)(**_plain(settings, more), **more)


def find(settings: Mapping[str, Any], kind: type = object, where: str = "", /, **more: Any) -> Any:
    """Return what ``_target_`` names, if it can be called with the other settings and ``more``; nothing is called.

    Settings that are numbers, true or false, or one of a few are checked by the annotations of its parameters
    (:mod:`tedbench.settings`).

    Args:
        settings: ``_target_`` and the others.
        kind: of what may be named, see :func:`find_target`.
        where: the block of the settings, such as "method", to name them by.
        more: further arguments.

    Raises:
        UserError: see :func:`find_target`; or a setting that it does not have, one that it lacks, or one of another kind.
    """
    from tedbench.settings import checked, kinds_of

    target = find_target(settings, kind)
    require_parameters(target, settings["_target_"], kind, where, more)
    try:
        inspect.signature(target).bind(**_plain(settings, more), **more)
    except TypeError as error:
        name = settings["_target_"]
        setting = re.search(r"'(\w+)'", str(error))
        label = f"{where}.{setting[1]}: " if where and setting else ""
        raise UserError(f"{label}{name} cannot take these settings: {error}. --help lists the options.") from None
    kinds = kinds_of(target)
    for key, value in _plain(settings, more).items():
        if key in kinds:
            checked(f"{where}.{key}".lstrip("."), value, kinds[key])
    return target


def require_parameters(target: Any, name: str, kind: type, where: str, given: Collection[str]) -> None:
    """Refuse a class, or class method, that lacks a parameter for what all of its kind are given besides settings.

    Args:
        target: the class or class method.
        name: its name in the configuration.
        kind: see :func:`find`.
        where: see :func:`find`.
        given: names of the parameters.

    Raises:
        UserError: it lacks one.
    """
    parameters = inspect.signature(target).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    for key in given:
        if key not in parameters:
            raise UserError(
                f"{where}{': ' * bool(where)}{name} does not take {key}, which every {kind.__name__} is given. "
                f"Add the parameter {key} to {'its constructor' if inspect.isclass(target) else 'it'}."
            )


def find_target(settings: Mapping[str, Any], kind: type = object, /) -> Any:
    """Return the class, or class method of one, that ``_target_`` names.

    It must be of that kind: a configuration from elsewhere calls nothing else.

    Raises:
        UserError: it is not there, or of another kind.
    """
    from hydra.utils import get_object

    if settings.get("_target_") is None:
        raise UserError("_target_ is not set. Give a class: _target_: module.Class.")
    name = str(settings["_target_"])
    logger = logging.getLogger("hydra.utils")  # which prints every failure besides raising it
    silent, logger.disabled = logger.disabled, True
    try:
        target = get_object(name)
    except (ImportError, ValueError, AttributeError) as error:
        if absent := _absent(name):
            raise UserError(f"_target_={name} cannot be loaded: {absent}") from None
        lines = str(error.__cause__ or error).splitlines() or [repr(error)]
        cause = lines[0].strip('"')
        raise UserError(f"_target_={name} cannot be loaded ({cause}). {_advice(name)}") from None
    finally:
        logger.disabled = silent
    owner = target if inspect.isclass(target) else getattr(target, "__self__", None)
    if not (inspect.isclass(owner) and issubclass(owner, kind)):
        raise UserError(
            f"_target_={name} is no {kind.__name__}. Give a class that derives from {kind.__module__}.{kind.__name__}."
        )
    return target


def _absent(name: str) -> str | None:
    """Return that a loaded module has no such class; None if that is not what is wrong."""
    module, _, last = name.rpartition(".")
    found = sys.modules.get(module)
    if found is None or hasattr(found, last) or (hasattr(found, "__path__") and find_spec(name) is not None):
        return None
    known = [word for word, value in vars(found).items() if inspect.isclass(value)]
    return f"{module} has no class {last}.{nearest(last, known) or ' Check its name.'}"


def _advice(name: str) -> str:
    """Return what to do about a class that is not there."""
    module = name.partition(".")[0]
    if not module.isidentifier() or module in sys.modules or find_spec(module) is not None:
        return "Check its name."
    return f"{module}.py is neither in {Path.cwd()}, where the command is called, nor in an installed package."


def _plain(settings: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key != "_target_" and key not in more}
