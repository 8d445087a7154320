"""Runs and their status, as the monitor shows them to people."""

from __future__ import annotations

from dataclasses import replace

from support.builders import NOW, build, run, workload

from monitor.domain.run import Outcome, Reason, Run
from monitor.domain.status import Phase, Status
from monitor.domain.tracking import Count
from monitor.ledger.codecs import Reading, configuration_reading, phase_reading
from monitor.ledger.status import Snapshot, status_of

SUCCEEDED = replace(
    run(),
    outcome=Outcome.SUCCEEDED,
    ended_at=NOW.wall,
    duration_seconds=5400.0,
    wall_seconds=5460.0,
    disk_usage_bytes=3 * 2**30,
)
FAILED = replace(run(), number=2, outcome=Outcome.FAILED, reason=Reason.STALLED, message="P stood still")


def status(*runs: Run, phase: Phase | None = Phase.BOOTSTRAPPING, message: str = "") -> Status:
    """Return a status with these runs, newest first."""
    readings = {"configuration": Reading(configuration_reading("tester", "default", workload(build())), 0)}
    if phase:
        readings["phase"] = Reading(phase_reading(phase, message), 0)
    counts = {("P", "blocks_accepted"): Count(1000, 234, 234), ("P", "blocks_fetched"): Count(0, 5678, 5678)}
    shown = Snapshot(runs, {}, counts if runs else {}, readings, {}, None, None)
    return status_of(shown, NOW.wall)
