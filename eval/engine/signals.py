"""Handling of Ctrl-C and SIGTERM: images in progress are finished and kept."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any, Self


class Stopped(KeyboardInterrupt):
    """Raised after SIGINT or SIGTERM at a point where no finished work is lost."""


class SignalGuard:
    """Context manager that defers SIGINT and SIGTERM.

    The first signal is kept until :meth:`check`; a second one raises KeyboardInterrupt at once. Outside the main thread
    it handles no signals.

    Attributes:
        asked: True after a signal; may be set by other code to request the same.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def check(self) -> None:
        """Raise an exception if a signal came.

        Raises:
            Stopped: a signal came.
        """
        if self.asked:
            raise Stopped

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # only it can install handlers
            self._before = {number: signal.signal(number, self._on_signal) for number in self.SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)  # None: one that is not Python's

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        print("stopping: finishing the images in progress; press Ctrl-C again to stop at once", file=sys.stderr)
