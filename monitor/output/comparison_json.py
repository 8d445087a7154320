"""The result of `local --compare` as JSON; docs/local.md describes it."""

from __future__ import annotations

from statistics import geometric_mean, median

from monitor.domain.comparison import Comparison, spread
from monitor.domain.json_text import JsonObject
from monitor.output.terminal_comparison import Compared, comparison_text


def comparison_json(old: Compared, new: Compared, difference: Comparison) -> JsonObject:
    """Return the result, and the measurements of both builds; `ratio` is that of new to old durations."""
    return {
        "result": difference.difference.name.lower(),
        "text": comparison_text(difference).plain,
        "ratio": difference.ratio,
        "ratioLowest": difference.lowest,
        "ratioHighest": difference.highest,
        "old": _build_json(old),
        "new": _build_json(new),
    }


def _build_json(build: Compared) -> JsonObject:
    tested, durations = build.runs[-1].build, build.durations
    disk = [run.disk_usage_bytes for run in build.runs if run.disk_usage_bytes is not None]
    return {
        "image": tested.image,
        "version": tested.version,
        "commit": tested.commit,
        "runs": [run.number for run in build.runs],
        "failedRuns": [run.number for run in build.failed],
        "durationsSeconds": durations,
        "meanSeconds": geometric_mean(durations),
        "spreadRatio": spread(durations),
        "diskUsageBytes": round(median(disk)) if disk else None,
    }
