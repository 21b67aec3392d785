"""Rules that hold for the whole project."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from safetensors import safe_open

ROOT = Path(__file__).parents[1]

# Each room may import those below it (DESIGN): eval -> baselines -> imagic -> tedbench -> picturebook.
ORDER = ["picturebook", "tedbench", "imagic", "baselines", "eval"]
EVERYWHERE = {"conf"}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("room", ORDER)
def test_imports_run_one_way(room):
    above = set(ORDER[ORDER.index(room) + 1 :])
    for path in (ROOT / room).rglob("*.py"):
        wrong = [name for name in imported(path) if name.split(".")[0] in above]
        assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


def test_embedded_weights_are_safetensors_in_half_precision_and_under_40_mb():
    files = [p for p in (ROOT / "picturebook" / "weights").rglob("*") if p.is_file()]
    assert {p.suffix for p in files} <= {".safetensors", ".json", ".txt"}
    assert sum(p.stat().st_size for p in files) < 40_000_000
    weights = [p for p in files if p.suffix == ".safetensors"]
    assert len(weights) == 9
    for path in weights:
        with safe_open(path, "pt") as opened:
            kinds = {opened.get_slice(key).get_dtype() for key in opened.keys()}  # noqa: SIM118
        assert "F32" not in kinds, path
