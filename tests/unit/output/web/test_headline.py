"""Tests of the headline: the most important state comes first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.builders import NOW, PROBLEMS, REGRESSIONS, build, ended, full_status, status

from monitor.domain.baseline import Verdict
from monitor.domain.compared_pair import ComparedBuild, ComparedPair
from monitor.domain.regression import Measure
from monitor.domain.run import Outcome, Reason
from monitor.domain.status import Phase, ProgressStatus, Status
from monitor.output.web.headline import headline_of

GOOD = ended(4)
FAILED = ended(5, Outcome.FAILED, reason=Reason.STALLED)
SUSPECTED = {Measure.DURATION: replace(REGRESSIONS[Measure.DURATION], verdict=Verdict.SUSPECTED)}
BIGGER = {Measure.DISK_USAGE: replace(REGRESSIONS[Measure.DISK_USAGE], verdict=Verdict.CONFIRMED)}
PAIR = ComparedPair({"OLD": ComparedBuild("a", "1", (1.0,)), "NEW": ComparedBuild("b", "2")}, 5)
STALLED = ProgressStatus({}, stalled=True)
UNKNOWN = ProgressStatus({}, stalled=False, unknown=True)


def shown(**changes: Any) -> Status:
    """Return a status whose newest result is a success, while run 6 is open."""
    return full_status(**{"results": (GOOD,), **changes})


@pytest.mark.parametrize(
    ("status_now", "title"),
    [
        pytest.param(status(), "… not started", id="nothing yet"),
        pytest.param(status(phase=Phase.DISCOVERING), "… discovering", id="no run yet"),
        pytest.param(shown(results=()), "… run 6 bootstrapping", id="the first run"),
        pytest.param(shown(), "✓ 1.14.2 bootstrapped in 1h30m", id="a success, while the next run is open"),
        pytest.param(
            shown(results=(ended(4, build=replace(build(), versions=None), duration_seconds=None),)),
            "✓ sha256:aaaaaaaaaaaa bootstrapped",
            id="a success of which little is known",
        ),
        pytest.param(shown(results=(FAILED, GOOD)), "✗ run 5 failed: stalled", id="a failure"),
        pytest.param(
            shown(results=(ended(6, Outcome.SUPERSEDED), FAILED)),
            "✗ run 5 failed: stalled",
            id="superseded since",
        ),
        pytest.param(shown(regressions=REGRESSIONS), "⚠ slower since run 3", id="slower"),
        pytest.param(shown(regressions=SUSPECTED), "⚠ slower since run 3 (suspected)", id="perhaps slower"),
        pytest.param(shown(regressions=BIGGER), "⚠ bigger since run 3", id="bigger"),
        pytest.param(shown(problems=PROBLEMS), "⚠ permission missing", id="a problem"),
        pytest.param(shown(phase=Phase.BLOCKED), "⚠ run 6 blocked", id="blocked"),
        pytest.param(shown(progress=STALLED), "⚠ run 6 stalled", id="stalled"),
        pytest.param(shown(late=True), "⚠ run 6 late", id="late"),
        pytest.param(shown(progress=UNKNOWN), "⚠ run 6 progress unknown", id="progress unknown"),
        pytest.param(shown(tick_at=NOW.wall - 3605), "⚠ silent for 1h", id="silent"),
        pytest.param(shown(pair=PAIR), "… comparing: OLD 1 of 5, NEW 0 of 5 runs", id="a comparison"),
        pytest.param(
            shown(late=True, run=ended(6), progress=STALLED),
            "✓ 1.14.2 bootstrapped in 1h30m",
            id="not open any more",
        ),
    ],
)
def test_the_headline_is_the_state_of_affairs(status_now: Status, title: str) -> None:
    assert headline_of(status_now).title == title


EVERYTHING: dict[str, Any] = {
    "tick_at": NOW.wall - 3600,
    "results": (FAILED,),
    "problems": PROBLEMS,
    "progress": STALLED,
    "regressions": REGRESSIONS,
    "pair": PAIR,
}


def test_of_several_states_the_most_important_is_shown() -> None:
    changes, titles = dict(EVERYTHING), []
    for name in EVERYTHING:
        titles.append(headline_of(shown(**changes)).title)
        del changes[name]

    assert titles == [
        "⚠ silent for 1h",
        "✗ run 5 failed: stalled",
        "⚠ permission missing",
        "⚠ run 6 stalled",
        "⚠ slower since run 3",
        "… comparing: OLD 1 of 5, NEW 0 of 5 runs",
    ]
