"""State of a tester at one moment, as every output shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from monitor.domain.build import Build
from monitor.domain.build_results import BuildResults
from monitor.domain.compared_pair import ComparedPair
from monitor.domain.observations import ChainLog, Health
from monitor.domain.regression import Regressions, RunVerdicts
from monitor.domain.run import Run
from monitor.domain.tracking import Counts
from monitor.errors import Cause

RESULTS_SHOWN = 20
HISTORY_SHOWN = 1000


class Phase(StrEnum):
    """Phase of a tester, which is in exactly one phase at a time."""

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
    """Last observation of the node; values that were not observed are `None`.

    `not_healthy_since` is since when the node has not been observed healthy, in Unix seconds (`None`: it is
    healthy). The ledger sets it.
    """

    seen_at: float
    up: bool
    health: Health
    bootstrapped: bool | None = None
    failing_checks: tuple[str, ...] = ()
    peers: int | None = None
    not_healthy_since: float | None = None


@dataclass(frozen=True, slots=True)
class VolumeStatus:
    """Last measurement of the volume."""

    measured_at: float
    usage_bytes: int | None
    size_bytes: int
    available_bytes: int


@dataclass(frozen=True, slots=True)
class ProgressStatus:
    """Progress of the open run: the log of each chain, and whether the progress is stalled or unknown."""

    chains: Mapping[str, ChainLog]
    stalled: bool
    unknown: bool = False

    @property
    def predicts_end(self) -> bool:
        """Whether the node's estimates of the end of a stage apply; a stalled node repeats its last one."""
        return not (self.stalled or self.unknown)


@dataclass(frozen=True, slots=True)
class Problem:
    """Problem that keeps the tester from progressing: cause, one-line message, and start in Unix seconds."""

    cause: Cause
    message: str
    since: float


@dataclass(frozen=True, slots=True)
class Status:
    """State of a tester at one moment.

    `run` is the newest run that started. `results` are the newest runs that ended, newest first. `totals`
    counts all runs that ended by (outcome, reason). `notice` is the reason why nothing is judged; empty if
    there is no reason. `new_build` is a build that was found but is not tested yet.

    `paused` and `requested` are an operator's requests: to take no new build, and the build to run again.
    They are shown even if no monitor has read them yet. `regressions` and `late` are for the network, sync
    mode and testbed of the newest run. They cover the runs from `baseline_begins` on (0: all). `verdicts` are
    those on the compared runs, by number. `pair` are the builds of `local --compare`. `problems` are the
    current problems, oldest first.

    `last_failure`, `build_failures` and `trying_since` cover the runs after `last_success`, of its network and
    sync mode: the newest failed run, the number of runs that failed because of the build, and since when the
    tester has been trying to succeed (Unix seconds; `None`: it is not trying). `phase_since` and
    `lookups_failing_since` are since when the phase lasts, and since when every lookup of a newer build has
    failed. `recent_pin_reverts` is the number of pin reverts within the last day, and `recovered_at` is when a
    damaged ledger was last replaced.

    `confirming` is the ended run whose result another run of its build confirms, or is about to confirm.
    `build_results` are the results of the build of the newest ended run.
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
    verdicts: Mapping[int, RunVerdicts] = field(default_factory=dict)
    pair: ComparedPair | None = None
    tick_at: float | None = None
    paused: bool = False
    requested: Build | None = None
    problems: tuple[Problem, ...] = ()
    last_failure: Run | None = None
    build_failures: int = 0
    failed_builds: int = 0
    trying_since: float | None = None
    phase_since: float | None = None
    lookups_failing_since: float | None = None
    recent_pin_reverts: int = 0
    recovered_at: float | None = None
    confirming: Run | None = None
    build_results: BuildResults = field(default_factory=BuildResults)
