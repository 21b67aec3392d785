"""Location of a model's files: beside the code, in a local folder, or on the Hugging Face hub."""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

from imagic.models.pins import PINS
from tedbench.download import cache_folder, store
from tedbench.errors import UserError

EMBEDDED = "picturebook:"
"""Prefix of the paths of models shipped with the project."""


PARTS = (
    *("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2", "text_encoder_3", "tokenizer_3"),
    *("vae", "unet", "transformer"),
    *("scheduler", "image_noising_scheduler", "low_res_scheduler"),
    *("processor", "text_processor", "image_encoder"),
)
WEIGHTS = (
    "model.safetensors",
    "diffusion_pytorch_model.safetensors",
    "model-0*-of-0*.safetensors",
    "diffusion_pytorch_model-0*-of-0*.safetensors",
)
"""Files of weights in a part's folder, in one or in several files."""
VARIANTS = ("fp16", "bf16")
"""Precisions, as in file names, of the weights that are loaded if there are none of :data:`WEIGHTS`."""
LOADED = (
    "*.json",
    "*.txt",
    "open_clip_model.safetensors",
    *(f"{p}/{f}" for p in PARTS for f in ("*.json", "*.txt", "*.jinja", "spiece.model", *WEIGHTS)),
)
"""Files read from a model's folder, beside :func:`half_weights`; other formats and checkpoints are ignored."""


def locate(path: str, revision: str | None = None) -> Path:
    """Return the local folder of a model.

    Args:
        path: ``picturebook:NAME``, a folder, or a hub repository ``owner/name``.
        revision: the hub's commit, branch or tag.

    Returns:
        A folder on this machine; a hub model is downloaded into the hub's own cache first (safetensors only, at the
        commit in :data:`~imagic.models.pins.PINS` unless another is requested).

    Raises:
        UserError: the model is not here and cannot be downloaded (the message says what to download and where to), or
            its files have other bytes than the pinned ones.
    """
    if path.startswith(EMBEDDED):
        return Path(str(files("picturebook"))) / "weights" / path.removeprefix(EMBEDDED)
    folder = Path(path).expanduser()
    with suppress(OSError):  # a name that is invalid or too long for the file system
        if folder.is_dir():
            return folder
    if path.startswith((".", "/", "~")) or path.count("/") != 1:
        raise UserError(
            f"The model folder {path} does not exist. Give model.path a diffusers folder or a hub name (owner/name)."
        )
    return _from_hub(path, revision)


def paths(model: Mapping[str, Any]) -> dict[str, str]:
    """Return the paths in a model's settings: ``path``, and for a cascade each ``…_path`` that is given."""
    return {key: str(value) for key, value in model.items() if key == "path" or (key.endswith("path") and value)}


def locate_all(model: Mapping[str, Any]) -> dict[str, Path]:
    """Return the folders of :func:`paths`, each at its ``revision``."""
    return {key: locate(path, model.get(f"{key.removesuffix('path')}revision")) for key, path in paths(model).items()}


def _from_hub(name: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    pin = PINS.get(name)
    pinned = pin is not None and revision in (None, pin.revision)
    revision = pin.revision if pin and pinned else revision
    try:
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=list(LOADED)))
        if rounded := [f"{part}/{file}" for part in _without_weights(folder) for v in VARIANTS for file in _named(v)]:
            snapshot_download(name, revision=folder.name, allow_patterns=rounded)
    except RepositoryNotFoundError:
        raise UserError(
            f"The hub has no public model {name}. Check model.path; for a gated model log in with `hf auth login`."
        ) from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        reason = str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
        at = f" --revision {revision}" if revision else ""
        advice = " ".join(
            ["--include '*.json' '*/*.json' '*/*.txt' '*/*.jinja' '*/spiece.model'", *(f"'*/{f}'" for f in WEIGHTS)]
        )
        raise UserError(
            f"The weights of {name} are not on this machine and the hub cannot be reached ({reason}). "
            f"Where there is a network, run `hf download {name}{at} {advice} --local-dir weights/{Path(name).name}`, "
            f"copy the folder here and give model.path=weights/{Path(name).name}."
        ) from None
    if pinned:
        verify(name, folder)
    elif revision is None:
        warnings.warn(
            f"{name} is taken as it is today; give model.revision={folder.name} to stay with it.", stacklevel=2
        )
    return folder


def verify(repository: str, folder: Path) -> None:
    """Compare a hub repository's files with their checksums in :data:`~imagic.models.pins.PINS`, for files in both.

    Raises:
        UserError: a file has other bytes.
    """
    wanted = PINS[repository].sha256 if repository in PINS else {}
    there = [folder / name for name in wanted if (folder / name).is_file()]
    for file, found in zip(there, sums(there), strict=True):
        if found != wanted[file.relative_to(folder).as_posix()]:
            raise UserError(
                f"{file} is not what {repository} published (sha256 {found[:12]}…). Delete {file.resolve()} and repeat "
                "the command to download it again."
            )


def digest(*folders: Path) -> str:
    """Return one sha256 over names and contents of the files a model is loaded from; part of a run's identity."""
    total = hashlib.sha256()
    for folder in folders:
        found_there = {p for pattern in LOADED for p in folder.glob(pattern)}
        loaded = sorted(found_there.union(*(half_weights(folder / part)[1] for part in PARTS)))
        for file, found in zip(loaded, sums(loaded), strict=True):
            total.update(f"{file.relative_to(folder).as_posix()}\0{found}\n".encode())
    return total.hexdigest()


def sums(files: Sequence[Path]) -> list[str]:
    """Return each file's sha256, cached by path, size and modification time, so that gigabytes are read once."""
    known_path = cache_folder() / "digests.json"
    try:
        known = json.loads(known_path.read_text())
    except (OSError, ValueError):
        known = {}
    keys, fresh = [], False
    for file in files:
        stat = file.stat()
        keys.append(f"{file.resolve()} {stat.st_size} {stat.st_mtime_ns}")
        if keys[-1] not in known:
            with file.open("rb") as opened:
                known[keys[-1]] = hashlib.file_digest(opened, "sha256").hexdigest()
            fresh = True
    if fresh:
        with suppress(UserError):  # only a cache: where it cannot be written, sums are made again next time
            store(known_path, json.dumps(known).encode())
    return [known[key] for key in keys]


def half_weights(folder: Path) -> tuple[str | None, list[Path]]:
    """Return precision and files of a part that has weights in half precision only; (None, []) for any other part."""
    if not _whole(folder):
        for variant in VARIANTS:
            if found := _files(folder, _named(variant)):
                return variant, found
    return None, []


def _named(variant: str) -> list[str]:
    """Return :data:`WEIGHTS` named with a precision, before a file's number, or after it in old repositories."""
    before = [re.sub(r"(?=-0|\.safe)", f".{variant}", name, count=1) for name in WEIGHTS]
    after = [name.replace(".safe", f".{variant}.safe") for name in WEIGHTS]
    return list(dict.fromkeys(before + after))


def _files(folder: Path, patterns: Sequence[str]) -> list[Path]:
    return [path for pattern in patterns for path in folder.glob(pattern)]


def _whole(folder: Path) -> list[Path]:
    """Return weights in full precision; the patterns of :data:`WEIGHTS` also match older names in half precision."""
    return [path for path in _files(folder, WEIGHTS) if not any(f".{variant}." in path.name for variant in VARIANTS)]


def _without_weights(folder: Path) -> list[str]:
    """Return the parts of a pipeline that have a network's configuration and no weights."""
    parts = ("text_encoder", "text_encoder_2", "text_encoder_3", "vae", "unet", "transformer")
    return [p for p in parts if (folder / p / "config.json").is_file() and not _whole(folder / p)]


def require_weights(folder: Path, *parts: str) -> None:
    """Require safetensors for the given parts of a pipeline; warn of parts in half precision.

    Raises:
        UserError: a part has neither :data:`WEIGHTS` nor :func:`half_weights`: they are missing, or a pickle.
    """
    rounded: dict[str, list[str]] = {}
    for part in parts:
        _require_safetensors(folder, part)
        if variant := half_weights(folder / part)[0]:
            rounded.setdefault(variant, []).append(part)
    for variant, which in rounded.items():
        warnings.warn(
            f"{folder} has only {variant} weights of its {', '.join(which)}: they are taken, rounded as they are, and "
            "computed with as numerics.dtype says. Other weights of that model give other images.",
            stacklevel=3,
        )


def _require_safetensors(folder: Path, part: str) -> None:
    if _whole(folder / part) or half_weights(folder / part)[0]:
        return
    pickles = [*(folder / part).glob("*.bin"), *(folder / part).glob("*.pt"), *(folder / part).glob("*.ckpt")]
    if pickles:
        raise UserError(
            f"{pickles[0]} is a pickle, which can run code when it is read. Convert it to safetensors and give "
            "model.path that folder."
        )
    raise UserError(
        f"{folder} has no weights for its {part}. Give model.path a complete diffusers folder in safetensors format."
    )
