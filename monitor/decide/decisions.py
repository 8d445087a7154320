"""What a decision can say: what to record in the ledger, and what to do afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from monitor.domain.build import Build
from monitor.domain.run import AttemptCause, Outcome, Reason, Run
from monitor.domain.status import Phase
from monitor.domain.workload import Workload
from monitor.errors import MonitorError


@dataclass(frozen=True, slots=True)
class BeginClearing:
    """An open run is superseded and the clearing for the next one begins, in one transaction."""

    workload: Workload
    message: str


@dataclass(frozen=True, slots=True)
class BeginRun:
    """The volume is clear: the run starts, of the workload's build."""

    workload: Workload


@dataclass(frozen=True, slots=True)
class AdoptRun:
    """Data that nobody knows is kept, as a run of the workload's build that is compared with no other."""

    workload: Workload


@dataclass(frozen=True, slots=True)
class ResumeRun:
    """This workload goes on with the run."""

    run: Run
    workload: Workload


@dataclass(frozen=True, slots=True)
class EndRun:
    """A run ends, once; lengths are to the first healthy reading where it succeeded."""

    run: Run
    outcome: Outcome
    reason: Reason | None
    message: str
    duration_seconds: float | None
    wall_seconds: float | None
    disk_usage_bytes: int | None
    volume_size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class RecordAttempt:
    """A run of this build was decided, by this workload."""

    build: Build
    cause: AttemptCause
    uid: str


class Intervention(StrEnum):
    """What the monitor did, or found done or undone, on its platform: `PIN` is a workload seen pinned."""

    PIN = "pin"
    PIN_REVERT = "pin_revert"
    RECREATE_STRAY = "recreate_stray"


@dataclass(frozen=True, slots=True)
class RecordIntervention:
    """Remembered by workload, so that it counts once a pod however often `init` restarts."""

    kind: Intervention
    uid: str
    image: str = ""


@dataclass(frozen=True, slots=True)
class IssueToken:
    """A token that allows one clearing of data that nobody knows."""

    token: str


Record = (
    BeginClearing | BeginRun | AdoptRun | ResumeRun | EndRun | RecordAttempt | RecordIntervention | IssueToken
)


@dataclass(frozen=True, slots=True)
class LookUpNewest:
    """Learn which build is newest under the rolling tag."""


@dataclass(frozen=True, slots=True)
class WaitForLease:
    """Wait until the lease of another holder of the volume expires."""


@dataclass(frozen=True, slots=True)
class ClearNodeData:
    """Remove the node's data from the volume."""


@dataclass(frozen=True, slots=True)
class Pin:
    """Set the node to this build."""

    build: Build


@dataclass(frozen=True, slots=True)
class Recreate:
    """Have the node started anew; with `unchanged` also where nothing was changed."""

    unchanged: bool


@dataclass(frozen=True, slots=True)
class KeepLogTail:
    """Keep the end of the node's log as evidence of a run that failed."""

    run: int


@dataclass(frozen=True, slots=True)
class Proceed:
    """`init` is done and the node may start."""


@dataclass(frozen=True, slots=True)
class Fail:
    """`init` ends with this error, after waiting so long."""

    error: MonitorError
    after_seconds: float = 0.0


Action = LookUpNewest | WaitForLease | ClearNodeData | Pin | Recreate | KeepLogTail | Proceed | Fail


@dataclass(frozen=True, slots=True)
class Decision:
    """One step: the rule that decided, a sentence for a person, what to record first, what to do then.

    `phase` is what the tester is doing from here on; `None` leaves it as it is.
    """

    rule: str
    message: str
    phase: Phase | None = None
    records: tuple[Record, ...] = ()
    actions: tuple[Action, ...] = ()
