"""The headline of the page: the state of affairs, which is also its title and the color of its icon."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from monitor.domain.duration import duration_text
from monitor.domain.regression import Measure
from monitor.domain.run import Outcome, Run
from monitor.domain.status import Phase, Status
from monitor.output.format import (
    PROGRESS_UNKNOWN,
    SILENT_SECONDS,
    active_seconds,
    build_text,
    outcome_text,
    version_text,
)

MARKS = {"good": "✓", "bad": "✗", "warn": "⚠", "going": "…"}
DOTS = {"good": "%2322863a", "bad": "%23d93025", "warn": "%23e39b00", "going": "%231a73e8"}
"""Color of the icon by tone, as in a URL."""
_WORSE = {
    Measure.DURATION: "slower",
    Measure.BLOCK_TIME: "slower per block",
    Measure.LEAF_TIME: "slower per leaf",
    Measure.DISK_USAGE: "bigger",
}


@dataclass(frozen=True, slots=True)
class Headline:
    """The state of affairs: its tone (a key of `MARKS`), its text, and the ended run that it is about, if any."""

    tone: str
    text: str
    run: Run | None = None

    @property
    def title(self) -> str:
        """The text after its mark."""
        return f"{MARKS[self.tone]} {self.text}"


def headline_of(status: Status) -> Headline:
    """Return the most important state that applies."""
    states = (state(status) for state in _STATES)
    return next(filter(None, states), Headline("going", status.phase or "not started"))


def is_silent(status: Status) -> bool:
    """Return whether the monitor has not polled the node for so long that the values are old."""
    return status.tick_at is not None and status.at - status.tick_at > SILENT_SECONDS


def _minutes_text(seconds: float) -> str:
    """Return a duration in whole minutes, so that a title does not change all the time."""
    return duration_text(60 * (seconds // 60))


def _newest_result(status: Status) -> Run | None:
    """Return the newest run that succeeded or failed."""
    return next((run for run in status.results if run.outcome is not Outcome.SUPERSEDED), None)


def _silent(status: Status) -> Headline | None:
    if status.tick_at is None or not is_silent(status):
        return None
    return Headline("warn", f"silent for {_minutes_text(status.at - status.tick_at)}")


def _failed(status: Status) -> Headline | None:
    run = _newest_result(status)
    if run is None or run.outcome is not Outcome.FAILED:
        return None
    return Headline("bad", f"run {run.number} {outcome_text(run)}{_confirming(status)}", run)


def _confirming(status: Status) -> str:
    return ", confirming" if status.confirming else ""


def _problem(status: Status) -> Headline | None:
    if not status.problems:
        return None
    return Headline("warn", status.problems[0].cause.replace("_", " "))


def _stuck(status: Status) -> Headline | None:
    run, progress = status.run, status.progress
    if run is None or not run.open:
        return None
    states = {
        "blocked": status.phase is Phase.BLOCKED,
        "stalled": progress is not None and progress.stalled,
        "late": bool(status.late),
        PROGRESS_UNKNOWN: progress is not None and progress.unknown,
    }
    text = next((text for text, applies in states.items() if applies), "")
    return Headline("warn", f"run {run.number} {text}") if text else None


def _worse(status: Status) -> Headline | None:
    for measure, word in _WORSE.items():
        regression = status.regressions.get(measure)
        if regression is not None and regression.first_bad is not None:
            suspected = f" ({regression.verdict})" if regression.verdict != "confirmed" else ""
            since = f"{word} since run {regression.first_bad.number}{suspected}"
            return Headline("warn", f"{since}{_confirming(status)}")
    return None


def _compared(status: Status) -> Headline | None:
    return Headline("going", f"comparing: {status.pair.progress_text}") if status.pair else None


def _succeeded(status: Status) -> Headline | None:
    run = _newest_result(status)
    if run is None:
        return None
    took = "" if run.duration_seconds is None else f" in {duration_text(active_seconds(run))}"
    return Headline("good", f"{version_text(run.build) or build_text(run.build)} bootstrapped{took}", run)


def _open(status: Status) -> Headline | None:
    run = status.run
    return None if run is None else Headline("going", f"run {run.number} {status.phase or 'started'}")


_STATES: tuple[Callable[[Status], Headline | None], ...] = (
    _silent,
    _failed,
    _problem,
    _stuck,
    _worse,
    _compared,
    _succeeded,
    _open,
)
