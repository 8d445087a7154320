"""Decisions: the records to write to the ledger, and the actions to take afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from monitor.domain.build import Build
from monitor.domain.run import AttemptCause, Outcome, Reason, Run
from monitor.domain.status import Phase
from monitor.domain.workload import Workload
from monitor.errors import MonitorError


@dataclass(frozen=True, slots=True)
class BeginClearing:
    """Record of the start of a clearing for the next run.

    An open run is superseded in the same transaction.
    """

    workload: Workload
    message: str


@dataclass(frozen=True, slots=True)
class BeginRun:
    """Record of the start of a run of the workload's build, after the volume has been cleared."""

    workload: Workload


@dataclass(frozen=True, slots=True)
class AdoptRun:
    """Record of a run that keeps node data of unknown origin.

    The run is of the workload's build, and is not compared with any other run.
    """

    workload: Workload


@dataclass(frozen=True, slots=True)
class ResumeRun:
    """Record of a workload that continues a run."""

    run: Run
    workload: Workload


@dataclass(frozen=True, slots=True)
class EndRun:
    """Record of the end of a run, written once per run.

    The durations of a successful run end at the first healthy reading.
    """

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
    """Record of the decision, made by the workload `uid`, to run a build."""

    build: Build
    cause: AttemptCause
    uid: str


class Intervention(StrEnum):
    """Change of the workload on its platform that the monitor made or detected.

    `PIN` means that the workload was observed to be pinned.
    """

    PIN = "pin"
    PIN_REVERT = "pin_revert"
    RECREATE_STRAY = "recreate_stray"


@dataclass(frozen=True, slots=True)
class RecordIntervention:
    """Record of an intervention on the workload `uid`.

    An intervention counts once per workload, however often `init` restarts in its pod.
    """

    kind: Intervention
    uid: str
    image: str = ""


@dataclass(frozen=True, slots=True)
class IssueToken:
    """Record of a token that allows node data of unknown origin to be cleared once."""

    token: str


Record = (
    BeginClearing | BeginRun | AdoptRun | ResumeRun | EndRun | RecordAttempt | RecordIntervention | IssueToken
)


@dataclass(frozen=True, slots=True)
class LookUpNewest:
    """Action that looks up the newest build under the rolling tag."""


@dataclass(frozen=True, slots=True)
class WaitForLease:
    """Action that waits until another holder's lease on the volume expires."""


@dataclass(frozen=True, slots=True)
class ClearNodeData:
    """Action that removes the node's data from the volume."""


@dataclass(frozen=True, slots=True)
class Pin:
    """Action that pins the node's image to a build."""

    build: Build


@dataclass(frozen=True, slots=True)
class Recreate:
    """Action that recreates the workload; with `unchanged`, even if its configuration has not changed."""

    unchanged: bool


@dataclass(frozen=True, slots=True)
class KeepLogTail:
    """Action that saves the node's log tail as evidence of a failed run."""

    run: int


@dataclass(frozen=True, slots=True)
class Proceed:
    """Action that ends `init` successfully, so that the node may start."""


@dataclass(frozen=True, slots=True)
class Fail:
    """Action that ends `init` with an error, after a delay of `after_seconds`."""

    error: MonitorError
    after_seconds: float = 0.0


InitAction = LookUpNewest | WaitForLease | ClearNodeData | Pin | Recreate | Proceed | Fail
WaitAction = Pin | Recreate | KeepLogTail
ActionT_co = TypeVar("ActionT_co", bound=InitAction | WaitAction, covariant=True)


@dataclass(frozen=True, slots=True)
class Decision(Generic[ActionT_co]):
    """One step of the lifecycle.

    `rule` names the rule that decided, and `message` explains the decision to operators. The engine writes
    `records` to the ledger before it performs `actions`. `phase` is the tester's phase after the decision;
    `None` keeps the current phase.
    """

    rule: str
    message: str
    phase: Phase | None = None
    records: tuple[Record, ...] = ()
    actions: tuple[ActionT_co, ...] = ()


InitDecision = Decision[InitAction]
WaitDecision = Decision[WaitAction]
