"""Runs and the values that describe them, which the whole program uses.

A *run* is one bootstrap of one *build*, from an empty volume to an outcome. Values are frozen. A missing
value is `None` or a type of its own, never a number that stands for "unknown". Times are `Instant`s or
seconds since the Unix epoch (`*_at`). Durations are seconds (`*_seconds`), and sizes are bytes (`*_bytes`).
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
    """Outcome of a run."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUPERSEDED = "superseded"


class Reason(StrEnum):
    """Reason why a run failed, which is attributed either to the build or to its testbed."""

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
        """Whether the failure is attributed to the build; otherwise it does not judge the build."""
        return self not in {Reason.DISK_FULL, Reason.NOT_STARTED, Reason.MISCONFIGURED}


@dataclass(frozen=True, slots=True)
class Run:
    """One bootstrap of one build.

    `started_at` is `None` until the volume has been cleared. `duration_seconds` is the active time until the
    first healthy reading. `wall_seconds` is the wall time until then. If the run failed, both end with the
    run.
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
        """Whether the run has started and has no outcome yet."""
        return self.started_at is not None and self.outcome is None

    @property
    def is_conclusive(self) -> bool:
        """Whether the outcome is attributed to the build."""
        if self.outcome is Outcome.FAILED:
            return self.reason is not None and self.reason.is_build_failure
        return self.outcome is Outcome.SUCCEEDED

    @property
    def judges_build(self) -> bool:
        """Whether the outcome is attributed to the build alone."""
        return self.is_conclusive and not (
            self.recovered or self.settings_changed or self.tracking.other_build
        )

    def repeats(self, other: Run) -> bool:
        """Return whether both are runs of one build, on one network and testbed and in one sync mode."""
        return self.build.same(other.build) and (self.network, self.sync_mode, self.testbed) == (
            other.network,
            other.sync_mode,
            other.testbed,
        )

    def is_of(self, workload: Workload) -> bool:
        """Return whether the run bootstraps the workload's build, on its network and in its sync mode."""
        return (
            workload.build is not None
            and self.build.same(workload.build)
            and self.network == workload.network
            and self.sync_mode is workload.sync_mode
        )


class AttemptCause(StrEnum):
    """Cause of an attempt."""

    NEW_BUILD = "new_build"
    REQUEST = "request"
    RETRY = "retry"
    CONFIRM = "confirm"
    RETEST = "retest"


@dataclass(frozen=True, slots=True)
class Attempt:
    """Run that was decided but has not started.

    The workload `uid` decided it after the run `after_run`.
    """

    build: Build
    after_run: int
    cause: AttemptCause
    uid: str


class RequestKind(StrEnum):
    """Kind of request that an operator can make."""

    RERUN = "rerun"
    MARK_BASELINE = "mark_baseline"
    PAUSE = "pause"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Log tail of the node of a failed run, with the time when it was saved in Unix seconds."""

    text: str
    taken_at: float


def identity_difference(run: Run, identity: NodeIdentity) -> str | None:
    """Return how the node's identity differs from that of the run; `None` if it does not differ."""
    network = network_name(identity.network_id)
    if network != run.network:
        return f"the node is on network {network}, but the run is on {run.network}"
    if run.build.commit and identity.commit and run.build.commit != identity.commit:
        return f"the node reports commit {identity.commit}, but the build has {run.build.commit}"
    return None
