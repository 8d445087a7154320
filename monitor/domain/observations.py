"""Observations of the node, its logs and the volume in one poll."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from monitor.domain.instant import Instant


class Health(StrEnum):
    """Health of the node by its answer on `/ext/health` and by the freshness of that answer.

    The node's health does not change while the node executes blocks. An old answer therefore counts as
    `STALE`.
    """

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    STALE = "stale"
    UNKNOWN = "unknown"


class ChainActivity(StrEnum):
    """Stage of a chain, by the last line of its log that names a stage."""

    FETCHING = "fetching"
    COMPACTING = "compacting"
    EXECUTING = "executing"
    SYNCING_STATE = "syncing_state"
    TRANSITIONING = "transitioning"
    WAITING = "waiting"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class ChainLog:
    """Summary of one chain's log, limited to the process that wrote to it last.

    `ratio` (0 to 1) and `end_at` (Unix seconds) are the node's own estimates for the stage. `progress` is the
    last line that shows progress. `summary` is the last line that starts a state sync. Both are empty if the
    log has no such line.

    `skipped` is whether the state sync was skipped. `transitioned` is whether the chain now runs on SAE.
    `written_at` is the time of the file's last change, in Unix seconds.
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
    """Presence of the node's data on the volume."""

    ABSENT = "absent"
    PRESENT = "present"


@dataclass(frozen=True, slots=True)
class NodeData:
    """Directory of the node's data on the volume.

    `obstacle` is the reason why the directory cannot be removed (`None`: it can be removed).
    """

    path: str
    state: DataState
    obstacle: str | None = None


@dataclass(frozen=True, slots=True)
class VolumeReading:
    """Size and usage of the volume at one moment.

    `usage_bytes` is the size of the node's data (`None`: it could not be read). `taken` is the time of that
    measurement (`None`: not measured yet).
    """

    taken: Instant | None
    usage_bytes: int | None
    size_bytes: int
    available_bytes: int

    @property
    def available_ratio(self) -> float | None:
        """Free space as a share of the volume, from 0 to 1; `None` if the volume does not report its size."""
        return self.available_bytes / self.size_bytes if self.size_bytes > 0 else None


@dataclass(frozen=True, slots=True)
class HealthReport:
    """Answer of the node on `/ext/health`.

    `oldest_check` is the oldest timestamp among its checks, as sent. `isolated` is whether the only reason
    for a failure is a lack of peers or stake. The network causes such a failure, not the node.
    """

    healthy: bool
    oldest_check: str
    failing_checks: tuple[str, ...] = ()
    isolated: bool = False


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """Network, version and commit that the node reports."""

    network_id: int
    version: str
    commit: str


@dataclass(frozen=True, slots=True)
class NodeMetrics:
    """Values read from `/ext/metrics`.

    `process_started_at` is the start of the node's process in Unix seconds, by the node's clock. `counters`
    maps (chain, signal) to the counter's value; `monitor.domain.signals` defines the signals. `queued_blocks`
    maps a chain on SAE to the number of accepted blocks that it has not executed yet.
    """

    process_started_at: float | None
    counters: Mapping[tuple[str, str], float] = field(default_factory=dict)
    peers: int | None = None
    disk_write_bytes: float | None = None
    queued_blocks: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NodeLog:
    """Summary of the node's log files: the log of each chain, and the last line of level FATAL, if any.

    `newer_peer` is the last line about a peer that runs a newer build. `newer_version` is the version of that
    build.
    """

    chains: Mapping[str, ChainLog] = field(default_factory=dict)
    fatal: str = ""
    newer_peer: str = ""
    newer_version: str = ""


@dataclass(frozen=True, slots=True)
class NodeDown:
    """Reading of a node whose port is closed: the node's process does not run."""

    message: str


@dataclass(frozen=True, slots=True)
class NodeSilent:
    """Reading of a node whose port is open but which does not answer, because it is starting or busy."""

    message: str


@dataclass(frozen=True, slots=True)
class NodeAnswering:
    """Reading of a node that answered; each part missing from the answers is `None`."""

    health: HealthReport | None
    bootstrapped: bool | None
    identity: NodeIdentity | None
    metrics: NodeMetrics | None


NodeReading = NodeDown | NodeSilent | NodeAnswering
