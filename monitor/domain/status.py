"""All that is known of a tester at one moment, as every output shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from monitor.domain.build import Build
from monitor.domain.observations import ChainLog, Health
from monitor.domain.regression import Regressions
from monitor.domain.run import Run
from monitor.domain.tracking import Counts
from monitor.errors import Cause

RESULTS_SHOWN = 20
HISTORY_SHOWN = 1000


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
    """The progress of the open run: each chain by its log, whether it is overdue, and whether it is unknown."""

    chains: Mapping[str, ChainLog]
    stalled: bool
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that keeps the tester from progressing: why, in one line, and since when (Unix seconds)."""

    cause: Cause
    message: str
    since: float


@dataclass(frozen=True, slots=True)
class Status:
    """All that is known of a tester at one moment.

    `run` is the newest that started, `results` the newest that ended, newest first; `totals` counts all by
    (outcome, reason).  `notice` says why nothing is judged, where that is so.  `new_build` was found
    and is not tested yet.  `paused` and `requested` are what a person asked for, whether a monitor has looked since
    or not: that no new build is taken, and which one is to run again.  `regressions` and `late` are of the newest
    run's network, mode and testbed, of the runs from `baseline_begins` on (0: all).  `problems` are what keeps the
    tester from progressing now, the oldest first.
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
    problems: tuple[Problem, ...] = ()
