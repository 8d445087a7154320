"""The rules of `wait-for-completion`: judge the run that is open, then look for the next build.

Each tick asks them once.  A rule that is about an open run matches only while it is this workload's; what
cannot be told apart from an outage is no verdict.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from monitor.decide.vocabulary import (
    Decision,
    EndRun,
    Intervention,
    Pin,
    RecordAttempt,
    RecordIntervention,
    Recreate,
)
from monitor.model import (
    Attempt,
    AttemptCause,
    Build,
    HealthyStreak,
    Instant,
    NodeAnswering,
    NodeDown,
    NodeIdentity,
    NodeReading,
    Outcome,
    Phase,
    Policy,
    Reason,
    Run,
    VolumeReading,
    Workload,
)
from monitor.networks import network_name

STRAY_RECREATION_SECONDS = 600.0
DISK_MEASUREMENT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class WaitState:
    """All that a tick decides by; `last` has its books brought up to this tick.

    `workload` is `None` while the platform has not said what runs; `held_by` names another live holder of the
    volume.  `seconds_since_stray_recreation` is `None` if there was none.
    """

    now: Instant
    policy: Policy
    workload: Workload | None
    held_by: str | None
    last: Run | None
    clearing: Run | None
    attempt: Attempt | None
    node: NodeReading
    volume: VolumeReading | None
    newest: Build | None
    newest_judged: bool
    seconds_since_stray_recreation: float | None


def decide_wait(state: WaitState) -> Decision:
    """What this tick concludes."""
    for rule in WAIT_RULES:
        decision = rule(state)
        if decision is not None:
            return decision
    raise AssertionError("the last rule always answers")


def run_is_not_this_pods(state: WaitState) -> Decision | None:
    """Rule 0: the volume's run is not what this pod runs: judge nothing."""
    if state.workload is None:
        return _quiet("what this pod runs is not known yet")
    if state.held_by is not None:
        return _quiet(f"pod {state.held_by} holds the volume")
    if state.last is not None and state.last.is_of(state.workload) and not _awaits_start(state, state.last):
        return None
    recent = state.seconds_since_stray_recreation
    if isinstance(state.node, NodeDown) or (recent is not None and recent < STRAY_RECREATION_SECONDS):
        return _quiet("no run of the build that is set has started yet")
    return Decision(
        rule="run_is_not_this_pods",
        message="the node runs but init started no run of it: recreating it",
        phase=Phase.STARTING,
        records=(RecordIntervention(Intervention.RECREATE_STRAY, state.workload.uid, state.workload.image),),
        actions=(Recreate(unchanged=True),),
    )


def node_is_another(state: WaitState) -> Decision | None:
    """Rule 1: the node itself says it runs another network or another commit."""
    run, identity = state.last, _identity(state)
    if run is None or not run.open or identity is None:
        return None
    difference = identity_difference(run, identity)
    if difference is None:
        return None
    return Decision(
        rule="node_is_another",
        message=difference,
        phase=Phase.IDLE,
        records=(_ended(state, run, Outcome.FAILED, Reason.MISCONFIGURED, difference),),
    )


def node_is_healthy(state: WaitState) -> Decision | None:
    """Rule 2: healthy, and still so after the soak."""
    run = state.last
    if run is None or not run.open:
        return None
    streak, books = run.bookkeeping.healthy, run.bookkeeping
    if streak is None or streak.observed_seconds < state.policy.soak_seconds or not books.identity_agreed:
        return None
    if not _measured_since(state, streak):
        return None
    message = f"run {run.number} of {run.build.image} succeeded"
    return Decision(
        rule="node_is_healthy",
        message=message,
        phase=Phase.IDLE,
        records=(_ended(state, run, Outcome.SUCCEEDED, None, message),),
    )


def build_is_due(state: WaitState) -> Decision | None:
    """Rule 9: the run is finished, or may be cut short, and there is a build to run."""
    run = state.last
    if run is None or state.workload is None or (run.open and not state.policy.restart_on_new_build):
        return None
    if state.attempt is not None:
        return _switched(run, state.attempt.build, ())
    newest = state.newest
    if newest is None or state.newest_judged or newest.same(run.build):
        return None
    return _switched(run, newest, (RecordAttempt(newest, AttemptCause.NEW_BUILD, state.workload.uid),))


def nothing_to_do(state: WaitState) -> Decision:
    """Rule 10: keep waiting."""
    run = state.last
    if run is None or not run.open:
        return Decision("nothing_to_do", "waiting for a new build", Phase.IDLE)
    if run.bookkeeping.healthy is not None:
        return Decision("nothing_to_do", "healthy: waiting whether it stays so", Phase.SOAKING)
    if isinstance(state.node, NodeAnswering):
        return Decision("nothing_to_do", "bootstrapping", Phase.BOOTSTRAPPING)
    return Decision("nothing_to_do", f"waiting for the node: {state.node.message}", Phase.STARTING)


WaitRule = Callable[[WaitState], Decision | None]

WAIT_RULES: tuple[WaitRule, ...] = (
    run_is_not_this_pods,  # 0
    node_is_another,  # 1
    node_is_healthy,  # 2
    build_is_due,  # 9
    nothing_to_do,  # 10
)


def identity_difference(run: Run, identity: NodeIdentity) -> str | None:
    """How the node differs from what the run is of; `None` where it agrees."""
    network = network_name(identity.network_id)
    if network != run.network:
        return f"the node is on network {network}, but the run is of {run.network}"
    if run.build.commit and identity.commit and run.build.commit != identity.commit:
        return f"the node is of commit {identity.commit}, but the build is of {run.build.commit}"
    return None


def _awaits_start(state: WaitState, last: Run) -> bool:
    """Whether another run than the last is what this pod is for: `init` is at it, or will be."""
    if state.clearing is not None:
        return True
    attempt, workload = state.attempt, state.workload
    return (
        attempt is not None
        and workload is not None
        and attempt.build.same(last.build)
        and attempt.uid != workload.uid
    )


def _quiet(message: str) -> Decision:
    return Decision(rule="run_is_not_this_pods", message=message)


def _identity(state: WaitState) -> NodeIdentity | None:
    return state.node.identity if isinstance(state.node, NodeAnswering) else None


def _measured_since(state: WaitState, streak: HealthyStreak) -> bool:
    """Whether the disk was measured since the node was healthy, or it is too late to wait for that."""
    volume = state.volume
    if streak.observed_seconds >= state.policy.soak_seconds + DISK_MEASUREMENT_SECONDS:
        return True
    return volume is not None and volume.taken.boot_seconds >= streak.since_boot_seconds


def _ended(state: WaitState, run: Run, outcome: Outcome, reason: Reason | None, message: str) -> EndRun:
    books = run.bookkeeping
    healthy = books.healthy if outcome is Outcome.SUCCEEDED else None
    end = healthy.since_wall if healthy else state.now.wall
    duration: float | None = healthy.active_seconds_at_start if healthy else books.active_seconds
    wall: float | None = max(0.0, end - run.started_at) if run.started_at is not None else None
    if run.recovered:
        duration = wall = None  # nobody knows what was before
    usage = state.volume.usage_bytes if state.volume else None
    return EndRun(run, outcome, reason, message, duration, wall, usage)


def _switched(run: Run, build: Build, records: tuple[RecordAttempt, ...]) -> Decision:
    return Decision(
        rule="build_is_due",
        message=f"going on with {build.image}",
        phase=Phase.STARTING,
        records=records,
        actions=(Pin(build), Recreate(unchanged=build.same(run.build))),
    )
