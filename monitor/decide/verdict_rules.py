"""Rules that end a run with a verdict.

Each rule returns its decision on the open run of this workload, or `None`. `WAIT_RULES` defines their order.
Verdicts rest on observations only: timers count observed time, and a value that was not read is never a
reason.
"""

from __future__ import annotations

from monitor.decide.decisions import Decision, EndRun, KeepLogTail, WaitDecision
from monitor.decide.state import WaitState
from monitor.domain.chains import chain_name, chain_text
from monitor.domain.duration import duration_text
from monitor.domain.instant import Instant, time_text
from monitor.domain.observations import NodeAnswering, NodeLog, VolumeReading
from monitor.domain.plural import plural
from monitor.domain.policy import Policy
from monitor.domain.run import Outcome, Reason, Run, identity_difference
from monitor.domain.sanitize import one_line
from monitor.domain.status import Phase
from monitor.domain.tracking import HealthyStreak
from monitor.domain.workload import NodeProcess, SyncMode

DISK_MEASUREMENT_SECONDS = 600.0
MAX_RESTARTS = 50
# The node counts as working for this long after progress, or after a disk write in a long stage.
LIFE_SECONDS = 600.0
LATER_START_FACTOR = 24.0
MISCONFIGURED_STARTS = 2
MESSAGE_CHARACTERS = 1000
IDENTITY_HIDDEN = "healthy, but the node does not report its network and commit: enable its info API"
# Within this time the node contacts every peer several times, and none of them accepts it.
OUTDATED_SECONDS = 900.0
_DAY_SECONDS = 86400.0
DEADLINE_SECONDS = {SyncMode.FULL_SYNC: 60 * _DAY_SECONDS}
DEADLINE_SECONDS_OTHERWISE = 14 * _DAY_SECONDS
MAX_BASELINES = 3
# AvalancheGo stops if less than this share is free, unless configured otherwise (avalanchego
# `config/flags.go`, `system-tracker-disk-required-available-space-percentage`).
NODE_STOPS_RATIO = 0.03
# Share of the timeout after which a stopped node ends the run. A burst of writes by another user of the
# volume can stop the node too.
STOPPED_SHARE = 1 / 12
_OUT_OF_SPACE = ("low on disk space", "no space left on device")
# Three times a baseline of a few seconds would measure the machine's noise.
MIN_DEADLINE_SECONDS = 3600.0


def identity_mismatch(state: WaitState) -> WaitDecision | None:
    """Rule 1: fail if the node reports another network or commit than the run has, or never reports them."""
    run = _open_run(state)
    if run is not None and _hides_its_identity(state, run):
        return _failed("identity_mismatch", state, run, Reason.MISCONFIGURED, IDENTITY_HIDDEN)
    identity = state.node.identity if isinstance(state.node, NodeAnswering) else None
    if run is None or identity is None:
        return None
    difference = identity_difference(run, identity)
    if difference is None:
        return None
    return _failed("identity_mismatch", state, run, Reason.MISCONFIGURED, difference)


def node_is_healthy(state: WaitState) -> WaitDecision | None:
    """Rule 2: succeed if the node is healthy and has stayed healthy for the soak."""
    run = _open_run(state)
    if run is None:
        return None
    streak, tracking = run.tracking.healthy, run.tracking
    if streak is None or streak.observed_seconds < state.policy.soak_seconds or not tracking.identity_agreed:
        return None
    if not _measured_since(state, run, streak):
        return None
    message = f"run {run.number} of {run.build.image} succeeded{_unseen_queue(state, run)}"
    return Decision(
        rule="node_is_healthy",
        message=message,
        phase=Phase.IDLE,
        records=(_ended(state, run, Outcome.SUCCEEDED, None, message),),
    )


def volume_is_full(state: WaitState) -> WaitDecision | None:
    """Rule 3: fail if free space has been too low for the node to be healthy, or to run, for too long."""
    run, timeout = _open_run(state), state.policy.unhealthy_timeout_seconds
    free = state.volume.available_ratio if state.volume else None
    if run is None or free is None or free >= state.policy.disk_floor_ratio:
        return None
    tracking, stopped_timeout = run.tracking, STOPPED_SHARE * timeout
    if tracking.starved_seconds >= stopped_timeout:
        why = f"; low disk space has kept the node stopped for {duration_text(stopped_timeout)}"
    elif tracking.low_disk_seconds >= timeout:
        why = f", less than the floor of {state.policy.disk_floor_ratio:.0%} for {duration_text(timeout)}"
    else:
        return None
    message = f"{free:.1%} of the volume is free{why}"
    return _failed("volume_is_full", state, run, Reason.DISK_FULL, message)


def has_room(volume: VolumeReading | None, policy: Policy) -> bool:
    """Return whether the volume is known to have the free space that monitor and node require."""
    free = volume.available_ratio if volume else None
    return free is not None and free >= max(policy.disk_floor_ratio, NODE_STOPS_RATIO)


def low_disk_text(state: WaitState, since: float) -> str:
    """Return a message that disk space is low, since when, and when the run fails because of that."""
    timeout = state.policy.unhealthy_timeout_seconds
    return (
        f"less than {state.policy.disk_floor_ratio:.0%} of the volume has been free since {time_text(since)}; the run "
        f"fails as disk_full if that lasts {duration_text(timeout)}, or if it stops the node for "
        f"{duration_text(STOPPED_SHARE * timeout)}"
    )


def node_does_not_start(state: WaitState) -> WaitDecision | None:
    """Rule 4: fail if the platform does not start the node's process; wait longer if the node has run."""
    run, timeout = _open_run(state), state.policy.start_timeout_seconds
    if run is not None and run.tracking.active_seconds > 0:
        timeout *= LATER_START_FACTOR
    if run is None or run.tracking.not_started_seconds < timeout:
        return None
    process = _process(state)
    why = ": ".join(filter(None, (process.waiting, process.message))) if process else ""
    message = f"the node did not start for {duration_text(timeout)}" + (f" ({why})" if why else "")
    return _failed("node_does_not_start", state, run, Reason.NOT_STARTED, message)


def node_is_misconfigured(state: WaitState) -> WaitDecision | None:
    """Rule 4a: fail if two processes rejected their flags or configuration, and no process has ever answered.

    A newer build may have removed a flag, so this does not judge the build. A run whose node has answered
    stays open, so that it resumes once the configuration is fixed.
    """
    run, process = _open_run(state), _process(state)
    last = process.last_exit if process else None
    if run is None or process is None or last is None or not last.misconfigured:
        return None
    tracking = run.tracking
    answered = tracking.process_start_boot_seconds is not None or isinstance(state.node, NodeAnswering)
    if answered or process.restarts < MISCONFIGURED_STARTS:
        return None
    message = f"the node rejects its flags or its configuration: {last.message}"
    return _failed("node_is_misconfigured", state, run, Reason.MISCONFIGURED, message)


def node_crashes(state: WaitState) -> WaitDecision | None:
    """Rule 5: fail if the node restarts again and again without progress between, or too often in all."""
    run = _open_run(state)
    if run is None:
        return None
    tracking = run.tracking
    restarts_without_progress = tracking.node_restarts - tracking.restarts_at_progress
    if restarts_without_progress < state.policy.crash_limit and tracking.node_restarts < MAX_RESTARTS:
        return None
    times = (
        f"{plural(restarts_without_progress, 'time')} without progress"
        if restarts_without_progress >= state.policy.crash_limit
        else plural(tracking.node_restarts, "time")
    )
    process = _process(state)
    last = process.last_exit if process else None
    if last is not None and last.out_of_memory:
        message = f"the node was restarted {times}; it was killed because it ran out of memory"
        return _failed("node_crashes", state, run, Reason.OUT_OF_MEMORY, message)
    code = f" (exit code {last.code})" if last is not None else ""
    words = _last_words(state)
    message = f"the node was restarted {times}{code}" + (f": {words}" if words else "")
    # The log line may be old: enough space may be free again.
    full = any(text in words.lower() for text in _OUT_OF_SPACE) and not has_room(state.volume, state.policy)
    return _failed("node_crashes", state, run, Reason.DISK_FULL if full else Reason.CRASHED, message)


def node_stays_unhealthy(state: WaitState) -> WaitDecision | None:
    """Rule 6: fail if the node has bootstrapped but one of its health checks keeps failing."""
    run, timeout = _open_run(state), state.policy.unhealthy_timeout_seconds
    if run is None or run.tracking.unhealthy_seconds < timeout:
        return None
    health = state.node.health if isinstance(state.node, NodeAnswering) else None
    failing = health.failing_checks if health else ()
    named = f": {', '.join(failing)}" if failing else ""
    message = f"bootstrapped, but unhealthy for {duration_text(timeout)}{named}"
    reason = Reason.DISK_FULL if failing == ("diskspace",) else Reason.UNHEALTHY
    return _failed("node_stays_unhealthy", state, run, reason, message)


def build_is_outdated(state: WaitState) -> WaitDecision | None:
    """Rule 6a: fail if the network runs newer builds and refuses this one."""
    run = _open_run(state)
    if run is None or run.tracking.refusal.refused_seconds < OUTDATED_SECONDS:
        return None
    message = f"{refusal_text(state.log)} for {duration_text(OUTDATED_SECONDS)}"
    return _failed("build_is_outdated", state, run, Reason.OUTDATED, message)


def refusal_text(log: NodeLog) -> str:
    """Return why the network refuses the node."""
    newer = f" ({log.newer_version.rpartition('/')[2]})" if log.newer_version else ""
    return f"the network runs newer builds{newer} and refuses this one"


def run_stalls(state: WaitState) -> WaitDecision | None:
    """Rule 7: fail if a chain at work makes no progress; a node that still works gets twice as long."""
    run = _open_run(state)
    if run is None:
        return None
    tracking, timeout = run.tracking, state.policy.stall_timeout_seconds
    lives = tracking.lifeless_seconds is not None and tracking.lifeless_seconds < LIFE_SECONDS
    if tracking.idle_seconds < (2 * timeout if lives else timeout):
        return None
    chain = f" of chain {chain_name(tracking.stalled_chain)}" if tracking.stalled_chain else ""
    message = f"no progress{chain} for {duration_text(tracking.idle_seconds)}{_where(run)}"
    return _failed("run_stalls", state, run, Reason.STALLED, message)


def run_is_overdue(state: WaitState) -> WaitDecision | None:
    """Rule 8: fail if the run takes longer than its deadline."""
    run = _open_run(state)
    if run is None or run.tracking.healthy is not None:
        return None
    tracking, usual = run.tracking, _usual_deadline_seconds(state)
    # The usual deadline is active time, because a node that was down is not slow. Only observed time counts.
    if usual is not None and min(tracking.bootstrap_seconds, tracking.observed_seconds) >= usual:
        deadline = usual
    elif tracking.observed_seconds >= (longest := _max_deadline_seconds(state, run)):
        deadline = longest
    else:
        return None
    unknown = "; progress could not be observed" if run.tracking.unknown_seconds else ""
    message = f"not bootstrapped after {duration_text(deadline)}{_where(run)}{unknown}"
    return _failed("run_is_overdue", state, run, Reason.DEADLINE, message)


def _usual_deadline_seconds(state: WaitState) -> float | None:
    """Return the limit on active time; `None` if a deadline is set, or the usual duration is unknown."""
    if state.policy.deadline_seconds is not None or state.baseline_seconds is None:
        return None
    return max(MAX_BASELINES * state.baseline_seconds, MIN_DEADLINE_SECONDS)


def _max_deadline_seconds(state: WaitState, run: Run) -> float:
    """Return the limit on the observed time of a run, in seconds."""
    if state.policy.deadline_seconds is not None:
        return state.policy.deadline_seconds
    return DEADLINE_SECONDS.get(run.sync_mode, DEADLINE_SECONDS_OTHERWISE)


def measured_in(run: Run, volume: VolumeReading | None, healthy: HealthyStreak | None) -> bool:
    """Return whether the disk measurement is of this run's data.

    If `healthy` is set, only a measurement since then counts, because it covers all of the data.
    """
    if volume is None or volume.taken is None:
        return False
    if healthy is not None:
        return volume.taken.boot_seconds >= healthy.since_boot_seconds
    return run.started_at is None or volume.taken.wall >= run.started_at


def _volume_in(run: Run, volume: VolumeReading | None, healthy: HealthyStreak | None) -> VolumeReading | None:
    """Return the volume reading, or `None` if its measurement does not cover this run's data."""
    unmeasured = volume is not None and volume.taken is None
    return volume if unmeasured or measured_in(run, volume, healthy) else None


def _hides_its_identity(state: WaitState, run: Run) -> bool:
    streak, timeout_seconds = run.tracking.healthy, state.policy.unhealthy_timeout_seconds
    return (
        streak is not None
        and not run.tracking.identity_agreed
        and streak.observed_seconds >= state.policy.soak_seconds + timeout_seconds
    )


def _open_run(state: WaitState) -> Run | None:
    return state.last if state.last is not None and state.last.open else None


def _measured_since(state: WaitState, run: Run, streak: HealthyStreak) -> bool:
    """Return whether the disk was measured since the node became healthy, or that wait has timed out."""
    late = streak.observed_seconds >= state.policy.soak_seconds + DISK_MEASUREMENT_SECONDS
    return late or measured_in(run, state.volume, streak)


def _where(run: Run) -> str:
    """Return the stage of each chain as text in parentheses; empty if no chain has shown one."""
    details = [
        f"{chain_name(name)} {chain_text(watch.log)}"
        for name, watch in sorted(run.tracking.chains.items())
        if watch.log is not None
    ]
    return f" ({', '.join(details)})" if details else ""


def _unseen_queue(state: WaitState, run: Run) -> str:
    """Return a note that names the chains on SAE whose execution queue was not visible; empty if none."""
    metrics = state.node.metrics if isinstance(state.node, NodeAnswering) else None
    shown = set(run.tracking.execution_targets) | (set(metrics.queued_blocks) if metrics else set())
    hidden = [
        name
        for name, watch in sorted(run.tracking.chains.items())
        if watch.log is not None and watch.log.transitioned and name not in shown
    ]
    return f" (execution queue of chain {', '.join(hidden)} not visible)" if hidden else ""


def _process(state: WaitState) -> NodeProcess | None:
    return state.workload.process if state.workload else None


def _last_words(state: WaitState) -> str:
    """Return the last FATAL line of the node's log, or else the last output line of a failed process."""
    process = _process(state)
    last = process.last_exit if process else None
    return state.log.fatal or (last.message.strip() if last is not None and last.code else "")


def _failed(rule: str, state: WaitState, run: Run, reason: Reason, message: str) -> WaitDecision:
    words = _last_words(state)
    if words and words not in message and reason is not Reason.MISCONFIGURED:
        kind = "FATAL" if words == state.log.fatal else "output"
        message = f"{message}; last {kind} line of the node: {words}"
    message = one_line(message, MESSAGE_CHARACTERS)
    return Decision(
        rule=rule,
        message=f"run {run.number} failed: {reason}: {message}",
        phase=Phase.IDLE,
        records=(_ended(state, run, Outcome.FAILED, reason, message),),
        actions=(KeepLogTail(run.number),),
    )


def _wall_seconds(run: Run, now: Instant, healthy: HealthyStreak | None) -> float | None:
    """Return the wall time in seconds until the end of a run, or until the node became healthy.

    The boot clock measures it unless the machine has rebooted since the run started.
    """
    tracking = run.tracking
    if tracking.started_boot_id == now.boot_id:
        end = healthy.since_boot_seconds if healthy else now.boot_seconds
        return max(0.0, end - tracking.started_boot_seconds)
    end_wall = healthy.since_wall if healthy else now.wall
    return None if run.started_at is None else max(0.0, end_wall - run.started_at)


def _ended(state: WaitState, run: Run, outcome: Outcome, reason: Reason | None, message: str) -> EndRun:
    tracking = run.tracking
    healthy = tracking.healthy if outcome is Outcome.SUCCEEDED else None
    duration: float | None = tracking.bootstrap_seconds if healthy else tracking.active_seconds
    wall = _wall_seconds(run, state.now, healthy)
    if run.recovered:
        duration = wall = None  # the time before the recovery is unknown
    if tracking.process_start_boot_seconds is None and tracking.active_seconds == 0:
        duration = None  # the node's process was never observed
    volume = _volume_in(run, state.volume, healthy)
    return EndRun(
        run,
        outcome,
        reason,
        message,
        duration,
        wall,
        volume.usage_bytes if volume else None,
        volume.size_bytes if volume else None,
    )
