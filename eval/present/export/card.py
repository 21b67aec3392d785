"""README.md of an exported run: the card that Hugging Face's hub reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from eval.present.tables import markdown_escape


def card(title: str, found: dict[str, Any], licence: str | None, lines: Sequence[str], columns: Sequence[str]) -> str:
    """Return the card's text.

    Args:
        title: of the run.
        found: see :func:`eval.present.export.results.results`.
        licence: of the images, or None.
        lines: the contents of the folder and what is left out.
        columns: of metadata.parquet.
    """
    split = {"split": "test", "path": "data/**"}
    head = {"license": licence or "unknown", "configs": [{"config_name": "default", "data_files": [split]}]}
    images = [name for name in columns if name.endswith("file_name")]
    kept = [name for name in columns if name not in images]
    return "\n".join(
        [
            "---",
            yaml.safe_dump(head, sort_keys=False, allow_unicode=True).strip(),
            "---",
            "",
            f"# {markdown_escape(title)}",
            "",
            *(f"- {markdown_escape(line)}" for line in lines),
            "",
            "One row is one edited image. Columns: " + ", ".join(f"`{name}`" for name in kept) + ".",
            "Scores are raw: cosines, and distances for LPIPS; a name says backbone, weights and size. "
            "`results.json` has means with 95% intervals clustered by source image, configuration and provenance.",
            "",
        ]
    )
