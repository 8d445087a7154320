"""Derives the samples of each metric from a Status.

Besides their own labels, all samples carry `tester`, `network` and `sync_mode`. A sample of a run has the
run's network and sync mode, which may differ from the tester's current ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from monitor.domain.baseline import Limit, Verdict
from monitor.domain.observations import Health
from monitor.domain.regression import Measure, Regression
from monitor.domain.run import Outcome, Reason, Run
from monitor.domain.status import Phase, Status


class Sample(NamedTuple):
    """One value, with the values of the family's own labels; `None` means unknown and is not exposed."""

    of: Run | Status
    labels: tuple[str, ...]
    value: float | None


Samples = Callable[[Status], Iterable[Sample]]


_ENDS = (
    (Outcome.SUCCEEDED, ""),
    *((Outcome.FAILED, reason) for reason in Reason),
    (Outcome.SUPERSEDED, ""),
)


def tester(value: Callable[[Status], float | None]) -> Samples:
    """Return samples with one value of the tester."""
    return lambda status: [Sample(status, (), value(status))]


def current_run(value: Callable[[Run], float | None]) -> Samples:
    """Return samples with one value of the newest run that started."""
    return lambda status: [Sample(status.run, (), value(status.run))] if status.run else []


def open_run(value: Callable[[Run], float | None]) -> Samples:
    """Return samples with one value of the current run while it is open."""
    return current_run(lambda run: value(run) if run.open else None)


def last_success(value: Callable[[Run], float | None]) -> Samples:
    """Return samples with one value of the last successful run."""

    def samples(status: Status) -> list[Sample]:
        run = status.last_success
        return [Sample(run, (), value(run))] if run else []

    return samples


def results(value: Callable[[Run], float | None]) -> Samples:
    """Return samples with one value for each ended run."""
    return lambda status: [
        Sample(run, (str(run.number), run.build.image, run.build.version), value(run))
        for run in status.results
    ]


def leaves(status: Status) -> list[Sample]:
    """Return the number of state leaves that each chain synced; chains that count none are omitted."""
    return [sample for sample in counted("leaves_synced")(status) if sample.value]


def counted(signal: str) -> Samples:
    """Return samples with one count of the current run for each chain."""

    def samples(status: Status) -> list[Sample]:
        if status.run is None:
            return []
        return [
            Sample(status.run, (chain,), count.value)
            for (chain, each), count in status.counts.items()
            if each == signal
        ]

    return samples


def stalled(status: Status) -> list[Sample]:
    """Return whether the open run has made no progress for the stall warning."""
    return [Sample(status.run, (), status.progress.stalled)] if status.run and status.progress else []


def progress_unknown(status: Status) -> list[Sample]:
    """Return whether the progress of the open run has been unknown for the stall warning."""
    return [Sample(status.run, (), status.progress.unknown)] if status.run and status.progress else []


def late(status: Status) -> list[Sample]:
    """Return whether the open run is over the limit."""
    return [Sample(status.run, (), status.late)] if status.run else []


def limits(measure: Measure, value: Callable[[Limit], float]) -> Samples:
    """Return samples with one value of the limit for the open or next run."""

    def samples(status: Status) -> list[Sample]:
        judged = status.regressions.get(measure)
        if status.run is None or judged is None or judged.limit is None:
            return []
        return [Sample(status.run, (), value(judged.limit))]

    return samples


def regressions(value: Callable[[Regression], float]) -> Samples:
    """Return samples with one value for each measure that is judged."""
    return lambda status: [
        Sample(status.run, (measure,), value(judged))
        for measure, judged in status.regressions.items()
        if status.run
    ]


def verdicts(status: Status) -> list[Sample]:
    """Return 1 for the verdict of each measure, and 0 for the other verdicts."""
    return [
        Sample(status.run, (measure, verdict), verdict is judged.verdict)
        for measure, judged in status.regressions.items()
        for verdict in Verdict
        if status.run
    ]


def regression_commits(status: Status) -> list[Sample]:
    """Return the last good and the first bad commit of each regression; an unknown commit is empty."""
    return [
        Sample(status.run, (measure, _commit(judged.last_good), _commit(judged.first_bad)), 1)
        for measure, judged in status.regressions.items()
        if status.run and judged.first_bad
    ]


def end_estimate(status: Status) -> list[Sample]:
    """Return the estimated end of the current stage of the slowest chain, as a Unix time."""
    if status.run is None or status.progress is None:
        return []
    ends = [chain.end_at for chain in status.progress.chains.values() if chain.end_at is not None]
    return [Sample(status.run, (), max(ends, default=None))]


def chain_ratios(status: Status) -> list[Sample]:
    """Return how much of its current stage each chain of the open run has completed, from 0 to 1."""
    if status.run is None or status.progress is None:
        return []
    return [Sample(status.run, (name,), chain.ratio) for name, chain in status.progress.chains.items()]


def run_info(status: Status) -> list[Sample]:
    """Return the build and the testbed of the current run as labels."""
    run = status.run
    if run is None:
        return []
    build = run.build
    return [Sample(run, (str(run.number), build.image, build.version, build.commit, run.testbed), 1)]


def result_info(status: Status) -> list[Sample]:
    """Return the build and the end of each ended run as labels."""
    return [
        Sample(run, (str(run.number), run.build.image, run.build.version, run.build.commit, *_end(run)), 1)
        for run in status.results
    ]


def phases(status: Status) -> list[Sample]:
    """Return 1 for the tester's phase, and 0 for the other phases."""
    return [Sample(status, (phase,), phase is status.phase) for phase in Phase if status.phase]


def last_outcome(status: Status) -> list[Sample]:
    """Return 1 for the outcome and reason of the newest ended run, and 0 for the others."""
    if not status.results:
        return []
    last = status.results[0]
    return [Sample(last, end, end == _end(last)) for end in dict.fromkeys((*_ENDS, _end(last)))]


def run_totals(status: Status) -> list[Sample]:
    """Return the number of ended runs by outcome."""
    return [
        Sample(
            status, (outcome,), sum(number for (end, _), number in status.totals.items() if end == outcome)
        )
        for outcome in Outcome
    ]


def failure_totals(status: Status) -> list[Sample]:
    """Return the number of failed runs by reason; a recovered run may have no reason."""
    failures = {reason: number for (end, reason), number in status.totals.items() if end == Outcome.FAILED}
    reasons = dict.fromkeys((*Reason, *failures))
    return [Sample(status, (reason,), failures.get(reason, 0)) for reason in reasons]


def new_build(status: Status) -> list[Sample]:
    """Return the build that was found and is not tested yet."""
    build = status.new_build
    return [Sample(status, (build.image, build.version, build.commit), 1)] if build else []


def problems(status: Status) -> list[Sample]:
    """Return when the problems of each cause began; parts of the monitor may share a cause."""
    since: dict[str, float] = {}
    for each in status.problems:
        since[each.cause] = min(each.since, since.get(each.cause, each.since))
    return [Sample(status, (cause,), value) for cause, value in since.items()]


def node_healthy(status: Status) -> float | None:
    """Return 1 if the node is healthy and 0 if it is unhealthy; `None` if unknown or stale."""
    known = {Health.HEALTHY: 1.0, Health.UNHEALTHY: 0.0}
    return known.get(status.node.health) if status.node else None


def succeeded(run: Run) -> float | None:
    """Return whether a run succeeded; `None` for a superseded run."""
    return None if run.outcome is Outcome.SUPERSEDED else run.outcome is Outcome.SUCCEEDED


def _commit(run: Run | None) -> str:
    return run.build.commit if run else ""


def _end(run: Run) -> tuple[str, str]:
    return run.outcome or "", run.reason or ""
