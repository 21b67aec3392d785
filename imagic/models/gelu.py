"""Check that CLIP weights are used with the activation they were trained with: GELU, or OpenAI's QuickGELU.

Weights do not say which it is, load into either, and give plausible wrong numbers in the other. For published weights
open_clip's own table says it.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import open_clip

from imagic.models.pins import OPEN_CLIP, PINS
from imagic.models.weights import sums
from tedbench.errors import UserError

CONFIG = "open_clip_config.json"
QUICK = "-quickgelu"
"""Suffix of open_clip's names of architectures with QuickGELU."""


class PublishedWeights(NamedTuple):
    """An entry of open_clip's table of weights.

    Attributes:
        tag: of the weights.
        quick: True if they were trained with QuickGELU.
        repository: on the hub, or "".
        file: file name of the first publication, or "".
        sha256: of that file or its first digits, or "".
    """

    tag: str
    quick: bool
    repository: str
    file: str
    sha256: str


def check_activation(model: str, pretrained: str | None, folder: Path | None, option: str) -> None:
    """Compare the activation that an architecture computes with the one its weights were trained with, if it is known.

    If it is not known, a warning, once per file, says what to check.

    Args:
        model: a name that open_clip knows; unused for a folder.
        pretrained: open_clip's tag of the weights, or a file; unused for a folder.
        folder: in open_clip's format, or None.
        option: the option that holds ``model`` and ``pretrained``, for messages.

    Raises:
        UserError: the weights were trained with the other activation, or a folder is given in place of a file.
    """
    if folder is not None:
        _check_folder(folder)
    elif tag := open_clip.get_pretrained_cfg(model, str(pretrained)):
        if tag.get("quick_gelu", False) and not _is_quick(model) and _has_twin(model):
            raise _other(f"The weights {pretrained} were", True, f"{option}.model={model}{QUICK}")
    elif (file := Path(str(pretrained))).is_dir():
        raise UserError(f"{file} is a folder. Give it as {option}.model, and {option}.pretrained=null.")
    elif file.is_file() and _has_twin(model):
        _check_file(model, file, option)


def _check_folder(folder: Path) -> None:
    said = _said(folder)
    if said:
        return
    known = _known(folder / OPEN_CLIP)
    mend = f'"quick_gelu": true in the model_cfg of {folder / CONFIG}'
    if known is not None and known.quick:
        raise _other(f"The weights in {folder} are {known.tag}'s, which were", True, mend)
    if known is None and said is None:
        _warn_once(folder / OPEN_CLIP, f"{CONFIG} says nothing of it, so that GELU is computed", mend)


def _check_file(model: str, file: Path, option: str) -> None:
    quick = _is_quick(model)
    twin = f"{option}.model={model.removesuffix(QUICK) if quick else model + QUICK}"
    known, said = _known(file), _said(file.parent) if file.name == OPEN_CLIP else None
    if known is not None and known.quick != quick:
        raise _other(f"{file} holds {known.tag}'s weights, which were", known.quick, twin)
    if known is None and said is not None and said != quick:
        raise _other(f"{file} was, says the {CONFIG} beside it,", said, twin)
    if known is None and said is None and not quick:
        named = next((each.tag for each in _published() if each.quick and each.file == file.name), None)
        _warn_once(
            file, f"{model} computes GELU" + (f", and the name is that of {named}'s weights" if named else ""), twin
        )


def _other(whose: str, quick: bool, mend: str) -> UserError:
    return UserError(f"{whose} trained with{'' if quick else 'out'} QuickGELU. Give {mend}.")


_warned: set[Path] = set()


def _warn_once(file: Path, why: str, mend: str) -> None:
    """Warn once per file, however many metrics use it."""
    if file.absolute() in _warned:
        return
    _warned.add(file.absolute())
    warnings.warn(
        f"Whether {file} was trained with QuickGELU cannot be told: {why}. Look where it was published; if it was "
        f"(OpenAI's, DFN's and MetaCLIP's weights were), every score is wrong: give {mend}.",
        stacklevel=5,
    )


def _is_quick(model: str) -> bool:
    return bool((open_clip.get_model_config(model) or {}).get("quick_gelu", False))


def _has_twin(model: str) -> bool:
    """True if open_clip has the architecture with either activation."""
    return {model.removesuffix(QUICK), model.removesuffix(QUICK) + QUICK} <= set(open_clip.list_models())


def _said(folder: Path) -> bool | None:
    """Return the value of ``quick_gelu`` in a folder's configuration; None if it has none."""
    try:
        said = json.loads((folder / CONFIG).read_text(encoding="utf-8"))["model_cfg"].get("quick_gelu")
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return None if said is None else bool(said)


def _known(file: Path) -> PublishedWeights | None:
    """Return the published weights that a file holds, found by its place in the hub's cache or by its bytes."""
    places = {part for path in (file.absolute(), file.resolve()) for part in path.parts}
    for each in _published():
        if each.repository and f"models--{each.repository.replace('/', '--')}" in places:
            return each
    if not file.is_file():
        return None
    (found,) = sums([file])
    return next((each for each in _published() if _is(each, found)), None)


def _is(published: PublishedWeights, sha256: str) -> bool:
    pin = PINS[published.repository].sha256.get(OPEN_CLIP) if published.repository in PINS else None
    return sha256 == pin or (bool(published.sha256) and sha256.startswith(published.sha256))


@cache
def _published() -> tuple[PublishedWeights, ...]:
    """Return open_clip's table, each entry with the checksum in its URL (read as open_clip itself does)."""

    def entries() -> Iterator[PublishedWeights]:
        for model, tag in open_clip.list_pretrained():
            found = open_clip.get_pretrained_cfg(model, tag)
            url, repository = found.get("url") or "", (found.get("hf_hub") or "").rpartition("/")[0]
            path = Path(url)
            sha256 = path.parent.name if "openaipublic" in url else ""
            sha256 = path.stem.rpartition("-")[2] if "mlfoundations" in url else sha256
            yield PublishedWeights(tag, bool(found.get("quick_gelu", False)), repository, path.name, sha256)

    return tuple(dict.fromkeys(entries()))
