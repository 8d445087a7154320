"""Computes the chart of the newest runs, which `templates/chart.html` draws.

An x is a fraction of the width, so that the chart fits both a phone and a desktop. A y is in pixels from the
top.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from monitor.domain.baseline import Limit
from monitor.domain.duration import duration_text
from monitor.domain.regression import Measure
from monitor.domain.run import Run
from monitor.domain.status import RESULTS_SHOWN, Status
from monitor.output.format import active_seconds, build_text, outcome_text, version_text

SLOWER = "slower"
"""Kind of a success whose duration is worse than the runs before it allow."""
_TOP, _BOTTOM = 10.0, 200.0
_MIN_COLUMNS = 8
_MAX_GRID_LINES = 5
_VERSION_CHARACTERS = 12
_CROWDED_CHARACTERS = 140  # total if each run had the longest version; more characters overlap
_STEPS_SECONDS = (
    *(1, 2, 5, 10, 15, 30),
    *(60 * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(3600 * hours for hours in (1, 2, 3, 6, 12)),
    *(86400 * days for days in (1, 2, 5, 10, 20, 50)),
)


@dataclass(frozen=True, slots=True)
class Mark:
    """A run: its number, kind, position, and a title with its figures.

    `kind` is the outcome, `open` while the run has none, or `SLOWER`. `build` is its name in a comparison.
    """

    number: int
    kind: str
    x: float
    y: float
    title: str
    build: str = ""


@dataclass(frozen=True, slots=True)
class Band:
    """The range from the baseline to the limit of the duration: its edges, and a text that describes it."""

    top: float
    bottom: float
    durations: str


@dataclass(frozen=True, slots=True)
class Chart:
    """The drawn elements: `grid` has (y, duration), `versions` has (x, name); `bottom` is the y of 0 s."""

    marks: Sequence[Mark]
    band: Band | None
    grid: Sequence[tuple[float, str]]
    versions: Sequence[tuple[float, str]]
    crowded: bool
    bottom: float = _BOTTOM


def chart_of(status: Status) -> Chart | None:
    """Return the chart; `None` before the first run has ended."""
    runs = _shown(status)
    if not any(run.outcome for run in runs):
        return None
    judged = status.regressions.get(Measure.DURATION)
    limit = judged.limit if judged else None
    longest = max([_seconds(run) or 0.0 for run in runs] + ([limit.limit] if limit else []))
    step = _step(longest)
    most_seconds = longest * 1.05 or step
    columns = max(len(runs), _MIN_COLUMNS)

    def x(index: int) -> float:
        return (index + 0.5) / columns

    def y(seconds: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * seconds / most_seconds

    def name(run: Run) -> str:
        return status.pair.name_of(run.build) if status.pair else ""

    lines = [step * n for n in range(int(most_seconds / step) + 1)]
    versions = _versions(runs)
    return Chart(
        marks=[
            Mark(
                run.number,
                _kind(run, status),
                x(index),
                y(_seconds(run) or 0.0),
                _title(run, status),
                name(run),
            )
            for index, run in enumerate(runs)
        ],
        band=_band(limit, y(limit.limit), y(limit.baseline)) if limit else None,
        grid=[(y(seconds), duration_text(seconds)) for seconds in lines],
        versions=[(x(index), name) for index, name in versions.items()],
        crowded=len(versions) > 1 and len(runs) * max(map(len, versions.values())) > _CROWDED_CHARACTERS,
    )


def _shown(status: Status) -> Sequence[Run]:
    """Return the runs of the current network, sync mode and testbed, oldest first, with the open one."""
    newest = status.run
    if newest is None:
        return ()
    runs = ((newest,) if newest.open else ()) + status.results
    tested = (newest.network, newest.sync_mode, newest.testbed)
    like = [run for run in runs if (run.network, run.sync_mode, run.testbed) == tested]
    return like[:RESULTS_SHOWN][::-1]


def _seconds(run: Run) -> float | None:
    """Return how long a run took until it ended, or has taken so far; `None` if unknown."""
    seconds = active_seconds(run)
    return None if run.duration_seconds is None and not seconds else seconds


def _kind(run: Run, status: Status) -> str:
    verdict = status.verdicts.get(run.number, {}).get(Measure.DURATION)
    return SLOWER if verdict is not None and verdict.verdict.is_worse else run.outcome or "open"


def _title(run: Run, status: Status) -> str:
    seconds = _seconds(run)
    took = "duration unknown" if seconds is None else duration_text(seconds)
    verdict = status.verdicts.get(run.number, {}).get(Measure.DURATION)
    limit = verdict.limit if verdict is not None and verdict.verdict.is_worse else None
    over = f", over its limit of {duration_text(limit.limit)}" if limit else ""
    return f"Run {run.number}: {outcome_text(run)}, {took}{over}, {build_text(run.build)}"


def _band(limit: Limit, top: float, bottom: float) -> Band:
    return Band(top, bottom, f"usually {duration_text(limit.baseline)}, at most {duration_text(limit.limit)}")


def _step(longest_seconds: float) -> int:
    """Return the seconds between two grid lines: a round number that keeps the number of lines small."""
    for step_seconds in _STEPS_SECONDS:
        if longest_seconds <= step_seconds * _MAX_GRID_LINES:
            return step_seconds
    longest_step = _STEPS_SECONDS[-1]
    return longest_step * math.ceil(longest_seconds / longest_step / _MAX_GRID_LINES)


def _versions(runs: Sequence[Run]) -> Mapping[int, str]:
    """Return the version of each sequence of runs, truncated to fit, by the index of its first run."""
    names = [version_text(run.build) or run.build.image.rpartition("sha256:")[2] for run in runs]
    return {
        index: name if len(name) <= _VERSION_CHARACTERS else name[: _VERSION_CHARACTERS - 1] + "…"
        for index, name in enumerate(names)
        if index == 0 or name != names[index - 1]
    }
