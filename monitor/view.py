"""The one Status that metrics, page, JSON and command line show.

It is made from the ledger alone: so `init`, which ends before anything could ask it, shows in it too, and a
restart loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from monitor.chain_signals import first_chains
from monitor.model import Build, Counts, Phase, Run, SyncMode
from monitor.readings import (
    COMPARISON,
    PROBLEM,
    NodeStatus,
    Problem,
    ProgressStatus,
    Reading,
    VolumeStatus,
    read_build,
    read_node,
    read_problem,
    read_progress,
    read_volume,
)
from monitor.regression import Measure, Regressions, Success, is_late, regressions

RESULTS_SHOWN = 20
HISTORY_SHOWN = 1000


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


def status_of(
    shown: Snapshot,
    now_wall: float,
    tester: str = "",
    own_problems: Mapping[str, Problem | None] | None = None,
) -> Status:
    """Make the Status; `tester` is its name until the ledger knows it.

    `own_problems` are those of this process, by the names of their readings: a volume that cannot be written is known
    here alone.
    """
    readings = {name: each.value for name, each in shown.readings.items()}
    configuration = readings.get("configuration", {})
    run = shown.runs[0] if shown.runs else None
    phase = readings.get("phase", {})
    tick = shown.readings.get("node")
    # Of two builds in turns nothing is usual: what a comparison finds is told at its end.
    found = read_build(readings.get("new_build"))
    judged = regressions(shown.compared, run.sync_mode) if run and COMPARISON not in readings else {}
    problems = {name: read_problem(value) for name, value in readings.items() if name.startswith(PROBLEM)}
    problems |= own_problems or {}
    progress = read_progress(readings.get("progress"), run) if run and run.open else None
    chains = first_chains({chain for chain, _ in shown.counts}.union(progress.chains if progress else ()))
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
        counts={key: count for key, count in shown.counts.items() if key[0] in chains},
        progress=replace(
            progress, chains={name: log for name, log in progress.chains.items() if name in chains}
        )
        if progress
        else None,
        node=read_node(readings.get("node")),
        volume=read_volume(readings.get("volume"), run),
        # What was found is not new any more once its run has begun.
        new_build=None if run and found and found.same(run.build) else found,
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
        problems=_distinct(filter(None, problems.values())),
    )


def _distinct(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return problems, the oldest first; one that several parts of the monitor met is there once."""
    found: dict[tuple[str, str], Problem] = {}
    for each in sorted(problems, key=lambda each: each.since):
        found.setdefault((each.cause, each.message), each)
    return tuple(found.values())
