"""Checks of the folder that a run is to be written to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from eval.runs.cards import FORMAT, Cards
from eval.runs.config_diff import changes
from eval.runs.listing import Listing, left_out
from tedbench.errors import UserError

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The safe loader; ten times faster where PyYAML has it compiled."""


def require_no_links(folder: Path) -> None:
    """Refuse a run folder that contains links, through which files elsewhere would be written; it may be a link itself.

    Raises:
        UserError: the folder contains a link.
    """
    for pattern in ("*", ".locks/*", "pairs/*", "pairs/*/scores"):
        for path in folder.glob(pattern):
            if path.is_symlink():
                raise UserError(
                    f"{path} is a link, and nothing outside a run's folder is written. Put there what it points to."
                )


def with_own_list(folder: Path, config: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration with the name of the list that an existing run has: its folder may have been renamed."""
    path = folder / "config.yaml"
    own = read_config(path).get("fit", {}).get("list") if path.exists() else None
    return config if own is None else {**config, "fit": {**config["fit"], "list": own}}


def require_place(folder: Path, config: dict[str, Any], listing: Listing | None = None) -> None:
    """Refuse a folder that is not empty and holds another run or list.

    Args:
        folder: the run's folder, which need not exist.
        config: content of config.yaml for the run.
        listing: the present list; None skips its comparison.

    Raises:
        UserError: the folder is a file, contains links, or holds another run, a run of another list, or something else.
    """
    require_no_links(folder)
    path = folder / "config.yaml"
    if path.exists():
        old = read_config(path)
        differing = [
            f"{change.where} was {change.before!r}, now {change.after!r}"
            for block in ("fit", "numerics")
            for change in changes(old.get(block, {}), config[block], block)
            if not (change.where == "fit.list" and _same_file_name(change.before, change.after))
        ]
        if differing:
            more = f"; and {len(differing) - 8} more" if len(differing) > 8 else ""
            raise UserError(
                f"{folder} holds a run of another configuration ({'; '.join(differing[:8])}{more}). "
                "Give another run_dir, or leave it out to have one named by its configuration."
            )
        if listing is not None:
            left_out(folder, listing)
    elif folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file. Give another run_dir.")
    elif folder.exists() and any(not p.name.startswith((".config.yaml.", ".locks")) for p in folder.iterdir()):
        raise UserError(f"{folder} is not empty and not a run. Give another run_dir.")


def _same_file_name(before: str | None, after: str | None) -> bool:
    """Return True if two lists have the same file name; :mod:`eval.runs.listing` compares their pairs."""
    return bool(before and after) and Path(str(before)).name == Path(str(after)).name


def read_config(path: Path) -> dict[str, Any]:
    """Read a run's config.yaml.

    Raises:
        UserError: it is damaged, or of another format.
        OSError: it cannot be read.
    """
    try:
        config = yaml.load(path.read_text(encoding="utf-8"), LOADER)
        if not isinstance(config, dict):
            raise ValueError("it lacks its blocks")
        if (found := config.get("format")) != FORMAT:
            has = "has no format" if found is None else f"is of format {found!r}"
            raise UserError(f"{path} {has}, and only format {FORMAT} is read. Make the run again, in another run_dir.")
        if not isinstance(config.get("cards"), dict):
            raise ValueError("it lacks its cards")
        Cards.from_config(config["cards"])
        return config
    except (ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as error:
        why = " ".join(str(error).split())[:100]
        raise UserError(f"{path} is damaged ({why}). Restore it, or give another run_dir.") from None
