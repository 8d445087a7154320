"""The `Status` that the metrics, the status page, the JSON API and the command line show.

The status is derived from the ledger, so a restart loses nothing.  It also covers `init`, which exits before
anything can query it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from monitor.domain.build import Build
from monitor.domain.build_results import BuildResults
from monitor.domain.chains import first_chains
from monitor.domain.compared_pair import pair_of
from monitor.domain.json_text import JsonObject
from monitor.domain.regression import Measure, Success, is_late, regressions, run_verdicts
from monitor.domain.run import Reason, Run
from monitor.domain.status import RESULTS_SHOWN, Phase, Problem, Status
from monitor.domain.tracking import Counts
from monitor.domain.workload import SyncMode
from monitor.ledger.codecs import (
    COMPARISON,
    LOOKUP,
    PROBLEM,
    Reading,
    read_build,
    read_node,
    read_problem,
    read_progress,
    read_volume,
)

_DAY_SECONDS = 86400.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The part of the ledger that a status is derived from.

    `runs` are the newest started runs, newest first.  `totals` is the number of ended runs by (outcome,
    reason); `interventions` is the number of workloads by kind of intervention.  `compared` are the
    successful runs that the newest run may be compared with, from the run `baseline_begins` on (0: all).
    `last_success` is the newest success of the network and sync mode that are tested now.  `failures` counts
    the runs after it that failed, by reason; `last_failure` is the newest of them.  `ended_after_success_at` is
    when the first run after it ended.  `pin_reverts_at` are the times of the newest pin reverts, and
    `recoveries_at` those of all replacements of a damaged ledger.  Times are in Unix seconds.
    """

    runs: tuple[Run, ...]
    totals: Mapping[tuple[str, str], int]
    counts: Counts
    readings: Mapping[str, Reading]
    interventions: Mapping[str, int]
    first_run_at: float | None
    last_success: Run | None
    failures: Mapping[str, int] = field(default_factory=dict)
    last_failure: Run | None = None
    failed_builds: int = 0
    ended_after_success_at: float | None = None
    pin_reverts_at: tuple[float, ...] = ()
    recoveries_at: tuple[float, ...] = ()
    compared: tuple[Success, ...] = ()
    baseline_begins: int = 0
    paused: bool = False
    requested: Build | None = None
    confirming: Run | None = None
    build_results: BuildResults = field(default_factory=BuildResults)


def status_of(
    shown: Snapshot,
    now_wall: float,
    tester: str = "",
    own_problems: Mapping[str, Problem | None] | None = None,
) -> Status:
    """Return the status of a tester.

    `tester` is the name to show until the ledger contains one.  `own_problems` are the problems of this
    process by the names of their readings.  On a volume that cannot be written, the ledger does not contain
    them.
    """
    readings = {name: each.value for name, each in shown.readings.items()}
    configuration = readings.get("configuration", {})
    run = shown.runs[0] if shown.runs else None
    phase, image_check = readings.get("phase", {}), readings.get("image_check", {})
    tick = shown.readings.get("node")
    # `local --compare` alternates two builds, so there is no baseline; it reports its own result at the end.
    new_build = read_build(readings.get("new_build"))
    judged = regressions(shown.compared, run.sync_mode) if run and COMPARISON not in readings else {}
    problems = {name: read_problem(value) for name, value in readings.items() if name.startswith(PROBLEM)}
    problems |= own_problems or {}
    progress = read_progress(readings.get("progress"), run) if run and run.open else None
    chains = first_chains({chain for chain, _ in shown.counts}.union(progress.chains if progress else ()))
    network = str(configuration.get("network", run.network if run else ""))
    sync_mode = str(configuration.get("sync_mode", run.sync_mode if run else SyncMode.C_CHAIN_STATE_SYNC))
    pair = pair_of(readings.get(COMPARISON), shown.compared)
    current_phase = Phase(phase["phase"]) if phase.get("phase") in set(Phase) else None
    is_tested_now = run is not None and (run.network, run.sync_mode) == (network, sync_mode)
    return Status(
        at=now_wall,
        tester=str(configuration.get("tester", tester)),
        network=network,
        sync_mode=sync_mode,
        testbed=str(configuration.get("testbed", run.testbed if run else "")),
        phase=current_phase,
        # A comparison waits for its own next run, not for a new build. A result is of the newest call.
        message=pair.next_text
        if pair and (current_phase is Phase.IDLE or pair.result or pair.failure)
        else str(phase.get("message", "")),
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
        # A build is no longer new after its run has started.
        new_build=None if run and new_build and new_build.same(run.build) else new_build,
        last_image_check_at=image_check.get("succeeded_at"),
        results=tuple(each for each in shown.runs if each.outcome is not None)[:RESULTS_SHOWN],
        totals=shown.totals,
        consecutive_failures=sum(shown.failures.values()),
        last_success=shown.last_success,
        tester_since=shown.first_run_at,
        pin_reverts=shown.interventions.get("pin_revert", 0),
        recoveries=len(shown.recoveries_at),
        stray_recreations=shown.interventions.get("recreate_stray", 0),
        regressions=judged,
        baseline_begins=shown.baseline_begins,
        verdicts=run_verdicts(shown.compared, RESULTS_SHOWN) if judged else {},
        pair=pair,
        late=is_late(run, judged[Measure.DURATION].limit) if run and judged else None,
        tick_at=tick.read_at if tick else None,
        paused=shown.paused,
        requested=shown.requested,
        problems=_distinct(filter(None, problems.values())),
        last_failure=shown.last_failure,
        failed_builds=shown.failed_builds,
        build_failures=sum(shown.failures.get(reason, 0) for reason in Reason if reason.is_build_failure),
        trying_since=shown.ended_after_success_at
        or (run.started_at if run and run.open and is_tested_now else None),
        phase_since=phase.get("since"),
        lookups_failing_since=_lookups_failing_since(problems.get(PROBLEM + LOOKUP), image_check),
        recent_pin_reverts=sum(now_wall - at < _DAY_SECONDS for at in shown.pin_reverts_at),
        recovered_at=max(shown.recoveries_at, default=None),
        confirming=shown.confirming,
        build_results=shown.build_results,
    )


def _lookups_failing_since(problem: Problem | None, image_check: JsonObject) -> float | None:
    """Return since when every lookup of a newer build has failed; `None` if the last one did not fail."""
    return max(problem.since, image_check.get("succeeded_at", 0.0)) if problem else None


def _distinct(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return problems, oldest first; a problem that several parts report is included once."""
    distinct: dict[tuple[str, str], Problem] = {}
    for each in sorted(problems, key=lambda each: each.since):
        distinct.setdefault((each.cause, each.message), each)
    return tuple(distinct.values())
