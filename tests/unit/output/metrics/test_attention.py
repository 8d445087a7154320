"""Tests of the reason why a tester needs attention, which is the most urgent one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.builders import NOW, ended, run, status

from monitor.domain.baseline import Limit, Verdict
from monitor.domain.observations import Health
from monitor.domain.regression import Measure, Regression
from monitor.domain.run import Outcome
from monitor.domain.status import NodeStatus, Phase, Problem, ProgressStatus, Status, VolumeStatus
from monitor.domain.tracking import RunTracking
from monitor.errors import Cause
from monitor.output.metrics.attention import Attention, attention

DAY = 86400.0
OPEN = run(number=6, tracking=RunTracking(active_seconds=4900.0, idle_seconds=3000.0, unknown_seconds=2000.0))
LIMIT = Limit(3600.0, 4000.0, 9)
FAILED = ended(5, Outcome.FAILED)
LATE = {"run": OPEN, "late": True, "regressions": {Measure.DURATION: Regression(Verdict.NONE, 9, LIMIT)}}
STALLED = {"run": OPEN, "progress": ProgressStatus({}, stalled=True)}
UNKNOWN = {"run": OPEN, "progress": ProgressStatus({}, stalled=False, unknown=True)}
CONFIRMED = {Measure.DURATION: Regression(Verdict.CONFIRMED, 9, LIMIT, first_bad=ended(3))}
SUSPECTED = {Measure.DURATION: replace(CONFIRMED[Measure.DURATION], verdict=Verdict.SUSPECTED)}


def trying(days: float) -> Status:
    return status(trying_since=NOW.wall - days * DAY)


def idle(hours: float | None) -> Status:
    """Return a tester without an open run, whose node is down for that long, or healthy."""
    since = None if hours is None else NOW.wall - hours * 3600
    node = NodeStatus(0, up=hours is None, health=Health.UNKNOWN, not_healthy_since=since)
    return status(run=ended(5), last_success=ended(5), node=node)


def problem(seconds: float) -> Status:
    return status(problems=(Problem(Cause.PERMISSION_MISSING, "not permitted", NOW.wall - seconds),))


def tracked(**changes: Any) -> Status:
    return status(run=run(number=6, tracking=RunTracking(**changes)))


def filling(available_bytes: int) -> Status:
    """Return a tester with an open run on a volume of 1000 bytes."""
    return status(run=OPEN, volume=VolumeStatus(NOW.wall, None, 1000, available_bytes))


@pytest.mark.parametrize(
    ("status_now", "reason"),
    [
        pytest.param(status(), "none", id="a new tester"),
        pytest.param(status(run=OPEN), "none", id="a run in time"),
        pytest.param(status(**LATE), "late", id="a late run"),
        pytest.param(status(**{**LATE, "run": ended(6)}), "none", id="a late run that ended"),
        pytest.param(trying(59), "none", id="trying for less than its limit"),
        pytest.param(trying(61), "no_success", id="trying for longer than its limit"),
        pytest.param(idle(None), "none", id="a healthy node"),
        pytest.param(idle(0.9), "none", id="a node down for less than an hour"),
        pytest.param(idle(1.1), "unhealthy", id="a node down for more than an hour"),
        pytest.param(status(**UNKNOWN), "progress_unknown", id="unknown progress"),
        pytest.param(problem(1300), "problem", id="a lasting problem"),
        pytest.param(problem(1100), "none", id="a problem that began a while ago"),
        pytest.param(status(recent_pin_reverts=2), "problem", id="an image that is reverted repeatedly"),
        pytest.param(tracked(down_seconds=1900.0), "node_down", id="a node that is down"),
        pytest.param(tracked(down_seconds=1700.0), "none", id="a node that restarts"),
        pytest.param(tracked(restarted_at=(NOW.wall,) * 3), "restarting", id="three restarts"),
        pytest.param(tracked(restarted_at=(NOW.wall,) * 2), "none", id="two restarts"),
        pytest.param(filling(110), "volume", id="a volume that is too small"),
        pytest.param(filling(130), "none", id="a volume that is large enough"),
        pytest.param(status(phase=Phase.BLOCKED), "blocked", id="blocked"),
        pytest.param(status(**STALLED, phase=Phase.BLOCKED), "blocked", id="blocked, so not stalled"),
        pytest.param(status(**STALLED), "stalled", id="stalled"),
        pytest.param(status(regressions=SUSPECTED), "none", id="a suspected regression"),
        pytest.param(status(regressions=CONFIRMED), "regressed", id="a confirmed regression"),
        pytest.param(status(last_failure=FAILED), "failed", id="a failed run"),
        pytest.param(
            status(**STALLED, regressions=CONFIRMED, last_failure=FAILED),
            "failed",
            id="the most urgent of three",
        ),
        pytest.param(status(**STALLED, regressions=CONFIRMED), "regressed", id="the most urgent of two"),
    ],
)
def test_attention_is_the_most_urgent_reason(status_now: Status, reason: str) -> None:
    (sample,) = attention(status_now)

    assert (sample.labels, sample.value) == ((reason,), list(Attention).index(Attention(reason)))


def test_a_sample_has_the_network_of_the_tester() -> None:
    changes: dict[str, Any] = {"network": "mainnet", "last_failure": FAILED}
    (sample,) = attention(status(**changes))

    assert sample.of.network == "mainnet"
