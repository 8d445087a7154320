"""Tests of the texts about builds that run again, as the status and the page show them."""

from __future__ import annotations

import pytest
from support.builders import NEW, REGRESSIONS, build, ended, status

from monitor.domain.baseline import Limit, Verdict
from monitor.domain.build_results import BuildResults
from monitor.domain.regression import Measure, RunVerdict
from monitor.domain.run import Outcome, Reason, Run
from monitor.domain.status import Status
from monitor.output.repeat_text import repeat_lines

LIMIT = Limit(5000.0, 5650.0, 9)
SLOW = {Measure.DURATION: RunVerdict(Verdict.SUSPECTED, LIMIT)}
TOO_FEW = {Measure.DURATION: RunVerdict(Verdict.INSUFFICIENT_DATA)}
USUAL = {Measure.DURATION: RunVerdict(Verdict.NONE, LIMIT)}

CHANGED = (
    "1.14.2 (cccccccc) succeeded in run 5 and fails since run 8: the network's history or the testbed changed, "
    "not the build"
)


def failed(number: int) -> Run:
    return ended(number, Outcome.FAILED, reason=Reason.CRASHED)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        pytest.param(status(), [], id="nothing"),
        pytest.param(
            status(confirming=ended(11)),
            ["confirming run 11: its build is bootstrapped once more"],
            id="confirming",
        ),
        pytest.param(
            status(results=(ended(12), ended(11)), verdicts={12: USUAL, 11: SLOW}),
            ["run 12 of the same build is within its limits: run 11 was an outlier"],
            id="a suspicion is withdrawn",
        ),
        pytest.param(
            status(results=(ended(12), ended(11)), verdicts={12: SLOW, 11: SLOW}), [], id="it is confirmed"
        ),
        pytest.param(
            status(results=(ended(12, build=build(NEW)), ended(11)), verdicts={12: USUAL, 11: SLOW}),
            [],
            id="another build withdraws nothing",
        ),
        pytest.param(
            status(results=(ended(12), ended(11)), verdicts={11: SLOW}),
            [],
            id="a run that is not compared withdraws nothing",
        ),
        pytest.param(
            status(results=(ended(12), ended(11)), verdicts={12: TOO_FEW, 11: SLOW}),
            [],
            id="a run that is compared with too few withdraws nothing",
        ),
        pytest.param(
            status(results=(ended(12), ended(11)), verdicts={12: USUAL, 11: SLOW}, regressions=REGRESSIONS),
            [],
            id="another regression stands",
        ),
        pytest.param(
            status(build_results=BuildResults((failed(4), failed(3), ended(2), failed(1)))),
            ["3 of 4 runs of 1.14.2 (cccccccc) failed because of the build; its newest two failed"],
            id="failed before too",
        ),
        pytest.param(
            status(build_results=BuildResults((ended(2), failed(1)))),
            ["flaky: 1 of 2 runs of 1.14.2 (cccccccc) failed because of the build"],
            id="flaky",
        ),
        pytest.param(
            status(build_results=BuildResults((ended(3), ended(2), failed(1)))),
            ["1 of 3 runs of 1.14.2 (cccccccc) failed because of the build; its newest two succeeded"],
            id="flaky before",
        ),
        pytest.param(
            status(build_results=BuildResults((failed(9), failed(8), ended(5)))),
            [CHANGED],
            id="the history changed",
        ),
    ],
)
def test_what_the_runs_of_one_build_show(shown: Status, expected: list[str]) -> None:
    assert list(repeat_lines(shown)) == expected
