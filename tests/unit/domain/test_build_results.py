"""Tests of the results of one build: when it counts as flaky, and when its results changed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import NEW, build, ended

from monitor.domain.build_results import BuildResults, BuildVerdict, results_by_build
from monitor.domain.run import Outcome, Reason, Run
from monitor.domain.tracking import RunTracking

GOOD, BAD = "S", "F"


def results(outcomes: str) -> BuildResults:
    """Return the results of a build by its outcomes, oldest first: S(ucceeded) or F(ailed)."""
    runs = [
        ended(number)
        if outcome == GOOD
        else ended(number, Outcome.FAILED, reason=Reason.CRASHED, duration_seconds=None)
        for number, outcome in enumerate(outcomes, 1)
    ]
    return BuildResults(tuple(reversed(runs)))


@pytest.mark.parametrize(
    ("outcomes", "expected", "change"),
    [
        pytest.param("", (None, "alike"), None, id="no run"),
        pytest.param("S", (BuildVerdict.SUCCEEDED, "alike"), None, id="one success"),
        pytest.param("F", (BuildVerdict.FAILED, "alike"), None, id="one failure"),
        pytest.param("FF", (BuildVerdict.FAILED, "alike"), None, id="always fails"),
        pytest.param("FS", (BuildVerdict.FLAKY, "mixed"), None, id="not confirmed"),
        pytest.param("SF", (BuildVerdict.FLAKY, "mixed"), None, id="fails for the first time"),
        pytest.param("SFF", (BuildVerdict.FAILED, "mixed"), (1, 2), id="fails since its second run"),
        pytest.param("SSFFF", (BuildVerdict.FAILED, "mixed"), (2, 3), id="fails since its third run"),
        pytest.param("FSS", (BuildVerdict.SUCCEEDED, "mixed"), None, id="its newest two succeeded"),
        pytest.param("FSFF", (BuildVerdict.FAILED, "mixed"), None, id="failed before the last success too"),
        pytest.param("SFSFF", (BuildVerdict.FAILED, "mixed"), None, id="failed between two successes"),
    ],
)
def test_a_build_is_judged_by_its_newest_two_runs(
    outcomes: str, expected: tuple[BuildVerdict | None, str], change: tuple[int, int] | None
) -> None:
    found = results(outcomes)

    assert (found.verdict, "mixed" if found.are_mixed else "alike") == expected
    assert (tuple(run.number for run in found.change) if found.change else None) == change


def test_other_arguments_of_the_node_explain_a_change() -> None:
    failed, failed_first, succeeded = results("SFF").runs
    found = BuildResults((failed, replace(failed_first, settings_digest="other"), succeeded))

    assert (found.verdict, found.change) == (BuildVerdict.FAILED, None)


@pytest.mark.parametrize(
    ("outcomes", "number", "success"),
    [
        pytest.param("SSFFF", 3, 2, id="the first failure since the change"),
        pytest.param("SSFFF", 5, 2, id="the newest failure"),
        pytest.param("SSFFF", 2, None, id="a success"),
        pytest.param("SSFFF", 6, None, id="a run of another build"),
        pytest.param("SF", 2, None, id="a failure that is not confirmed"),
        pytest.param("FSFF", 4, None, id="a build that failed before too"),
    ],
)
def test_only_failures_since_a_change_have_a_success_before(
    outcomes: str, number: int, success: int | None
) -> None:
    before = results(outcomes).success_before(ended(number))

    assert (before.number if before else None) == success


def test_a_failure_with_other_arguments_has_no_success_before() -> None:
    newest, *others = results("SFF").runs
    newest = replace(newest, settings_digest="other")
    found = BuildResults((newest, *others))

    assert (found.success_before(newest), found.success_before(others[0])) == (None, others[1])


@pytest.mark.parametrize(
    ("other", "groups"),
    [
        pytest.param(ended(2), [[2, 1]], id="the same build"),
        pytest.param(ended(2, build=build(NEW)), [[2], [1]], id="another build"),
        pytest.param(ended(2, network="mainnet"), [[2], [1]], id="another network"),
        pytest.param(ended(2, testbed="desk"), [[2], [1]], id="another testbed"),
        pytest.param(ended(2, Outcome.SUPERSEDED), [[1]], id="an inconclusive run"),
        pytest.param(ended(2, settings_changed=True), [[1]], id="a run with other arguments"),
        pytest.param(ended(2, recovered=True), [[1]], id="a run of a lost ledger"),
        pytest.param(
            ended(2, tracking=RunTracking(other_build="x")), [[1]], id="a run with another build's data"
        ),
    ],
)
def test_runs_are_grouped_by_build_and_test(other: Run, groups: list[list[int]]) -> None:
    found = results_by_build([other, ended(1)])

    assert [[run.number for run in group.runs] for group in found] == groups
