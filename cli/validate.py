"""``imagic-bench validate FILE…``: checks of YAML files of your own: a method, model, dataset, metrics or recipe."""

from __future__ import annotations

import sys
from pathlib import Path

from cli.validation import problems
from cli.verb import verb
from tedbench.errors import UserError

ABOUT = """Checks YAML files of your own before anything is run: that each _target_ is a class of the right kind, that it takes all of
the settings and each value, and that what they refer to is there. No weights are loaded. A file's group is its folder's
name: my/method/mine.yaml, my/recipe/mine/sd.yaml.

Exit status: 0 where all are right, 1 where any is wrong (a line for each problem), 2 for an error."""

EXAMPLES = """
imagic-bench validate my/method/crossfade.yaml
imagic-bench validate my/*/*.yaml my/recipe/*/*.yaml
"""


@verb(ABOUT, EXAMPLES)
def main(words: list[str]) -> int:
    """Check each file, and return 1 if any has a problem."""
    if not words:
        raise UserError("Nothing to check. Give a file, such as my/method/mine.yaml.")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)
    wrong = 0
    for word in words:
        found = problems(Path(word))
        wrong += bool(found)
        for problem in found:
            print(f"{word}: {problem}")
        if not found:
            print(f"{word}: ok")
    return int(wrong > 0)


if __name__ == "__main__":
    main()
