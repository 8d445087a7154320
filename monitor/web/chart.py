"""The newest runs as a chart: how long each took, how it ended, and what is usual.

It is SVG without a script.  Across, positions are in percent, so that it fits a phone and a desk; up and down
they are in pixels, and text keeps its size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from monitor.baseline import Limit
from monitor.durations import duration_text
from monitor.model import Outcome, Run
from monitor.regression import Measure
from monitor.texts import build_text, measure_text, outcome_text, version_text
from monitor.view import RESULTS_SHOWN, Status
from monitor.web.elements import text

_TOP, _BOTTOM = 10.0, 200.0
_NUMBERS, _VERSIONS = _BOTTOM + 20, _BOTTOM + 40
_LEAST_COLUMNS = 8
_MOST_GRID_LINES = 5
_VERSION_CHARACTERS = 12
_CROWDED_CHARACTERS = 140  # in all, if each run had the longest version: more do not fit beside each other
_STEPS_SECONDS = (
    *(1, 2, 5, 10, 15, 30),
    *(60 * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(3600 * hours for hours in (1, 2, 3, 6, 12)),
    *(86400 * days for days in (1, 2, 5, 10, 20, 50)),
)
OPEN = "open"
# Each outcome has a shape of its own; color only repeats it.
_SHAPES = {
    Outcome.SUCCEEDED: '<circle class="shape" r="5"/>',
    Outcome.FAILED: '<path class="shape" d="M-5-5L5 5M5-5L-5 5"/>',
    Outcome.SUPERSEDED: '<path class="shape" d="M0-6L6 0L0 6L-6 0Z"/>',
    OPEN: '<circle class="shape" r="5.5" stroke-dasharray="4 3"/>',
}


def chart(status: Status) -> str:
    """The chart with its legend; nothing before the first run has ended."""
    runs = _shown(status)
    if not any(run.outcome for run in runs):
        return ""
    judged = status.regressions.get(Measure.DURATION)
    limit = judged.limit if judged else None
    longest = max([_seconds(run) or 0.0 for run in runs] + ([limit.limit] if limit else []))
    step = _step(longest)
    scale = _Scale(longest * 1.05 or step, len(runs))
    versions = _versions(runs)
    crowded = len(versions) > 1 and len(runs) * max(map(len, versions.values())) > _CROWDED_CHARACTERS
    label = f"Durations of the newest {len(runs)} runs, oldest first; the table below has the figures"
    return (
        f'<figure id="chart">{_legend(runs, limit)}'
        f'<svg class="plot{" crowded" if crowded else ""}" role="img" aria-label="{label}">'
        + (_band(limit, scale) if limit else "")
        + _grid(step, scale)
        + "".join(_mark(run, scale.x(index), scale) for index, run in enumerate(runs))
        + "".join(_number(run, scale.x(index), len(runs) - index) for index, run in enumerate(runs))
        + "".join(_version(text(name), scale.x(index)) for index, name in versions.items())
        + "</svg></figure>"
    )


def _shown(status: Status) -> Sequence[Run]:
    """The runs of what is tested now, oldest first, with the one that is open."""
    newest = status.run
    if newest is None:
        return ()
    runs = ((newest,) if newest.open else ()) + status.results
    tested = (newest.network, newest.sync_mode, newest.testbed)
    like = [run for run in runs if (run.network, run.sync_mode, run.testbed) == tested]
    return like[:RESULTS_SHOWN][::-1]


def _seconds(run: Run) -> float | None:
    """How long a run took, until it failed or so far; `None` where that is unknown."""
    if run.duration_seconds is not None:
        return run.duration_seconds
    return run.bookkeeping.active_seconds or None


class _Scale:
    """Where a duration and a run are."""

    def __init__(self, most_seconds: float, runs: int) -> None:
        self._most_seconds, self._columns = most_seconds, max(runs, _LEAST_COLUMNS)

    def y(self, seconds: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * seconds / self._most_seconds

    def x(self, index: int) -> str:
        return f"{(index + 0.5) / self._columns:.2%}"

    def lines(self, step: float) -> Sequence[float]:
        """The durations that lines are drawn for."""
        return [step * n for n in range(int(self._most_seconds / step) + 1)]


def _step(longest_seconds: float) -> int:
    """From one line to the next: round, and so long that lines are few, however long a run took."""
    for each in _STEPS_SECONDS:
        if longest_seconds <= each * _MOST_GRID_LINES:
            return each
    longest_step = _STEPS_SECONDS[-1]
    return longest_step * math.ceil(longest_seconds / longest_step / _MOST_GRID_LINES)


def _grid(step: float, scale: _Scale) -> str:
    return "".join(
        f'<line class="grid" x2="100%" y1="{scale.y(seconds):.1f}" y2="{scale.y(seconds):.1f}"/>'
        f'<text class="before" x="-8" y="{scale.y(seconds) + 4:.1f}">{text(duration_text(seconds))}</text>'
        for seconds in scale.lines(step)
    )


def _band(limit: Limit, scale: _Scale) -> str:
    """From what is usual to what is usual at most."""
    top, bottom = scale.y(limit.limit), scale.y(limit.baseline)
    return (
        f'<rect class="band" width="100%" y="{top:.1f}" height="{bottom - top:.1f}"/>'
        f'<line class="limit" x2="100%" y1="{top:.1f}" y2="{top:.1f}"/>'
    )


def _mark(run: Run, x: str, scale: _Scale) -> str:
    """A run's shape at its duration."""
    seconds = _seconds(run)
    y = scale.y(seconds or 0.0)
    took = "duration unknown" if seconds is None else duration_text(seconds)
    told = text(f"Run {run.number}: {outcome_text(run)}, {took}, {build_text(run.build)}")
    return (
        f'<line class="stem" x1="{x}" x2="{x}" y1="{_BOTTOM}" y2="{y:.1f}"/>'
        f'<svg class="{run.outcome or OPEN}" x="{x}" y="{y:.1f}" overflow="visible"><title>{told}</title>'
        f'<circle r="10" fill="transparent"/>{_SHAPES[run.outcome or OPEN]}</svg>'
    )


def _number(run: Run, x: str, age: int) -> str:
    """The number under a run; of many, a narrow screen shows every other one."""
    kind = "across" if age % 2 else "across other"
    return f'<text class="{kind}" x="{x}" y="{_NUMBERS}">{run.number}</text>'


def _versions(runs: Sequence[Run]) -> Mapping[int, str]:
    """The version of each stretch of runs, cut to what fits, by the place of the first."""
    names = [version_text(run.build) or run.build.image.rpartition("sha256:")[2] for run in runs]
    return {
        index: name if len(name) <= _VERSION_CHARACTERS else name[: _VERSION_CHARACTERS - 1] + "…"
        for index, name in enumerate(names)
        if index == 0 or name != names[index - 1]
    }


def _version(html: str, x: str) -> str:
    """Across, and along for where there is no room for that; the style shows one of them."""
    return (
        f'<text class="across version" x="{x}" y="{_VERSIONS}">{html}</text>'
        f'<svg x="{x}" y="{_NUMBERS + 10}" overflow="visible">'
        f'<text class="along" transform="rotate(-90)" y="4">{html}</text></svg>'
    )


def _legend(runs: Sequence[Run], limit: Limit | None) -> str:
    """What the shapes that are there mean, and the band."""
    there = [each for each in (*Outcome, OPEN) if each in {run.outcome or OPEN for run in runs}]
    entries = [
        f'<span><svg class="{each}" viewBox="-8 -8 16 16" aria-hidden="true">{_SHAPES[each]}</svg>{each}</span>'
        for each in there
    ]
    if limit:
        usual = measure_text(Measure.DURATION, limit.baseline)
        most = measure_text(Measure.DURATION, limit.limit)
        entries.append(
            '<span><svg viewBox="0 0 16 16" aria-hidden="true"><rect class="band" width="16" height="16"/></svg>'
            f"usual: from {text(usual)} to {text(most)}</span>"
        )
    return f'<figcaption class="legend">{"".join(entries)}</figcaption>'
