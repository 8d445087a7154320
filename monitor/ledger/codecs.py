"""Codecs for the values that the ledger stores as JSON: readings, and the tracking data of a run.

A reading is the newest observation of its kind, stored under a name.  A missing or empty reading means that
the value is unknown.  The names of fields are those of the dataclass, so that a new field needs no code here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from operator import itemgetter
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from monitor.decide.events import Announcement, DueAnnouncement
from monitor.domain.build import Build, Versions
from monitor.domain.json_text import JsonObject, json_object, json_text
from monitor.domain.observations import ChainActivity, Health, VolumeReading
from monitor.domain.run import Run
from monitor.domain.status import NodeStatus, Phase, Problem, ProgressStatus, VolumeStatus
from monitor.domain.tracking import RunTracking
from monitor.domain.workload import Workload

# Marks the folder of `local --compare`, whose data is deleted before each run.
COMPARISON = "comparison"
ANNOUNCEMENTS = "announcements"
READINGS_WITH_SINCE = frozenset({"node", "phase"})
PROBLEM = "problem."
"""Prefix of the names of problem readings; the part of the monitor that has the problem follows."""
LOOKUP = "image"
"""Part of the monitor that looks up newer builds."""

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Reading:
    """An observation: its value, and its time (`read_at`, Unix seconds)."""

    value: JsonObject
    read_at: float


def decoded(kind: type[_Value], value: Mapping[str, Any]) -> _Value:
    """Return a dataclass from its fields; ignore unknown fields and use defaults for missing ones.

    Raises:
        ValueError: a field has another type, or a field without a default is missing.
    """
    instance: _Value = _adapter(cast("Any", kind)).validate_python(value)
    return instance


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    """Return the pydantic adapter of a dataclass, created at the first use because creating it is slow."""
    return TypeAdapter(kind)


def tracking_text(tracking: RunTracking) -> str:
    """Return a run's tracking data as JSON."""
    return json_text(asdict(tracking))


def tracking_of(text: str) -> RunTracking:
    """Return the tracking data of a JSON text."""
    value = json_object(text)
    json_text(value)  # raises ValueError for infinite numbers
    try:
        return decoded(RunTracking, value)
    except ValidationError:
        # A newer monitor may have written stages of chains that are unknown to this one.
        return decoded(RunTracking, value | {"chains": {}})


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
    return asdict(status)


def read_node(value: JsonObject | None) -> NodeStatus | None:
    """Return the node's status; `None` if the node was never observed."""
    return decoded(NodeStatus, value) if value else None


def with_since(name: str, value: JsonObject, previous: JsonObject, at: float) -> JsonObject:
    """Return a reading with the time since which its state has lasted, in Unix seconds.

    The state is the phase, or that the node has not been observed healthy. `previous` is the reading before.
    """
    match name:
        case "phase":
            same = previous.get("phase") == value.get("phase")
            return value | {"since": previous.get("since", at) if same else at}
        case "node":
            since = None if value.get("health") == Health.HEALTHY else previous.get("not_healthy_since") or at
            return value | {"not_healthy_since": since}
        case _:
            return value


def progress_reading(run: int, status: ProgressStatus) -> JsonObject:
    """Return the progress of an open run, as stored in the reading `progress`."""
    shown = ("activity", "ratio", "end_at")
    chains = {name: {field: getattr(log, field) for field in shown} for name, log in status.chains.items()}
    return {"run": run, "stalled": status.stalled, "unknown": status.unknown, "chains": chains}


def read_progress(value: JsonObject | None, run: Run) -> ProgressStatus | None:
    """Return the progress of `run`; `None` if the reading is missing, empty or of another run."""
    return _progress(value) if value and value["run"] == run.number else None


def _progress(value: JsonObject) -> ProgressStatus:
    known = {name: log for name, log in value["chains"].items() if log["activity"] in set(ChainActivity)}
    return decoded(ProgressStatus, value | {"chains": known})


def volume_reading(reading: VolumeReading) -> JsonObject:
    """Return the size and usage of the volume, as stored in the reading `volume`; empty if not measured."""
    if reading.taken is None:
        return {}
    return asdict(
        VolumeStatus(reading.taken.wall, reading.usage_bytes, reading.size_bytes, reading.available_bytes)
    )


def read_volume(value: JsonObject | None, run: Run | None) -> VolumeStatus | None:
    """Return the status of the volume; `None` if it was never measured.

    The disk usage is `None` if it was measured before the open run started: that data belongs to an earlier
    run.
    """
    if not value:
        return None
    status = decoded(VolumeStatus, value)
    started_at = run.started_at if run and run.open else None
    outdated = started_at is not None and status.measured_at < started_at
    return replace(status, usage_bytes=None) if outdated else status


def build_reading(build: Build | None) -> JsonObject:
    """Return a build that is not tested yet, as stored in the reading `new_build`; empty for `None`."""
    if build is None:
        return {}
    return {
        "image": build.image,
        "digests": sorted(build.digests),
        "versions": build.versions.to_json() if build.versions else None,
    }


def read_build(value: JsonObject | None) -> Build | None:
    """Return the build that waits to be tested; `None` if there is no such build."""
    if not value:
        return None
    return build_from(value["image"], value["digests"], value["versions"])


def build_from(image: str, digests: Iterable[str], versions: str | None) -> Build:
    """Return a build from its stored fields; `versions` is JSON, as a node prints it."""
    known = Versions.parse(versions) if versions else None
    return decoded(Build, {"image": image, "digests": digests, "versions": known})


def problem_reading(problem: Problem | None) -> JsonObject:
    """Return a problem, as stored in the reading `problem.…`; empty if the part has no problem."""
    return asdict(problem) if problem else {}


def read_problem(value: JsonObject | None) -> Problem | None:
    """Return the problem of a reading `problem.…`; `None` if the reading is missing or empty."""
    return decoded(Problem, value) if value else None


def announcements_reading(due: Iterable[DueAnnouncement]) -> JsonObject:
    """Return the announcements that are not sent yet, as stored in the reading `announcements`."""
    return {"due": [asdict(waiting.announcement) | {"made_at": waiting.made_at} for waiting in due]}


def read_announcements(value: JsonObject | None) -> tuple[DueAnnouncement, ...]:
    """Return the announcements that are not sent yet, oldest first."""
    waiting = value["due"] if value else ()
    return tuple(
        DueAnnouncement(decoded(Announcement, fields), float(fields["made_at"])) for fields in waiting
    )


def _time(name: str) -> Callable[[JsonObject], float]:
    """Return a function that returns a field of a reading as Unix seconds, and 0 if the field is missing."""
    return lambda value: 0.0 + value.get(name, 0.0)  # raises TypeError for other types


_DECODERS: Mapping[str, Callable[[JsonObject], object]] = {
    "adopt_token": itemgetter("token"),
    "configuration": itemgetter("network", "sync_mode"),
    "image_check": _time("succeeded_at"),
    "phase": _time("since"),
    "new_build": read_build,
    "node": read_node,
    "progress": lambda value: (int(value["run"]), _progress(value)),
    "volume": lambda value: read_volume(value, None),
    ANNOUNCEMENTS: read_announcements,
    PROBLEM: read_problem,
}


def known_reading(name: str, value: JsonObject) -> JsonObject:
    """Return a stored reading; empty if it cannot be decoded, because another version wrote it."""
    decode = _DECODERS.get(PROBLEM if name.startswith(PROBLEM) else name)
    try:
        if value and decode is not None:
            decode(value)
    except (ValueError, TypeError, LookupError, AttributeError):
        return {}
    return value
