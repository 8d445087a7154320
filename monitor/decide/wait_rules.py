"""Rules of `wait-for-completion`, which judge the open run and then look for the next build.

Each tick evaluates the rules once. A rule about an open run matches only while the run belongs to this
workload. A condition that could also be an outage is not a verdict.
"""

from __future__ import annotations

from collections.abc import Callable

from monitor.avalanchego.conventions import STAKING_PORT
from monitor.decide.decisions import (
    Decision,
    Intervention,
    Pin,
    RecordAttempt,
    RecordIntervention,
    Recreate,
    WaitDecision,
)
from monitor.decide.next_build import next_build, retest_at
from monitor.decide.state import WaitState
from monitor.decide.verdict_rules import (
    IDENTITY_HIDDEN,
    OUTDATED_SECONDS,
    build_is_outdated,
    identity_mismatch,
    low_disk_text,
    node_crashes,
    node_does_not_start,
    node_is_healthy,
    node_is_misconfigured,
    node_stays_unhealthy,
    refusal_text,
    run_is_overdue,
    run_stalls,
    volume_is_full,
)
from monitor.domain.build import Build
from monitor.domain.chains import chain_name
from monitor.domain.duration import duration_text
from monitor.domain.instant import rfc3339_text
from monitor.domain.observations import NodeAnswering, NodeDown
from monitor.domain.run import AttemptCause, Run
from monitor.domain.status import Phase
from monitor.domain.tracking import RunTracking

STRAY_RECREATION_SECONDS = 600.0
PROGRESS_UNKNOWN = "progress unknown: no metric or log line shows it, and the node's data does not grow"
BLOCKED_LONG_SECONDS = 86400.0
WAITING = "waiting for a new build"


WaitRule = Callable[[WaitState], WaitDecision | None]


def held_text(pod: str) -> str:
    """Return a message that another pod, named by its UID, holds the volume."""
    return f"pod {pod} holds the volume"


def decide_wait(state: WaitState) -> WaitDecision:
    """Return the decision of the first rule of `wait-for-completion` that matches; the last rule always does."""
    return next(decision for rule in WAIT_RULES if (decision := rule(state)) is not None)


def run_belongs_to_other_pod(state: WaitState) -> WaitDecision | None:
    """Rule 0: judge nothing if the last run on the volume is not the run of this pod."""
    if state.workload is None:
        return _quiet("waiting for the platform to report the workload")
    if state.held_by is not None:
        return _quiet(held_text(state.held_by))
    if state.last is not None and state.last.is_of(state.workload) and not _awaits_start(state, state.last):
        return None
    recent = state.seconds_since_stray_recreation
    if isinstance(state.node, NodeDown) or (recent is not None and recent < STRAY_RECREATION_SECONDS):
        return _quiet("no run of this build has started yet")
    return Decision(
        rule="run_belongs_to_other_pod",
        message="the node is running, but init has not started a run for it; recreating the pod",
        phase=Phase.STARTING,
        records=(RecordIntervention(Intervention.RECREATE_STRAY, state.workload.uid, state.workload.image),),
        actions=(Recreate(unchanged=True),),
    )


def build_is_due(state: WaitState) -> WaitDecision | None:
    """Rule 9: unless paused, switch to the next build if the run has ended or may be interrupted."""
    run = state.last
    if run is None or state.workload is None or (run.open and not _may_be_cut_short(state, run)):
        return None
    if state.attempt is not None:
        return _switched(run, state.attempt.build, state.attempt.cause, ())
    if state.paused:
        return None
    candidate = next_build(state, run)
    if candidate is None:
        return None
    build, cause = candidate
    return _switched(run, build, cause, (RecordAttempt(build, cause, state.workload.uid),))


def blocked_for_long(run: Run) -> bool:
    """Return whether a run has been blocked for so long that another build is worth more than the run.

    The build itself may be the reason why the node finds no peers.
    """
    return run.tracking.blocked_seconds >= BLOCKED_LONG_SECONDS


def nothing_to_do(state: WaitState) -> WaitDecision:
    """Rule 10: otherwise keep waiting."""
    run = state.last
    if run is None or not run.open:
        if state.paused:
            return Decision("nothing_to_do", "no new build is taken until resume", Phase.PAUSED)
        return Decision("nothing_to_do", _idle_text(state, run), Phase.IDLE)
    return _waiting_for(state, run)


def _idle_text(state: WaitState, run: Run | None) -> str:
    """Return what an idle tester waits for; a retry may precede the retest after a failure of the testbed."""
    if run is None or not run.is_conclusive or (at := retest_at(state, run)) is None:
        return WAITING
    which = "this" if state.newest and state.newest.same(run.build) else "the newest"
    return f"{WAITING}; retest of {which} one at {rfc3339_text(at)}"


def _waiting_for(state: WaitState, run: Run) -> WaitDecision:
    """Return the decision to keep waiting, with the phase of the open run and the reason for the wait."""
    phase, message = _progress_of(state, run)
    low_disk_at = run.tracking.low_disk_at
    if low_disk_at is not None and phase is not Phase.BLOCKED:  # timers are paused while the run is blocked
        message = f"{message}; {low_disk_text(state, low_disk_at)}"
    return Decision("nothing_to_do", message, phase)


def _progress_of(state: WaitState, run: Run) -> tuple[Phase, str]:
    tracking, warning_seconds = run.tracking, state.policy.stall_warning_seconds
    if state.blocked:
        if tracking.refusal.is_fresh:
            limit = duration_text(OUTDATED_SECONDS)
            return Phase.BLOCKED, f"{refusal_text(state.log)}; the run fails as outdated after {limit}"
        return (
            Phase.BLOCKED,
            f"{state.blocked}; timers are paused. Check outbound TCP {STAKING_PORT} and DNS.",
        )
    if tracking.healthy is not None:
        return (
            Phase.SOAKING,
            "healthy; confirming that it stays healthy (soak)"
            if tracking.identity_agreed
            else IDENTITY_HIDDEN,
        )
    if not isinstance(state.node, NodeAnswering):
        return Phase.STARTING, f"waiting for the node: {state.node.message}"
    return Phase.BOOTSTRAPPING, _bootstrapping_text(state.node, tracking, warning_seconds)


def _bootstrapping_text(node: NodeAnswering, tracking: RunTracking, warning_seconds: float) -> str:
    queued = _queued_blocks(node, tracking)
    if queued:
        return f"healthy, but {queued:,.0f} accepted blocks are not executed yet"
    if tracking.idle_seconds >= warning_seconds:
        chain = f" of chain {chain_name(tracking.stalled_chain)}" if tracking.stalled_chain else ""
        return f"no progress{chain} for {duration_text(warning_seconds)} or longer"
    return PROGRESS_UNKNOWN if tracking.unknown_seconds >= warning_seconds else "bootstrapping"


def _queued_blocks(node: NodeAnswering, tracking: RunTracking) -> float:
    """Return how many accepted blocks a node that reports itself healthy has not executed yet."""
    if node.metrics is None or node.health is None or not node.health.healthy:
        return 0.0
    return sum(
        max(0.0, target - node.metrics.counters.get((name, "height_executed"), 0.0))
        for name, target in tracking.execution_targets.items()
    )


WAIT_RULES: tuple[WaitRule, ...] = (
    run_belongs_to_other_pod,  # 0
    identity_mismatch,  # 1
    node_is_healthy,  # 2
    volume_is_full,  # 3
    node_does_not_start,  # 4
    node_is_misconfigured,  # 4a
    node_crashes,  # 5
    node_stays_unhealthy,  # 6
    build_is_outdated,  # 6a
    run_stalls,  # 7
    run_is_overdue,  # 8
    build_is_due,  # 9
    nothing_to_do,  # 10
)


def _awaits_start(state: WaitState, last: Run) -> bool:
    """Return whether this pod is meant for a newer run, which `init` is starting or will start."""
    if state.clearing is not None:
        return True
    attempt, workload = state.attempt, state.workload
    return (
        attempt is not None
        and workload is not None
        and attempt.build.same(last.build)
        and attempt.uid != workload.uid
    )


def _quiet(message: str) -> WaitDecision:
    return Decision(rule="run_belongs_to_other_pod", message=message)


def _may_be_cut_short(state: WaitState, run: Run) -> bool:
    return state.policy.restart_on_new_build or blocked_for_long(run)


def _switched(
    run: Run, build: Build, cause: AttemptCause, records: tuple[RecordAttempt, ...]
) -> WaitDecision:
    again = f"bootstrapping {build.image} again"
    message = {
        AttemptCause.CONFIRM: f"{again}, to confirm the result of run {run.number}",
        AttemptCause.RETEST: f"{again}, as there is no newer build",
    }
    return Decision(
        rule="build_is_due",
        message=message.get(cause, f"switching to {build.image}"),
        phase=Phase.STARTING,
        records=records,
        actions=(Pin(build), Recreate(unchanged=build.same(run.build))),
    )
