"""The one Status that metrics, page, JSON and command line show.

It is made from the ledger alone: so `init`, which ends before anything could ask it, shows in it too, and a
restart loses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor.model import (
    Build,
    ChainActivity,
    ChainLog,
    Counts,
    Health,
    JsonObject,
    Outcome,
    Phase,
    Run,
    SyncMode,
    Versions,
    VolumeReading,
    Workload,
)
from monitor.regression import (
    Measure,
    Regression,
    Regressions,
    Success,
    compare_link,
    is_late,
    regressions,
)

RESULTS_SHOWN = 20
HISTORY_SHOWN = 1000
# The reading that a folder is a comparison's: what is in it is cleared turn by turn.
COMPARISON = "comparison"


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """The node as it was seen last; `None` where it was not."""

    seen_at: float
    up: bool
    health: Health
    bootstrapped: bool | None = None
    failing_checks: tuple[str, ...] = ()
    peers: int | None = None


@dataclass(frozen=True, slots=True)
class VolumeStatus:
    """The volume as it was measured last."""

    measured_at: float
    usage_bytes: int | None
    size_bytes: int
    available_bytes: int


@dataclass(frozen=True, slots=True)
class ProgressStatus:
    """How the open run comes along: each chain by its log, and whether progress is overdue."""

    chains: Mapping[str, ChainLog]
    stalled: bool


@dataclass(frozen=True, slots=True)
class Status:
    """All that is known of a tester at one moment.

    `run` is the newest that started, `results` the newest that ended, newest first; `totals` counts all by
    (outcome, reason).  `notice` says why nothing is judged, where that is so.  `new_build` was found
    and is not tested yet.  `paused` and `requested` are what a person asked for, whether a monitor has looked since
    or not: that no new build is taken, and which one is to run again.  `regressions` and `late` are of the newest
    run's network, mode and testbed, of the runs from `baseline_begins` on (0: all).
    """

    at: float
    tester: str
    network: str
    sync_mode: str
    testbed: str
    phase: Phase | None
    message: str
    notice: str
    run: Run | None
    counts: Counts
    progress: ProgressStatus | None
    node: NodeStatus | None
    volume: VolumeStatus | None
    new_build: Build | None
    last_image_check_at: float | None
    results: tuple[Run, ...]
    totals: Mapping[tuple[str, str], int]
    consecutive_failures: int
    last_success: Run | None
    tester_since: float | None
    pin_reverts: int
    recoveries: int
    stray_recreations: int
    regressions: Regressions = field(default_factory=dict)
    late: bool | None = None
    baseline_begins: int = 0
    tick_at: float | None = None
    paused: bool = False
    requested: Build | None = None


def configuration_reading(tester: str, testbed: str, workload: Workload) -> JsonObject:
    """What the tester is, to be kept as the reading `configuration`."""
    return {
        "tester": tester,
        "testbed": testbed,
        "network": workload.network,
        "sync_mode": workload.sync_mode,
    }


def phase_reading(phase: Phase, message: str) -> JsonObject:
    """What the tester is doing, to be kept as the reading `phase`."""
    return {"phase": phase, "message": message}


def node_reading(status: NodeStatus) -> JsonObject:
    """The node, to be kept as the reading `node`."""
    return {
        "seen_at": status.seen_at,
        "up": status.up,
        "health": status.health,
        "bootstrapped": status.bootstrapped,
        "failing_checks": list(status.failing_checks),
        "peers": status.peers,
    }


def progress_reading(run: int, status: ProgressStatus) -> JsonObject:
    """How an open run comes along, to be kept as the reading `progress`."""
    return {
        "run": run,
        "stalled": status.stalled,
        "chains": {
            name: {
                "activity": chain.activity,
                "blocks_stored": chain.blocks_stored,
                "ratio": chain.ratio,
                "end_at": chain.end_at,
            }
            for name, chain in status.chains.items()
        },
    }


def volume_reading(reading: VolumeReading) -> JsonObject:
    """The volume, to be kept as the reading `volume`."""
    return {
        "measured_at": reading.taken.wall,
        "usage_bytes": reading.usage_bytes,
        "size_bytes": reading.size_bytes,
        "available_bytes": reading.available_bytes,
    }


def build_reading(build: Build | None) -> JsonObject:
    """A build found and not yet tested, to be kept as the reading `new_build`."""
    if build is None:
        return {}
    return {
        "image": build.image,
        "digests": sorted(build.digests),
        "versions": build.versions.to_json() if build.versions else None,
    }


@dataclass(frozen=True, slots=True)
class Reading:
    """Something that was read last: its value, and when."""

    value: JsonObject
    read_at: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All of the ledger that is shown, as of one moment.

    `runs` are the newest that started, newest first; `totals` counts all ended runs by (outcome, reason);
    `interventions` by kind; `compared` are the successes that the newest run may be compared with, none
    before the run `baseline_begins` (0: any).
    `last_success` and `consecutive_failures` are of the network and mode that is tested now.
    """

    runs: tuple[Run, ...]
    totals: Mapping[tuple[str, str], int]
    counts: Counts
    readings: Mapping[str, Reading]
    interventions: Mapping[str, int]
    first_run_at: float | None
    last_success: Run | None
    consecutive_failures: int
    recoveries: int
    compared: tuple[Success, ...] = ()
    baseline_begins: int = 0
    paused: bool = False
    requested: Build | None = None


def status_of(shown: Snapshot, now_wall: float, tester: str = "") -> Status:
    """Make the Status; `tester` is its name until the ledger knows it."""
    readings = {name: each.value for name, each in shown.readings.items()}
    configuration = readings.get("configuration", {})
    run = shown.runs[0] if shown.runs else None
    phase = readings.get("phase", {})
    tick = shown.readings.get("node")
    # Of two builds in turns nothing is usual: what a comparison finds is told at its end.
    judged = regressions(shown.compared, run.sync_mode) if run and COMPARISON not in readings else {}
    return Status(
        at=now_wall,
        tester=str(configuration.get("tester", tester)),
        network=str(configuration.get("network", run.network if run else "")),
        sync_mode=str(configuration.get("sync_mode", run.sync_mode if run else SyncMode.C_CHAIN_STATE_SYNC)),
        testbed=str(configuration.get("testbed", run.testbed if run else "")),
        phase=Phase(phase["phase"]) if phase.get("phase") in set(Phase) else None,
        message=str(phase.get("message", "")),
        notice=str(readings.get("notice", {}).get("message", "")),
        run=run,
        counts=shown.counts,
        progress=_progress(readings.get("progress"), run) if run and run.open else None,
        node=_node(readings.get("node")),
        volume=_volume(readings.get("volume"), run),
        new_build=_build(readings.get("new_build")),
        last_image_check_at=readings.get("image_check", {}).get("succeeded_at"),
        results=tuple(each for each in shown.runs if each.outcome is not None)[:RESULTS_SHOWN],
        totals=shown.totals,
        consecutive_failures=shown.consecutive_failures,
        last_success=shown.last_success,
        tester_since=shown.first_run_at,
        pin_reverts=shown.interventions.get("pin_revert", 0),
        recoveries=shown.recoveries,
        stray_recreations=shown.interventions.get("recreate_stray", 0),
        regressions=judged,
        baseline_begins=shown.baseline_begins,
        late=is_late(run, judged[Measure.DURATION].limit) if run and judged else None,
        tick_at=tick.read_at if tick else None,
        paused=shown.paused,
        requested=shown.requested,
    )


def run_json(run: Run) -> JsonObject:
    """A run as `/api/v1/history` has it; a time that does not apply is null."""
    return {
        "run": run.number,
        "image": run.build.image,
        "version": run.build.version,
        "commit": run.build.commit,
        "network": run.network,
        "syncMode": run.sync_mode,
        "testbed": run.testbed,
        "startedAt": run.started_at,
        "endedAt": run.ended_at,
        "outcome": run.outcome,
        "reason": run.reason,
        "message": run.message,
        "durationSeconds": run.duration_seconds,
        "wallSeconds": run.wall_seconds,
        "diskUsageBytes": run.disk_usage_bytes,
        "activeSeconds": run.bookkeeping.active_seconds,
        "nodeRestarts": run.bookkeeping.node_restarts,
        "lastProgressAt": run.bookkeeping.progress_at,
        "recovered": run.recovered,
        "settingsChanged": run.settings_changed,
    }


def status_json(status: Status) -> JsonObject:
    """The Status as `/api/v1/status` has it."""
    return {
        "at": status.at,
        "tester": status.tester,
        "network": status.network,
        "syncMode": status.sync_mode,
        "testbed": status.testbed,
        "phase": status.phase,
        "message": status.message,
        "notice": status.notice,
        "run": run_json(status.run) if status.run else None,
        "progress": [
            {"chain": chain, "signal": signal, "value": count.value, "maximum": count.maximum}
            for (chain, signal), count in sorted(status.counts.items())
        ],
        "node": {
            "seenAt": status.node.seen_at,
            "up": status.node.up,
            "health": status.node.health,
            "bootstrapped": status.node.bootstrapped,
            "failingChecks": list(status.node.failing_checks),
            "peers": status.node.peers,
        }
        if status.node
        else None,
        "stalled": status.progress.stalled if status.progress else None,
        "late": status.late,
        "baselineBeginsWithRun": status.baseline_begins or None,
        "regressions": {measure: _regression_json(each) for measure, each in status.regressions.items()},
        "chains": {
            name: {"activity": chain.activity, "ratio": chain.ratio, "endAt": chain.end_at}
            for name, chain in sorted(status.progress.chains.items())
        }
        if status.progress
        else {},
        "volume": {
            "measuredAt": status.volume.measured_at,
            "usageBytes": status.volume.usage_bytes,
            "sizeBytes": status.volume.size_bytes,
            "availableBytes": status.volume.available_bytes,
        }
        if status.volume
        else None,
        "newBuild": _build_json(status.new_build),
        "paused": status.paused,
        "requestedBuild": _build_json(status.requested),
        "lastImageCheckAt": status.last_image_check_at,
        "runsTotal": {
            outcome: sum(count for (each, _), count in status.totals.items() if each == outcome)
            for outcome in Outcome
        },
        "consecutiveFailures": status.consecutive_failures,
        "lastSuccessAt": status.last_success.ended_at if status.last_success else None,
        "testerSince": status.tester_since,
        "tickAt": status.tick_at,
    }


def _build_json(build: Build | None) -> JsonObject | None:
    return {"image": build.image, "version": build.version, "commit": build.commit} if build else None


def _regression_json(regression: Regression) -> JsonObject:
    limit, good, bad = regression.limit, regression.last_good, regression.first_bad
    return {
        "verdict": regression.verdict,
        "samples": regression.samples,
        "baseline": limit.baseline if limit else None,
        "limit": limit.limit if limit else None,
        "lastGoodRun": good.number if good else None,
        "lastGoodCommit": good.build.commit if good else None,
        "firstBadRun": bad.number if bad else None,
        "firstBadCommit": bad.build.commit if bad else None,
        "compareUrl": compare_link(regression) or None,
    }


def _progress(value: JsonObject | None, run: Run) -> ProgressStatus | None:
    """What was read of the run before says nothing of this one."""
    if not value or value["run"] != run.number:
        return None
    chains = {
        name: ChainLog(ChainActivity(each["activity"]), each["blocks_stored"], each["ratio"], each["end_at"])
        for name, each in value["chains"].items()
    }
    return ProgressStatus(chains, value["stalled"])


def _node(value: JsonObject | None) -> NodeStatus | None:
    if not value:
        return None
    return NodeStatus(
        seen_at=value["seen_at"],
        up=value["up"],
        health=Health(value["health"]),
        bootstrapped=value["bootstrapped"],
        failing_checks=tuple(value["failing_checks"]),
        peers=value["peers"],
    )


def _volume(value: JsonObject | None, run: Run | None) -> VolumeStatus | None:
    """What was measured before the open run started is what the run before it left."""
    if not value:
        return None
    started_at = run.started_at if run and run.open else None
    outdated = started_at is not None and value["measured_at"] < started_at
    return VolumeStatus(
        measured_at=value["measured_at"],
        usage_bytes=None if outdated else value["usage_bytes"],
        size_bytes=value["size_bytes"],
        available_bytes=value["available_bytes"],
    )


def _build(value: JsonObject | None) -> Build | None:
    if not value:
        return None
    versions = Versions.parse(value["versions"]) if value["versions"] else None
    return Build(value["image"], frozenset(value["digests"]), versions)
