"""Leaving in good order: Ctrl-C and SIGTERM let the images in hand be finished and kept."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any, Self


class Stopped(KeyboardInterrupt):
    """The user, or the machine, asked to stop: raised where nothing that is finished gets lost."""


class Stop:
    """Whether to stop, as a ``with`` statement that listens to Ctrl-C and SIGTERM.

    The first signal is kept until :meth:`check`; a second one interrupts at once.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def check(self) -> None:
        """
        Raises:
            Stopped: a signal came.
        """
        if self.asked:
            raise Stopped

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # others are not told of signals
            self._before = {number: signal.signal(number, self._hear) for number in self.SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        print("stopping: the images in hand are finished first; once more stops at once", file=sys.stderr)
