"""The settings of a run from Python values, composed as the command line's are."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pandas as pd

from cli.compose import compose, resolved
from cli.help import ROOT
from cli.quoting import in_quotes
from tedbench.datasets.folder import Table, image_name
from tedbench.errors import UserError

if TYPE_CHECKING:
    from tedbench.method import Editor

DatasetLike: TypeAlias = "str | Path | pd.DataFrame | Sequence[Mapping[str, Any]]"
"""A name, a list's file or its folder, or the rows of a list."""

LISTS = (".csv", ".json")
_PLAIN = re.compile(r"(?!(?:null|true|false|nan|inf)$)[A-Za-z_][\w.-]*", re.IGNORECASE)


def run_settings(
    method: str | type[Editor] | Mapping[str, Any],
    dataset: DatasetLike | None,
    model: str | None,
    metrics: str | None,
    strengths: Sequence[float] | None,
    seeds: int | Sequence[int],
    run_dir: Path | str | None,
    overrides: Sequence[str] | Mapping[str, Any],
) -> dict[str, Any]:
    """Return the resolved configuration of a run; see :func:`eval.api.evaluate` for the arguments.

    Raises:
        UserError: a name or option does not exist, or a value is of another kind.
    """
    own_method = None if isinstance(method, str) and "." not in method else _own_method(method)
    own_dataset, chosen = _dataset(dataset)
    more = _written(overrides)
    if wrong := [each for each in more if _is_sweep(each)]:
        raise UserError(f"{wrong[0]} is several runs. Call evaluate for each of them with its settings.")
    given = {"model": model, "dataset": chosen, "metrics": metrics}
    choices = [f"{group}={name}" for group, name in given.items() if name is not None]
    cfg = compose("run", ["~method" if own_method else f"method={method}", *choices, *more])
    settings = resolved(cfg)
    if own_method:
        settings["method"] = own_method
    if own_dataset:
        settings["dataset"] = {**settings["dataset"], **own_dataset}
        if "rows" in own_dataset:
            del settings["dataset"]["file"]
    if strengths is not None:
        settings["sweep"] = {**settings["sweep"], "strengths": _numbers("strengths", strengths, float)}
    if seeds != 0:
        settings["sweep"] = {**settings["sweep"], "seeds": _numbers("seeds", seeds, int)}
    if run_dir is not None:
        settings["run_dir"] = str(Path(run_dir).expanduser())
    return settings


def _own_method(method: Any) -> dict[str, Any]:
    """Return the block ``method`` of a class of the user's own: a class, its dotted name, or its settings.

    Raises:
        UserError: it is something else, or a class that cannot be imported by its name.
    """
    settings = dict(method) if isinstance(method, Mapping) else {"_target_": method}
    target = settings.get("_target_")
    if inspect.isclass(target):
        settings["_target_"] = _dotted(target)
    elif not isinstance(target, str):
        raise UserError(
            f"method is {method!r:.80}. Give a name, or a class that derives from tedbench.Editor (not an object of it: a "
            "run builds its method itself, once its folder is named), or {'_target_': CLASS, …} with its settings."
        )
    if str(settings["_target_"]).startswith("__main__."):
        raise UserError(_IN_A_FILE.format(settings["_target_"].rpartition(".")[2]))
    return {"name": str(settings["_target_"]).rpartition(".")[2].lower(), **settings}


def _dotted(target: type) -> str:
    """Return the name by which any process can import a class."""
    module, name = target.__module__, target.__qualname__
    if module == "__main__":
        raise UserError(_IN_A_FILE.format(name))
    found: Any = None
    try:
        found = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError):
        found = None
    if found is not target:
        raise UserError(
            f"The class {name} of {module} cannot be imported by this name. Define it at the top of a module, and import "
            "it again after a change."
        )
    return f"{module}.{name}"


_IN_A_FILE = (
    "The class {0} is defined in a notebook or in the script itself, where no other process could import it. Put it into "
    "a file of its own beside it, such as my_method.py, and give method='my_method.{0}'."
)


def _dataset(dataset: DatasetLike | None) -> tuple[dict[str, Any], str | None]:
    """Return the settings of a dataset of the user's own, and the choice in ``conf/dataset`` that they refine."""
    if dataset is None:
        return {}, None
    if isinstance(dataset, pd.DataFrame):
        return _table(dataset.astype(object).where(dataset.notna(), None).to_dict("records")), "folder"
    if isinstance(dataset, str | Path):
        path = Path(dataset).expanduser()
        if isinstance(dataset, Path) or path.suffix.lower() in LISTS or "/" in dataset:
            return {"file": str(_list_in(path) if path.is_dir() else path)}, "folder"
        return {}, dataset
    if isinstance(dataset, Sequence):
        return _table([dict(row) if isinstance(row, Mapping) else row for row in dataset]), "folder"
    raise UserError(f"dataset is {dataset!r:.80}. Give a name, a list's path, a DataFrame, or a list of dictionaries.")


def _list_in(folder: Path) -> Path:
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in LISTS)
    if len(found) != 1:
        names = ", ".join(path.name for path in found[:8]) or "none"
        raise UserError(
            f"{folder} must hold one list of pairs (.csv or .json), and holds {names}. Give the list's path."
        )
    return found[0]


def _table(rows: list[Any]) -> dict[str, Any]:
    """Return the settings of a list in memory. A digest of it is in its name, as other rows are another run."""
    root = Path.cwd()
    rows = [
        {str(key): str(cell) if isinstance(cell, Path) else cell for key, cell in row.items()}
        if isinstance(row, dict)
        else row
        for row in rows
    ]
    for row in rows:
        if isinstance(row, dict) and isinstance(image := row.get("image"), str) and image:
            row["image"] = image_name(image, root)
    digest = hashlib.sha256(json.dumps(rows, sort_keys=True, default=str).encode()).hexdigest()[:8]
    target = f"{Table.__module__}.{Table.__qualname__}"
    return {"_target_": target, "name": f"{Table.name}-{digest}", "rows": rows, "root": str(root)}


def _numbers(name: str, values: Any, kind: type[float] | type[int]) -> list[Any]:
    """Return plain numbers, also of an array or a range; others are refused when the run is described."""
    listed = list(values) if hasattr(values, "__iter__") and not isinstance(values, str) else [values]
    try:
        numbers = [kind(value) for value in listed]
    except (TypeError, ValueError):
        numbers = []
    if numbers != listed or not numbers:
        what = "whole numbers" if kind is int else "numbers"
        raise UserError(f"{name} is {values!r:.80}. Give a list of {what}.")
    return numbers


def _written(overrides: Sequence[str] | Mapping[str, Any]) -> list[str]:
    """Return options in the command line's form."""
    if isinstance(overrides, str):
        raise UserError(f"overrides is {overrides!r}. Give a list, [{overrides!r}].")
    if isinstance(overrides, Mapping):
        return [f"{key}={written(value)}" for key, value in overrides.items()]
    return [str(each) for each in overrides]


def written(value: Any) -> str:
    """Return a value in Hydra's grammar: ``null``, ``[0.5,1]``, ``"a dog, sitting"``."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{key}:{written(each)}' for key, each in value.items())}}}"
    if isinstance(value, str | Path):
        return str(value) if _PLAIN.fullmatch(str(value)) else in_quotes(str(value))
    if hasattr(value, "__iter__"):
        return f"[{','.join(written(each) for each in value)}]"
    return str(value)  # a number, also of numpy


def _is_sweep(override: str) -> bool:
    """True for an experiment that is several runs."""
    key, _, name = override.partition("=")
    path = ROOT / "experiment" / f"{name}.yaml"
    return key.lstrip("+") == "experiment" and path.is_file() and "MULTIRUN" in path.read_text(encoding="utf-8")
