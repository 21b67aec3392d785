"""Builds the method of a run, with the folder in which its fits are kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eval.runs.config import fit_identity
from tedbench.method import Editor


def build_with_fits(settings: Mapping[str, Any], config: Mapping[str, Any], device: str) -> Editor:
    """Build the method, with the folder in which its fits are kept.

    Args:
        settings: the resolved configuration.
        config: the run's.
        device: where the method computes.

    Raises:
        UserError: wrong settings, weights that are not here, or a folder of fits that cannot be written to.
    """
    from imagic.api import build_editor, describe_editor
    from imagic.fits import FitStore

    keep, fits = settings["fits"]["keep"], None
    if keep != "none" and describe_editor(settings).keeps_fits:
        fits = FitStore(Path(str(settings["fits"]["folder"])), keep, fit_identity(dict(config), keep))
    editor: Editor = build_editor(settings, device, fits=fits)
    return editor
