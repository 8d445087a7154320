"""The values that the whole program speaks of.

A *run* is one bootstrap of one *build*, from an emptied volume to an outcome.  Values are frozen; what is
absent is `None` or a type of its own, never a number that stands for "unknown".  Times are `Instant`s or
seconds since the Unix epoch (`*_at`), lengths are seconds (`*_seconds`), sizes are bytes (`*_bytes`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from monitor.foreign_text import one_line
from monitor.json_text import json_object, json_text

# The kubelet's word for a container that it starts again after a pause, and its state until it says so.
CRASH_LOOPING = frozenset({"CrashLoopBackOff", "Completed", "Error", "OOMKilled"})
# The words of the kubelet and of container runtimes for a container whose program could not be started.
START_FAILURES = frozenset({"StartError", "ContainerCannotRun", "RunContainerError", "CreateContainerError"})


_VERSION_CHARACTERS = 100


class SyncMode(StrEnum):
    """Which history a bootstrap processes."""

    C_CHAIN_STATE_SYNC = "c-chain-state-sync"
    ONLY_P_CHAIN_FULL_SYNC = "only-p-chain-full-sync"
    FULL_SYNC = "full-sync"


class Outcome(StrEnum):
    """How a run ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUPERSEDED = "superseded"


class Reason(StrEnum):
    """Why a run failed.  A reason speaks either of the build or of the testbed it ran on."""

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
    def speaks_of_build(self) -> bool:
        """False where the build cannot be blamed, so that nothing is judged by it."""
        return self not in {Reason.DISK_FULL, Reason.NOT_STARTED, Reason.MISCONFIGURED}


class Phase(StrEnum):
    """What the tester is doing; exactly one at a time."""

    DISCOVERING = "discovering"
    CLEARING = "clearing"
    STARTING = "starting"
    BOOTSTRAPPING = "bootstrapping"
    SOAKING = "soaking"
    BLOCKED = "blocked"
    PAUSED = "paused"
    IDLE = "idle"


class Health(StrEnum):
    """What `/ext/health` says, once its freshness is known.

    The node's health freezes while it executes blocks, so an old answer is no answer: `STALE`.
    """

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    STALE = "stale"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment on two clocks.

    `wall` (Unix seconds) is for people and may jump.  `boot_seconds` counts from the machine's boot, goes
    on through a restart of this process and never jumps; it compares only within one `boot_id`.
    """

    wall: float
    boot_seconds: float
    boot_id: str


@dataclass(frozen=True, slots=True)
class Versions:
    """What a node prints for `--version-json` (avalanchego `version/string.go`)."""

    application: str
    database: str
    rpcchainvm: int
    commit: str
    go: str

    @classmethod
    def parse(cls, text: str) -> Versions:
        """Read the JSON that a node prints or the pod's annotation holds.

        Raises:
            ValueError: it is no such JSON; the message says what is missing.
        """
        found = json_object(text)
        if "application" not in found:
            raise ValueError('no JSON object with an "application"')
        try:
            rpcchainvm = int(found.get("rpcchainvm", 0))
        except (TypeError, OverflowError) as error:
            raise ValueError(f'"rpcchainvm" is no number ({error})') from error
        return cls(
            application=one_line(str(found["application"]), _VERSION_CHARACTERS),
            database=one_line(str(found.get("database", "")), _VERSION_CHARACTERS),
            rpcchainvm=rpcchainvm,
            commit=one_line(str(found.get("commit", "")), _VERSION_CHARACTERS),
            go=one_line(str(found.get("go", "")), _VERSION_CHARACTERS),
        )

    def to_json(self) -> str:
        """The same JSON on one line, as the annotation holds it."""
        return json_text(
            {
                "application": self.application,
                "database": self.database,
                "rpcchainvm": self.rpcchainvm,
                "commit": self.commit,
                "go": self.go,
            }
        )


@dataclass(frozen=True, slots=True)
class Build:
    """A node image pinned by digest, with the versions it reports (`None`: could not be learned).

    A build may have several digests (that of the index, that of the platform).
    """

    image: str
    digests: frozenset[str]
    versions: Versions | None = None

    def same(self, other: Build) -> bool:
        """Whether both are one build: their digests intersect."""
        return not self.digests.isdisjoint(other.digests)

    @property
    def version(self) -> str:
        """Such as `avalanchego/1.14.2`; empty while unknown."""
        return self.versions.application if self.versions else ""

    @property
    def commit(self) -> str:
        """40 hexadecimal digits; empty while unknown."""
        return self.versions.commit if self.versions else ""


@dataclass(frozen=True, slots=True)
class NodeExit:
    """How the node's process ended last; `message` is what the platform kept of its last words.

    `started` is false where the container runtime could not start it; `message` is the runtime's error then.
    """

    code: int
    out_of_memory: bool = False
    message: str = ""
    started: bool = True


@dataclass(frozen=True, slots=True)
class NodeProcess:
    """The node's process as its platform sees it.

    `waiting` says why it does not run, in the platform's word (`ImagePullBackOff`), empty while it runs; `message`
    is the platform's error, empty where there is none.  `restarts` counts those of this workload.
    """

    running: bool
    waiting: str = ""
    restarts: int = 0
    last_exit: NodeExit | None = None
    message: str = ""

    @property
    def crash_looping(self) -> bool:
        """It ended and is started again by and by."""
        return not self.running and self.waiting in CRASH_LOOPING

    @property
    def failed_to_start(self) -> bool:
        """Whether its last restart was one of a process that could not be started, which is not a crash."""
        last = self.last_exit
        return self.waiting in START_FAILURES or (last is not None and not last.started)


@dataclass(frozen=True, slots=True)
class Workload:
    """The node as its platform is set to run it now: this pod, or this local child.

    `build` is `None` while the image is not pinned by digest.  `settings_digest` stands for the node's
    arguments and settings that can change how a bootstrap goes.  `process` is `None` where the platform has
    not said.  `revision` is the platform's name for all that the workload is made from; empty where it has none.
    """

    uid: str
    image: str
    build: Build | None
    network: str
    sync_mode: SyncMode
    settings_digest: str
    process: NodeProcess | None = None
    revision: str = ""


@dataclass(frozen=True, slots=True)
class HealthyStreak:
    """An unbroken time of health: where it began, and how much of it was watched."""

    since_wall: float
    since_boot_seconds: float
    active_seconds_at_start: float
    observed_seconds: float = 0.0


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
class Bookkeeping:
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
class Run:
    """One bootstrap of one build.

    `started_at` is `None` until the volume has been cleared; `duration_seconds` is active time, to the first
    healthy reading; `wall_seconds` the same by the clock on the wall.
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
    bookkeeping: Bookkeeping = field(default_factory=Bookkeeping)

    @property
    def open(self) -> bool:
        """It started and has no outcome yet."""
        return self.started_at is not None and self.outcome is None

    @property
    def judged(self) -> bool:
        """Its outcome speaks of the build."""
        if self.outcome is Outcome.FAILED:
            return self.reason is not None and self.reason.speaks_of_build
        return self.outcome is Outcome.SUCCEEDED

    def is_of(self, workload: Workload) -> bool:
        """Whether it bootstraps this workload's build, on its network, in its mode."""
        return (
            workload.build is not None
            and self.build.same(workload.build)
            and self.network == workload.network
            and self.sync_mode is workload.sync_mode
        )


class AttemptCause(StrEnum):
    """Why a run was asked for."""

    NEW_BUILD = "new_build"
    REQUEST = "request"
    RETRY = "retry"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A run that was decided and has not started, by the workload `uid` after the run `after_run`."""

    build: Build
    after_run: int
    cause: AttemptCause
    uid: str


class RequestKind(StrEnum):
    """What a person can ask a tester for."""

    RERUN = "rerun"
    MARK_BASELINE = "mark_baseline"
    PAUSE = "pause"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is kept of a run that failed: the end of its node's log, and when it was taken (Unix seconds)."""

    text: str
    taken_at: float


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has the volume: a pod's UID and a number that it keeps raising while it lives."""

    uid: str
    beat: int


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
    counter's value; see `chain_signals` for the signals.  `queued_blocks` maps a chain on SAE to the number of
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


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings that decisions depend on; made once by `settings`.  Lengths in seconds."""

    tester: str
    testbed: str
    rolling_tag: str
    restart_on_new_build: bool
    tick_seconds: float
    soak_seconds: float
    holder_timeout_seconds: float
    disk_floor_ratio: float = 0.1
    start_timeout_seconds: float = 3600.0
    crash_limit: int = 5
    unhealthy_timeout_seconds: float = 3600.0
    stall_warning_seconds: float = 1800.0
    stall_timeout_seconds: float = 43200.0
    deadline_seconds: float | None = None
    adopt_keep: bool = False
    adopt_clear_token: str = ""
    settled_lookups: int = 1
    """Consecutive lookups that must find a build before it is taken."""
    returned_seconds: float = 0.0
    """How long the tag must show a build that was superseded within a day before it ends an open run."""


JsonObject = dict[str, Any]
