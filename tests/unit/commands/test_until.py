"""Tests that `--until` returns only a verdict of the requested test on the build.

If no run would start otherwise, `--until` requests one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from support.builders import NEW, NOW, OLD, build
from support.recorded_runs import TESTBED, TIMEOUT_SECONDS, begin, done, end, resume

from monitor.avalanchego.node_config import NodeConfiguration
from monitor.commands.until import Until, Wanted
from monitor.decide.decisions import RecordAttempt
from monitor.decide.next_build import RETRIES
from monitor.domain.build import Build
from monitor.domain.run import AttemptCause, Reason, RequestKind, Run
from monitor.domain.workload import SyncMode
from monitor.ledger import Ledger

BUILD, OTHER = build(NEW, "b" * 40), build(OLD, "a" * 40)
WANTED = Wanted(BUILD, NodeConfiguration("fuji", SyncMode.FULL_SYNC, "settings"), TESTBED)


def until(ledger: Ledger, wanted: Wanted = WANTED) -> Until:
    """Return the goal as one invocation of the command creates it."""
    return Until(wanted, ledger, threading.Event(), TIMEOUT_SECONDS, lambda: NOW.wall)


def asked(ledger: Ledger, wanted: Wanted = WANTED) -> Build | None:
    """Return the build that the first poll of an invocation requests."""
    until(ledger, wanted).advance()
    return ledger.requested()


def test_a_success_is_the_verdict_and_ends_the_call(ledger: Ledger) -> None:
    done(ledger, BUILD)
    stopping = threading.Event()
    found = Until(WANTED, ledger, stopping, TIMEOUT_SECONDS)
    found.advance()
    run = found.verdict()

    assert run is not None
    assert (run.number, stopping.is_set(), ledger.requested()) == (1, True, None)


def test_a_failure_of_the_build_is_the_verdict(ledger: Ledger) -> None:
    begin(ledger, BUILD)
    end(ledger, reason=Reason.CRASHED)
    run = until(ledger).verdict()

    assert run is not None
    assert run.reason is Reason.CRASHED


@pytest.mark.parametrize(
    ("wanted", "asked_for"),
    [
        # If the network or the sync mode changes, the tester starts a new run without a request.
        pytest.param({"network": "mainnet"}, None, id="another network"),
        pytest.param({"sync_mode": SyncMode.ONLY_P_CHAIN_FULL_SYNC}, None, id="another mode"),
        pytest.param({"settings_digest": "other"}, BUILD, id="other arguments"),
        pytest.param({"testbed": "laptop"}, BUILD, id="another testbed"),
    ],
)
def test_a_result_of_another_test_is_not_a_verdict(
    ledger: Ledger, wanted: dict[str, Any], asked_for: Build | None
) -> None:
    done(ledger, BUILD)
    testbed = wanted.get("testbed", TESTBED)
    changes = {name: value for name, value in wanted.items() if name != "testbed"}
    other = Wanted(BUILD, replace(WANTED.configuration, **changes), testbed)

    assert until(ledger, other).verdict() is None
    assert asked(ledger, other) == asked_for


def test_a_run_whose_arguments_changed_is_not_a_verdict(ledger: Ledger) -> None:
    begin(ledger, BUILD, settings="settings")
    resume(ledger, settings="other")
    resume(ledger, settings="settings")
    end(ledger)

    assert until(ledger).verdict() is None
    assert asked(ledger) == BUILD


def open_run(ledger: Ledger) -> None:
    """Record an open run of the build."""
    begin(ledger, BUILD)


def rerun(ledger: Ledger) -> None:
    """Record a user's request for another run."""
    ledger.ask(RequestKind.RERUN, BUILD.image, NOW.wall)


def attempt(ledger: Ledger) -> None:
    """Record an attempt to run the build."""
    ledger.record(NOW, TESTBED, [RecordAttempt(BUILD, AttemptCause.REQUEST, "local-1")])


@pytest.mark.parametrize("coming", [open_run, rerun, attempt])
def test_there_is_no_verdict_while_another_run_of_the_build_comes(
    ledger: Ledger, coming: Callable[[Ledger], None]
) -> None:
    done(ledger, BUILD)
    coming(ledger)
    stopping = threading.Event()
    Until(WANTED, ledger, stopping, TIMEOUT_SECONDS).advance()

    assert not stopping.is_set()


@pytest.mark.parametrize("reason", [Reason.DISK_FULL, Reason.MISCONFIGURED, Reason.NOT_STARTED])
def test_a_failure_of_the_testbed_is_not_a_verdict_and_the_next_call_retries(
    ledger: Ledger, reason: Reason
) -> None:
    begin(ledger, BUILD)
    end(ledger, reason=reason)
    found = until(ledger)

    assert (found.verdict(), found.obstacle()) == (None, None)
    assert asked(ledger) == BUILD


@pytest.mark.parametrize("reason", [Reason.DISK_FULL, Reason.MISCONFIGURED])
def test_a_failure_of_the_testbed_ends_the_call(ledger: Ledger, reason: Reason) -> None:
    stopping = threading.Event()
    found = Until(WANTED, ledger, stopping, TIMEOUT_SECONDS)
    begin(ledger, BUILD)
    found.advance()
    assert not stopping.is_set()
    end(ledger, reason=reason)
    found.advance()
    run = found.obstacle()

    assert (found.verdict(), stopping.is_set(), ledger.requested()) == (None, True, None)
    assert run is not None
    assert run.reason is reason


def test_a_node_that_did_not_start_is_tried_again_first(ledger: Ledger) -> None:
    stopping = threading.Event()
    found, ends = Until(WANTED, ledger, stopping, TIMEOUT_SECONDS), []
    for _ in range(1 + RETRIES):
        begin(ledger, BUILD)
        end(ledger, reason=Reason.NOT_STARTED)
        found.advance()
        ends.append(stopping.is_set())

    assert ends == [False] * RETRIES + [True]
    assert ledger.requested() is None


def test_a_run_that_was_open_at_the_start_may_end_the_call(ledger: Ledger) -> None:
    begin(ledger, BUILD)
    found = until(ledger)
    end(ledger, reason=Reason.DISK_FULL)

    assert found.obstacle() is not None


def test_a_run_that_ends_during_the_poll_is_not_bootstrapped_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(ledger, BUILD)
    found, original = until(ledger), Until.verdict

    def verdict_and_end(self: Until) -> Run | None:
        verdict, last = original(self), ledger.last()
        if last is not None and last.open:
            end(ledger, reason=Reason.CRASHED)
        return verdict

    monkeypatch.setattr(Until, "verdict", verdict_and_end)
    found.advance()
    found.advance()

    assert ledger.requested() is None
    verdict = found.verdict()
    assert verdict is not None
    assert verdict.reason is Reason.CRASHED


def judged_before(ledger: Ledger) -> None:
    """Record a verdict for other arguments, followed by a run of another build."""
    begin(ledger, BUILD, settings="other")
    end(ledger)
    done(ledger, OTHER)


def never_ran(ledger: Ledger) -> None:
    """Record a run of another build only."""
    done(ledger, OTHER)


def another_is_open(ledger: Ledger) -> None:
    """Record an open run of another build.

    The request waits until that run ends, or until it has had no peers for a day.
    """
    judged_before(ledger)
    begin(ledger, OTHER)


def another_is_open_and_it_never_ran(ledger: Ledger) -> None:
    """Record an open run of another build; the build itself follows as a new build without a request."""
    begin(ledger, OTHER)


def it_is_open(ledger: Ledger) -> None:
    """Record an open run of the build."""
    judged_before(ledger)
    begin(ledger, BUILD)


def nothing(_: Ledger) -> None:
    """Leave the ledger empty."""


@pytest.mark.parametrize(
    ("before", "asked_for"),
    [
        (judged_before, BUILD),
        (never_ran, None),
        (nothing, None),
        (it_is_open, None),
        (another_is_open, BUILD),
        (another_is_open_and_it_never_ran, None),
    ],
)
def test_a_run_is_asked_for_where_the_tester_would_make_none(
    ledger: Ledger, before: Callable[[Ledger], None], asked_for: Build | None
) -> None:
    before(ledger)

    assert asked(ledger) == asked_for


def test_a_build_that_is_judged_is_bootstrapped_again_if_that_is_asked_for(ledger: Ledger) -> None:
    done(ledger, BUILD)
    stopping = threading.Event()
    found = Until(WANTED, ledger, stopping, TIMEOUT_SECONDS, again=True)
    found.advance()
    assert (found.verdict(), stopping.is_set(), ledger.requested()) == (None, False, BUILD)

    done(ledger, BUILD)
    found.advance()
    run = found.verdict()

    assert run is not None
    assert (run.number, stopping.is_set()) == (2, True)


def test_a_run_that_was_interrupted_is_the_one_that_was_asked_for_again(ledger: Ledger) -> None:
    done(ledger, BUILD)
    begin(ledger, BUILD)
    found = Until(WANTED, ledger, threading.Event(), TIMEOUT_SECONDS, again=True)
    found.advance()
    end(ledger)
    run = found.verdict()

    assert run is not None
    assert (run.number, ledger.requested()) == (2, None)


def test_the_build_is_the_one_that_the_file_held_at_the_start(ledger: Ledger) -> None:
    assert until(ledger).newest() == BUILD
