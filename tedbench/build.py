"""Objects from their configuration."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from tedbench.errors import UserError


def build(settings: Mapping[str, Any], **more: Any) -> Any:
    """What ``_target_`` names, called with the other settings and ``more``.

    Hydra's own ``instantiate`` does the same and wraps every error in one of its own; here a
    :class:`~tedbench.errors.UserError` stays what it is.

    Raises:
        UserError: a setting that the target does not have, or one that it lacks.
    """
    from hydra.utils import get_object

    plain = {key: value for key, value in settings.items() if key != "_target_" and key not in more}
    target = get_object(str(settings["_target_"]))
    try:
        inspect.signature(target).bind(**plain, **more)
    except TypeError as error:
        raise UserError(
            f"{settings['_target_']} cannot take these settings: {error}. --help lists the options."
        ) from None
    return target(**plain, **more)
