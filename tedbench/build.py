"""Objects from their configuration."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from tedbench.errors import UserError


def build(settings: Mapping[str, Any], kind: type = object, /, **more: Any) -> Any:
    """Call what ``_target_`` names with the other settings and ``more``.

    Hydra's own ``instantiate`` does the same and wraps every error in one of its own; here a
    :class:`~tedbench.errors.UserError` stays what it is.

    Raises:
        UserError: see :func:`find`.
    """
    return find(settings, kind, **more)(**_plain(settings, more), **more)


def find(settings: Mapping[str, Any], kind: type = object, /, **more: Any) -> Any:
    """Return what ``_target_`` names, if it can be called with the other settings and ``more``; nothing is called.

    Raises:
        UserError: see :func:`find_target`; or a setting that it does not have, or one that it lacks.
    """
    target = find_target(settings, kind)
    try:
        inspect.signature(target).bind(**_plain(settings, more), **more)
    except TypeError as error:
        name = settings["_target_"]
        raise UserError(f"{name} cannot take these settings: {error}. --help lists the options.") from None
    return target


def find_target(settings: Mapping[str, Any], kind: type = object, /) -> Any:
    """Return the class, or class method of one, that ``_target_`` names.

    It must be of that kind: a configuration from elsewhere calls nothing else.

    Raises:
        UserError: it is not there, or of another kind.
    """
    from hydra.utils import get_object

    name = str(settings.get("_target_"))
    try:
        target = get_object(name)
    except (ImportError, ValueError, AttributeError) as error:
        raise UserError(f"_target_={name} cannot be loaded ({str(error).splitlines()[0]}). Check its name.") from None
    owner = target if inspect.isclass(target) else getattr(target, "__self__", None)
    if not (inspect.isclass(owner) and issubclass(owner, kind)):
        raise UserError(
            f"_target_={name} is no {kind.__name__}. Give a class that derives from {kind.__module__}.{kind.__name__}."
        )
    return target


def _plain(settings: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key != "_target_" and key not in more}
