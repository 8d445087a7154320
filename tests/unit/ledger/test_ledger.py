"""Tests of the ledger: a decision is written completely or not at all, and a result is final.

Every error of the volume is temporary.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from support.builders import NEW, NOW, OLD, POLICY, REPOSITORY, build, workload
from support.own_mount import lines_on_a_mount

from monitor.decide.decisions import (
    AdoptRun,
    BeginClearing,
    BeginRun,
    EndRun,
    Intervention,
    IssueToken,
    Record,
    RecordAttempt,
    RecordIntervention,
    ResumeRun,
)
from monitor.decide.events import Announcement
from monitor.domain.active_time import opened
from monitor.domain.build import Build
from monitor.domain.instant import Instant
from monitor.domain.regression import MAX_COMPARED
from monitor.domain.run import Attempt, AttemptCause, Evidence, Outcome, Reason, RequestKind, Run
from monitor.domain.tracking import Count, Counts, HealthyStreak, RunTracking
from monitor.domain.workload import Lease, SyncMode, Workload
from monitor.engine.actor import Actor
from monitor.engine.volume import Volume
from monitor.errors import Cause, MonitorError, TemporaryError
from monitor.ledger import Ledger, open_existing, open_ledger, open_read_only
from monitor.ledger.codecs import COMPARISON, Reading, configuration_reading
from monitor.ledger.reserve import PART_BYTES, RESERVE_BYTES, give_up_part, keep_reserve

ROOT = Path(__file__).parents[3]
FILE = "bootstrap-monitor.sqlite3"
DETAILS = "bootstrap_test_details.txt"
RESERVE = "bootstrap-monitor.reserve"
POD = workload(build())


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Open a new ledger that waits only briefly for other processes."""
    made = open_ledger(tmp_path)
    with made.transaction() as connection:
        connection.execute("PRAGMA busy_timeout = 50")
    yield made
    made.close()


def later(seconds: float) -> Instant:
    """Return the instant `seconds` after the start."""
    return Instant(NOW.wall + seconds, NOW.boot_seconds + seconds, NOW.boot_id)


def started(ledger: Ledger, pod: Workload = POD, seconds: float = 0.0) -> Run:
    """Record the start of a run, and return the run."""
    ledger.record(later(seconds), "default", (BeginClearing(pod, "clearing"),))
    ledger.record(later(seconds), "default", (BeginRun(pod),))
    return last_of(ledger)


def last_of(ledger: Ledger) -> Run:
    """Return the newest run that has started, which must exist."""
    last = ledger.last()
    assert last is not None
    return last


def end_of(run: Run, outcome: Outcome = Outcome.SUCCEEDED, reason: Reason | None = None) -> EndRun:
    """Return a record that ends the run, with all measurements."""
    return EndRun(run, outcome, reason, f"it {outcome}", 4000.0, 4500.0, 2**30)


def ended(
    ledger: Ledger,
    pod: Workload = POD,
    outcome: Outcome = Outcome.SUCCEEDED,
    reason: Reason | None = None,
    seconds: float = 0.0,
) -> Run:
    """Record the start and the end of a run, and return the run."""
    run = started(ledger, pod, seconds)
    ledger.record(later(seconds + 5000), "default", (end_of(run, outcome, reason),))
    return last_of(ledger)


def test_a_new_ledger_knows_nothing(ledger: Ledger) -> None:
    assert (ledger.last(), ledger.clearing(), ledger.attempt(), ledger.holder()) == (None, None, None, None)
    assert (ledger.known(), ledger.runs(10), ledger.run(1), ledger.reading("phase")) == (
        False,
        (),
        None,
        None,
    )
    assert ledger.has_conclusive_run(build(), "fuji", SyncMode.FULL_SYNC) is False
    assert ledger.intervened_at(Intervention.PIN) is None
    assert (ledger.paused(), ledger.requested(), ledger.repeated_failures(), ledger.evidence(1)) == (
        *(False, None, 0, None),
    )


def test_a_clearing_that_began_is_known_and_is_not_a_run_yet(ledger: Ledger) -> None:
    ledger.record(NOW, "big-disk", (BeginClearing(POD, "clearing"),))
    clearing = ledger.clearing()

    assert clearing is not None
    assert (clearing.number, clearing.build, clearing.testbed) == (1, build(), "big-disk")
    assert (clearing.started_at, clearing.open) == (None, False)
    assert (ledger.known(), ledger.last(), ledger.runs(10)) == (True, None, ())


def test_a_run_begins_with_all_that_is_known_of_it(ledger: Ledger) -> None:
    ledger.record(NOW, "big-disk", (BeginClearing(POD, "clearing"),))
    ledger.record(later(60), "big-disk", (BeginRun(POD),))

    assert ledger.clearing() is None
    assert ledger.last() == Run(
        number=1,
        build=build(),
        network="fuji",
        sync_mode=SyncMode.FULL_SYNC,
        testbed="big-disk",
        settings_digest="settings",
        started_at=NOW.wall + 60,
        tracking=opened(later(60), "pod-1"),
    )


def test_a_run_is_of_the_pod_that_starts_it_not_of_the_one_that_began_the_clearing(ledger: Ledger) -> None:
    other = workload(
        build(NEW), network="mainnet", sync_mode=SyncMode.C_CHAIN_STATE_SYNC, settings_digest="new"
    )
    ledger.record(NOW, "default", (BeginClearing(POD, "clearing"),))
    ledger.record(NOW, "default", (BeginRun(other),))
    last = last_of(ledger)

    assert (last.number, last.build, last.network) == (1, build(NEW), "mainnet")
    assert (last.sync_mode, last.settings_digest) == (SyncMode.C_CHAIN_STATE_SYNC, "new")


def test_a_run_that_is_cleared_away_is_superseded_in_the_same_transaction(ledger: Ledger) -> None:
    started(ledger)
    ledger.record(later(100), "default", (BeginClearing(workload(build(NEW)), "a new build"),))
    old, clearing = ledger.run(1), ledger.clearing()

    assert old is not None
    assert (old.outcome, old.ended_at, old.message) == (Outcome.SUPERSEDED, NOW.wall + 100, "a new build")
    assert clearing is not None
    assert clearing.number == 2


def test_the_time_since_a_build_was_superseded_counts_from_the_last_time(ledger: Ledger) -> None:
    for start_seconds in (0, 1000):
        started(ledger, seconds=start_seconds)
        superseding = BeginClearing(workload(build(NEW)), "a new build")
        ledger.record(later(start_seconds + 100), "default", (superseding,))

    assert ledger.superseded_seconds(build(OLD), NOW.wall + 1160) == 60
    assert ledger.superseded_seconds(build(NEW), NOW.wall + 1160) is None


def test_data_that_is_adopted_is_a_run_that_is_compared_with_no_other(ledger: Ledger) -> None:
    ledger.record(NOW, "default", (AdoptRun(POD),))
    last = last_of(ledger)

    assert (last.number, last.open, last.recovered, last.started_at) == (1, True, True, NOW.wall)
    assert last.message == "adopted data of unknown origin"


def test_runs_are_numbered_on_and_shown_newest_first(ledger: Ledger) -> None:
    for each in range(4):
        ended(ledger, seconds=each * 10_000)

    assert [run.number for run in ledger.runs(3)] == [4, 3, 2]
    assert [run.number for run in ledger.runs(10)] == [4, 3, 2, 1]
    second = ledger.run(2)
    assert second is not None
    assert second.started_at == NOW.wall + 10_000


def test_a_decision_is_recorded_whole_or_not_at_all(ledger: Ledger) -> None:
    run = started(ledger)
    half = (
        end_of(run),
        RecordAttempt(build(NEW), AttemptCause.NEW_BUILD, "pod-1"),
        BeginClearing(workload(), ""),
    )
    with pytest.raises(AssertionError, match="no rule starts a run of an image that is not pinned"):
        ledger.record(
            later(100),
            "default",
            half,
            {"phase": {"phase": "idle"}},
            tracking=replace(run, settings_changed=True),
        )

    assert last_of(ledger) == run
    assert (ledger.attempt(), ledger.reading("phase")) == (None, None)


KILLED = """
import os, sys
from pathlib import Path
from monitor.ledger import open_ledger
ledger = open_ledger(Path(sys.argv[1]))
with ledger.transaction() as connection:
    connection.execute("PRAGMA cache_size = 1")
    connection.execute("UPDATE runs SET outcome = 'failed'")
    for each in range(2000):
        connection.execute("INSERT INTO readings VALUES (?, ?, 0)", (f"reading {each}", "x" * 1000))
    os._exit(9)
"""


def test_a_process_that_is_killed_while_it_records_leaves_the_state_before(
    ledger: Ledger, tmp_path: Path
) -> None:
    run = started(ledger)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, check=False)

    assert killed.returncode == 9
    assert (tmp_path / f"{FILE}-journal").stat().st_size > 0, (
        "it was half-way: what it wrote must be rolled back"
    )
    shown = open_read_only(tmp_path)
    seen = shown.last()
    shown.close()
    assert seen == run, "also to a reader, before the monitor is back"
    assert last_of(ledger) == run
    assert ledger.reading("reading 0") is None


AFTER_THE_END = [
    pytest.param(lambda run, _: end_of(run, Outcome.SUCCEEDED), id="a success once more"),
    pytest.param(lambda run, _: end_of(run, Outcome.FAILED, Reason.STALLED), id="a failure"),
    pytest.param(lambda _, pod: BeginClearing(pod, "a new build"), id="it is cleared for the next"),
    pytest.param(
        lambda run, pod: ResumeRun(run, replace(pod, settings_digest="changed")), id="its pod starts again"
    ),
    pytest.param(lambda _, pod: BeginRun(pod), id="a run begins that no clearing began for"),
]


@pytest.mark.parametrize(
    "reason", [pytest.param(None, id="a success"), pytest.param(Reason.CRASHED, id="a failure")]
)
@pytest.mark.parametrize("record", AFTER_THE_END)
def test_a_result_is_final(
    ledger: Ledger, record: Callable[[Run, Workload], Record], reason: Reason | None
) -> None:
    outcome = Outcome.FAILED if reason else Outcome.SUCCEEDED
    final = ended(ledger, outcome=outcome, reason=reason)
    ledger.record(later(9000), "default", (record(final, POD),))

    assert ledger.run(1) == final
    assert (final.outcome, final.reason, final.ended_at) == (outcome, reason, NOW.wall + 5000)
    assert (final.duration_seconds, final.wall_seconds, final.disk_usage_bytes) == (4000.0, 4500.0, 2**30)


def test_two_monitors_that_end_one_run_record_one_result(ledger: Ledger, tmp_path: Path) -> None:
    run, other = started(ledger), open_ledger(tmp_path)
    ledger.record(later(100), "default", (end_of(run, Outcome.SUCCEEDED),))
    other.record(later(200), "default", (end_of(run, Outcome.FAILED, Reason.DEADLINE),))
    other.close()

    assert last_of(ledger).outcome is Outcome.SUCCEEDED
    assert ledger.snapshot(10).totals == {("succeeded", ""): 1}


def test_the_books_and_counters_of_a_run_with_a_result_stay_as_they_were(ledger: Ledger) -> None:
    run, key = started(ledger), ("C", "blocks_accepted")
    run = replace(run, tracking=replace(run.tracking, active_seconds=100.0))
    ledger.record(later(100), "default", (end_of(run),), tracking=run, counts={key: Count(0, 5, 5)})
    again = replace(run, tracking=RunTracking(active_seconds=999.0), settings_changed=True)
    ledger.record(later(200), "default", tracking=again, counts={key: Count(5, 7, 7)})
    final = last_of(ledger)

    assert (final.tracking, final.settings_changed) == (run.tracking, False)
    assert ledger.counts(final) == {key: Count(0, 5, 5)}


@pytest.mark.parametrize(
    "tracking",
    [
        pytest.param(RunTracking(), id="empty"),
        pytest.param(opened(NOW), id="opened"),
        pytest.param(
            RunTracking(
                boot_id="boot",
                accounted_boot_seconds=50_100.25,
                active_seconds=99.5,
                observed_seconds=88.25,
                process_start_boot_seconds=50_001.5,
                process_uid="pod-1",
                process_restarts=3,
                node_restarts=4,
                restarts_at_progress=2,
                identity_agreed=True,
                progress_at=1e6 + 0.5,
                idle_seconds=12.125,
                lifeless_seconds=1.5,
                not_started_seconds=2.5,
                unhealthy_seconds=3.5,
                disk_write_bytes=2.0**40,
            ),
            id="under way",
        ),
        pytest.param(RunTracking(healthy=HealthyStreak(1e6 + 0.125, 50_000.1, 12.5, 7.25)), id="healthy"),
    ],
)
def test_the_books_of_an_open_run_are_kept_exactly(ledger: Ledger, tracking: RunTracking) -> None:
    run = replace(started(ledger), tracking=tracking, settings_changed=True)
    ledger.record(later(10), "default", tracking=run)

    assert last_of(ledger) == run


@pytest.mark.parametrize(
    ("column", "word", "expected"),
    [
        ("reason", "struck_by_lightning", (Outcome.FAILED, None, False)),
        ("outcome", "postponed", (Outcome.SUPERSEDED, Reason.CRASHED, False)),
    ],
)
def test_a_word_of_a_newer_monitor_judges_nothing(
    ledger: Ledger, tmp_path: Path, column: str, word: str, expected: tuple[Outcome, Reason | None, bool]
) -> None:
    ledger.record(later(100), "default", (end_of(started(ledger), Outcome.FAILED, Reason.CRASHED),))
    connection = sqlite3.connect(tmp_path / FILE)
    with connection:
        connection.execute(f"UPDATE runs SET {column} = ?", (word,))  # noqa: S608 - one of the columns above
    connection.close()
    run = last_of(ledger)

    assert (run.outcome, run.reason, run.is_conclusive) == expected


def test_what_a_newer_monitor_keeps_in_the_books_is_left_out(ledger: Ledger) -> None:
    started(ledger)
    newer = '{"active_seconds": 7.5, "drains": 3, "healthy": {"since_wall": 1, "since_boot_seconds": 2, '
    newer += '"active_seconds_at_start": 3, "peers": 12}}'
    with ledger.transaction() as connection:
        connection.execute("UPDATE runs SET bookkeeping = ?", (newer,))

    assert last_of(ledger).tracking == RunTracking(active_seconds=7.5, healthy=HealthyStreak(1, 2, 3))


def test_counters_are_kept_by_run(ledger: Ledger) -> None:
    blocks, leaves = ("C", "blocks_accepted"), ("C", "leaves")
    run = started(ledger)
    ledger.record(later(10), "default", tracking=run, counts={blocks: Count(0, 5, 5), leaves: Count(0, 1, 1)})
    ledger.record(later(20), "default", tracking=run, counts={blocks: Count(5, 2, 5)})
    second = started(ledger, workload(build(NEW)))

    assert ledger.counts(run) == {blocks: Count(5, 2, 5), leaves: Count(0, 1, 1)}
    assert ledger.counts(second) == {}


UNKNOWN = replace(build(), versions=None)
PLATFORM = f"sha256:{'d' * 64}"


@pytest.mark.parametrize(
    ("first", "then", "expected"),
    [
        pytest.param(UNKNOWN, build(), build(), id="versions that were not known are learned"),
        pytest.param(build(), UNKNOWN, build(), id="versions that are known are not forgotten"),
        pytest.param(build(), build(commit="e" * 40), build(), id="nor changed"),
        pytest.param(
            UNKNOWN,
            Build(f"{REPOSITORY}@{OLD}", frozenset({OLD, PLATFORM})),
            Build(f"{REPOSITORY}@{OLD}", frozenset({OLD, PLATFORM})),
            id="another digest of it is learned",
        ),
    ],
)
def test_a_run_that_resumes_learns_of_its_build(
    ledger: Ledger, first: Build, then: Build, expected: Build
) -> None:
    run = started(ledger, workload(first))
    ledger.record(later(10), "default", (ResumeRun(run, workload(then)),))

    assert last_of(ledger) == replace(run, build=expected)


@pytest.mark.parametrize(
    ("before", "settings_digest", "changed"),
    [
        pytest.param(False, "settings", False, id="the same"),
        pytest.param(False, "others", True, id="changed"),
        pytest.param(True, "settings", True, id="changed once, and back"),
    ],
)
def test_settings_that_changed_under_way_are_remembered(
    ledger: Ledger, settings_digest: str, *, before: bool, changed: bool
) -> None:
    run = replace(started(ledger), settings_changed=before)
    ledger.record(later(10), "default", (ResumeRun(run, replace(POD, settings_digest=settings_digest)),))

    assert last_of(ledger).settings_changed is changed


BOTH = Build(f"{REPOSITORY}@{NEW}", frozenset({NEW, OLD}))


@pytest.mark.parametrize(
    ("outcome", "reason", "asked", "judged"),
    [
        pytest.param(Outcome.SUCCEEDED, None, build(), True, id="succeeded"),
        pytest.param(Outcome.SUCCEEDED, None, BOTH, True, id="one of its digests is enough"),
        pytest.param(Outcome.SUCCEEDED, None, build(NEW), False, id="another build"),
        pytest.param(Outcome.SUPERSEDED, None, build(), False, id="superseded"),
        *(
            pytest.param(Outcome.FAILED, reason, build(), True, id=f"{reason} judges the build")
            for reason in (
                Reason.CRASHED,
                Reason.OUT_OF_MEMORY,
                Reason.UNHEALTHY,
                Reason.STALLED,
                Reason.DEADLINE,
            )
        ),
        *(
            pytest.param(Outcome.FAILED, reason, build(), False, id=f"{reason} is a failure of the testbed")
            for reason in (Reason.DISK_FULL, Reason.NOT_STARTED, Reason.MISCONFIGURED)
        ),
    ],
)
def test_a_build_is_judged_by_an_outcome_that_speaks_of_it(
    ledger: Ledger, outcome: Outcome, reason: Reason | None, asked: Build, *, judged: bool
) -> None:
    ended(ledger, outcome=outcome, reason=reason)

    assert ledger.has_conclusive_run(asked, "fuji", SyncMode.FULL_SYNC) is judged


@pytest.mark.parametrize(
    ("network", "sync_mode"),
    [
        pytest.param("mainnet", SyncMode.FULL_SYNC, id="on another network"),
        pytest.param("fuji", SyncMode.C_CHAIN_STATE_SYNC, id="in another mode"),
    ],
)
def test_a_build_is_judged_for_its_network_and_mode_only(
    ledger: Ledger, network: str, sync_mode: SyncMode
) -> None:
    ended(ledger)

    assert ledger.has_conclusive_run(build(), network, sync_mode) is False


def test_a_build_that_was_judged_long_ago_still_is(ledger: Ledger) -> None:
    ended(ledger)
    for each in range(1, 30):
        ended(ledger, workload(build(NEW)), seconds=each * 10_000)

    assert ledger.has_conclusive_run(build(), "fuji", SyncMode.FULL_SYNC) is True


@pytest.mark.parametrize(
    ("runs", "digests", "expected"),
    [
        pytest.param([], {OLD}, None, id="no run"),
        pytest.param([build()], {NEW}, None, id="another build"),
        pytest.param([build()], {NEW, OLD}, build(), id="one of its digests is enough"),
        pytest.param([build(), build(NEW)], {OLD}, build(), id="met long ago"),
        pytest.param(
            [replace(build(), versions=None)], {OLD}, replace(build(), versions=None), id="no versions"
        ),
        pytest.param(
            [build(), replace(build(), versions=None)], {OLD}, build(), id="where there are versions"
        ),
    ],
)
def test_a_build_that_was_met_is_known_by_its_digests(
    ledger: Ledger, runs: list[Build], digests: set[str], expected: Build | None
) -> None:
    for number, each in enumerate(runs):
        ended(ledger, workload(each), seconds=(number + 1) * 10_000)

    assert ledger.build_of(frozenset(digests)) == expected


@pytest.mark.parametrize(
    ("run", "attempt", "expected"),
    [
        pytest.param(None, build(NEW), build(NEW), id="before its run has started"),
        pytest.param(replace(build(NEW), versions=None), build(NEW), build(NEW), id="a run without versions"),
        pytest.param(build(NEW), replace(build(NEW), versions=None), build(NEW), id="a run with versions"),
    ],
)
def test_an_attempt_knows_its_build(
    ledger: Ledger, run: Build | None, attempt: Build, expected: Build
) -> None:
    """An attempt provides the versions of its build.

    The sidecar of the pinned pod looks up new builds before `init` has started the run.
    """
    ended(ledger)
    if run is not None:
        ended(ledger, workload(run), seconds=10_000)
    ledger.record(later(20_000), "default", (RecordAttempt(attempt, AttemptCause.NEW_BUILD, "pod-1"),))

    assert ledger.build_of(frozenset({NEW})) == expected
    assert ledger.build_of(frozenset({OLD})) == build()


def test_a_run_that_is_open_judges_nothing(ledger: Ledger) -> None:
    started(ledger)

    assert ledger.has_conclusive_run(build(), "fuji", SyncMode.FULL_SYNC) is False


def attempted(of: Build, uid: str = "pod-1", cause: AttemptCause = AttemptCause.NEW_BUILD) -> RecordAttempt:
    return RecordAttempt(of, cause, uid)


def test_an_attempt_is_there_until_its_run_starts(ledger: Ledger) -> None:
    ended(ledger)
    ledger.record(later(6000), "default", (attempted(build(NEW)),))
    recorded = ledger.attempt()
    pod = workload(build(NEW), uid="pod-2")
    ledger.record(later(6000), "default", (BeginClearing(pod, "clearing"),))
    while_clearing = ledger.attempt()
    ledger.record(later(6000), "default", (BeginRun(pod),))

    assert recorded == Attempt(build(NEW), 1, AttemptCause.NEW_BUILD, "pod-1")
    assert while_clearing == recorded
    assert ledger.attempt() is None


BOTH = replace(build(NEW), digests=frozenset({NEW, OLD}))


@pytest.mark.parametrize(
    "before",
    [
        pytest.param((attempted(BOTH),), id="that was attempted"),
        pytest.param((BeginClearing(workload(BOTH), ""), BeginRun(workload(BOTH))), id="of a run before"),
    ],
)
def test_a_run_has_all_digests_that_are_known_of_its_build(ledger: Ledger, before: Sequence[Record]) -> None:
    """A run has all known digests of its build.

    The pod is pinned to one of them, and a registry or a kubelet may report another one later.
    """
    ledger.record(NOW, "default", before)
    ledger.record(later(60), "default", (BeginClearing(workload(build(NEW)), ""),))
    clearing = ledger.clearing()

    assert clearing is not None
    assert clearing.build == BOTH
    ledger.record(later(120), "default", (BeginRun(workload(build(NEW))),))
    assert last_of(ledger).build == BOTH


@pytest.mark.parametrize(
    "before",
    [
        pytest.param((attempted(build(NEW)),), id="that was attempted"),
        pytest.param(
            (BeginClearing(workload(build(NEW)), ""), BeginRun(workload(build(NEW)))), id="of a run before"
        ),
    ],
)
def test_a_run_has_the_versions_that_are_known_of_its_build(ledger: Ledger, before: Sequence[Record]) -> None:
    """A run has the known versions of its build.

    A pod that was pinned by an operator or by `helm rollback` has no annotation with the versions.
    """
    ledger.record(NOW, "default", before)
    ended(ledger, seconds=60)
    by_hand = workload(replace(build(NEW), versions=None))
    ledger.record(later(10_000), "default", (BeginClearing(by_hand, ""),))
    clearing = ledger.clearing()

    assert clearing is not None
    assert clearing.build == build(NEW)
    ledger.record(later(10_060), "default", (BeginRun(by_hand),))
    assert last_of(ledger).build == build(NEW)


def test_a_run_has_no_versions_of_another_build(ledger: Ledger) -> None:
    ended(ledger)
    unknown = replace(build(NEW), versions=None)

    assert started(ledger, workload(unknown), 10_000).build == unknown


def test_a_run_has_no_digest_of_another_build(ledger: Ledger) -> None:
    started(ledger, workload(build(OLD)))
    ledger.record(NOW, "default", (attempted(build(OLD)),))

    assert started(ledger, workload(build(NEW)), 60).build == build(NEW)


def test_announcements_are_due_until_they_are_sent_and_no_more_than_twenty(ledger: Ledger) -> None:
    for number in range(25):
        made = [Announcement("R", f"message {number}", warning=number % 2 == 1)]
        ledger.record(later(number), "default", announcements=made)
    due = ledger.due_announcements()
    ledger.announced(due[0])
    ledger.announced(due[0])

    assert ledger.due_announcements() == due[1:]
    assert [(each.announcement, each.made_at) for each in due] == [
        (Announcement("R", f"message {number}", warning=number % 2 == 1), NOW.wall + number)
        for number in range(5, 25)
    ]


def timed(ledger: Ledger, number: int, seconds: float) -> None:
    """Record a run of a build of its own with a duration, and announce everything before it."""
    run = started(ledger, workload(build(f"sha256:{number:064x}", f"{number:040x}")), number * 10_000)
    for due in ledger.due_announcements():
        ledger.announced(due)
    success = replace(end_of(run), duration_seconds=seconds, wall_seconds=seconds)
    ledger.record(later(number * 10_000 + 5000), "default", (success,))


def due_reasons(ledger: Ledger) -> list[str]:
    """Return the reasons of the announcements that are due."""
    return [due.announcement.reason for due in ledger.due_announcements()]


def test_a_changed_verdict_is_announced_with_the_result_that_changed_it(ledger: Ledger) -> None:
    """An outcome is recorded once, and so is the announcement."""
    reasons = {}
    for number, seconds in enumerate([4000.0] * 8 + [6000.0, 6000.0, 6000.0, 4000.0, 4000.0], 1):
        timed(ledger, number, seconds)
        reasons[number] = due_reasons(ledger)
    changed = {number: found for number, found in reasons.items() if found}

    assert changed == {
        9: ["BootstrapRegressed"],
        10: ["BootstrapRegressed"],
        13: ["BootstrapRegressionCleared"],
    }


@pytest.mark.parametrize(
    "alter",
    [
        pytest.param(
            lambda ledger: ledger.ask(RequestKind.MARK_BASELINE, "10", NOW.wall), id="a baseline after it"
        ),
        pytest.param(
            lambda ledger: ledger.keep_reading(COMPARISON, {}, NOW.wall), id="a comparison of two builds"
        ),
    ],
)
def test_a_result_that_is_compared_with_no_other_changes_no_verdict(
    ledger: Ledger, alter: Callable[[Ledger], None]
) -> None:
    for number in range(1, 9):
        timed(ledger, number, 4000.0)
    alter(ledger)
    timed(ledger, 9, 6000.0)

    assert due_reasons(ledger) == []


def test_announcements_that_another_version_wrote_are_none(ledger: Ledger) -> None:
    ledger.record(NOW, "default", readings={"announcements": {"due": [{"reason": "R"}]}})

    assert ledger.due_announcements() == ()
    ledger.record(NOW, "default", announcements=[Announcement("R", "m")])
    assert len(ledger.due_announcements()) == 1


def test_of_two_attempts_the_newer_one_counts(ledger: Ledger) -> None:
    ended(ledger)
    ledger.record(later(6000), "default", (attempted(build(NEW)),))
    ledger.record(later(6010), "default", (attempted(build(), cause=AttemptCause.REQUEST),))

    assert ledger.attempt() == Attempt(build(), 1, AttemptCause.REQUEST, "pod-1")


def test_an_attempt_before_any_run_counts(ledger: Ledger) -> None:
    ledger.record(NOW, "default", (attempted(build()),))

    assert ledger.attempt() == Attempt(build(), 0, AttemptCause.NEW_BUILD, "pod-1")


PAUSE, RESUME, RERUN = RequestKind.PAUSE, RequestKind.RESUME, RequestKind.RERUN


@pytest.mark.parametrize(
    ("asked", "paused"),
    [
        pytest.param([], False, id="nothing asked"),
        pytest.param([PAUSE], True, id="paused"),
        pytest.param([PAUSE, PAUSE], True, id="paused twice"),
        pytest.param([PAUSE, PAUSE, RESUME], False, id="one resume is enough"),
        pytest.param([RESUME], False, id="resumed without a pause"),
        pytest.param([PAUSE, RESUME, PAUSE], True, id="paused again"),
        pytest.param([PAUSE, RERUN], True, id="another run does not resume it"),
        pytest.param([RERUN], False, id="another run does not pause it"),
    ],
)
def test_it_is_paused_until_it_is_resumed(
    ledger: Ledger,
    tmp_path: Path,
    asked: Sequence[RequestKind],
    paused: bool,  # noqa: FBT001 - the expected value
) -> None:
    for kind in asked:
        ledger.ask(kind, "", NOW.wall)  # the requests have equal times, so that only their order counts
    beside = open_read_only(tmp_path)
    seen = beside.paused()
    beside.close()

    assert (ledger.paused(), seen) == (paused, paused)


def test_without_an_image_the_last_run_s_build_is_requested(ledger: Ledger) -> None:
    """A request without an image is for the last run's build at the time when the request is read."""
    ledger.ask(RERUN, "", NOW.wall)
    before = ledger.requested()
    ended(ledger)
    first = ledger.requested()
    ended(ledger, workload(build(NEW)), seconds=6000)

    assert (before, first, ledger.requested()) == (None, build(), build(NEW))


THIRD = f"sha256:{'3' * 64}"


@pytest.mark.parametrize(
    ("image", "requested"),
    [
        pytest.param(f"{REPOSITORY}@{OLD}", build(), id="the one before"),
        pytest.param(f"{REPOSITORY}:v1.14.2@{OLD}", build(), id="with a tag too"),
        pytest.param(f"{REPOSITORY}@{NEW}", build(NEW), id="the last one"),
        pytest.param(
            f"{REPOSITORY}@{THIRD}",
            Build(f"{REPOSITORY}@{THIRD}", frozenset({THIRD})),
            id="one that never ran has no versions",
        ),
    ],
)
def test_a_named_image_has_its_versions_from_history(ledger: Ledger, image: str, requested: Build) -> None:
    ended(ledger)
    ended(ledger, workload(build(NEW)), seconds=6000)
    ledger.ask(RERUN, image, NOW.wall)

    assert ledger.requested() == requested


def test_a_named_image_is_found_by_any_of_its_digests(ledger: Ledger) -> None:
    both = replace(build(), digests=frozenset({OLD, THIRD}))
    ended(ledger, workload(both))
    ledger.ask(RERUN, f"{REPOSITORY}@{THIRD}", NOW.wall)

    assert ledger.requested() == both


def test_of_two_requests_the_newer_one_counts(ledger: Ledger) -> None:
    ended(ledger)
    ended(ledger, workload(build(NEW)), seconds=6000)
    ledger.ask(RERUN, f"{REPOSITORY}@{OLD}", NOW.wall)
    ledger.ask(RERUN, "", NOW.wall)

    assert ledger.requested() == build(NEW)


@pytest.mark.parametrize(
    ("cause", "left"),
    [
        pytest.param(AttemptCause.REQUEST, None, id="its own"),
        pytest.param(AttemptCause.NEW_BUILD, build(), id="a new build's"),
        pytest.param(AttemptCause.RETRY, build(), id="a retry's"),
    ],
)
def test_a_request_is_done_once_its_attempt_is_recorded(
    ledger: Ledger, cause: AttemptCause, left: Build | None
) -> None:
    """A request is completed in the transaction that records its attempt.

    Therefore the request is neither lost nor carried out twice.
    """
    ended(ledger)
    for _ in range(2):
        ledger.ask(RERUN, "", NOW.wall)
    ledger.record(later(10), "default", (attempted(build(), cause=cause),))

    assert ledger.requested() == left
    found = ledger.attempt()
    assert found is not None
    assert found.cause is cause


def test_a_request_after_the_attempt_asks_for_another_run(ledger: Ledger) -> None:
    ended(ledger)
    ledger.ask(RERUN, "", NOW.wall)
    ledger.record(later(10), "default", (attempted(build(), cause=AttemptCause.REQUEST),))
    ledger.ask(RERUN, "", NOW.wall)

    assert ledger.requested() == build()


def test_a_withdrawn_request_is_not_carried_out_and_its_attempt_is_kept(ledger: Ledger) -> None:
    ended(ledger)
    ended(ledger, workload(build(NEW)), seconds=6000)
    ledger.ask(RERUN, "", NOW.wall)
    ledger.record(later(10), "default", (attempted(build(), cause=AttemptCause.REQUEST),))
    first = ledger.withdraw_rerun(NOW.wall)
    replaced = [ledger.ask(RERUN, f"{REPOSITORY}@{digest}", NOW.wall) for digest in (OLD, NEW)]
    withdrawn = [ledger.withdraw_rerun(NOW.wall) for _ in range(2)]
    attempt = ledger.attempt()

    assert (first, replaced, withdrawn) == (None, [None, build()], [build(NEW), None])
    assert (ledger.requested(), attempt and attempt.build) == (None, build())


@pytest.mark.parametrize("replaced_by", [None, NEW], ids=["withdrawn", "replaced"])
def test_a_rerun_that_changed_after_the_decision_is_not_carried_out(
    ledger: Ledger, replaced_by: str | None
) -> None:
    ended(ledger)
    ledger.ask(RERUN, "", NOW.wall)
    requested = ledger.requested()
    ledger.withdraw_rerun(NOW.wall)
    if replaced_by:
        ledger.ask(RERUN, f"{REPOSITORY}@{replaced_by}", NOW.wall)
    attempt = attempted(build(), cause=AttemptCause.REQUEST)
    with pytest.raises(TemporaryError, match="the requested rerun was withdrawn or replaced"):
        ledger.record(later(10), "default", (attempt,), requested=requested)

    assert ledger.attempt() is None
    assert (ledger.requested() is None) is (replaced_by is None)


def test_a_request_that_is_not_recorded_whole_stays(ledger: Ledger) -> None:
    ended(ledger)
    ledger.ask(RERUN, "", NOW.wall)
    half = (attempted(build(), cause=AttemptCause.REQUEST), BeginClearing(workload(), ""))
    with pytest.raises(AssertionError):
        ledger.record(later(10), "default", half)

    assert (ledger.requested(), ledger.attempt()) == (build(), None)


DID_NOT_START = (build(), Reason.NOT_STARTED)


@pytest.mark.parametrize(
    ("runs", "count"),
    [
        pytest.param([DID_NOT_START], 1, id="once"),
        pytest.param([DID_NOT_START] * 3, 3, id="three times"),
        pytest.param([DID_NOT_START, (build(), None)], 0, id="it started since"),
        pytest.param([(build(), None), DID_NOT_START], 1, id="it started before"),
        pytest.param([DID_NOT_START, (build(), Reason.CRASHED)], 0, id="it failed otherwise since"),
        pytest.param([DID_NOT_START, (build(NEW), Reason.NOT_STARTED)], 1, id="another build before"),
        pytest.param(
            [DID_NOT_START, (build(NEW), Reason.NOT_STARTED), DID_NOT_START], 1, id="another build between"
        ),
    ],
)
def test_repeated_failures_are_counted_by_build_and_in_a_row(
    ledger: Ledger, runs: Sequence[tuple[Build, Reason | None]], count: int
) -> None:
    for number, (of, reason) in enumerate(runs):
        outcome = Outcome.FAILED if reason else Outcome.SUCCEEDED
        ended(ledger, workload(of), outcome, reason, seconds=number * 6000)

    assert ledger.repeated_failures() == count


def test_failures_with_another_reason_or_template_are_not_a_repetition(ledger: Ledger) -> None:
    counts = []
    for number, (reason, revision) in enumerate(
        [
            (Reason.NOT_STARTED, "one"),
            (Reason.NOT_STARTED, "one"),
            (Reason.NOT_STARTED, "two"),
            (Reason.DISK_FULL, "two"),
            (Reason.DISK_FULL, "two"),
        ]
    ):
        run = started(ledger, seconds=number * 6000)
        tracking = replace(run, tracking=replace(run.tracking, revision=revision))
        end = end_of(run, Outcome.FAILED, reason)
        ledger.record(later(number * 6000 + 5000), "default", (end,), tracking=tracking)
        counts.append(ledger.repeated_failures())

    assert counts == [1, 2, 1, 1, 2]


def test_a_run_that_is_open_has_no_failed_start_yet(ledger: Ledger) -> None:
    ended(ledger, outcome=Outcome.FAILED, reason=Reason.NOT_STARTED)
    started(ledger, seconds=6000)

    assert ledger.repeated_failures() == 0


def test_a_run_is_compared_with_successes_of_its_network_mode_and_testbed(ledger: Ledger) -> None:
    for outcome, reason in (SUCCESS, FAILURE, SUPERSEDED, SUCCESS):
        ended(ledger, outcome=outcome, reason=reason)
    last = last_of(ledger)

    assert [each.run.number for each in ledger.successes(last)] == [1, 4]
    assert ledger.successes(replace(last, network="mainnet")) == ()
    assert ledger.successes(replace(last, sync_mode=SyncMode.ONLY_P_CHAIN_FULL_SYNC)) == ()
    assert ledger.successes(replace(last, testbed="another")) == ()


def test_a_run_is_compared_with_the_newest_successes_only(ledger: Ledger) -> None:
    for _ in range(MAX_COMPARED + 3):
        ended(ledger)

    found = [each.run.number for each in ledger.successes(last_of(ledger))]
    assert found == list(range(4, MAX_COMPARED + 4))


@pytest.mark.parametrize(
    ("counts", "blocks", "again"),
    [
        pytest.param({}, 0, False, id="nothing counted"),
        pytest.param(
            {("P", "blocks_accepted"): Count(7, 5, 7), ("C", "blocks_accepted"): Count(0, 30, 30)},
            42,
            False,
            id="blocks of all chains and processes",
        ),
        pytest.param({("P", "blocks_fetched"): Count(0, 9, 9)}, 0, False, id="fetched only"),
        pytest.param({("C", "leaves_synced"): Count(0, 9, 9)}, 0, False, id="state synced once"),
        pytest.param({("C", "leaves_synced"): Count(9, 4, 9)}, 0, True, id="state synced again"),
        pytest.param(
            {("C", "leaves_synced"): Count(9, 0, 9)}, 0, False, id="the node restarted after the state sync"
        ),
    ],
)
def test_a_success_has_what_its_counters_say(
    ledger: Ledger, counts: Counts, blocks: float, *, again: bool
) -> None:
    run = started(ledger)
    ledger.record(NOW, "default", (), tracking=run, counts=counts)
    ledger.record(NOW, "default", (end_of(run),))

    (found,) = ledger.successes(run)
    assert (found.run.number, found.blocks_accepted, found.state_synced_again) == (1, blocks, again)


@pytest.mark.parametrize(
    ("marks", "first"),
    [((), 0), ((3,), 3), ((3, 2), 2), ((3, 1), 0)],
    ids=["none", "one", "newest", "reverted"],
)
def test_baselines_begin_where_a_person_marked_it(ledger: Ledger, marks: Sequence[int], first: int) -> None:
    for _ in range(4):
        ended(ledger)
    for mark in marks:
        ledger.ask(RequestKind.MARK_BASELINE, str(mark), NOW.wall)

    assert ledger.baseline_begins() == first
    assert [each.run.number for each in ledger.successes(last_of(ledger))] == list(range(max(1, first), 5))
    assert ledger.requested() is None
    assert not ledger.paused()


@pytest.mark.parametrize(
    "text",
    ["the end", "", "two\nlines\n", "\x1b[31m\x00\ufffd", "é" * 65536],
    ids=["a line", "empty", "lines", "control characters", "long"],
)
def test_evidence_is_kept_as_it_is(ledger: Ledger, tmp_path: Path, text: str) -> None:
    run = ended(ledger, outcome=Outcome.FAILED, reason=Reason.CRASHED)
    ledger.keep_evidence(run.number, Evidence(text, NOW.wall))
    beside = open_read_only(tmp_path)
    seen = beside.evidence(run.number)
    beside.close()

    assert (ledger.evidence(run.number), seen) == (Evidence(text, NOW.wall),) * 2
    assert ledger.evidence(run.number + 1) is None


def test_of_evidence_that_was_taken_twice_the_newer_one_is_shown(ledger: Ledger) -> None:
    """If evidence was saved twice, the newer one is shown.

    The action of a verdict may be repeated after a kill.
    """
    run = ended(ledger, outcome=Outcome.FAILED, reason=Reason.CRASHED)
    for at, text in enumerate(("first", "second")):
        ledger.keep_evidence(run.number, Evidence(text, float(at)))

    assert ledger.evidence(run.number) == Evidence("second", 1.0)


@pytest.mark.parametrize("size_bytes", [10**12, None], ids=["measured", "not measured"])
def test_a_result_has_the_size_of_the_volume_it_ran_on(ledger: Ledger, size_bytes: int | None) -> None:
    """A result has the size of the volume, so that a larger volume can be recognized."""
    end = replace(end_of(started(ledger), Outcome.FAILED, Reason.DISK_FULL), volume_size_bytes=size_bytes)
    ledger.record(later(5000), "default", (end,))

    assert (last_of(ledger).volume_size_bytes, last_of(ledger).reason) == (size_bytes, Reason.DISK_FULL)


def test_a_request_is_written_beside_a_monitor_that_lives(ledger: Ledger, tmp_path: Path) -> None:
    ended(ledger)
    asking = open_existing(tmp_path)
    asking.ask(RERUN, "", NOW.wall)
    asking.ask(PAUSE, "", NOW.wall)
    asking.close()

    assert (ledger.requested(), ledger.paused()) == (build(), True)


@pytest.mark.parametrize("folder", ["", "none"], ids=["no file", "no folder"])
def test_where_there_is_no_ledger_a_request_makes_none(tmp_path: Path, folder: str) -> None:
    with pytest.raises(MonitorError) as caught:
        open_existing(tmp_path / folder)

    path = tmp_path / folder / FILE
    assert str(caught.value) == f"no ledger at {path}: set --data-dir to that of a tester that has run"
    assert list(tmp_path.iterdir()) == []


def test_a_request_makes_no_details_file(ledger: Ledger, tmp_path: Path) -> None:
    """A request creates no details file, which only the monitor writes."""
    ended(ledger)
    (tmp_path / DETAILS).unlink()
    open_existing(tmp_path).close()

    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE]


def test_a_request_does_not_rename_a_corrupt_ledger(tmp_path: Path) -> None:
    """A request leaves a corrupt ledger in place.

    Only the monitor renames it, and then recovers the run.
    """
    (tmp_path / FILE).write_text("no database" * 100)

    with pytest.raises(TemporaryError, match="file is not a database"):
        open_existing(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    assert (tmp_path / FILE).read_text().startswith("no database")


def test_an_intervention_counts_once_a_pod(ledger: Ledger) -> None:
    for seconds, uid in ((0, "pod-1"), (10, "pod-1"), (20, "pod-2"), (30, "pod-3")):
        ledger.record(later(seconds), "default", (RecordIntervention(Intervention.PIN_REVERT, uid),))
    ledger.record(later(40), "default", (RecordIntervention(Intervention.PIN, "pod-4"),))

    assert ledger.intervened(Intervention.PIN_REVERT, NOW.wall) == 3
    assert ledger.intervened(Intervention.PIN_REVERT, NOW.wall + 20) == 2
    assert ledger.intervened(Intervention.PIN_REVERT, NOW.wall, other_than="pod-3") == 2
    assert ledger.intervened_at(Intervention.PIN_REVERT) == NOW.wall + 30
    assert ledger.snapshot(1).interventions == {"pin_revert": 3, "pin": 1}


def test_the_version_changes_with_each_write_of_another_process(ledger: Ledger, tmp_path: Path) -> None:
    before = ledger.version()
    ledger.renew("pod-1")
    assert ledger.version() == before
    with closing(open_existing(tmp_path)) as another:
        another.ask(RequestKind.PAUSE, "", NOW.wall)

    assert ledger.version() != before


def test_a_run_is_decoded_again_only_once_it_has_changed(ledger: Ledger) -> None:
    """A run is decoded again only if it has changed, because each scrape reads many runs."""
    ended(ledger)
    (first,), (second,) = ledger.runs(1), ledger.runs(1)
    ledger.add_digests(first, frozenset({NEW}))
    (third,) = ledger.runs(1)

    assert second is first
    assert third.build.digests == {OLD, NEW}


def test_the_newest_reading_of_a_name_is_kept(ledger: Ledger) -> None:
    ledger.record(NOW, "default", readings={"phase": {"phase": "idle"}, "notice": {"message": "ä\"'\n"}})
    ledger.record(later(10), "default", readings={"phase": {"phase": "clearing"}})

    assert ledger.reading("phase") == Reading({"phase": "clearing", "since": NOW.wall + 10}, NOW.wall + 10)
    assert ledger.reading("notice") == Reading({"message": "ä\"'\n"}, NOW.wall)


def test_a_token_allows_one_clearing(ledger: Ledger) -> None:
    ledger.record(NOW, "default", (IssueToken("first"),))
    ledger.record(NOW, "default", (IssueToken("second"),))
    issued = ledger.reading("adopt_token")
    ledger.record(NOW, "default", (BeginClearing(POD, "clearing"),))

    assert issued == Reading({"token": "second"}, NOW.wall)
    assert ledger.reading("adopt_token") is None


SUCCESS, FAILURE, SUPERSEDED = (
    (Outcome.SUCCEEDED, None),
    (Outcome.FAILED, Reason.STALLED),
    (Outcome.SUPERSEDED, None),
)


@pytest.mark.parametrize(
    ("outcomes", "failures", "last_success"),
    [
        pytest.param([], 0, None, id="no run"),
        pytest.param([FAILURE, FAILURE], 2, None, id="none ever succeeded"),
        pytest.param([FAILURE, SUCCESS], 0, 2, id="a success ends the row"),
        pytest.param([SUCCESS, FAILURE, SUPERSEDED, FAILURE], 2, 1, id="a superseded run is not a failure"),
    ],
)
def test_failures_in_a_row_are_those_since_the_last_success(
    ledger: Ledger,
    outcomes: Sequence[tuple[Outcome, Reason | None]],
    failures: int,
    last_success: int | None,
) -> None:
    for outcome, reason in outcomes:
        ended(ledger, outcome=outcome, reason=reason)
    found = ledger.snapshot(2)

    assert sum(found.failures.values()) == failures
    assert (found.last_success.number if found.last_success else None) == last_success
    assert sum(found.totals.values()) == len(outcomes)
    assert len(found.runs) == min(2, len(outcomes))


def test_what_was_of_another_network_is_neither_the_last_success_nor_a_failure_in_a_row(
    ledger: Ledger,
) -> None:
    ended(ledger)
    ended(ledger, outcome=Outcome.FAILED, reason=Reason.STALLED)
    pod = workload(build(NEW), network="mainnet")
    now = {"configuration": configuration_reading("tester", "default", pod)}
    before = ledger.snapshot(5)
    ledger.record(NOW, "default", (), now)
    found = ledger.snapshot(5)

    assert (sum(before.failures.values()), before.last_success) == (1, before.runs[-1])
    assert (sum(found.failures.values()), found.last_success) == (0, None)
    assert sum(found.totals.values()) == 2


def test_before_its_configuration_was_read_a_tester_is_what_its_newest_run_was_of(ledger: Ledger) -> None:
    ended(ledger, outcome=Outcome.FAILED, reason=Reason.STALLED)
    started(ledger, workload(build(NEW), network="mainnet"), seconds=5000)

    assert sum(ledger.snapshot(5).failures.values()) == 0


def test_runs_are_counted_by_outcome_and_reason_also_beyond_those_that_are_shown(ledger: Ledger) -> None:
    for outcome, reason in (SUCCESS, FAILURE, FAILURE, (Outcome.FAILED, Reason.CRASHED), SUPERSEDED):
        ended(ledger, outcome=outcome, reason=reason)
    found = ledger.snapshot(1)

    assert [run.number for run in found.runs] == [5]
    assert found.totals == {
        ("succeeded", ""): 1,
        ("failed", "stalled"): 2,
        ("failed", "crashed"): 1,
        ("superseded", ""): 1,
    }


def test_a_tester_is_there_since_its_first_clearing_began(ledger: Ledger) -> None:
    ledger.record(NOW, "default", (BeginClearing(POD, "clearing"),))
    before = ledger.snapshot(1).first_run_at
    ledger.record(later(60), "default", (BeginRun(POD),))
    started(ledger, workload(build(NEW)), seconds=1000)

    assert (before, ledger.snapshot(1).first_run_at) == (NOW.wall, NOW.wall + 60)


def _write_reading(ledger: Ledger) -> None:
    ledger.keep_reading("node", {"up": True}, NOW.wall)


def _record_readings(ledger: Ledger) -> None:
    ledger.record(later(7000), "default", readings={"node": {"up": True}})


def _track(ledger: Ledger) -> None:
    tracking = replace(last_of(ledger), settings_changed=True)
    counts = {("P", "blocks_accepted"): Count(1, 2, 3)}
    ledger.record(later(7000), "default", tracking=tracking, counts=counts)


def _configure(ledger: Ledger) -> None:
    pod = workload(build(NEW), network="mainnet")
    reading = configuration_reading("tester", "default", pod)
    ledger.record(later(7000), "default", readings={"configuration": reading})


@pytest.mark.parametrize("elsewhere", [False, True], ids=["this process", "another process"])
@pytest.mark.parametrize(
    "write",
    [
        pytest.param(_write_reading, id="a reading"),
        pytest.param(_record_readings, id="the readings of a tick"),
        pytest.param(_configure, id="another network"),
        pytest.param(_track, id="tracking data and counters"),
        pytest.param(
            lambda ledger: ledger.record(later(7000), "default", [end_of(last_of(ledger))]), id="an end"
        ),
        pytest.param(lambda ledger: ledger.ask(RequestKind.PAUSE, "", NOW.wall), id="pause"),
        pytest.param(lambda ledger: ledger.ask(RequestKind.RERUN, "", NOW.wall), id="rerun"),
        pytest.param(lambda ledger: ledger.ask(RequestKind.MARK_BASELINE, "2", NOW.wall), id="a baseline"),
        pytest.param(
            lambda ledger: ledger.record(
                NOW, "default", [RecordIntervention(Intervention.PIN_REVERT, POD.uid)]
            ),
            id="an intervention",
        ),
        pytest.param(lambda ledger: ledger.add_digests(last_of(ledger), frozenset({OLD})), id="a digest"),
    ],
)
def test_a_snapshot_has_what_was_written_after_the_last_snapshot(
    ledger: Ledger, tmp_path: Path, write: Callable[[Ledger], object], *, elsewhere: bool
) -> None:
    ended(ledger)
    started(ledger, workload(build(NEW)), 6000)
    with closing(open_ledger(tmp_path)) as other:
        before = ledger.snapshot(10)
        write(other if elsewhere else ledger)
        after = ledger.snapshot(10)
        with closing(open_ledger(tmp_path)) as fresh:
            assert after == fresh.snapshot(10)

    assert after != before


def test_readings_and_leases_do_not_make_a_snapshot_read_the_runs_again(ledger: Ledger) -> None:
    started(ledger)
    before = ledger.snapshot(10)
    _write_reading(ledger)
    _record_readings(ledger)
    ledger.renew(POD.uid)
    ledger.release(POD.uid)

    assert ledger.snapshot(10).runs is before.runs


def test_all_is_there_again_after_the_ledger_was_closed(ledger: Ledger, tmp_path: Path) -> None:
    ended(ledger)
    run, key = started(ledger, workload(build(NEW)), 6000), ("P", "blocks_accepted")
    ledger.record(
        later(7000),
        "default",
        readings={"phase": {"phase": "idle"}},
        tracking=run,
        counts={key: Count(1, 2, 3)},
    )
    before = ledger.snapshot(10)
    ledger.close()
    again = open_ledger(tmp_path)
    after = again.snapshot(10)
    again.close()

    assert after == before
    assert len(after.runs) == 2


def test_the_holder_is_who_took_the_volume_last_and_its_beat_rises(ledger: Ledger) -> None:
    seen = []
    for uid in ("pod-1", "pod-1", "pod-2"):
        ledger.renew(uid)
        seen.append(ledger.holder())

    assert seen == [Lease("pod-1", 1), Lease("pod-1", 2), Lease("pod-2", 3)]


@pytest.mark.parametrize(
    ("by", "left"),
    [
        pytest.param("pod-1", None, id="its holder"),
        pytest.param("pod-2", Lease("pod-1", 1), id="another one"),
    ],
)
def test_a_volume_is_given_up_by_its_holder_only(ledger: Ledger, by: str, left: Lease | None) -> None:
    ledger.renew("pod-1")
    ledger.release(by)

    assert ledger.holder() == left


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(BeginClearing(POD, "clearing"), id="a clearing"),
        pytest.param(BeginRun(POD), id="a start"),
        pytest.param(AdoptRun(POD), id="an adoption"),
    ],
)
def test_a_pod_that_begins_something_on_the_volume_holds_it(ledger: Ledger, record: Record) -> None:
    ledger.renew("pod-0")
    ledger.record(NOW, "default", (record,))

    assert ledger.holder() == Lease("pod-1", 2)


class Machine:
    """A clock that advances by some seconds with each read, and a pod that never changes."""

    def __init__(self, step_seconds: float) -> None:
        self.now, self._step_seconds = NOW, step_seconds

    def clock(self) -> Instant:
        self.now = replace(self.now, boot_seconds=self.now.boot_seconds + self._step_seconds)
        return self.now

    def workload(self) -> Workload:
        return POD

    def pin(self, build: Build) -> None:
        raise NotImplementedError

    def recreate(self, *, unchanged: bool) -> None:
        raise NotImplementedError

    def await_end(self, stopping: threading.Event) -> None:
        raise NotImplementedError

    def announce(self, announcement: Announcement, made_at: float) -> None:
        raise NotImplementedError

    def log_tail(self) -> str:
        raise NotImplementedError

    def reverter(self) -> str:
        raise NotImplementedError


def watcher(
    ledger: Ledger, folder: Path, step_seconds: float, stopping: threading.Event | None = None
) -> Actor:
    """Return the actor of a second pod, which can check who holds the volume."""
    machine = Machine(step_seconds)
    return Actor(machine, ledger, Volume(folder), POLICY, machine.clock, stopping or threading.Event())


BEATS = """
import sys, time
from pathlib import Path
from monitor.ledger import open_ledger
ledger = open_ledger(Path(sys.argv[1]))
while True:
    ledger.renew("pod-0")
    print("beat", flush=True)
    time.sleep(0.05)
"""


def test_a_second_process_is_refused_while_the_first_one_lives_and_takes_over_once_it_is_silent(
    ledger: Ledger, tmp_path: Path
) -> None:
    with ledger.transaction() as connection:
        connection.execute("PRAGMA busy_timeout = 5000")
    with subprocess.Popen(
        [sys.executable, "-c", BEATS, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as first:
        try:
            assert first.stdout is not None
            assert first.stdout.readline() == "beat\n"
            with pytest.raises(MonitorError) as refused:
                watcher(ledger, tmp_path, POLICY.holder_timeout_seconds / 10).wait_for_lease("pod-1")
        finally:
            first.kill()
    left = ledger.holder()
    silent = watcher(ledger, tmp_path, POLICY.holder_timeout_seconds / 2).wait_for_lease("pod-1")
    ledger.renew("pod-1")

    assert (
        str(refused.value)
        == "pod pod-0 holds the lease of this volume and renews it; nothing was deleted: stop that pod first"
    )
    assert left is not None
    assert (silent, left.uid) == (left, "pod-0")
    assert ledger.holder() == Lease("pod-1", left.renewals + 1)


def test_nobody_is_watched_who_gave_the_volume_up(ledger: Ledger, tmp_path: Path) -> None:
    assert watcher(ledger, tmp_path, 1.0).wait_for_lease("pod-1") is None


def test_a_watch_that_is_stopped_takes_nothing_over(ledger: Ledger, tmp_path: Path) -> None:
    stopping = threading.Event()
    stopping.set()
    ledger.renew("pod-0")
    with pytest.raises(MonitorError, match="stopped while waiting for the lease of another holder"):
        watcher(ledger, tmp_path, 1.0, stopping).wait_for_lease("pod-1")

    assert ledger.holder() == Lease("pod-0", 1)


@pytest.fixture
def other(ledger: Ledger, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Open a connection of another process to the ledger's file, after the ledger was created."""
    assert ledger.known() is False
    connection = sqlite3.connect(tmp_path / FILE, isolation_level=None, check_same_thread=False)
    yield connection
    connection.close()


def test_while_another_process_writes_one_can_read_but_not_record(
    ledger: Ledger, other: sqlite3.Connection, tmp_path: Path
) -> None:
    run = started(ledger)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(TemporaryError) as refused:
        ledger.record(later(100), "default", (end_of(run),))

    assert str(refused.value) == f"{tmp_path / FILE}: database is locked (SQLITE_BUSY)"
    assert refused.value.cause is Cause.VOLUME_UNUSABLE
    assert last_of(ledger) == run
    other.execute("ROLLBACK")
    ledger.record(later(100), "default", (end_of(run),))
    assert last_of(ledger).outcome is Outcome.SUCCEEDED


def test_a_locked_ledger_cannot_even_be_read_which_is_not_the_same_as_empty(
    ledger: Ledger, other: sqlite3.Connection, tmp_path: Path
) -> None:
    other.execute("BEGIN EXCLUSIVE")
    for read in (ledger.last, ledger.known, ledger.clearing, ledger.holder, ledger.attempt):
        with pytest.raises(TemporaryError) as refused:
            read()
        assert str(refused.value) == f"{tmp_path / FILE}: database is locked (SQLITE_BUSY)"


def test_a_lock_that_passes_is_waited_for(ledger: Ledger, other: sqlite3.Connection) -> None:
    with ledger.transaction() as connection:
        connection.execute("PRAGMA busy_timeout = 5000")
    other.execute("BEGIN EXCLUSIVE")
    unlocked = threading.Timer(0.3, lambda: other.execute("ROLLBACK"))
    unlocked.start()
    started(ledger)
    unlocked.join()

    assert last_of(ledger).number == 1


def test_threads_that_share_a_ledger_do_not_mix_their_transactions(ledger: Ledger) -> None:
    run, failures = started(ledger), []

    def write(name: str) -> None:
        try:
            for each in range(50):
                ledger.record(later(each), "default", readings={name: {"value": each}}, tracking=run)
                ledger.renew(name)
        except MonitorError as error:
            failures.append(str(error))

    writing = [threading.Thread(target=write, args=(name,)) for name in ("one", "two", "three")]
    for each in writing:
        each.start()
    for each in writing:
        each.join()

    assert failures == []
    holder = ledger.holder()
    assert holder is not None
    assert holder.renewals == 2 + 150
    assert [ledger.reading(name) for name in ("one", "two", "three")] == [
        Reading({"value": 49}, NOW.wall + 49)
    ] * 3


def test_a_ledger_that_was_closed_says_so(ledger: Ledger, tmp_path: Path) -> None:
    ledger.close()
    with pytest.raises(TemporaryError, match="Cannot operate on a closed database"):
        ledger.last()
    ledger.close()

    assert (tmp_path / FILE).is_file()


def test_nothing_is_recorded_through_a_read_only_ledger(ledger: Ledger, tmp_path: Path) -> None:
    run = started(ledger)
    shown = open_read_only(tmp_path)
    with pytest.raises(TemporaryError) as refused:
        shown.record(later(100), "default", (end_of(run),))
    seen = shown.last()
    shown.close()

    expected = f"{tmp_path / FILE}: attempt to write a readonly database (SQLITE_READONLY)"
    assert (str(refused.value), seen) == (expected, run)


def let_grow(ledger: Ledger, pages: int) -> None:
    """Limit the size of the ledger's file in pages; at the limit, the volume is full."""
    with ledger.transaction() as connection:
        connection.execute(f"PRAGMA max_page_count = {pages}")


LONG = {"phase": {"phase": "idle", "message": "x" * 200_000}}


def test_on_a_full_volume_the_reserve_is_given_up_and_then_the_end_is_recorded(
    ledger: Ledger, tmp_path: Path
) -> None:
    run, reserve = started(ledger), tmp_path / RESERVE
    ledger.keep_reserve()
    kept_bytes = reserve.stat().st_blocks * 512
    let_grow(ledger, 1)
    with pytest.raises(TemporaryError) as refused:
        ledger.record(later(100), "default", (end_of(run),), LONG)
    given_up, unchanged = not reserve.exists(), last_of(ledger)
    let_grow(ledger, 1000)
    ledger.record(later(110), "default", (end_of(run),), LONG)

    assert kept_bytes >= RESERVE_BYTES
    assert str(refused.value) == f"{tmp_path / FILE}: database or disk is full (SQLITE_FULL)"
    assert (given_up, unchanged) == (True, run)
    assert (last_of(ledger).outcome, last_of(ledger).ended_at) == (Outcome.SUCCEEDED, NOW.wall + 110)
    assert ledger.reading("phase") == Reading(LONG["phase"] | {"since": NOW.wall + 110}, NOW.wall + 110)


REALLY_FULL = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from unit.ledger.test_ledger import *
folder = Path(sys.argv[1])
ledger = open_ledger(folder)
run = started(ledger)
ledger.keep_reserve()
decisions = (
    (),
    (end_of(run, Outcome.FAILED, Reason.DISK_FULL),),
    (),
    (RecordAttempt(build(NEW), AttemptCause.NEW_BUILD, "pod-1"),),
    (BeginClearing(workload(build(NEW)), "clearing"),),
)
for decided in decisions:
    with (folder / "node").open("ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            pass
    try:
        ledger.record(later(100), "default", decided, {"node": {"seen": "x" * 4096}})
        print("recorded" if decided else "kept")
    except TemporaryError as error:
        print("refused" if decided else "not kept")
print("reserve left" if (folder / RESERVE).exists() else "no reserve left")
print(last_of(ledger).reason, ledger.clearing() is not None, "disk_full" in (folder / DETAILS).read_text())
"""


def test_what_is_decided_is_recorded_on_a_file_system_that_the_node_keeps_filling_to_its_last_byte(
    tmp_path: Path,
) -> None:
    """A decision is recorded on a volume that the node keeps filling.

    Readings are not recorded there, and do not use the reserve.
    """
    shown = lines_on_a_mount(tmp_path, REALLY_FULL, str(tmp_path), str(Path(__file__).parents[2]))

    assert shown[0] == "not kept"
    assert [line for line in shown if "kept" not in line] == [
        "recorded",
        "recorded",
        "recorded",
        "reserve left",
        "disk_full True True",
    ]


def test_the_reserve_is_given_up_too_where_only_the_details_file_finds_no_room(
    ledger: Ledger, tmp_path: Path
) -> None:
    run, reserve = started(ledger), tmp_path / RESERVE
    ledger.keep_reserve()
    (tmp_path / f"{DETAILS}.new-{os.getpid()}").symlink_to("/dev/full")
    with pytest.raises(TemporaryError) as refused:
        ledger.record(later(100), "default", (end_of(run),))
    given_up = not reserve.exists()
    (tmp_path / f"{DETAILS}.new-{os.getpid()}").unlink()
    ledger.refresh_details()

    assert str(refused.value) == f"{tmp_path / DETAILS}: cannot be written (No space left on device)"
    assert given_up
    assert last_of(ledger).outcome is Outcome.SUCCEEDED, "the ledger had room for it"
    assert '"succeeded"' in (tmp_path / DETAILS).read_text()


def test_a_full_volume_without_a_reserve_is_an_error_that_may_pass(ledger: Ledger) -> None:
    run = started(ledger)
    let_grow(ledger, 1)
    for _ in range(2):
        with pytest.raises(TemporaryError, match="database or disk is full"):
            ledger.record(later(100), "default", (end_of(run),), LONG)

    assert last_of(ledger) == run


def test_other_errors_leave_the_reserve(ledger: Ledger, other: sqlite3.Connection, tmp_path: Path) -> None:
    ledger.keep_reserve()
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(TemporaryError, match="database is locked"):
        ledger.renew("pod-1")

    assert (tmp_path / RESERVE).stat().st_size == RESERVE_BYTES


def test_a_reserve_that_was_given_up_is_taken_again(ledger: Ledger, tmp_path: Path) -> None:
    reserve = tmp_path / RESERVE
    ledger.keep_reserve()
    first = reserve.stat()
    ledger.keep_reserve()
    assert reserve.stat().st_mtime_ns == first.st_mtime_ns, "one that is there stays"
    reserve.unlink()
    ledger.keep_reserve()

    assert reserve.stat().st_blocks * 512 >= RESERVE_BYTES


def test_a_volume_that_was_cleared_has_its_reserve_again(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "avalanchego").mkdir()
    (tmp_path / "avalanchego" / "filler").touch()
    watcher(ledger, tmp_path, 1.0).clear_node_data()

    assert (tmp_path / RESERVE).stat().st_size == RESERVE_BYTES
    assert not (tmp_path / "avalanchego" / "filler").exists()


def test_the_reserve_has_as_many_parts_as_can_be_given_up(tmp_path: Path) -> None:
    reserve = tmp_path / RESERVE
    keep_reserve(reserve)

    parts = sum(give_up_part(reserve) for _ in range(10))
    assert (parts, reserve.exists()) == (RESERVE_BYTES // PART_BYTES, False)


def test_a_reserve_that_was_left_half_is_taken_whole(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / RESERVE).write_bytes(b"killed")
    ledger.keep_reserve()

    assert (tmp_path / RESERVE).stat().st_size == RESERVE_BYTES


TOO_FULL = """
import resource, signal, sys
from pathlib import Path
from monitor.errors import TemporaryError
from monitor.ledger import open_ledger
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
ledger = open_ledger(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
try:
    ledger.keep_reserve()
except TemporaryError as error:
    print(error)
ledger.renew("pod-1")
print(ledger.holder())
"""


def test_a_reserve_that_cannot_be_taken_is_removed_and_the_ledger_works(tmp_path: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "-c", TOO_FULL, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert shown.stdout.splitlines() == [
        f"{tmp_path / RESERVE}: cannot be written (File too large)",
        "Lease(uid='pod-1', renewals=1)",
    ]
    assert not (tmp_path / RESERVE).exists()


def test_a_details_file_that_cannot_be_written_is_an_error_that_may_pass(
    ledger: Ledger, tmp_path: Path
) -> None:
    (tmp_path / f"{DETAILS}.new-{os.getpid()}").mkdir()
    ledger.record(NOW, "default", (BeginClearing(POD, "clearing"),))
    with pytest.raises(TemporaryError) as refused:
        ledger.record(NOW, "default", (BeginRun(POD),))

    assert str(refused.value) == f"{tmp_path / DETAILS}: cannot be written (Is a directory)"
    assert last_of(ledger).open
