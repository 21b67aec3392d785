"""``imagic-bench ls methods``: the methods, models, datasets, metrics … that there are; --json for programs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from cli.listing import Record, listed
from cli.places import SEARCHPATH, places
from cli.verb import verb
from cli.verbs import verbs
from tedbench.errors import UserError
from tedbench.near import nearest

GROUPS = {
    "methods": "method",
    "models": "model",
    "datasets": "dataset",
    "metrics": "metrics",
    "executors": "executor",
    "experiments": "experiment",
}
SEARCHED = f"{SEARCHPATH}="

ABOUT = f"""Lists what there is to choose from: {", ".join(GROUPS)} or commands; reads the YAML files' own comments, and of methods
their classes as well. With --json it prints a list of objects, which all have the same keys. A folder of your own is
listed with hydra.searchpath=[file://FOLDER], which eval.run takes, too."""

EXAMPLES = """
imagic-bench ls methods
imagic-bench ls models --json
imagic-bench ls methods 'hydra.searchpath=[file://my]'
"""


@verb(ABOUT, EXAMPLES)
def main(words: list[str]) -> None:
    """Print the list."""
    if wrong := [word for word in words if _is_option(word) and word != "--json" and not word.startswith(SEARCHED)]:
        hint = nearest(wrong[0], ["--json", SEARCHED])
        raise UserError(f"{wrong[0]!r} is no option here.{hint} There are --json and hydra.searchpath=[file://FOLDER].")
    what = _what([word for word in words if not _is_option(word)])
    if what == "commands":
        records: list[Record] = [verb._asdict() for verb in verbs().values()]
    else:
        records = listed(GROUPS[what], _places(words))
    if "--json" in words:
        print(json.dumps(records, indent=2, ensure_ascii=False))
    else:
        from cli.listing_text import table

        print(table(what, records, sys.stdout))


def _is_option(word: str) -> bool:
    return word.startswith("-") or "=" in word


def _what(names: list[str]) -> str:
    """Return what is asked for, in the plural: "model" is "models"."""
    known = [*GROUPS, "commands"]
    if len(names) == 1:
        for name in (names[0], f"{names[0]}s"):
            if name in known:
                return name
    hint = nearest(names[0], known) if names else ""
    raise UserError(f"{' '.join(names) or 'Nothing'} cannot be listed.{hint} Give one of {', '.join(known)}.")


def _places(words: list[str]) -> tuple[Path, ...]:
    found = places(words)
    for folder in found:
        if not folder.is_dir():
            raise UserError(f"hydra.searchpath has {folder}, which is no folder. Give one with method/, model/ …")
    return found


if __name__ == "__main__":
    main()
