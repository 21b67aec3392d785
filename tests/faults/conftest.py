"""Runs to be harmed, and harm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from eval.runs.folder import Run
from eval.runs.writer import RunWriter
from tedbench.datasets.base import Dataset
from tedbench.errors import ImageError
from tedbench.method import Editor
from tedbench.pair import Entry
from tests.made_runs import made_config


@pytest.fixture(scope="session")
def create_run() -> Callable[..., Run]:
    """Makes runs without pairs, or opens them again."""

    def create(folder: Path, axis: str = "eta") -> Run:
        return RunWriter.create(folder, made_config(axis=axis, fit={"size": 16}))

    return create


class Grey(Dataset):
    """Pairs of one grey picture; that of b.png can be lost."""

    name = "folder"

    def __init__(self, names: str, lost: bool) -> None:
        super().__init__([Entry(f"{name}.png", "A dog.") for name in names], 16)
        self._lost = lost

    def read(self, entry: Entry) -> tuple[np.ndarray, None]:
        if self._lost and entry.image_name == "b.png":
            raise ImageError("b.png cannot be read.")
        return np.full((16, 16, 3), 200, np.uint8), None


@pytest.fixture
def job(tmp_path, create_run, make_job) -> Callable[..., object]:
    """Makes jobs of an editor with the axis "depth" on pairs of one grey picture."""

    def make(
        editor: Editor,
        pairs: str = "abc",
        depths: int = 3,
        lost: bool = False,
        retry_failed: bool = False,
        name: str = "run",
    ) -> object:
        run, requests = create_run(tmp_path / name, "depth"), [(float(depth), 0) for depth in range(depths)]
        return make_job(run, Grey(pairs, lost), editor, requests, retry_failed=retry_failed)

    return make


@pytest.fixture(scope="session")
def flip() -> Callable[[Path], None]:
    """Changes a bit of a file and not its size."""

    def change(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[-20] ^= 1
        path.write_bytes(content)

    return change
