"""Standard output and standard error that accept any text and report a failed write of a result.

A result that cannot be written raises `OutputError`, which has an exit code of its own. Messages on standard
error may be lost, because a run of days must not end when a terminal is closed.
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

    A stream that the caller closed (`>&-`) gets its file descriptor back, so that no other file of this
    process gets that number. Writing to such a stream still fails.
    """
    codecs.register_error(_ERRORS, _in_ascii)
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            lowest = os.open(os.devnull, os.O_RDONLY)
            stream = os.fdopen(lowest, "r" if name == "stdin" else "w")
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)  # keeps the stream open
    if type(sys.stdout) is io.TextIOWrapper:
        sys.stdout = _of(_Results, sys.stdout)
    if type(sys.stderr) is io.TextIOWrapper:
        sys.stderr = _of(_Messages, sys.stderr)


def write_bytes(content: bytes) -> None:
    """Write bytes to standard output.

    Raises:
        OutputError: the bytes cannot be written.
    """
    try:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except OSError as error:
        raise _lost(error) from error


def discard_output() -> None:
    """Discard unwritten output; otherwise Python would try to write it at exit, with another exit code."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError, ValueError):
        os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


class _Results(io.TextIOWrapper):
    """A text stream that raises `OutputError` if a write fails."""

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
    """A text stream that ignores failed writes."""

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
        f"standard output cannot be written ({error.strerror}): redirect it to a writable file or pipe"
    )


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """Return an ASCII replacement for characters that the encoding lacks.

    All characters that this program itself writes have a replacement; others become `?`.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_ASCII.get(each, "?") for each in error.object[error.start : error.end]), error.end
