"""The node's log files, in the plain and the JSON format of AvalancheGo and in the format of Coreth."""

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TextIO

from simulated_node.go import go_duration
from simulated_node.options import Dialect
from simulated_node.settings import LEVELS, Settings
from simulated_node.tables import LINES


class Seconds(float):
    """A duration (seconds), which each log format encodes in its own way."""


class Journal:
    """The node's logs: one file for the node, one for each chain, and all lines on the display."""

    def __init__(
        self, settings: Settings, dialect: Dialect, wall: Callable[[], float], display: TextIO | None
    ) -> None:
        settings.logs.mkdir(parents=True, exist_ok=True)
        self._settings, self._dialect, self._wall, self._display = settings, dialect, wall, display
        self._widths: dict[str, int] = defaultdict(int)

    def log(self, chain: str, key: str, values: Mapping[str, object]) -> None:
        """Log a message of `LINES`, with values for its fields."""
        line = LINES[key]
        fields = {name: values.get(str(value), value) for name, value in line.fields.items()}
        source = f"{line.file}:{line.numbers[self._dialect.column]}"
        if line.file.startswith("evm/"):
            self._log_as_coreth(chain, source.removeprefix("evm/"), line.message, fields)
        else:
            self.write(chain, "INFO", source, line.message, **fields)

    def write(self, chain: str, level: str, source: str, message: str, **fields: object) -> None:
        """Log one line of a chain, or of the node if `chain` is empty."""
        if LEVELS.index(level) < LEVELS.index(self._settings.log_level.upper()):
            return
        now = self._wall()
        if self._settings.log_format.lower() == "json":
            self._put(chain, _json_line(now, chain, level, source, message, fields))
        else:
            values = {n: go_duration(v) if isinstance(v, Seconds) else v for n, v in fields.items()}
            tail = f" {json.dumps(values, ensure_ascii=False)}" if fields else ""
            name = f" <{chain} Chain>" if chain else ""
            self._put(chain, f"{plain_time(now)} {level}{name} {source} {message}{tail}")

    def _log_as_coreth(self, chain: str, source: str, message: str, fields: Mapping[str, object]) -> None:
        """Log a line in Coreth's format, which ignores the node's log level and format (plugin/evm/log)."""
        parts = []
        for name, value in fields.items():
            text = f'"{value}"' if " " in str(value) else str(value)
            self._widths[name] = max(self._widths[name], len(text))
            parts.append(f"{name}={text.ljust(self._widths[name])}")
        module = f"github.com/ava-labs/avalanchego/graft/evm@v{self._dialect.version}"
        start = f"{plain_time(self._wall())} INFO <{chain} Chain> {module}/{source} "
        self._put(chain, (start + f"{message:40} " + " ".join(parts)).rstrip())

    def _put(self, chain: str, line: str) -> None:
        if self._display:
            self._display.write(line + "\n")
            self._display.flush()
        try:
            with (self._settings.logs / f"{chain or 'main'}.log").open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:  # a full volume does not stop the node; the line is lost
            sys.stderr.write(f"could not write to log: {error}\n")


def plain_time(moment: float) -> str:
    """Format a time (Unix seconds) as plain logs do."""
    return f"[{datetime.fromtimestamp(moment, UTC):%m-%d|%H:%M:%S.%f}"[:-3] + "]"


def _json_line(
    moment: float, chain: str, level: str, source: str, message: str, fields: Mapping[str, object]
) -> str:
    """Format a line as zap's JSON encoder does (avalanchego utils/logging/format.go)."""
    time = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    line: dict[str, object] = {"level": level.lower(), "timestamp": time.replace("+00:00", "Z")}
    line |= ({"logger": f"{chain} Chain"} if chain else {}) | {"caller": source, "msg": message}
    line |= {n: round(v * 1e9) if isinstance(v, Seconds) else v for n, v in fields.items()}
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"))
