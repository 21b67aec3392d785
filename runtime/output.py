"""Standard output and error that can always be written, whatever their encoding and even if their reader is gone."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

BROKEN_PIPE = 141
"""Exit status if the reader of the output is gone, which is a shell's status for SIGPIPE: 128 + 13."""
SPELLED = "imagic_bench_spelled"
"""Name of the error handler for characters that an encoding lacks, see :func:`spell`."""

_SIGNS = {
    **{"η": "eta", "ε": "eps", "α": "alpha", "ᾱ": "alpha-bar", "β": "beta", "γ": "gamma", "θ": "theta", "ρ": "rho"},
    **{"σ": "sigma", "Δ": "Delta", "μ": "mu", "ē": "e-bar"},
    **{"−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "·": "*", "•": "*", "…": "...", "×": "x", "±": "+/-"},
    **{
        "≤": "<=",
        "≥": ">=",
        "≈": "~",
        "∞": "inf",
        "√": "sqrt",
        "½": "1/2",
        "²": "^2",
        "³": "^3",
        "₀": "0",
        "°": " deg",
    },
    **{"→": "->", "←": "<-", "↑": "up", "↓": "down", "✓": "yes", "✗": "no", "★": "*", "✕": "x"},
    **{"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "‹": "<", "›": ">", "‖": "||", "\N{NO-BREAK SPACE}": " "},
}
_USUAL_ERRORS = ("strict", "surrogateescape", "backslashreplace")  # what Python sets; anything else was set by the user


def spell(error: UnicodeError) -> tuple[str | bytes, int]:
    r"""Replace a character that an encoding lacks: η → eta, − → -, ✓ → yes, box lines → - | +, others → \u72ac.

    Bytes of file names that are not text are passed through.

    Raises:
        UnicodeError: the error is not one of encoding.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    sign, end = error.object[error.start], error.start + 1
    if "\udc80" <= sign <= "\udcff":
        return bytes([ord(sign) - 0xDC00]), end
    if "\u2500" <= sign <= "\u259f":
        return ("-" if sign in "─━═╌╍┄┅╴╶╸╺" else "|" if sign in "│┃║┆┇╎╏╵╷╹╻" else "#" if sign >= "▀" else "+"), end
    return _SIGNS.get(sign) or sign.encode("ascii", "backslashreplace").decode("ascii"), end


codecs.register_error(SPELLED, spell)


class _Descriptor(io.FileIO):
    """A file descriptor that discards everything after the first failed write.

    Attributes:
        failure: the error of the failed write, or None.
    """

    failure: OSError | None = None

    def write(self, data: object, /) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError as error:
            self.failure = error
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            if self.fileno() == 1 and not isinstance(error, BrokenPipeError):
                print(
                    f"error: standard output cannot be written ({error.strerror}). Files are still written; "
                    "what would be printed is lost.",
                    file=sys.stderr,
                )
            return memoryview(data).nbytes  # type: ignore[arg-type]


@contextmanager
def safe_output() -> Iterator[None]:
    """Keep a command running whatever happens to its output: missing characters are spelled out, lost output discarded.

    Raises:
        SystemExit: the command succeeded but its output was lost: with status 141 if the reader is gone (``| head``),
            otherwise with 1.
    """
    for name in ("stdout", "stderr"):
        _prepare(name)
    try:
        yield
    except SystemExit as leaving:
        if leaving.code or not (status := _lost()):
            raise
        sys.exit(status)
    if status := _lost():
        sys.exit(status)


def _prepare(name: str) -> None:
    stream = getattr(sys, name)
    if stream is None:  # closed by the parent process: the next file opened must not get its number
        setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        return
    if not isinstance(stream, io.TextIOWrapper) or isinstance(
        getattr(stream.buffer, "raw", stream.buffer), _Descriptor
    ):
        return
    errors = SPELLED if stream.errors in _USUAL_ERRORS else stream.errors
    number = {"stdout": 1, "stderr": 2}[name]
    if type(stream) is not io.TextIOWrapper or stream.isatty() or stream.fileno() != number:
        stream.reconfigure(errors=errors)
        return
    stream.flush()
    raw = _Descriptor(number, "w", closefd=False)
    raw.name = stream.name
    buffer = raw if isinstance(stream.buffer, io.RawIOBase) else io.BufferedWriter(raw)  # raw: python -u
    wrapped = io.TextIOWrapper(
        buffer,
        stream.encoding,
        errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
    setattr(sys, name, wrapped)


def _lost() -> int:
    """Return the exit status for standard output: 0 if all of it was written."""
    sys.stdout.flush()
    buffer = getattr(sys.stdout, "buffer", None)
    failure = getattr(getattr(buffer, "raw", buffer), "failure", None)
    if failure is None:
        return 0
    return BROKEN_PIPE if isinstance(failure, BrokenPipeError) else 1
