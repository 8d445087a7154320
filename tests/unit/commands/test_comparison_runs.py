"""Tests that a comparison takes its order of runs from the ledger.

Runs that do not count are repeated, and no run is requested twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from support.builders import NEW, NOW, OLD, build
from support.recorded_runs import TESTBED, TIMEOUT_SECONDS, begin, done, end, resume

from monitor.avalanchego.node_config import NodeConfiguration
from monitor.commands.comparison_runs import MAX_LOST, ComparisonRuns, Plan
from monitor.decide.decisions import RecordAttempt
from monitor.domain.build import Build
from monitor.domain.run import AttemptCause, Reason, RequestKind, Run
from monitor.domain.tracking import Count
from monitor.domain.workload import SyncMode
from monitor.errors import InconclusiveError
from monitor.ledger import Ledger, open_ledger

OLD_BUILD, NEW_BUILD = build(OLD, "a" * 40), build(NEW, "b" * 40)
CONFIGURATION = NodeConfiguration("fuji", SyncMode.FULL_SYNC, "settings")


def plan(runs: int = 4) -> Plan:
    """Return a comparison of the two builds."""
    return Plan(OLD_BUILD, NEW_BUILD, runs, CONFIGURATION, TESTBED)


def turns(ledger: Ledger, runs: int = 4) -> ComparisonRuns:
    """Return the comparison's runs as one invocation of the command creates them."""
    return ComparisonRuns(plan(runs), ledger, threading.Event(), TIMEOUT_SECONDS, lambda: NOW.wall)


def test_the_order_favours_neither(ledger: Ledger) -> None:
    """The order of runs favors neither build, from an empty ledger to the last run."""
    asked, order = turns(ledger), []
    while (due := asked.due()) is not None:
        order.append(asked.newest())
        assert order[-1] is due
        done(ledger, due)

    o, n = OLD_BUILD, NEW_BUILD
    assert order == [o, n, n, o, o, n, n, o]


@pytest.mark.parametrize(
    ("runs", "counted", "due"),
    [
        pytest.param([], (0, 0), OLD_BUILD, id="none"),
        pytest.param([OLD_BUILD], (1, 0), NEW_BUILD, id="the old one's"),
        pytest.param([OLD_BUILD, NEW_BUILD], (1, 1), NEW_BUILD, id="one of each"),
        pytest.param([OLD_BUILD] * 4, (4, 0), NEW_BUILD, id="all of one"),
        pytest.param([OLD_BUILD, NEW_BUILD] * 4, (4, 4), None, id="all"),
        pytest.param([OLD_BUILD, NEW_BUILD] * 5, (4, 4), None, id="more than all"),
    ],
)
def test_what_there_is_counts(
    ledger: Ledger, runs: Sequence[Build], counted: tuple[int, int], due: Build | None
) -> None:
    done(ledger, *runs)
    found = turns(ledger)

    assert (len(found.counted(OLD_BUILD)), len(found.counted(NEW_BUILD))) == counted
    assert found.due() == due


def failed(ledger: Ledger) -> None:
    """Record a run in which the build crashed."""
    begin(ledger, OLD_BUILD)
    end(ledger, reason=Reason.CRASHED)


def interrupted(ledger: Ledger) -> None:
    """Record a run whose node was down for a tenth of the time."""
    begin(ledger, OLD_BUILD)
    end(ledger, seconds=90, wall=100)


def of_other_arguments(ledger: Ledger) -> None:
    """Record a run whose node had other arguments."""
    begin(ledger, OLD_BUILD, settings="other")
    end(ledger)


def elsewhere(ledger: Ledger) -> None:
    """Record a run on another testbed."""
    begin(ledger, OLD_BUILD, testbed="laptop")
    end(ledger)


@pytest.mark.parametrize("run", [failed, interrupted, of_other_arguments, elsewhere])
def test_what_says_nothing_of_the_build_is_made_up_for(ledger: Ledger, run: object) -> None:
    assert callable(run)
    run(ledger)
    found = turns(ledger)
    found.advance()

    assert (found.due(), len(found.counted(OLD_BUILD))) == (OLD_BUILD, 0)
    assert ledger.requested() == OLD_BUILD


def test_a_build_that_never_ran_is_the_newest_one_and_needs_no_request(ledger: Ledger) -> None:
    """A build that never ran is taken as the newest build, so that its versions are known from the start."""
    done(ledger, OLD_BUILD)
    found = turns(ledger)
    found.advance()

    assert (found.newest(), ledger.requested()) == (NEW_BUILD, None)


def test_no_run_is_asked_for_while_one_is_open_asked_for_or_attempted(ledger: Ledger) -> None:
    done(ledger, OLD_BUILD, NEW_BUILD)
    found = turns(ledger)
    found.advance()
    found.advance()
    requested = ledger.requested()
    ledger.record(NOW, TESTBED, [RecordAttempt(NEW_BUILD, AttemptCause.REQUEST, "local-1")])
    found.advance()
    attempted = ledger.requested()
    begin(ledger, NEW_BUILD)
    found.advance()

    assert (requested, attempted, ledger.requested()) == (NEW_BUILD, None, None)


class Watched(Ledger):
    """A ledger that calls `happens` once, right after its last run was read."""

    happens: Callable[[], None] | None = None

    def last(self) -> Run | None:
        found, happens, self.happens = super().last(), self.happens, None
        if happens is not None:
            happens()
        return found


def test_a_run_that_begins_in_the_meantime_is_not_requested_again(tmp_path: Path, ledger: Ledger) -> None:
    done(ledger, OLD_BUILD, NEW_BUILD, NEW_BUILD)
    ledger.record(NOW, TESTBED, [RecordAttempt(OLD_BUILD, AttemptCause.REQUEST, "local-1")])
    with closing(open_ledger(tmp_path)) as other:
        other.__class__ = Watched
        assert isinstance(other, Watched)
        found = turns(other)
        other.happens = lambda: begin(ledger, OLD_BUILD)
        found.advance()

    assert ledger.requested() is None


def test_it_ends_with_the_last_run(ledger: Ledger) -> None:
    done(ledger, *[OLD_BUILD, NEW_BUILD] * 4)
    stopping = threading.Event()
    found = ComparisonRuns(plan(), ledger, stopping, TIMEOUT_SECONDS)
    found.advance()

    assert (stopping.is_set(), found.failure, ledger.requested()) == (True, None, None)


def test_it_ends_if_a_build_keeps_failing(ledger: Ledger) -> None:
    """The command ends if a build fails repeatedly.

    Only failures of this invocation count, so the next one tries again.
    """
    stopping = threading.Event()
    found = ComparisonRuns(plan(), ledger, stopping, TIMEOUT_SECONDS)
    for _ in range(MAX_LOST):
        assert not stopping.is_set()
        failed(ledger)
        found.advance()

    assert stopping.is_set()
    assert not isinstance(found.failure, InconclusiveError), "for the build this is enough"
    assert str(found.failure) == (
        "3 runs of the OLD build are not valid; the last one is run 3: crashed: no luck; "
        "a fixed build is a different build: compare it in another folder"
    )
    again = turns(ledger)
    again.advance()
    assert (again.failure, ledger.requested()) == (None, OLD_BUILD)


def test_a_failure_of_the_testbed_among_them_leaves_open_whose_fault_it_is(ledger: Ledger) -> None:
    found = turns(ledger)
    for reason in (Reason.CRASHED, Reason.DISK_FULL, Reason.CRASHED):
        begin(ledger, OLD_BUILD)
        end(ledger, reason=reason)
        found.advance()

    assert isinstance(found.failure, InconclusiveError)
    assert str(found.failure).endswith("crashed: no luck; fix it, and run the same command again to continue")


def test_what_failed_before_this_call_is_forgiven_while_a_run_is_open(ledger: Ledger) -> None:
    """Failures before this invocation do not count while a run is open.

    The run that was open at the start is the first that counts.
    """
    for _ in range(MAX_LOST):
        failed(ledger)
    begin(ledger, OLD_BUILD)
    again = turns(ledger)
    failures = []
    for _ in range(MAX_LOST):
        end(ledger, reason=Reason.CRASHED)
        again.advance()
        failures.append(again.failure is not None)
        begin(ledger, OLD_BUILD)

    assert failures == [False] * (MAX_LOST - 1) + [True]


def reconfigured(ledger: Ledger) -> None:
    """Record a run whose node's arguments changed during the run."""
    begin(ledger, OLD_BUILD)
    resume(ledger, settings="other")
    end(ledger)


def synced_again(ledger: Ledger) -> None:
    """Record a run whose state sync started again after some leaves had been counted."""
    begin(ledger, OLD_BUILD)
    counts = {("C", "leaves_synced"): Count(before=5.0, last=3.0, maximum=5.0)}
    ledger.record(NOW, TESTBED, tracking=ledger.last(), counts=counts)
    end(ledger)


def of_another_network(ledger: Ledger) -> None:
    """Record a run of another network."""
    begin(ledger, OLD_BUILD, network="mainnet")
    end(ledger)


def before_a_baseline(ledger: Ledger) -> None:
    """Record a run from before a baseline that a user marked."""
    ledger.ask(RequestKind.MARK_BASELINE, "9", NOW.wall)
    done(ledger, OLD_BUILD)


def given_up(ledger: Ledger) -> None:
    """Record a run that was given up for a run of the other build."""
    begin(ledger, OLD_BUILD)
    begin(ledger, NEW_BUILD)
    end(ledger)


@pytest.mark.parametrize(
    ("run", "why"),
    [
        (failed, "crashed: no luck"),
        (given_up, "superseded: clearing"),
        (interrupted, "it was active for less than 95% of its wall time"),
        (of_other_arguments, "the node had different arguments"),
        (elsewhere, "it was on testbed 'laptop', not on 'desk'"),
        (of_another_network, "it tested mainnet, full-sync"),
        (reconfigured, "the node's arguments changed while it was open"),
        (synced_again, "a restart of the node restarted its state sync"),
        (before_a_baseline, "it is before the marked baseline, or its build has enough runs"),
    ],
)
def test_the_reason_why_runs_do_not_count_is_reported(
    ledger: Ledger, run: Callable[[Ledger], None], why: str
) -> None:
    found = turns(ledger)
    for _ in range(MAX_LOST):
        run(ledger)
    found.advance()

    what_to_do = (
        "a fixed build is a different build"
        if run is failed
        else "fix it, and run the same command again to continue"
    )
    last = ledger.runs_of(OLD_BUILD)[0]
    assert f"the last one is run {last.number}: {why}; {what_to_do}" in str(found.failure)


def test_what_failed_is_known_by_build(ledger: Ledger) -> None:
    """Failed runs are listed by build, and only in the configuration that is compared."""
    done(ledger, OLD_BUILD, NEW_BUILD)
    failed(ledger)
    begin(ledger, OLD_BUILD, settings="other")
    end(ledger, reason=Reason.CRASHED)
    found = turns(ledger)

    assert [run.number for run in found.failed(OLD_BUILD)] == [3]
    assert found.failed(NEW_BUILD) == []


def test_a_run_is_called_by_its_build_and_number(ledger: Ledger) -> None:
    done(ledger, OLD_BUILD, NEW_BUILD)
    failed(ledger)
    synced_again(ledger)
    begin(ledger, NEW_BUILD)

    assert [turns(ledger).name_of(run) for run in reversed(ledger.runs(-1))] == [
        "run 1 · OLD 1/4 · 1.14.2 (aaaaaaaa)",
        "run 2 · NEW 1/4 · 1.14.2 (bbbbbbbb)",
        "run 3 · OLD 2/4 · 1.14.2 (aaaaaaaa)",
        "run 4 · OLD not counted (a restart of the node restarted its state sync) · 1.14.2 (aaaaaaaa)",
        "run 5 · NEW 2/4 · 1.14.2 (bbbbbbbb)",
    ]
