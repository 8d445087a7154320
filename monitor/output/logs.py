"""Log lines on standard error: plain text, or JSON with the keys of the Go monitor."""

from __future__ import annotations

import logging
import os
import re
import sys
from datetime import UTC, datetime
from typing import Literal, TextIO

from monitor.domain.json_text import json_text
from monitor.domain.sanitize import printable

LogFormat = Literal["auto", "plain", "colors", "json"]

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_COLORS = {"DEBUG": "\x1b[2m", "INFO": "", "WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[31m"}
_RESET = "\x1b[0m"
_DIGEST = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}")


def set_up_logs(
    log_format: LogFormat, *, debug: bool, level: int = logging.INFO, stream: TextIO | None = None
) -> None:
    """Write the program's log to a stream (default: standard error), from a level on; with `debug` all of it.

    With `auto`, colors are used on a terminal unless `NO_COLOR` is set (no-color.org).
    """
    handler = _StandardError() if stream is None else logging.StreamHandler(stream)
    wanted = log_format == "auto" and not os.environ.get("NO_COLOR")
    colors = log_format == "colors" or (wanted and (stream or sys.stderr).isatty())
    handler.setFormatter(_Json() if log_format == "json" else _Plain(colors=colors, debug=debug))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("monitor").setLevel(logging.DEBUG if debug else level)
    # The scheduler would log each job; the jobs log their own results.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)


class _StandardError(logging.Handler):
    """Writes to the current `sys.stderr`, which a progress line may have replaced."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except Exception:  # noqa: BLE001 - as in every handler
            self.handleError(record)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


class _Plain(logging.Formatter):
    """Formats a record as text: shortens digests, and shows the rule's name only with `--debug`."""

    def __init__(self, *, colors: bool, debug: bool) -> None:
        super().__init__()
        self._colors, self._debug = colors, debug

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        shown = {key: value for key, value in _fields(record).items() if self._debug or key != "rule"}
        fields = "".join(f" {key}={value}" for key, value in shown.items())
        message = _DIGEST.sub(r"\1", record.getMessage())
        line = printable(f"{when} {record.levelname:<7} {message}{fields}")
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        color = _COLORS.get(record.levelname, "") if self._colors else ""
        return f"{color}{line}{_RESET}" if color else line


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "level": record.levelname.lower(),
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
            "logger": record.name,
            "msg": record.getMessage(),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json_text(entry | _fields(record), default=str)
