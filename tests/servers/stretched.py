"""Real series of minutes as if each second had been an hour, in the text format of OpenMetrics.

Real bootstraps take hours to weeks. Times and durations are multiplied by 3600; blocks and bytes by factors that
make them plausible for a real network. The size of this machine's volume is replaced.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from servers.processes import JsonObject

from monitor.domain.duration import duration_text
from monitor.domain.size import size_text

SECONDS_PER_SECOND = 3600.0
_BLOCKS_PER_BLOCK = 20_000.0
_LEAVES_PER_LEAF = 500_000.0
_BYTES_PER_BYTE = 45_000.0
_VOLUME_BYTES = 300 * 2**30
_OTHER_BYTES = 20 * 2**30
_MIN_TIME = 1e9
_PER_COUNT = {"_block_time_": _BLOCKS_PER_BLOCK, "_leaf_time_": _LEAVES_PER_LEAF}
_COUNTS = {"ms": _BLOCKS_PER_BLOCK, "µs": _LEAVES_PER_LEAF}
# Durations that do not depend on the scenario.
_CONSTANT = ("task_duration_seconds", "trying_limit_seconds")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "B": 1.0, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?(?:e[+-]\d+)?) ?([KMG]iB|ms|µs|[hmsB])")


@dataclass(frozen=True)
class Stretch:
    """A time span in which the series were scraped, and the end of the longer one."""

    end: float
    now: float

    def when(self, at: float) -> float:
        """Return the time at which a scrape is shown."""
        return self.now - (self.end - at) * SECONDS_PER_SECOND

    def lines(self, series: Iterable[JsonObject]) -> Iterator[str]:
        """Yield the lines of a page with all samples."""
        families: dict[str, list[JsonObject]] = defaultdict(list)
        for one in series:
            families[one["metric"]["__name__"]].append(one)
        now, last = (
            _by_instance(families[f"bootstrap_monitor_{name}"])
            for name in ("disk_usage_bytes", "last_disk_usage_bytes")
        )
        for name, group in families.items():
            for one in group:
                labels = _labels({key: text for key, text in one["metric"].items() if key != "__name__"})
                instance = one["metric"].get("instance", "")
                for at, text in one["values"]:
                    used = float(now.get((instance, at), 0))
                    if name.endswith("expected_free_ratio"):
                        used = max(used, float(last.get((instance, at), 0)))
                    value = self._value(name, float(text), used)
                    yield f"{name}{{{labels}}} {value!r} {self.when(at):.0f}\n"
        yield "# EOF\n"

    def _value(self, name: str, value: float, used_bytes: float) -> float:
        factor = 1.0
        if name.endswith("volume_size_bytes"):
            return _VOLUME_BYTES
        if name.endswith(("volume_available_bytes", "expected_free_ratio")):
            available = _VOLUME_BYTES - _OTHER_BYTES - used_bytes * _BYTES_PER_BYTE
            return available / (_VOLUME_BYTES if name.endswith("ratio") else 1)
        if name.endswith("timestamp_seconds") or name == "ALERTS_FOR_STATE":
            return self.when(value) if value > _MIN_TIME else value
        if name.endswith("_seconds") and not name.endswith(_CONSTANT):
            factor = SECONDS_PER_SECOND / next((_PER_COUNT[part] for part in _PER_COUNT if part in name), 1)
        elif "_blocks_" in name:
            factor = _BLOCKS_PER_BLOCK
        elif name.endswith("_leaves"):
            factor = _LEAVES_PER_LEAF
        elif "disk_usage_" in name:
            factor = _BYTES_PER_BYTE
        return value * factor


def _by_instance(series: Iterable[JsonObject]) -> dict[tuple[str, float], str]:
    """Return the values of one series for each target, by target and time."""
    return {(one["metric"]["instance"], at): text for one in series for at, text in one["values"]}


def _labels(labels: Mapping[str, str]) -> str:
    texts = {
        name: _text(text) if name in {"newest", "baseline", "limit"} else text
        for name, text in labels.items()
    }
    escaped = {name: text.replace("\\", "\\\\").replace('"', '\\"') for name, text in texts.items()}
    return ",".join(f'{name}="{text}"' for name, text in escaped.items())


def _text(text: str) -> str:
    """Return the text of a stretched duration, size or time per block."""
    parts = _QUANTITY.findall(text)
    unit = parts[0][1]
    if unit in _COUNTS:
        return f"{float(parts[0][0]) * SECONDS_PER_SECOND / _COUNTS[unit]:.3g} {unit}"
    total = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return size_text(total * _BYTES_PER_BYTE) if "B" in unit else duration_text(total * SECONDS_PER_SECOND)
