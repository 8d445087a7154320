"""What is counted while a run is open: its timers, its chains and its counters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor.domain.observations import ChainLog


@dataclass(frozen=True, slots=True)
class HealthyStreak:
    """An unbroken time of health: where it began, and how much of it was watched."""

    since_wall: float
    since_boot_seconds: float
    active_seconds_at_start: float
    observed_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ChainWatch:
    """One chain of an open run, in the node's current process.

    `seen`: the process has shown the chain.  `log` is what the chain said last.  `visible`: a signal of its stage can
    be read, so that standing still would be seen.  `idle_seconds` is observed time without progress while the chain
    was at work and visible.
    """

    log: ChainLog | None = None
    seen: bool = False
    visible: bool = False
    idle_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """How long the network has refused the node because it runs newer builds.

    `line` is the last line of the node's log that says so, `age_seconds` the observed time since it appeared.
    `is_fresh`: it appeared while the node had no peers, and not too long ago.  `had_peers`: the process had a peer.
    """

    line: str = ""
    had_peers: bool = False
    is_fresh: bool = False
    age_seconds: float = 0.0
    refused_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class RunTracking:
    """What is counted while a run is open, so that a restart of anything loses none of it.

    `started_boot_seconds` on `started_boot_id` is when the run started.
    `accounted_boot_seconds` on `boot_id` is the moment up to which `active_seconds` is complete.
    `process_start_boot_seconds` is when the node's process, last seen, began; `process_uid` is the workload
    it was seen in.

    `idle_seconds` is the stall clock: for how long `stalled_chain` (empty: the node as a whole) has made no
    progress.  `unknown_seconds` is for how long progress could not be seen.  `usage_mark_bytes` is the disk usage
    from which growth is measured.  `execution_targets` are the heights that chains on SAE must have executed before
    the node counts as healthy.  `state_synced` is whether the C-Chain synced its state (`None`: unknown),
    `state_summary` the log line with which the state sync began.

    `low_disk_seconds` is for how long less of the volume than the floor has been free, `low_disk_at` since when
    (Unix seconds; `None`: enough is free).  `starved_seconds` is for how long the node has been down while too little
    was free for it to run.  `healthy_seconds` is the active time of the streaks that broke in this
    workload, `replaced_healthy_seconds` of those in workloads before it.  `other_build` is what else ran on the run's
    data (empty: nothing was seen).  `revision` is that of the workload in which the run was seen last.
    """

    started_boot_id: str = ""
    started_boot_seconds: float = 0.0
    boot_id: str = ""
    accounted_boot_seconds: float = 0.0
    active_seconds: float = 0.0
    observed_seconds: float = 0.0
    process_start_boot_seconds: float | None = None
    process_uid: str = ""
    process_restarts: int = 0
    node_restarts: int = 0
    restarts_at_progress: int = 0
    healthy: HealthyStreak | None = None
    identity_agreed: bool = False
    progress_at: float | None = None
    idle_seconds: float = 0.0
    lifeless_seconds: float | None = None
    not_started_seconds: float = 0.0
    unhealthy_seconds: float = 0.0
    blocked_seconds: float = 0.0
    disk_write_bytes: float = 0.0
    chains: Mapping[str, ChainWatch] = field(default_factory=dict)
    stalled_chain: str = ""
    unknown_seconds: float = 0.0
    usage_mark_bytes: int | None = None
    refusal: Refusal = field(default_factory=Refusal)
    execution_targets: Mapping[str, float] = field(default_factory=dict)
    state_synced: bool | None = None
    state_summary: str = ""
    state_sync_restarted: bool = False
    low_disk_seconds: float = 0.0
    low_disk_at: float | None = None
    starved_seconds: float = 0.0
    healthy_seconds: float = 0.0
    replaced_healthy_seconds: float = 0.0
    other_build: str = ""
    revision: str = ""

    @property
    def bootstrap_seconds(self) -> float:
        """Active time until the node was healthy, or so far; without the time healthy in a replaced workload."""
        end = self.active_seconds if self.healthy is None else self.healthy.active_seconds_at_start
        return end - self.replaced_healthy_seconds


@dataclass(frozen=True, slots=True)
class Count:
    """A counter added up over processes: `value` is the sum, `maximum` the highest in one process."""

    before: float = 0.0
    last: float = 0.0
    maximum: float = 0.0

    @property
    def value(self) -> float:
        """The sum over all processes of the run."""
        return self.before + self.last


Counts = Mapping[tuple[str, str], Count]
