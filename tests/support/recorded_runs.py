"""Runs in a ledger, recorded as the tester records them."""

from __future__ import annotations

from dataclasses import replace

from support.builders import NOW, workload

from monitor.decide.decisions import BeginClearing, BeginRun, EndRun, RecordAttempt, ResumeRun
from monitor.domain.build import Build
from monitor.domain.run import AttemptCause, Outcome, Reason
from monitor.domain.workload import SyncMode
from monitor.ledger import Ledger

TESTBED = "desk"
TIMEOUT_SECONDS = 3600.0  # the time that a call waits for its network


def begin(
    ledger: Ledger, of: Build, settings: str = "settings", testbed: str = TESTBED, network: str = "fuji"
) -> None:
    """Start a full-sync run that an operator requested."""
    node = replace(workload(of), settings_digest=settings, network=network, sync_mode=SyncMode.FULL_SYNC)
    ledger.record(NOW, testbed, [RecordAttempt(of, AttemptCause.REQUEST, node.uid)])
    ledger.record(NOW, testbed, [BeginClearing(node, "clearing"), BeginRun(node)])


def resume(ledger: Ledger, settings: str) -> None:
    """Resume the open run with other arguments of the node."""
    last = ledger.last()
    assert last is not None
    node = replace(workload(last.build), settings_digest=settings)
    ledger.record(NOW, TESTBED, [ResumeRun(last, node)])


def end(ledger: Ledger, seconds: float = 100.0, wall: float = 101.0, reason: Reason | None = None) -> None:
    """End the open run: as a success, or as a failure if a reason is given."""
    last = ledger.last()
    assert last is not None
    outcome = Outcome.FAILED if reason else Outcome.SUCCEEDED
    ledger.record(NOW, TESTBED, [EndRun(last, outcome, reason, "no luck", seconds, wall, 2**30)])


def done(ledger: Ledger, *builds: Build) -> None:
    """Record one successful run for each build."""
    for each in builds:
        begin(ledger, each)
        end(ledger)
