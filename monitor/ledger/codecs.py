"""Codecs for readings: the newest observation of each kind, stored in the ledger as JSON under a name.

A missing or empty reading means that the value is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from monitor.decide.events import Announcement, DueAnnouncement
from monitor.domain.build import Build, Versions
from monitor.domain.json_text import JsonObject
from monitor.domain.observations import ChainActivity, ChainLog, Health, VolumeReading
from monitor.domain.run import Run
from monitor.domain.status import NodeStatus, Phase, Problem, ProgressStatus, VolumeStatus
from monitor.domain.workload import Workload
from monitor.errors import Cause

# Marks the folder of `local --compare`, whose data is deleted before each run.
COMPARISON = "comparison"
ANNOUNCEMENTS = "announcements"
PROBLEM = "problem."
"""Prefix of the names of problem readings; the part of the monitor that has the problem follows."""


@dataclass(frozen=True, slots=True)
class Reading:
    """An observation: its value, and its time (`read_at`, Unix seconds)."""

    value: JsonObject
    read_at: float


def configuration_reading(tester: str, testbed: str, workload: Workload) -> JsonObject:
    """Return the tester's configuration, as stored in the reading `configuration`."""
    return {
        "tester": tester,
        "testbed": testbed,
        "network": workload.network,
        "sync_mode": workload.sync_mode,
    }


def phase_reading(phase: Phase, message: str) -> JsonObject:
    """Return the tester's phase, as stored in the reading `phase`."""
    return {"phase": phase, "message": message}


def node_reading(status: NodeStatus) -> JsonObject:
    """Return the node's status, as stored in the reading `node`."""
    return {
        "seen_at": status.seen_at,
        "up": status.up,
        "health": status.health,
        "bootstrapped": status.bootstrapped,
        "failing_checks": list(status.failing_checks),
        "peers": status.peers,
    }


def progress_reading(run: int, status: ProgressStatus) -> JsonObject:
    """Return the progress of an open run, as stored in the reading `progress`."""
    return {
        "run": run,
        "stalled": status.stalled,
        "unknown": status.unknown,
        "chains": {
            name: {
                "activity": chain.activity,
                "ratio": chain.ratio,
                "end_at": chain.end_at,
            }
            for name, chain in status.chains.items()
        },
    }


def volume_reading(reading: VolumeReading) -> JsonObject:
    """Return the size and usage of the volume, as stored in the reading `volume`."""
    return {
        "measured_at": reading.taken.wall if reading.taken else None,
        "usage_bytes": reading.usage_bytes,
        "size_bytes": reading.size_bytes,
        "available_bytes": reading.available_bytes,
    }


def build_reading(build: Build | None) -> JsonObject:
    """Return a build that is not tested yet, as stored in the reading `new_build`; empty for `None`."""
    if build is None:
        return {}
    return {
        "image": build.image,
        "digests": sorted(build.digests),
        "versions": build.versions.to_json() if build.versions else None,
    }


def problem_reading(problem: Problem | None) -> JsonObject:
    """Return a problem, as stored in the reading `problem.…`; empty if the part has no problem."""
    if problem is None:
        return {}
    return {"cause": problem.cause, "message": problem.message, "since": problem.since}


def read_problem(value: JsonObject | None) -> Problem | None:
    """Return the problem of a reading `problem.…`; `None` if the reading is missing or empty."""
    return Problem(Cause(value["cause"]), str(value["message"]), float(value["since"])) if value else None


def read_progress(value: JsonObject | None, run: Run) -> ProgressStatus | None:
    """Return the progress of `run`; `None` if the reading is missing, empty or of another run."""
    return _progress(value) if value and value["run"] == run.number else None


def _progress(value: JsonObject) -> ProgressStatus:
    chains = {
        name: ChainLog(ChainActivity(each["activity"]), each["ratio"], each["end_at"])
        for name, each in value["chains"].items()
        if each["activity"] in set(ChainActivity)
    }
    return ProgressStatus(chains, value["stalled"], value.get("unknown", False))


def known_reading(name: str, value: JsonObject) -> JsonObject:
    """Return a stored reading; empty if it cannot be decoded, because another version wrote it."""
    try:
        if value:
            _check(name, value)
    except (ValueError, TypeError, LookupError, AttributeError):
        return {}
    return value


def _check(name: str, value: JsonObject) -> None:
    match name:
        case "node":
            read_node(value)
        case "volume":
            read_volume(value, None)
        case "new_build":
            read_build(value)
        case "progress":
            _progress(value | {"run": int(value["run"])})
        case "configuration":
            _ = value["network"], value["sync_mode"]
        case "announcements":
            read_announcements(value)
        case "adopt_token":
            _ = value["token"]
        case _ if name.startswith(PROBLEM):
            read_problem(value)
        case _:
            pass


def read_node(value: JsonObject | None) -> NodeStatus | None:
    """Return the node's status; `None` if the node was never observed."""
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


def read_volume(value: JsonObject | None, run: Run | None) -> VolumeStatus | None:
    """Return the status of the volume; `None` if it was never measured.

    The disk usage is `None` if it was measured before the open run started: that data belongs to an earlier
    run.
    """
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


def read_build(value: JsonObject | None) -> Build | None:
    """Return the build that waits to be tested; `None` if there is no such build."""
    if not value:
        return None
    versions = Versions.parse(value["versions"]) if value["versions"] else None
    return Build(value["image"], frozenset(value["digests"]), versions)


def announcements_reading(due: Iterable[DueAnnouncement]) -> JsonObject:
    """Return the announcements that are not sent yet, as stored in the reading `announcements`."""
    return {"due": [asdict(each.announcement) | {"made_at": each.made_at} for each in due]}


def read_announcements(value: JsonObject | None) -> tuple[DueAnnouncement, ...]:
    """Return the announcements that are not sent yet, oldest first."""
    found = value["due"] if value else ()
    return tuple(
        DueAnnouncement(
            Announcement(str(each["reason"]), str(each["message"]), warning=bool(each["warning"])),
            float(each["made_at"]),
        )
        for each in found
    )
