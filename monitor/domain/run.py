"""The values that the whole program speaks of.

A *run* is one bootstrap of one *build*, from an emptied volume to an outcome.  Values are frozen; what is
absent is `None` or a type of its own, never a number that stands for "unknown".  Times are `Instant`s or
seconds since the Unix epoch (`*_at`), lengths are seconds (`*_seconds`), sizes are bytes (`*_bytes`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from monitor.domain.build import Build
from monitor.domain.network_names import network_name
from monitor.domain.observations import NodeIdentity
from monitor.domain.tracking import RunTracking
from monitor.domain.workload import SyncMode, Workload


class Outcome(StrEnum):
    """How a run ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUPERSEDED = "superseded"


class Reason(StrEnum):
    """Why a run failed.  A reason speaks either of the build or of the testbed it ran on."""

    CRASHED = "crashed"
    OUT_OF_MEMORY = "out_of_memory"
    UNHEALTHY = "unhealthy"
    STALLED = "stalled"
    DEADLINE = "deadline"
    OUTDATED = "outdated"
    DISK_FULL = "disk_full"
    NOT_STARTED = "not_started"
    MISCONFIGURED = "misconfigured"

    @property
    def is_build_failure(self) -> bool:
        """False where the build cannot be blamed, so that nothing is judged by it."""
        return self not in {Reason.DISK_FULL, Reason.NOT_STARTED, Reason.MISCONFIGURED}


@dataclass(frozen=True, slots=True)
class Run:
    """One bootstrap of one build.

    `started_at` is `None` until the volume has been cleared; `duration_seconds` is active time, to the first
    healthy reading; `wall_seconds` the same by the clock on the wall.
    """

    number: int
    build: Build
    network: str
    sync_mode: SyncMode
    testbed: str
    settings_digest: str = ""
    started_at: float | None = None
    ended_at: float | None = None
    outcome: Outcome | None = None
    reason: Reason | None = None
    message: str = ""
    duration_seconds: float | None = None
    wall_seconds: float | None = None
    disk_usage_bytes: int | None = None
    volume_size_bytes: int | None = None
    recovered: bool = False
    settings_changed: bool = False
    tracking: RunTracking = field(default_factory=RunTracking)

    @property
    def open(self) -> bool:
        """It started and has no outcome yet."""
        return self.started_at is not None and self.outcome is None

    @property
    def is_conclusive(self) -> bool:
        """Its outcome speaks of the build."""
        if self.outcome is Outcome.FAILED:
            return self.reason is not None and self.reason.is_build_failure
        return self.outcome is Outcome.SUCCEEDED

    def is_of(self, workload: Workload) -> bool:
        """Whether it bootstraps this workload's build, on its network, in its mode."""
        return (
            workload.build is not None
            and self.build.same(workload.build)
            and self.network == workload.network
            and self.sync_mode is workload.sync_mode
        )


class AttemptCause(StrEnum):
    """Why a run was asked for."""

    NEW_BUILD = "new_build"
    REQUEST = "request"
    RETRY = "retry"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A run that was decided and has not started, by the workload `uid` after the run `after_run`."""

    build: Build
    after_run: int
    cause: AttemptCause
    uid: str


class RequestKind(StrEnum):
    """What a person can ask a tester for."""

    RERUN = "rerun"
    MARK_BASELINE = "mark_baseline"
    PAUSE = "pause"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is kept of a run that failed: the end of its node's log, and when it was taken (Unix seconds)."""

    text: str
    taken_at: float


def identity_difference(run: Run, identity: NodeIdentity) -> str | None:
    """How the node differs from what the run is of; `None` where it agrees."""
    network = network_name(identity.network_id)
    if network != run.network:
        return f"the node is on network {network}, but the run is of {run.network}"
    if run.build.commit and identity.commit and run.build.commit != identity.commit:
        return f"the node is of commit {identity.commit}, but the build is of {run.build.commit}"
    return None
