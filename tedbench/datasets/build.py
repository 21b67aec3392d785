"""A dataset from its configuration (``conf/dataset/*.yaml``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tedbench.build import build
from tedbench.datasets.base import Dataset
from tedbench.settings import Count, checked


def build_dataset(settings: Mapping[str, Any]) -> Dataset:
    """Build the dataset of the class that ``_target_`` names.

    ``name`` is a label for users; all other settings are arguments of the constructor. A single id may be given without
    a list. Types of ``size``, ``limit`` and ``ids`` are checked here, so that datasets need not.

    Raises:
        UserError: a setting has the wrong type, or see the dataset.
    """
    values = {key: value for key, value in settings.items() if key != "name"}
    checked("dataset.size", values.get("size"), Count)
    checked("dataset.limit", values.get("limit"), Count | None)
    if values.get("ids") is not None:
        ids = values["ids"] if isinstance(values["ids"], list | tuple) else [values["ids"]]
        values["ids"] = [str(id) for id in ids]
    return build(values, Dataset, "dataset")
