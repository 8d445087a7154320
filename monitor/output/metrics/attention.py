"""Derives the most urgent reason why a tester needs attention from a Status."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

from monitor.domain.baseline import Verdict
from monitor.domain.run import Run
from monitor.domain.status import Phase, Status
from monitor.output.metrics import samples as of

# As in the alerts about the same conditions.
UNHEALTHY_SECONDS = 3600.0
PROBLEM_SECONDS = 1200.0
DOWN_SECONDS = 1800.0
MAX_RESTARTS, MAX_PIN_REVERTS = 2, 1
MIN_FREE_RATIO = 0.12


class Attention(StrEnum):
    """Reason why a tester needs attention, from the least urgent to the most urgent one."""

    NONE = "none"
    LATE = "late"
    NO_SUCCESS = "no_success"
    VOLUME = "volume"
    PROBLEM = "problem"
    RESTARTING = "restarting"
    UNHEALTHY = "unhealthy"
    PROGRESS_UNKNOWN = "progress_unknown"
    NODE_DOWN = "node_down"
    BLOCKED = "blocked"
    STALLED = "stalled"
    REGRESSED = "regressed"
    FAILED = "failed"


def attention(status: Status) -> list[of.Sample]:
    """Return the number of the most urgent reason why the tester needs attention, which is the label."""
    number, reason = max(
        (number, reason) for number, reason in enumerate(Attention) if _CONDITIONS[reason](status)
    )
    return [of.Sample(status, (reason,), number)]


def _is_unhealthy(status: Status) -> bool:
    return any(
        since.value is not None and status.at - since.value > UNHEALTHY_SECONDS
        for since in of.node_unhealthy_since(status)
    )


def _has_problem(status: Status) -> bool:
    lasts = any(status.at - problem.since > PROBLEM_SECONDS for problem in status.problems)
    return lasts or status.recent_pin_reverts > MAX_PIN_REVERTS


def _is_without_success(status: Status) -> bool:
    since = status.trying_since
    return since is not None and any(
        limit.value is not None and status.at - since > limit.value
        for limit in of.trying_limit_seconds(status)
    )


def _is_open_and(
    status: Status,
    value_of: Callable[[Status, Run], float | None],
    is_bad: Callable[[float], bool],
) -> bool:
    """Return whether a value of the open run is known and bad."""
    value = value_of(status, status.run) if status.run and status.run.open else None
    return value is not None and is_bad(value)


def _has(samples: of.Samples) -> Callable[[Status], bool]:
    """Return a function that returns whether a status has a value among the samples."""
    return lambda status: any(sample.value is not None for sample in samples(status))


_CONDITIONS: Mapping[Attention, Callable[[Status], bool]] = {
    Attention.NONE: lambda _: True,
    Attention.LATE: _has(of.open_run(of.late_seconds)),
    Attention.NO_SUCCESS: _is_without_success,
    Attention.VOLUME: lambda status: _is_open_and(
        status, of.expected_free_ratio, lambda free: free < MIN_FREE_RATIO
    ),
    Attention.PROBLEM: _has_problem,
    Attention.RESTARTING: lambda status: _is_open_and(
        status, of.recent_restarts, lambda count: count > MAX_RESTARTS
    ),
    Attention.UNHEALTHY: _is_unhealthy,
    Attention.PROGRESS_UNKNOWN: _has(of.open_run(of.unknown_seconds)),
    Attention.NODE_DOWN: lambda status: bool(
        status.run and status.run.open and status.run.tracking.down_seconds > DOWN_SECONDS
    ),
    Attention.BLOCKED: lambda status: status.phase is Phase.BLOCKED,
    Attention.STALLED: _has(of.open_run(of.stalled_seconds)),
    Attention.REGRESSED: lambda status: any(
        judged.verdict is Verdict.CONFIRMED for judged in status.regressions.values()
    ),
    Attention.FAILED: lambda status: status.last_failure is not None,
}
