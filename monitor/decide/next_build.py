"""Choice of the next build: an operator's request, a confirmation, a new build, a retry or a retest."""

from __future__ import annotations

from monitor.decide.state import WaitState
from monitor.decide.verdict_rules import has_room
from monitor.domain.build import Build
from monitor.domain.observations import NodeAnswering, VolumeReading
from monitor.domain.run import AttemptCause, Outcome, Reason, Run

RETRIES = 2
FIRST_RETRY_SECONDS = 900.0
SUPERSEDED_LATELY_SECONDS = 86400.0


def next_build(state: WaitState, run: Run) -> tuple[Build, AttemptCause] | None:
    """Return the build to bootstrap next, after or instead of the last run, and the cause; `None` to wait."""
    newest = state.newest
    is_new = (
        newest is not None
        and not state.newest_judged
        and not newest.same(run.build)
        and _has_settled(state, run)
    )
    if state.requested is not None:
        return state.requested, AttemptCause.REQUEST
    if _must_be_confirmed(state, run) and not (is_new and state.policy.restart_on_new_build):
        return run.build, AttemptCause.CONFIRM
    if newest is not None and is_new:
        return newest, AttemptCause.NEW_BUILD
    if _retry_is_due(state, run):
        return run.build, AttemptCause.RETRY
    if newest is not None and _retest_is_due(state, run):
        return newest, AttemptCause.RETEST
    return None


def _must_be_confirmed(state: WaitState, run: Run) -> bool:
    """Return whether the last run's result is surprising enough to bootstrap its build once more.

    A run that confirms another one is not confirmed in turn, so each doubt costs one run.
    """
    last = state.last_result
    if last is None or not state.policy.confirm_regressions or last.cause is AttemptCause.CONFIRM:
        return False
    match run.outcome:
        case Outcome.SUCCEEDED:
            return last.is_suspected
        case Outcome.FAILED:
            return run.is_conclusive and last.earlier_failures == 0
        case _:
            return False


def retest_at(state: WaitState, run: Run) -> float | None:
    """Return when the newest build is bootstrapped again if no run starts before (Unix seconds; `None`: never).

    The network's history grows, and an upgrade of the network may exclude a build that has bootstrapped.
    """
    after_seconds, newest = state.policy.retest_seconds, state.newest
    if after_seconds is None or run.open or run.started_at is None or newest is None:
        return None
    is_known = state.newest_judged or newest.same(run.build)
    return run.started_at + after_seconds if is_known else None


def _retest_is_due(state: WaitState, run: Run) -> bool:
    due_at = retest_at(state, run)
    return due_at is not None and state.now.wall >= due_at


def _has_settled(state: WaitState, run: Run) -> bool:
    """Return whether the rolling tag is stable.

    Registries behind caches may alternate between an older build and a newer one.
    """
    if state.newest_lookups < state.policy.settled_lookups:
        return False
    since_seconds = state.superseded_seconds
    if not run.open or since_seconds is None or since_seconds > SUPERSEDED_LATELY_SECONDS:
        return True
    return state.newest_seconds >= state.policy.returned_seconds


def _retry_is_due(state: WaitState, run: Run) -> bool:
    """Return whether to retry a failure of the testbed now.

    docs/how-it-works.md describes which reasons are retried, and when.
    """
    match run.reason:
        case Reason.NOT_STARTED if run.outcome is Outcome.FAILED:
            return _is_set_otherwise(state, run) or _pause_is_over(state, run)
        case Reason.MISCONFIGURED:  # the arguments of the node may fit the build now
            return _is_set_otherwise(state, run)
        case Reason.DISK_FULL if state.volume is not None:
            size_bytes = run.volume_size_bytes
            is_bigger = size_bytes is not None and state.volume.size_bytes > size_bytes
            return is_bigger or (_has_room(state, state.volume) and _pause_is_over(state, run))
        case _:
            return False


def _pause_is_over(state: WaitState, run: Run) -> bool:
    """Return whether the backoff after a failure of the testbed has ended.

    A failure is retried twice: after 15 minutes, and 30 minutes after the first retry has failed.
    """
    if run.ended_at is None or state.repeated_failures > RETRIES:
        return False
    return state.now.wall - run.ended_at >= FIRST_RETRY_SECONDS * 2.0 ** (state.repeated_failures - 1)


def _is_set_otherwise(state: WaitState, run: Run) -> bool:
    """Return whether the pod template has changed since the run.

    The node may start with the new template, for example because its command is another one.
    """
    revision = state.workload.revision if state.workload else ""
    return "" not in {revision, run.tracking.revision} and revision != run.tracking.revision


def _has_room(state: WaitState, volume: VolumeReading) -> bool:
    """Return whether the volume has the free space that the monitor's floor and the node's check require."""
    health = state.node.health if isinstance(state.node, NodeAnswering) else None
    failing = health.failing_checks if health else ()
    return has_room(volume, state.policy) and "diskspace" not in failing
