"""Objects from their configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def build(settings: Mapping[str, Any], **more: Any) -> Any:
    """What ``_target_`` names, called with the other settings and ``more``.

    Hydra's own ``instantiate`` does the same and wraps every error in one of its own; here a
    :class:`~tedbench.errors.UserError` stays what it is.
    """
    from hydra.utils import get_object

    plain = {key: value for key, value in settings.items() if key != "_target_"}
    return get_object(str(settings["_target_"]))(**{**plain, **more})
