"""Log lines on standard error: for a person, or as JSON with the keys that the Go monitor uses."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal, TextIO

LogFormat = Literal["auto", "plain", "colors", "json"]

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_COLORS = {"DEBUG": "\x1b[2m", "INFO": "", "WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[31m"}
_RESET = "\x1b[0m"


def set_up_logs(
    log_format: LogFormat, *, debug: bool, level: int = logging.INFO, stream: TextIO = sys.stderr
) -> None:
    """Have the program's log written to a stream, from a level on; with `debug` all of it."""
    handler = logging.StreamHandler(stream)
    colors = log_format == "colors" or (log_format == "auto" and stream.isatty())
    handler.setFormatter(_Json() if log_format == "json" else _Plain(colors=colors))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("monitor").setLevel(logging.DEBUG if debug else level)
    # The scheduler reports each job; the jobs report themselves.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


class _Plain(logging.Formatter):
    def __init__(self, *, colors: bool) -> None:
        super().__init__()
        self._colors = colors

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        fields = "".join(f" {key}={value}" for key, value in _fields(record).items())
        line = f"{when} {record.levelname:<7} {record.getMessage()}{fields}"
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
        return json.dumps(entry | _fields(record), default=str)
