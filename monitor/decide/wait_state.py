"""What `wait-for-completion` decides by."""

from __future__ import annotations

from dataclasses import dataclass, field

from monitor.model import (
    Attempt,
    Build,
    Instant,
    NodeLog,
    NodeReading,
    Policy,
    Run,
    VolumeReading,
    Workload,
)


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
