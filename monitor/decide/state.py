"""The states that `init` and `wait-for-completion` decide by."""

from __future__ import annotations

from dataclasses import dataclass, field

from monitor.domain.build import Build
from monitor.domain.instant import Instant
from monitor.domain.observations import NodeData, NodeLog, NodeReading, VolumeReading
from monitor.domain.policy import Policy
from monitor.domain.run import Attempt, Run
from monitor.domain.workload import Workload


@dataclass(frozen=True, slots=True)
class InitState:
    """All that `init` decides by.

    `last` is the volume's last run that started (L in the design), `clearing` the run whose clearing began and
    was not finished, `known` whether the ledger knows this volume at all.  `newest` is `None` until it was
    looked up.  `reverts_today` counts other pods of the last 24 hours that came back unpinned; `pinned_before`
    is the image of the pod before this one if that was pinned, empty otherwise.  `held_by` names another live holder.
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
    """The build under the rolling tag, and how many consecutive lookups found it, over how many seconds."""

    build: Build
    lookups: int = 1
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class WaitState:
    """All that a tick decides by; `last` has its books brought up to this tick.

    `workload` is `None` while the platform has not said what runs; `held_by` names another live holder of the
    volume.  `seconds_since_stray_recreation` is `None` if there was none.  `blocked` says what keeps the node
    from the network, empty where nothing does.  `requested` is the build that a person asked to run again,
    `repeated_failures` how many of the newest runs ended for the same reason of the testbed, and `baseline_seconds` how
    long a run is usually active (`None`: not known yet).  `newest_lookups` and `newest_seconds` say for how long the
    tag has shown `newest`, and `superseded_seconds` how long ago a run of it was superseded (`None`: never).
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
