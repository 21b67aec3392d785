"""CSV files that a spreadsheet opens without running anything in them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tedbench.disk import writing

STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "'")
"""First characters of texts that a spreadsheet may take for a formula; the last one makes :func:`unguarded` exact."""


def guarded(text: str) -> str:
    """Return the text, with an apostrophe before it if a spreadsheet could run it (OWASP, "CSV Injection")."""
    return f"'{text}" if text.startswith(STARTS) else text


def unguarded(text: str) -> str:
    """Undo :func:`guarded`."""
    return text[1:] if text.startswith("'") and text[1:].startswith(STARTS) else text


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table with every text guarded, in UTF-8."""
    safe = table.copy()
    for name in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[name]):
            each = {text: guarded(str(text)) for text in safe[name].unique()}
            safe[name] = safe[name].map(each)
    with writing(path):
        safe.to_csv(path, index=False, lineterminator="\r\n", float_format="%.6g")
