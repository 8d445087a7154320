"""Derives the samples of each metric from a Status.

Besides their own labels, all samples carry `tester`, `network` and `sync_mode`. A sample of a run has the
run's network and sync mode, which may differ from the tester's current ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from monitor.decide.verdict_rules import DEADLINE_SECONDS, DEADLINE_SECONDS_OTHERWISE
from monitor.domain.baseline import Limit, Verdict
from monitor.domain.observations import Health
from monitor.domain.regression import Measure, Regression
from monitor.domain.run import Outcome, Reason, Run
from monitor.domain.sanitize import one_line
from monitor.domain.status import NodeStatus, Phase, Status
from monitor.domain.verdict_sentence import measure_text
from monitor.domain.workload import SyncMode
from monitor.output.format import build_text


class Sample(NamedTuple):
    """One value, with the values of the family's own labels; `None` means unknown and is not exposed."""

    of: Run | Status
    labels: tuple[str, ...]
    value: float | None


Samples = Callable[[Status], Iterable[Sample]]

MIN_TRYING_SECONDS = 3 * 86400.0
MESSAGE_CHARACTERS = 300
RECENT_RESTART_SECONDS = 6 * 3600.0


def tester(value: Callable[[Status], float | None]) -> Samples:
    """Return samples with one value of the tester."""
    return lambda status: [Sample(status, (), value(status))]


def current_run(value: Callable[[Run], float | None]) -> Samples:
    """Return samples with one value of the newest run that started."""
    return lambda status: [Sample(status.run, build_of(status.run), value(status.run))] if status.run else []


def open_run(value: Callable[[Status, Run], float | None]) -> Samples:
    """Return samples with one value of the open run."""

    def samples(status: Status) -> list[Sample]:
        run = status.run
        return [Sample(run, build_of(run), value(status, run))] if run and run.open else []

    return samples


def last_success(value: Callable[[Run], float | None]) -> Samples:
    """Return samples with one value of the last successful run."""

    def samples(status: Status) -> list[Sample]:
        run = status.last_success
        return [Sample(run, (), value(run))] if run else []

    return samples


def results(value: Callable[[Run], float | None]) -> Samples:
    """Return samples with one value for each ended run."""
    return lambda status: [
        Sample(run, (str(run.number), run.build.version), value(run)) for run in status.results
    ]


def result_ends(status: Status) -> list[Sample]:
    """Return when each ended run ended, with its build and how it ended."""
    return [
        Sample(run, (str(run.number), run.build.version, build_text(run.build), *_end(run)), run.ended_at)
        for run in status.results
    ]


def run_start(status: Status) -> list[Sample]:
    """Return when the open run started, with its build."""
    run = status.run
    return [Sample(run, (*build_of(run), build_text(run.build)), run.started_at)] if run and run.open else []


def leaves(status: Status) -> list[Sample]:
    """Return the number of state leaves that each chain synced; chains that count none are omitted."""
    return [sample for sample in counted("leaves_synced")(status) if sample.value]


def counted(signal: str) -> Samples:
    """Return samples with one count of the current run for each chain."""

    def samples(status: Status) -> list[Sample]:
        if status.run is None:
            return []
        return [
            Sample(status.run, (str(status.run.number), chain), count.value)
            for (chain, each), count in status.counts.items()
            if each == signal
        ]

    return samples


def stalled_seconds(status: Status, run: Run) -> float | None:
    """Return how long a stalled run has made no progress; `None` if it is not stalled, or blocked."""
    is_stalled = status.progress and status.progress.stalled and not _is_blocked(status)
    return run.tracking.idle_seconds if is_stalled else None


def unknown_seconds(status: Status, run: Run) -> float | None:
    """Return how long the progress of a run has been unknown; `None` if it is known, or the run is blocked."""
    is_unknown = status.progress and status.progress.unknown and not _is_blocked(status)
    return run.tracking.unknown_seconds if is_unknown else None


def recent_restarts(status: Status, run: Run) -> float | None:
    """Return the number of the node's restarts within the last six hours; `None` if there was none."""
    return sum(status.at - at < RECENT_RESTART_SECONDS for at in run.tracking.restarted_at) or None


def late_seconds(status: Status, run: Run) -> float | None:
    """Return by how much a run exceeds its limit; `None` if it does not, or has no limit."""
    limit = status.regressions[Measure.DURATION].limit if status.late else None
    return run.tracking.bootstrap_seconds - limit.limit if limit else None


def expected_free_ratio(status: Status, run: Run) -> float | None:  # noqa: ARG001 - a value of the open run
    """Return the share of the volume that is left if the open run uses as much as the last success."""
    volume, success = status.volume, status.last_success
    if volume is None or volume.size_bytes <= 0:
        return None
    last_bytes = success.disk_usage_bytes if success else None
    is_known = last_bytes is not None and volume.usage_bytes is not None
    more_bytes = max(0, (last_bytes or 0) - (volume.usage_bytes or 0)) if is_known else 0
    return (volume.available_bytes - more_bytes) / volume.size_bytes


def node_unhealthy_since(status: Status) -> list[Sample]:
    """Return since when a node that had succeeded is unhealthy or down, with the run of that success."""
    return _not_healthy_since(status, lambda node: not node.up or node.health is Health.UNHEALTHY)


def node_silent_since(status: Status) -> list[Sample]:
    """Return since when a node that had succeeded runs without reporting its health."""
    return _not_healthy_since(status, lambda node: node.up and node.health is not Health.UNHEALTHY)


def _not_healthy_since(status: Status, is_so: Callable[[NodeStatus], bool]) -> list[Sample]:
    run, node, is_open = status.last_success, status.node, status.run is not None and status.run.open
    if run is None or node is None or is_open or status.consecutive_failures:
        return []
    return [Sample(run, build_of(run), node.not_healthy_since if is_so(node) else None)]


def trying_since(status: Status) -> list[Sample]:
    """Return since when the tester has been trying to succeed."""
    return [Sample(status, (), status.trying_since)]


def trying_limit_seconds(status: Status) -> list[Sample]:
    """Return how long the tester may try before a success is overdue.

    That is three times the limit of the duration, but at least three days, and at most the time that a run
    may take.
    """
    if status.trying_since is None:
        return []
    judged = status.regressions.get(Measure.DURATION)
    longest = DEADLINE_SECONDS.get(SyncMode(status.sync_mode), DEADLINE_SECONDS_OTHERWISE)
    usual = 3 * judged.limit.limit if judged and judged.limit else longest
    return [Sample(status, (), min(max(usual, MIN_TRYING_SECONDS), longest))]


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


def excess_ratios(status: Status) -> list[Sample]:
    """Return by which share the last success exceeds its baseline, with the values and the limit as texts."""
    run = status.last_success
    judged = status.verdicts.get(run.number, {}) if run else {}
    return [
        Sample(
            status,
            (
                measure,
                measure_text(measure, verdict.value),
                measure_text(measure, verdict.limit.baseline),
                measure_text(measure, verdict.limit.limit),
            ),
            verdict.value / verdict.limit.baseline - 1,
        )
        for measure, verdict in judged.items()
        if verdict.limit and verdict.limit.baseline
    ]


def regression_commits(status: Status) -> list[Sample]:
    """Return the verdict, the version and the commits of each regression; an unknown commit is empty."""
    return [
        Sample(
            status.run,
            (
                measure,
                judged.verdict,
                judged.first_bad.build.version,
                _commit(judged.last_good),
                judged.first_bad.build.commit,
            ),
            1,
        )
        for measure, judged in status.regressions.items()
        if status.run and judged.first_bad
    ]


def end_estimate(status: Status) -> list[Sample]:
    """Return the estimated end of the current stage of the slowest chain, as a Unix time."""
    if status.run is None or status.progress is None:
        return []
    ends = [chain.end_at for chain in status.progress.chains.values() if chain.end_at is not None]
    return [Sample(status.run, build_of(status.run), max(ends, default=None))]


def chain_ratios(status: Status) -> list[Sample]:
    """Return how much of its current stage each chain of the open run has completed, from 0 to 1."""
    if status.run is None or status.progress is None:
        return []
    run = str(status.run.number)
    return [Sample(status.run, (run, name), chain.ratio) for name, chain in status.progress.chains.items()]


def run_info(status: Status) -> list[Sample]:
    """Return the build and the testbed of the current run as labels."""
    run = status.run
    if run is None:
        return []
    build = run.build
    labels = (str(run.number), build.image, build.version, build.commit, build_text(build), run.testbed)
    return [Sample(run, labels, 1)]


def result_info(status: Status) -> list[Sample]:
    """Return the build and the end of each ended run as labels."""
    return [
        Sample(run, (str(run.number), run.build.image, run.build.version, run.build.commit, *_end(run)), 1)
        for run in status.results
    ]


def phases(status: Status) -> list[Sample]:
    """Return 1 for the tester's phase, and 0 for the other phases."""
    return [Sample(status, (phase,), phase is status.phase) for phase in Phase if status.phase]


def phase_number(status: Status) -> list[Sample]:
    """Return the number of the tester's phase, from 1."""
    return [Sample(status, (), list(Phase).index(status.phase) + 1)] if status.phase else []


def phase_since(status: Status) -> list[Sample]:
    """Return since when the tester has been in its phase."""
    return [Sample(status, (status.phase,), status.phase_since)] if status.phase else []


def last_run(status: Status) -> list[Sample]:
    """Return the build and the end of the newest ended run as labels."""
    return [Sample(run, (*build_of(run), *_end(run)), 1) for run in status.results[:1]]


def last_failure(status: Status) -> list[Sample]:
    """Return when the newest failed run after the last success ended, with its build and why it failed."""
    run = status.last_failure
    if run is None:
        return []
    message = one_line(run.message, MESSAGE_CHARACTERS)
    return [Sample(run, (*build_of(run), run.reason or "", message), run.ended_at)]


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


def confirming(status: Status) -> list[Sample]:
    """Return the ended run whose result another run of its build confirms."""
    run = status.confirming
    return [Sample(run, build_of(run), 1)] if run else []


def mixed_results(status: Status) -> list[Sample]:
    """Return the share of failures of a build that succeeds and fails, with the verdict on the build."""
    results = status.build_results
    if not results.are_mixed or results.verdict is None:
        return []
    run = results.runs[0]
    labels = (run.build.version, run.build.commit, results.verdict)
    return [Sample(run, labels, results.failures / len(results.runs))]


def history_changed(status: Status) -> list[Sample]:
    """Return when a build that had succeeded began to fail, with its last good and its first failed run."""
    if status.build_results.change is None:
        return []
    succeeded, failed = status.build_results.change
    return [Sample(failed, (*build_of(failed), str(succeeded.number)), failed.ended_at)]


def new_build(status: Status) -> list[Sample]:
    """Return the build that was found and is not tested yet."""
    build = status.new_build
    return [Sample(status, (build.image, build.version, build.commit, build_text(build)), 1)] if build else []


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


def build_of(run: Run) -> tuple[str, str, str]:
    """Return the labels `run`, `version` and `commit` of a run."""
    return str(run.number), run.build.version, run.build.commit


def _is_blocked(status: Status) -> bool:
    return status.phase is Phase.BLOCKED


def _commit(run: Run | None) -> str:
    return run.build.commit if run else ""


def _end(run: Run) -> tuple[str, str]:
    return run.outcome or "", run.reason or ""
