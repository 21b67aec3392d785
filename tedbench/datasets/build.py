"""A dataset from its configuration (``conf/dataset/*.yaml``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tedbench.build import build
from tedbench.datasets.base import Dataset
from tedbench.settings import Count, checked


def build_dataset(settings: Mapping[str, Any]) -> Dataset:
    """The dataset of the class that ``_target_`` names; ``name`` is for people, all else goes to the constructor.

    One id may be given without a list. Values of the wrong type, which a command line can hold, are told of here, so
    that datasets need not.

    Raises:
        UserError: a value does not fit, or the dataset's own errors.
    """
    values = {key: value for key, value in settings.items() if key != "name"}
    checked("dataset.size", values.get("size"), Count)
    checked("dataset.limit", values.get("limit"), Count | None)
    if values.get("ids") is not None:
        ids = values["ids"] if isinstance(values["ids"], list | tuple) else [values["ids"]]
        values["ids"] = [str(id) for id in ids]
    return build(values, Dataset, "dataset")
