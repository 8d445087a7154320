"""Tests of what the ledger reports about runs of the same build: why they started, and what they confirm."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.builders import NEW, NOW, build, workload

from monitor.decide.decisions import BeginClearing, BeginRun, EndRun, RecordAttempt
from monitor.decide.state import LastResult
from monitor.domain.baseline import MIN_VALUES
from monitor.domain.build import Build
from monitor.domain.run import AttemptCause, Outcome, Reason, Run
from monitor.ledger import Ledger, open_ledger

USUAL_SECONDS, SLOW_SECONDS = 4000.0, 6000.0


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(open_ledger(tmp_path)) as opened:
        yield opened


def attempted(ledger: Ledger, cause: AttemptCause, of: Build | None = None) -> None:
    """Record an attempt after the last run."""
    ledger.record(NOW, "default", (RecordAttempt(of or build(), cause, "pod-1"),))


def started(ledger: Ledger, of: Build | None = None) -> Run:
    """Record the start of a run, and return the run."""
    pod = workload(of or build())
    for record in (BeginClearing(pod, "clearing"), BeginRun(pod)):
        ledger.record(NOW, "default", (record,))
    last = ledger.last()
    assert last is not None
    return last


def ended(
    ledger: Ledger,
    of: Build | None = None,
    seconds: float = USUAL_SECONDS,
    reason: Reason | None = None,
) -> Run:
    """Record the start and the end of a run, and return the run; with a reason, it failed."""
    run = started(ledger, of)
    outcome = Outcome.FAILED if reason else Outcome.SUCCEEDED
    ledger.record(NOW, "default", (EndRun(run, outcome, reason, "", seconds, seconds, 2**30),))
    last = ledger.last()
    assert last is not None
    return last


@pytest.mark.parametrize("cause", AttemptCause)
def test_a_run_has_the_cause_of_its_attempt(ledger: Ledger, cause: AttemptCause) -> None:
    ended(ledger)
    attempted(ledger, cause)

    assert ledger.cause_of(started(ledger)) is cause


def test_a_run_without_an_attempt_has_no_cause(ledger: Ledger) -> None:
    assert ledger.cause_of(ended(ledger)) is None


def test_the_cause_of_an_earlier_run_is_not_that_of_the_next(ledger: Ledger) -> None:
    """A pod that an operator set to an image starts a run without an attempt."""
    ended(ledger)
    attempted(ledger, AttemptCause.CONFIRM)
    confirmation = ended(ledger)

    assert ledger.cause_of(ended(ledger)) is None
    assert ledger.cause_of(confirmation) is AttemptCause.CONFIRM


def test_an_attempt_of_another_build_is_not_the_cause(ledger: Ledger) -> None:
    ended(ledger)
    attempted(ledger, AttemptCause.CONFIRM)

    assert ledger.cause_of(started(ledger, build(NEW))) is None


@pytest.mark.parametrize("most", [1, 2, 3, -1])
def test_the_causes_of_many_runs_are_those_of_each(ledger: Ledger, most: int) -> None:
    ended(ledger)
    attempted(ledger, AttemptCause.NEW_BUILD)
    attempted(ledger, AttemptCause.CONFIRM)
    ended(ledger)
    ended(ledger)
    attempted(ledger, AttemptCause.CONFIRM, build(NEW))
    ended(ledger, build(NEW))
    attempted(ledger, AttemptCause.RETEST, build(NEW))
    ended(ledger, build(NEW))
    attempted(ledger, AttemptCause.REQUEST)

    runs = ledger.runs(most)
    expected = {5: AttemptCause.RETEST, 2: AttemptCause.CONFIRM}  # run 4 is of another build than run 3
    assert ledger.causes(runs) == {
        number: cause for number, cause in expected.items() if number in {run.number for run in runs}
    }


def test_no_run_has_no_cause(ledger: Ledger) -> None:
    assert ledger.causes(()) == {}


def test_a_run_confirms_another_until_it_ends(ledger: Ledger) -> None:
    surprising = ended(ledger, reason=Reason.CRASHED)
    shown = [ledger.confirming()]
    attempted(ledger, AttemptCause.CONFIRM)
    shown.append(ledger.confirming())
    run = started(ledger)
    shown.append(ledger.confirming())
    ledger.record(NOW, "default", (EndRun(run, Outcome.SUCCEEDED, None, "", 1.0, 1.0, 1),))

    assert shown == [None, surprising, surprising]
    assert ledger.confirming() is None


@pytest.mark.parametrize(
    ("cause", "of"),
    [
        pytest.param(AttemptCause.RETRY, build(), id="a retry"),
        pytest.param(AttemptCause.CONFIRM, build(NEW), id="a person started another build"),
    ],
)
def test_other_runs_confirm_nothing(ledger: Ledger, cause: AttemptCause, of: Build) -> None:
    ended(ledger, reason=Reason.CRASHED)
    attempted(ledger, cause)
    started(ledger, of)

    assert ledger.confirming() is None


@pytest.mark.parametrize(
    ("last_seconds", "reason", "expected"),
    [
        pytest.param(USUAL_SECONDS, None, LastResult(AttemptCause.NEW_BUILD), id="usual"),
        pytest.param(SLOW_SECONDS, None, LastResult(AttemptCause.NEW_BUILD, is_suspected=True), id="slower"),
        pytest.param(SLOW_SECONDS, Reason.CRASHED, LastResult(AttemptCause.NEW_BUILD), id="failed"),
    ],
)
def test_the_last_result_is_compared_with_those_before(
    ledger: Ledger, last_seconds: float, reason: Reason | None, expected: LastResult
) -> None:
    for _ in range(MIN_VALUES - 1):
        ended(ledger)
    attempted(ledger, AttemptCause.NEW_BUILD, build(NEW))

    assert ledger.last_result(ended(ledger, build(NEW), last_seconds, reason)) == expected


def test_a_run_on_another_network_confirms_nothing(ledger: Ledger) -> None:
    ended(ledger, reason=Reason.CRASHED)
    attempted(ledger, AttemptCause.CONFIRM)
    pod = workload(build(), network="mainnet")
    for record in (BeginClearing(pod, "clearing"), BeginRun(pod)):
        ledger.record(NOW, "default", (record,))
    run = ledger.last()
    assert run is not None

    assert (ledger.confirming(), ledger.cause_of(run)) == (None, None)


def test_only_conclusive_failures_of_the_same_build_before_the_run_count(ledger: Ledger) -> None:
    ended(ledger, build(NEW), reason=Reason.CRASHED)
    ended(ledger, reason=Reason.DISK_FULL)
    first = ended(ledger, reason=Reason.CRASHED)
    second = ended(ledger, reason=Reason.STALLED)

    assert [ledger.last_result(run).earlier_failures for run in (first, second)] == [0, 1]
    assert [run.number for run in ledger.results_of(second).runs] == [second.number, first.number]
