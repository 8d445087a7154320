"""What one poll reads of the node, of its logs and of the volume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from monitor.domain.instant import Instant


class Health(StrEnum):
    """What `/ext/health` says, once its freshness is known.

    The node's health freezes while it executes blocks, so an old answer is no answer: `STALE`.
    """

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    STALE = "stale"
    UNKNOWN = "unknown"


class ChainActivity(StrEnum):
    """The stage that a chain is in, by the last line of its log that names one."""

    FETCHING = "fetching"
    COMPACTING = "compacting"
    EXECUTING = "executing"
    SYNCING_STATE = "syncing_state"
    TRANSITIONING = "transitioning"
    WAITING = "waiting"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class ChainLog:
    """What one chain's log says of the process that wrote it last.

    `ratio` (0 to 1) and `end_at` (Unix seconds) are the node's own estimate for the stage.  `progress` is the last
    line that shows progress, `summary` the last one with which a state sync began; both empty where there is none.
    `skipped`: the state sync was skipped.  `transitioned`: the chain now runs on SAE.
    `written_at` is when the file changed last, in Unix seconds.
    """

    activity: ChainActivity
    ratio: float | None = None
    end_at: float | None = None
    progress: str = ""
    summary: str = ""
    skipped: bool = False
    transitioned: bool = False
    written_at: float = 0.0


class DataState(StrEnum):
    """What there is of the node's data on the volume."""

    ABSENT = "absent"
    PRESENT = "present"


@dataclass(frozen=True, slots=True)
class NodeData:
    """The node's directory on the volume; `obstacle` says why it could not be removed (`None`: it could)."""

    path: str
    state: DataState
    obstacle: str | None = None


@dataclass(frozen=True, slots=True)
class VolumeReading:
    """The volume at one moment.

    `usage_bytes` is what the node's data takes (`None`: could not be read), `taken` when that was measured
    (`None`: not yet).
    """

    taken: Instant | None
    usage_bytes: int | None
    size_bytes: int
    available_bytes: int

    @property
    def available_ratio(self) -> float | None:
        """Free space as a share of the volume (0 to 1); `None` where the volume tells no size."""
        return self.available_bytes / self.size_bytes if self.size_bytes > 0 else None


@dataclass(frozen=True, slots=True)
class HealthReport:
    """One answer of `/ext/health`.  `oldest_check` is the oldest time stamp among its checks, as sent.

    `isolated` is that it fails for want of peers or stake alone: the network's doing, not the node's.
    """

    healthy: bool
    oldest_check: str
    failing_checks: tuple[str, ...] = ()
    isolated: bool = False


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """Who the node says it is."""

    network_id: int
    version: str
    commit: str


@dataclass(frozen=True, slots=True)
class NodeMetrics:
    """What is read from `/ext/metrics`.

    `process_started_at` is in Unix seconds by the node's clock.  `counters` maps (chain, signal) to the
    counter's value; see `signals` for them.  `queued_blocks` maps a chain on SAE to the number of
    accepted blocks that it has not executed yet.
    """

    process_started_at: float | None
    counters: Mapping[tuple[str, str], float] = field(default_factory=dict)
    peers: int | None = None
    disk_write_bytes: float | None = None
    queued_blocks: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NodeLog:
    """What the node's log files say: each chain's last words, and the last line of level FATAL, if any.

    `newer_peer` is the last line about a peer that runs a newer build, `newer_version` that build's version.
    """

    chains: Mapping[str, ChainLog] = field(default_factory=dict)
    fatal: str = ""
    newer_peer: str = ""
    newer_version: str = ""


@dataclass(frozen=True, slots=True)
class NodeDown:
    """Nothing listens: the node's process is not there."""

    message: str


@dataclass(frozen=True, slots=True)
class NodeSilent:
    """Something listens but does not answer: the node is starting, or busy."""

    message: str


@dataclass(frozen=True, slots=True)
class NodeAnswering:
    """The node answered; each part that it did not give is `None`."""

    health: HealthReport | None
    bootstrapped: bool | None
    identity: NodeIdentity | None
    metrics: NodeMetrics | None


NodeReading = NodeDown | NodeSilent | NodeAnswering
