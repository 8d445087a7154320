"""Tracking of an open run: its timers, chains and counters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor.domain.observations import ChainLog


@dataclass(frozen=True, slots=True)
class HealthyStreak:
    """Uninterrupted period of health: its start, and how much of it was observed."""

    since_wall: float
    since_boot_seconds: float
    active_seconds_at_start: float
    observed_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ChainWatch:
    """Observations of one chain of an open run, in the node's current process.

    `seen` is whether the process has shown the chain. `log` is the last state of its log. `visible` is
    whether a signal of its stage can be read, so that a lack of progress would be observed. `idle_seconds` is
    the observed time without progress while the chain was at work and visible.
    """

    log: ChainLog | None = None
    seen: bool = False
    visible: bool = False
    idle_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Time for which the network has refused the node because the network runs newer builds.

    `line` is the last line of the node's log that reports this. `age_seconds` is the observed time since the
    line appeared. `is_fresh` is whether it appeared recently, while the node had no peers. `had_peers` is
    whether the process has had a peer.
    """

    line: str = ""
    had_peers: bool = False
    is_fresh: bool = False
    age_seconds: float = 0.0
    refused_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class RunTracking:
    """Timers and counters of an open run, stored so that a restart of any component loses none of them.

    `started_boot_seconds` on `started_boot_id` is when the run started. `accounted_boot_seconds` on `boot_id`
    is the moment up to which `active_seconds` is complete. `process_start_boot_seconds` is the start of the
    last observed process of the node. `process_uid` is the workload of that process.

    `idle_seconds` is the stall timer: how long `stalled_chain` (empty: the node as a whole) has made no
    progress. `unknown_seconds` is how long progress could not be observed. `down_seconds` is how long the
    node's process has been down without a break. `usage_mark_bytes` is the disk usage from which growth is
    measured. `execution_targets` are the heights that chains on SAE must have executed before the node counts
    as healthy. `state_synced` is whether the C-Chain synced its state
    (`None`: unknown). `state_summary` is the log line that started the state sync.

    `low_disk_seconds` is how long less of the volume than the floor has been free. `low_disk_at` is when that
    began, in Unix seconds (`None`: enough is free). `starved_seconds` is how long the node has been down
    while too little was free for it to run.

    `restarted_at` are the times of the newest counted restarts, in Unix seconds.

    `healthy_seconds` is the active time of the healthy streaks that ended in this workload.
    `replaced_healthy_seconds` is that of the streaks in earlier workloads. `other_build` is another build
    that ran on the run's data (empty: none was observed). `revision` is the revision of the last workload in
    which the run was observed.
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
    restarted_at: tuple[float, ...] = ()
    healthy: HealthyStreak | None = None
    identity_agreed: bool = False
    progress_at: float | None = None
    idle_seconds: float = 0.0
    lifeless_seconds: float | None = None
    not_started_seconds: float = 0.0
    down_seconds: float = 0.0
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
        """Active seconds until the node was healthy, or until now.

        Time during which the node was healthy in a replaced workload is excluded.
        """
        end = self.active_seconds if self.healthy is None else self.healthy.active_seconds_at_start
        return end - self.replaced_healthy_seconds


@dataclass(frozen=True, slots=True)
class Count:
    """Counter added up over processes: `value` is the sum, `maximum` the highest value in one process."""

    before: float = 0.0
    last: float = 0.0
    maximum: float = 0.0

    @property
    def value(self) -> float:
        """Sum over all processes of the run."""
        return self.before + self.last


Counts = Mapping[tuple[str, str], Count]
