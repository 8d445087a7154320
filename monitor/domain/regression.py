"""Regression verdicts: whether the bootstraps of one tester became slower or bigger.

Only *comparable* runs are compared: successful runs of one network, sync mode and testbed, with reliable
measurements. Each measure is judged separately (see `baseline` for the rule):

- `duration`: active seconds until the node was healthy.
- `disk_usage`: bytes of the node's data at the end of the run.
- `block_time`: active seconds per executed block, in the modes that execute the history. This cancels out the
  growth of the chain. Under C-Chain state sync it is not judged, because the number of blocks is not
  meaningful there.
- `leaf_time`: active seconds per leaf of the state that the C-Chain synced. This cancels out the growth of the
  state. It is judged under C-Chain state sync, if the node counts the leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from monitor.domain.baseline import (
    Limit,
    OfOneBuild,
    Verdict,
    assess,
    limit_for_next,
    limits,
    samples_for_next,
    verdicts,
)
from monitor.domain.run import Outcome, Run
from monitor.domain.workload import SyncMode

# A run that was active for a smaller share of its wall time measures the outage as much as the build.
MIN_ACTIVE_RATIO = 0.95
# Maximum number of compared runs. No rule looks back further.
MAX_COMPARED = 60


class Measure(StrEnum):
    """Measurement of a run that is compared with those of other runs."""

    DURATION = "duration"
    DISK_USAGE = "disk_usage"
    BLOCK_TIME = "block_time"
    LEAF_TIME = "leaf_time"


@dataclass(frozen=True, slots=True)
class Success:
    """Successful run, with the results of its counters.

    `blocks_accepted` is the number of blocks of all chains. `leaves_synced` is the number of leaves of the
    state that the C-Chain synced (0: none, or the node does not count them). `state_synced_again` is whether
    the state sync started again during the run. `state_synced` is whether the C-Chain synced its state
    (`None`: unknown). On a network that does not allow state sync, the node executes all blocks, whatever its
    configuration.
    """

    run: Run
    blocks_accepted: float = 0.0
    leaves_synced: float = 0.0
    state_synced_again: bool = False
    state_synced: bool | None = None


@dataclass(frozen=True, slots=True)
class Regression:
    """Verdict on one measure.

    `samples` is the number of runs in the baseline of the next run, even if they are too few. `limit` is the
    limit of the open run, or of the next one. `last_good` and `first_bad` are the runs between which the
    measure became worse. They are set only while a regression is suspected or confirmed. `compared` is the
    number of comparable runs so far.
    """

    verdict: Verdict
    samples: int = 0
    limit: Limit | None = None
    last_good: Run | None = None
    first_bad: Run | None = None
    compared: int = 0


Regressions = Mapping[Measure, Regression]


@dataclass(frozen=True, slots=True)
class RunVerdict:
    """Verdict on one measure of one run, compared with the runs before it, and the limit of that run.

    `value` is the measured value, in the unit of the limit. `position` is the number of comparable runs up to
    this one. `regression` is the verdict after this run, with the runs between which the measure became worse
    (`None`: the run is not worse).
    """

    verdict: Verdict
    limit: Limit | None = None
    value: float = 0.0
    position: int = 0
    regression: Regression | None = None


RunVerdicts = Mapping[Measure, RunVerdict]


def regressions(successes: Sequence[Success], sync_mode: SyncMode) -> Regressions:
    """Return the verdict on each measure that is judged in a sync mode.

    Args:
        successes: the successes of one network, sync mode and testbed since the baseline was marked, oldest
            first.
        sync_mode: the sync mode of the successes.
    """
    compared = _compared(successes)
    return {measure: _judged(_measured(compared, measure)) for measure in measures(sync_mode)}


def run_verdicts(
    successes: Iterable[Success], newest: int, baseline_begins: int = 0
) -> Mapping[int, RunVerdicts]:
    """Return the verdicts on the newest compared runs of each test, by number.

    Runs of different tests, and runs on both sides of a marked baseline, are not compared with each other.

    Args:
        successes: successes of any network, sync mode and testbed, oldest first.
        newest: the maximum number of runs to judge in each test.
        baseline_begins: the first run since the baseline was marked (0: it was not marked).
    """
    groups: dict[tuple[object, ...], list[Success]] = {}
    for success in filter(comparable, successes):
        run = success.run
        test = (
            run.network,
            run.sync_mode,
            run.testbed,
            _state_synced(success),
            not baseline_begins or run.number >= baseline_begins,
        )
        groups.setdefault(test, []).append(success)
    by_run: dict[int, dict[Measure, RunVerdict]] = {}
    for group in groups.values():
        for measure in measures(group[0].run.sync_mode):
            measured = _measured(group, measure)
            values = [value for _, value in measured]
            start = max(0, len(values) - newest)
            after = verdicts(values, start, _of_one_build(measured))
            judged = zip(measured[start:], after, limits(values, start), strict=True)
            for position, ((run, value), verdict, limit) in enumerate(judged, start + 1):
                own = RunVerdict(_own(value, verdict, limit), limit, value, position)
                if own.verdict.is_worse:
                    until = measured[max(0, position - MAX_COMPARED) : position]
                    own = replace(own, regression=_judged(until))
                by_run.setdefault(run.number, {})[measure] = own
    return by_run


def _own(value: float, verdict: Verdict, limit: Limit | None) -> Verdict:
    """Return the verdict on a value itself: a good run after two bad ones is not worse."""
    if limit is None:
        return Verdict.INSUFFICIENT_DATA
    edge = limit.near_limit if verdict is Verdict.CONFIRMED else limit.limit
    return verdict if value > edge else Verdict.NONE


@dataclass(frozen=True, slots=True)
class VerdictChange:
    """Measure whose verdict the newest run changed: the regression before and after, and that run's own."""

    measure: Measure
    before: Regression
    after: Regression
    judged: RunVerdict


def verdict_changes(successes: Sequence[Success]) -> Iterator[VerdictChange]:
    """Yield the measures that the newest of these successes made worse, or returned to the usual value.

    Args:
        successes: the successes of one network, sync mode and testbed since the baseline was marked, oldest
            first.
    """
    if not successes or not comparable(successes[-1]):
        return
    newest = successes[-1]
    alike = _compared(successes)
    before = regressions(alike[:-1], newest.run.sync_mode)
    after = regressions(alike, newest.run.sync_mode)
    judged = run_verdicts(alike, 1).get(newest.run.number, {})
    for measure, own in judged.items():
        earlier, later = before[measure], after[measure]
        if earlier.verdict is not later.verdict and (earlier.verdict.is_worse or later.verdict.is_worse):
            yield VerdictChange(measure, earlier, later, own)


def usual_duration_seconds(successes: Sequence[Success]) -> float | None:
    """Return the usual active time of such runs, in seconds; `None` if too few are comparable."""
    limit = limit_for_next([seconds for _, seconds in _measured(_compared(successes), Measure.DURATION)])
    return limit.baseline if limit else None


def measures(sync_mode: SyncMode) -> Sequence[Measure]:
    """Return the measures that are judged in a sync mode."""
    if sync_mode is SyncMode.C_CHAIN_STATE_SYNC:
        return (Measure.DURATION, Measure.DISK_USAGE, Measure.LEAF_TIME)
    return (Measure.DURATION, Measure.DISK_USAGE, Measure.BLOCK_TIME)


def values_of(success: Success) -> Mapping[Measure, float]:
    """Return the value of each measure that is judged in the run's sync mode, if it is known."""
    values = {measure: _VALUES[measure](success) for measure in measures(success.run.sync_mode)}
    return {measure: value for measure, value in values.items() if value is not None}


def comparable(success: Success) -> bool:
    """Return whether the measurements of a run depend on its build alone."""
    run = success.run
    return run.outcome is Outcome.SUCCEEDED and not left_out(
        run, state_synced_again=success.state_synced_again
    )


def left_out(run: Run, *, state_synced_again: bool = False) -> str:
    """Return why a success, or an open run once it succeeds, is not compared; empty if it is compared.

    Pass `state_synced_again` from `Success`: ledgers of older monitors have it only in the counts.
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
        "a restart of the node restarted its state sync": state_synced_again
        or run.tracking.state_sync_restarted,
        "its duration is unknown": run.outcome is not None and None in {duration_seconds, wall_seconds},
        f"it was active for less than {MIN_ACTIVE_RATIO:.0%} of its wall time": not active,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def is_late(run: Run, limit: Limit | None) -> bool | None:
    """Return whether an open run has been active for longer than the limit; `None` if either is missing."""
    if limit is None or not run.open:
        return None
    return run.tracking.bootstrap_seconds > limit.limit


def _compared(successes: Sequence[Success]) -> Sequence[Success]:
    """Return the comparable runs that synced the C-Chain's state as the newest one did."""
    compared = [success for success in successes if comparable(success)]
    return [success for success in compared if _state_synced(success) is _state_synced(compared[-1])]


def _state_synced(success: Success) -> bool | None:
    return success.state_synced if success.run.sync_mode is SyncMode.C_CHAIN_STATE_SYNC else None


def _measured(compared: Sequence[Success], measure: Measure) -> Sequence[tuple[Run, float]]:
    """Return the runs that have a value of a measure, each with its value."""
    of = _VALUES[measure]
    return [(success.run, value) for success in compared if (value := of(success)) is not None]


def _of_one_build(measured: Sequence[tuple[Run, float]]) -> OfOneBuild:
    return lambda one, other: measured[one][0].build.same(measured[other][0].build)


def _judged(measured: Sequence[tuple[Run, float]]) -> Regression:
    values = [value for _, value in measured]
    assessment = assess(values, _of_one_build(measured))
    last_good = None if assessment.last_good is None else measured[assessment.last_good][0]
    first_bad = None if assessment.first_bad is None else measured[assessment.first_bad][0]
    if last_good and first_bad and not last_good.build.same(first_bad.build):
        # A build that ran again is older than the build of the run before it, so nothing changed between them.
        before = (run for run, _ in measured if run.number < last_good.number)
        last_good = None if any(run.build.same(first_bad.build) for run in before) else last_good
    return Regression(
        verdict=assessment.verdict,
        samples=samples_for_next(values),
        limit=limit_for_next(values),
        last_good=last_good,
        first_bad=first_bad,
        compared=len(values),
    )


def _seconds_per(duration_seconds: float | None, count: float) -> float | None:
    return None if duration_seconds is None or count <= 0 else duration_seconds / count


_VALUES: Mapping[Measure, Callable[[Success], float | None]] = {
    Measure.DURATION: lambda success: success.run.duration_seconds,
    Measure.DISK_USAGE: lambda success: success.run.disk_usage_bytes,
    Measure.BLOCK_TIME: lambda success: _seconds_per(success.run.duration_seconds, success.blocks_accepted),
    Measure.LEAF_TIME: lambda success: _seconds_per(success.run.duration_seconds, success.leaves_synced),
}
