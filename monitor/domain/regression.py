"""Whether bootstraps got slower or bigger: the verdict on the runs of one tester, and what it rests on.

Only *comparable* runs are compared: of one network, sync mode and testbed, successful, and measured without
a doubt.  What is measured of each is judged by itself (see `baseline` for the rule):

- `duration`: active seconds until the node was healthy.
- `disk_usage`: bytes of the node's data at the end.
- `block_time`: active seconds for each block that was executed, in the modes that execute the history.  It
  cancels the growth of the chain.  Under C-Chain state sync the blocks say little, so it is not judged there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from monitor.domain.baseline import Limit, Verdict, assess, limit_for_next, samples_for_next
from monitor.domain.run import Outcome, Run
from monitor.domain.workload import SyncMode

# A node that was down for more of its run than this says as much of the outage as of the build.
MIN_ACTIVE_RATIO = 0.95
# More than any rule looks back.
MAX_COMPARED = 60


class Measure(StrEnum):
    """What of a run is compared."""

    DURATION = "duration"
    DISK_USAGE = "disk_usage"
    BLOCK_TIME = "block_time"


@dataclass(frozen=True, slots=True)
class Success:
    """A run that succeeded, with what its counters say.

    `blocks_accepted` is of all chains.  `state_synced_again`: the state sync began again during the run.
    `state_synced` is whether the C-Chain synced its state at all (`None`: unknown): where the network does not allow
    it, the node executes all blocks whatever it is configured to do.
    """

    run: Run
    blocks_accepted: float = 0.0
    state_synced_again: bool = False
    state_synced: bool | None = None


@dataclass(frozen=True, slots=True)
class Regression:
    """What is known of one measure.

    `samples` is how many runs the baseline of the next one is of, or would be.  `limit` is what the run that is
    open, or comes next, is held against.  `last_good` and `first_bad` are the runs between which it got worse,
    while the verdict says that it did.
    """

    verdict: Verdict
    samples: int = 0
    limit: Limit | None = None
    last_good: Run | None = None
    first_bad: Run | None = None


Regressions = Mapping[Measure, Regression]


def regressions(successes: Sequence[Success], sync_mode: SyncMode) -> Regressions:
    """The verdict by measure, for those that are judged in this mode.

    Args:
        successes: of one network, sync mode and testbed, since the baseline was marked, oldest first.
        sync_mode: theirs.
    """
    return {measure: _judged(_measured(successes, measure)) for measure in measures(sync_mode)}


def usual_duration_seconds(successes: Sequence[Success]) -> float | None:
    """How long runs like these are active; `None` while too few can be compared."""
    limit = limit_for_next([seconds for _, seconds in _measured(successes, Measure.DURATION)])
    return limit.baseline if limit else None


def measures(sync_mode: SyncMode) -> Sequence[Measure]:
    """What is judged in a mode."""
    if sync_mode is SyncMode.C_CHAIN_STATE_SYNC:
        return (Measure.DURATION, Measure.DISK_USAGE)
    return tuple(Measure)


def comparable(success: Success) -> bool:
    """Whether its numbers speak of the build alone."""
    run = success.run
    return run.outcome is Outcome.SUCCEEDED and not left_out(
        run, state_synced_again=success.state_synced_again
    )


def left_out(run: Run, *, state_synced_again: bool = False) -> str:
    """Return why a success, or an open run once it succeeds, is compared with no other; empty where it is.

    `state_synced_again` is that of `Success`: ledgers of older monitors have it in the counts alone.
    """
    if run.outcome not in {None, Outcome.SUCCEEDED}:
        return ""
    duration_seconds, wall_seconds = run.duration_seconds, run.wall_seconds
    active = (
        duration_seconds is None
        or wall_seconds is None
        or duration_seconds >= MIN_ACTIVE_RATIO * wall_seconds
    )
    other = run.tracking.other_build
    reasons = {
        f"another build ran on its data: {other}": bool(other),
        "the node's arguments changed while it was open": run.settings_changed,
        "the ledger was lost while it was open": run.recovered,
        "a restart of the node began its state sync anew": state_synced_again
        or run.tracking.state_sync_restarted,
        "its duration is unknown": run.outcome is not None and None in {duration_seconds, wall_seconds},
        f"it was active for less than {MIN_ACTIVE_RATIO:.0%} of its wall time": not active,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def is_late(run: Run, limit: Limit | None) -> bool | None:
    """Whether an open run has been active for longer than the limit; `None` where there is none yet."""
    if limit is None or not run.open:
        return None
    return run.tracking.bootstrap_seconds > limit.limit


def _measured(successes: Sequence[Success], measure: Measure) -> Sequence[tuple[Run, float]]:
    """The runs that are compared by a measure, with its value."""
    of = _VALUES[measure]
    compared = [success for success in successes if comparable(success)]
    return [
        (success.run, value)
        for success in compared
        if _did_the_same(success, compared[-1]) and (value := of(success)) is not None
    ]


def _did_the_same(success: Success, newest: Success) -> bool:
    """Return whether both runs synced the C-Chain's state, or neither did."""
    if newest.run.sync_mode is not SyncMode.C_CHAIN_STATE_SYNC:
        return True
    return success.state_synced is newest.state_synced


def _judged(measured: Sequence[tuple[Run, float]]) -> Regression:
    values = [value for _, value in measured]
    found = assess(values)
    return Regression(
        verdict=found.verdict,
        samples=samples_for_next(values),
        limit=limit_for_next(values),
        last_good=None if found.last_good is None else measured[found.last_good][0],
        first_bad=None if found.first_bad is None else measured[found.first_bad][0],
    )


def _block_time_seconds(success: Success) -> float | None:
    duration_seconds = success.run.duration_seconds
    if duration_seconds is None or success.blocks_accepted <= 0:
        return None
    return duration_seconds / success.blocks_accepted


_VALUES: Mapping[Measure, Callable[[Success], float | None]] = {
    Measure.DURATION: lambda success: success.run.duration_seconds,
    Measure.DISK_USAGE: lambda success: success.run.disk_usage_bytes,
    Measure.BLOCK_TIME: _block_time_seconds,
}
