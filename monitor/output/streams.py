"""Standard output and standard error that take any text and that tell a lost result from a lost progress line.

A result that cannot be written is an `OutputError`, so that no exit code with another meaning stands for it. What is
written to standard error may be lost: a run of days must not end because a terminal is closed.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from contextlib import suppress

from monitor.errors import OutputError

_ERRORS = "bootstrap-monitor"
_ASCII = {"·": "-", "…": "...", "–": "-", "✓": "+", "✗": "x", "⚠": "!", "±": "+-", "µ": "u", "μ": "u"}  # noqa: RUF001


def set_up_streams() -> None:
    """Replace the standard streams of this process.

    A stream that the caller closed (`>&-`) gets its number back, so that no file of this program takes it; writing to
    it fails as before.
    """
    codecs.register_error(_ERRORS, _in_ascii)
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            lowest = os.open(os.devnull, os.O_RDONLY)
            stream = os.fdopen(lowest, "r" if name == "stdin" else "w")
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)  # which keeps it open
    if type(sys.stdout) is io.TextIOWrapper:
        sys.stdout = _of(_Results, sys.stdout)
    if type(sys.stderr) is io.TextIOWrapper:
        sys.stderr = _of(_Messages, sys.stderr)


def write_bytes(content: bytes) -> None:
    """Write bytes to standard output.

    Raises:
        OutputError: they cannot be written.
    """
    try:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except OSError as error:
        raise _lost(error) from error


def discard_output() -> None:
    """Drop what is left unwritten, which Python would try to write at its end, with an exit code of its own."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError, ValueError):
        os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


class _Results(io.TextIOWrapper):
    """Raises `OutputError` for what cannot be written."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError as error:
            raise _lost(error) from error

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            raise _lost(error) from error


class _Messages(io.TextIOWrapper):
    """Loses what cannot be written."""

    def write(self, text: str) -> int:
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


def _of(kind: type[io.TextIOWrapper], stream: io.TextIOWrapper) -> io.TextIOWrapper:
    return kind(
        stream.buffer,
        encoding=stream.encoding,
        errors=_ERRORS,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _lost(error: OSError) -> OutputError:
    return OutputError(
        f"standard output cannot be written ({error.strerror}): give it a file or a pipe that takes it"
    )


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """Return what stands for characters that an encoding lacks: all that this program writes by itself, in ASCII."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_ASCII.get(each, "?") for each in error.object[error.start : error.end]), error.end
