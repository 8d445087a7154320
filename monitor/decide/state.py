"""States from which `init` and `wait-for-completion` decide."""

from __future__ import annotations

from dataclasses import dataclass, field

from monitor.domain.build import Build
from monitor.domain.instant import Instant
from monitor.domain.observations import NodeData, NodeLog, NodeReading, VolumeReading
from monitor.domain.policy import Policy
from monitor.domain.run import Attempt, AttemptCause, Run
from monitor.domain.workload import Workload


@dataclass(frozen=True, slots=True)
class InitState:
    """State from which `init` decides.

    `last` is the last run that started on this volume (L in docs/how-it-works.md). `clearing` is the run
    whose clearing was started but not finished. `known` is whether the ledger knows this volume. `newest` is
    `None` until the lookup. `reverts_today` is the number of other pods that came back unpinned within the
    last 24 hours. `pinned_before` is the image of the previous pod if that was pinned, otherwise empty.
    `held_by` names another live holder of the volume.
    """

    policy: Policy
    workload: Workload
    last: Run | None
    clearing: Run | None
    attempt: Attempt | None
    known: bool
    data: NodeData
    newest: Build | None
    newest_judged: bool
    pinned_before: str
    reverts_today: int
    reverter: str
    held_by: str | None
    issued_token: str
    fresh_token: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Build under the rolling tag.

    `lookups` is the number of consecutive lookups that found it, and `seconds` is the time between the first
    and the last of them.
    """

    build: Build
    lookups: int = 1
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class LastResult:
    """What decides whether the last run, which has ended, must be confirmed.

    `cause` is why the run was started (`None`: unknown). `is_suspected` is whether a regression is suspected
    because of it. `earlier_failures` is how many earlier runs failed because of the same build.
    """

    cause: AttemptCause | None = None
    is_suspected: bool = False
    earlier_failures: int = 0


@dataclass(frozen=True, slots=True)
class WaitState:
    """State from which one tick of `wait-for-completion` decides.

    The tracking of `last` includes this tick. `workload` is `None` until the platform has reported it.
    `held_by` names another live holder of the volume. `seconds_since_stray_recreation` is `None` if no stray
    workload was recreated. `blocked` is the reason why the node cannot reach the network, empty if there is
    no such reason.

    `requested` is the build that an operator asked to run again. `repeated_failures` is how many of the
    newest runs ended for the same testbed reason. `baseline_seconds` is the usual active time of a run
    (`None`: unknown).

    `newest_lookups` and `newest_seconds` are how many lookups, and for how long, the tag has shown `newest`.
    `superseded_seconds` is the time since a run of `newest` was superseded (`None`: never).

    `last_result` is `None` while a run is open.
    """

    now: Instant
    policy: Policy
    workload: Workload | None
    held_by: str | None
    last: Run | None
    clearing: Run | None
    attempt: Attempt | None
    node: NodeReading
    volume: VolumeReading | None
    newest: Build | None
    newest_judged: bool
    seconds_since_stray_recreation: float | None
    log: NodeLog = field(default_factory=NodeLog)
    blocked: str = ""
    paused: bool = False
    requested: Build | None = None
    repeated_failures: int = 0
    baseline_seconds: float | None = None
    newest_lookups: int = 1
    newest_seconds: float = 0.0
    superseded_seconds: float | None = None
    last_result: LastResult | None = None
