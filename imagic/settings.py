"""Validation of settings from YAML and command lines, before the first long step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tedbench.errors import UserError

KEEP = ("none", "embedding", "weights")
"""What can be kept of a fit: nothing, e_opt (stage B is then done again), or e_opt and what stage B changed."""


def checked(name: str, settings: Mapping[str, Any], **least: float) -> dict[str, Any]:
    """Return a block of settings after checking that each is a number of at least its minimum, whole if that is whole.

    Args:
        name: of the block, for messages, such as "Imagic's sampling".
        settings: the block.
        least: the minimum of every setting.

    Raises:
        UserError: a setting that is missing, unknown, or no such number.
    """
    if settings.keys() != least.keys():
        raise UserError(f"{name} has {', '.join(settings) or 'no settings'}. It takes {', '.join(least)}.")
    for key, value in settings.items():
        kinds = (int,) if isinstance(least[key], int) else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not value >= least[key]:
            kind = "a whole number" if kinds == (int,) else "a number"
            raise UserError(f"{name}.{key} is {value!r}. It must be {kind} from {least[key]:g}.")
    return dict(settings)
