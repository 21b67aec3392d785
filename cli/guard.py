"""Errors of a command as one line on standard error, and its exit status."""

from __future__ import annotations

import sys
from collections.abc import Callable

from tedbench.errors import UserError

INTERRUPTED = 130
"""Exit status after Ctrl-C."""


def guard(function: Callable[[], int | None]) -> int:
    """Return the exit status of a function: its own, 2 for a :class:`UserError` or a file's, 130 after Ctrl-C."""
    try:
        return function() or 0
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.filename is None:
            raise
        print(f"error: {str(error.filename)[:200]}: {error.strerror}. Check the path and its rights.", file=sys.stderr)
        return 2
    except UnicodeEncodeError as error:
        if error.encoding != sys.getfilesystemencoding().lower() or error.encoding == "utf-8":
            raise
        print(
            f"error: this locale ({error.encoding}) cannot write the file name {error.object!r}. "
            "Set PYTHONUTF8=1, or LC_ALL=C.UTF-8.",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        print("stopped. What was finished is kept; the same command goes on from there.", file=sys.stderr)
        return INTERRUPTED
