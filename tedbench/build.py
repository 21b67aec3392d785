"""Objects from their configuration."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from tedbench.errors import UserError


def build(settings: Mapping[str, Any], kind: type = object, where: str = "", /, **more: Any) -> Any:
    """What ``_target_`` names, called with the other settings and ``more``.

    It must be a class of that kind, or a class method of one: a configuration from elsewhere calls nothing else. Settings
    that are numbers, true or false, or one of a few are checked by the annotations of its parameters
    (:mod:`tedbench.settings`); ``where`` is the block of the settings, to name them by.

    Hydra's own ``instantiate`` does the same and wraps every error in one of its own; here a
    :class:`~tedbench.errors.UserError` stays what it is.

    Raises:
        UserError: a target that is not there or of another kind, a setting that it does not have, one that it lacks, or
            one whose value is of another kind.
    """
    from hydra.utils import get_object

    from tedbench.settings import checked, kinds_of

    plain = {key: value for key, value in settings.items() if key != "_target_" and key not in more}
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
    try:
        inspect.signature(target).bind(**plain, **more)
    except TypeError as error:
        raise UserError(f"{name} cannot take these settings: {error}. --help lists the options.") from None
    kinds = kinds_of(target)
    for key in plain.keys() & kinds.keys():
        plain[key] = checked(f"{where}.{key}".lstrip("."), plain[key], kinds[key])
    return target(**plain, **more)
