"""Tests that an exported history is imported completely, once and in order, and changes no existing run."""

from __future__ import annotations

import io
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import fields, replace
from pathlib import Path

import pytest
from rich.console import Console
from support.builders import FULL_TRACKING, NEW, NOW, OLD, REPOSITORY, altered, build, history_file, workload

from monitor.decide.decisions import BeginClearing, BeginRun, EndRun, IssueToken, Record, RecordAttempt
from monitor.domain.build import Build
from monitor.domain.run import AttemptCause, Evidence, Outcome, Reason, RequestKind, Run
from monitor.domain.status import RESULTS_SHOWN
from monitor.domain.tracking import Count, RunTracking
from monitor.errors import ConfigurationError, MonitorError, TemporaryError
from monitor.ledger import Ledger, open_ledger
from monitor.ledger.export import export_history, import_history, read_history
from monitor.ledger.status import status_of
from monitor.output.status_json import run_json, status_json
from monitor.output.status_text import run_lines, status_lines
from monitor.output.terminal import history_table
from monitor.output.web.page import page

Opened = Callable[[str], Ledger]
TOO_NEW = (
    "the history has runs that did not start before those of this ledger: import it into an empty folder"
)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """Return a function that opens ledgers by name, each in its own folder."""
    with ExitStack() as stack:

        def ledger(name: str) -> Ledger:
            folder = tmp_path / name
            folder.mkdir(exist_ok=True)
            return stack.enter_context(closing(open_ledger(folder)))

        yield ledger


def begin(ledger: Ledger, hour: float, of: Build | None = None) -> Run:
    """Record a run that starts at the hour."""
    at = replace(NOW, wall=NOW.wall + 3600 * hour)
    node = workload(of or build())
    ledger.record(at, "desk", [BeginClearing(node, ""), BeginRun(node)])
    last = ledger.last()
    assert last is not None
    return last


def end(ledger: Ledger, run: Run, reason: Reason | None = None) -> None:
    """End the run after half an hour."""
    at = replace(NOW, wall=(run.started_at or 0) + 1800)
    outcome = Outcome.FAILED if reason else Outcome.SUCCEEDED
    ledger.record(at, "desk", [EndRun(run, outcome, reason, "a message", 1790.5, 1800.25, 2**30, 2**40)])


def fill(ledger: Ledger, *hours: float) -> None:
    """Record a run at each hour.

    The first has counters, and the second failed and has a log tail.
    """
    for number, hour in enumerate(hours, 1):
        run = begin(ledger, hour, build(NEW if number % 2 else OLD))
        if number == 1:
            counts = {("P", "blocks_accepted"): Count(1, 2, 2.5), ("C", "leaves_synced"): Count(0, 7, 7)}
            ledger.record(NOW, "desk", tracking=replace(run, tracking=FULL_TRACKING), counts=counts)
        if number == 2:
            ledger.keep_evidence(run.number, Evidence("FATAL no disk\nline \u2028 two\n", NOW.wall))
        end(ledger, run, Reason.STALLED if number == 2 else None)


def content(ledger: Ledger) -> list[tuple[object, ...]]:
    """Return all data of each run except its number, oldest first."""
    return [
        (replace(run, number=0), dict(ledger.counts(run)), ledger.evidence(run.number))
        for run in reversed(ledger.runs(-1))
    ]


def file_of(ledger: Ledger) -> bytes:
    """Return the exported history of a ledger."""
    return export_history(ledger)[0]


def taken(ledger: Ledger, content: bytes) -> tuple[int, int]:
    """Import the file's content."""
    with closing(read_history(content, "file")) as history:
        return import_history(ledger, history)


def numbers(ledger: Ledger) -> list[int]:
    """Return the numbers of the ledger's runs, oldest first."""
    return [run.number for run in reversed(ledger.runs(-1))]


def test_what_was_exported_comes_back_whole(opened: Opened) -> None:
    old, new = opened("old"), opened("new")
    fill(old, 1, 2, 3)

    assert taken(new, file_of(old)) == (3, 0)
    assert content(new) == content(old)
    assert numbers(new) == [1, 2, 3]


def test_all_that_is_in_the_books_comes_back(opened: Opened) -> None:
    old, new = opened("old"), opened("new")
    fill(old, 1)
    taken(new, file_of(old))

    names, usual = [field.name for field in fields(RunTracking)], RunTracking()
    assert not [name for name in names if getattr(FULL_TRACKING, name) == getattr(usual, name)]
    assert [run.tracking for run in new.runs(-1)] == [FULL_TRACKING]


def test_what_no_ledger_would_take_is_not_exported(opened: Opened) -> None:
    """A history with values that no ledger accepts is not exported.

    Here a node reports a start time that makes the active time too large.
    """
    old = opened("old")
    run = begin(old, 1)
    old.record(NOW, "desk", tracking=replace(run, tracking=replace(FULL_TRACKING, active_seconds=1e300)))
    end(old, run)

    error = "the history cannot be exported: run 1 has a time or a size that is out of range"
    with pytest.raises(MonitorError, match=rf"^{error}$"):
        export_history(old)


def test_a_file_is_one_that_others_can_read_and_a_ledger_of_its_own(opened: Opened, tmp_path: Path) -> None:
    """An export is a ledger of its own that other programs can read.

    It holds only runs that have ended: no pause, holder or token, even in deleted pages.
    """
    old = opened("old")
    fill(old, 1, 2)
    old.record(NOW, "desk", [IssueToken("secret token")])
    old.ask(RequestKind.PAUSE, "", NOW.wall)
    before = content(old)
    begin(old, 3)
    data = file_of(old)
    file = tmp_path / "elsewhere" / "bootstrap-monitor.sqlite3"
    file.parent.mkdir()
    file.write_bytes(data)

    assert b"secret token" not in data
    with closing(sqlite3.connect(file)) as connection:
        found = connection.execute(
            "SELECT number, outcome, reason, duration_seconds, text FROM runs LEFT JOIN evidence ON run = number"
        ).fetchall()
        rest = [
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table'"
            ).fetchall()
            if connection.execute(f"SELECT 1 FROM {name}").fetchone()  # noqa: S608 - names from the schema
        ]
    assert found == [
        (1, "succeeded", None, 1790.5, None),
        (2, "failed", "stalled", 1790.5, "FATAL no disk\nline \u2028 two\n"),
    ]
    assert sorted(rest) == ["counts", "evidence", "runs"]
    with closing(open_ledger(file.parent)) as other:
        assert (content(other), other.paused(), other.holder()) == (before, False, None)


def test_a_run_that_is_open_stays_where_its_data_is(opened: Opened) -> None:
    old = opened("old")
    fill(old, 1)
    begin(old, 2)

    data, count = export_history(old)
    with closing(read_history(data, "file")) as history:
        assert (count, numbers(history)) == (1, [1])


def test_a_second_time_nothing_is_added(opened: Opened) -> None:
    old, new = opened("old"), opened("new")
    fill(old, 1, 2)
    taken(new, file_of(old))
    before = content(new)

    assert taken(new, file_of(old)) == (0, 2)
    assert content(new) == before
    assert numbers(new) == [1, 2]


def test_what_is_there_is_never_changed(opened: Opened) -> None:
    """An existing run is never changed, even if the file has other values for it."""
    old = opened("old")
    fill(old, 1, 2)
    before = content(old)
    changed = altered(file_of(old), "UPDATE runs SET message = 'forged', outcome = 'succeeded'")

    assert taken(old, changed) == (0, 2)
    assert content(old) == before


def test_runs_from_before_a_new_volume_come_before_its_own(opened: Opened) -> None:
    """Runs from before a new volume are placed before its own runs, and the open run stays the last one."""
    old, new = opened("old"), opened("new")
    fill(old, 1, 2, 3)
    fill(new, 10)
    running = begin(new, 11)

    assert taken(new, file_of(old)) == (3, 0)
    assert numbers(new) == [-3, -2, -1, 1, 2]
    assert new.last() == running
    starts = [run.started_at or 0 for run in reversed(new.runs(-1))]
    assert starts == sorted(starts)
    assert [success.run.number for success in new.successes(running)] == [-3, -1, 1]
    end(new, running)
    assert begin(new, 12).number == 3


def _open(ledger: Ledger) -> None:
    begin(ledger, 0)


def _cleared(ledger: Ledger) -> None:
    ledger.record(NOW, "desk", [BeginClearing(workload(build()), "")])


def _attempted(ledger: Ledger) -> None:
    end(ledger, begin(ledger, 0))
    ledger.record(NOW, "desk", [RecordAttempt(build(NEW), AttemptCause.REQUEST, "pod-1")])


def _ended(ledger: Ledger) -> None:
    end(ledger, begin(ledger, 0))


@pytest.mark.parametrize(
    "prepare",
    [
        pytest.param(_open, id="an open run"),
        pytest.param(_cleared, id="a clearing"),
        pytest.param(_attempted, id="an attempt"),
        pytest.param(_ended, id="a run that ended"),
    ],
)
def test_no_import_takes_the_place_of_the_last_run(opened: Opened, prepare: Callable[[Ledger], None]) -> None:
    """An import cannot replace the last run, by which `init` decides whether to clear the data."""
    new = opened("new")
    prepare(new)
    old = opened("old")
    fill(old, 10, 20)
    newer = altered(file_of(old), "UPDATE runs SET number = number + 6")
    before = (content(new), new.last(), new.clearing(), new.attempt())

    with pytest.raises(ConfigurationError, match=rf"^{TOO_NEW}$"):
        taken(new, newer)
    assert (content(new), new.last(), new.clearing(), new.attempt()) == before


@pytest.mark.parametrize(
    "prepare", [_open, _attempted, _ended], ids=["an open run", "an attempt", "the data of a run"]
)
def test_what_is_older_is_taken_whatever_is_under_way(
    opened: Opened, prepare: Callable[[Ledger], None]
) -> None:
    old, new = opened("old"), opened("new")
    prepare(new)
    fill(old, -3, -2)
    before = (new.last(), new.attempt())

    assert taken(new, file_of(old)) == (2, 0)
    assert (numbers(new), (new.last(), new.attempt())) == ([-2, -1, 1], before)


def test_the_number_of_a_run_that_is_about_to_start_stays_its_own(opened: Opened) -> None:
    old, new = opened("old"), opened("new")
    fill(old, -4, -3)
    _ended(new)
    at = replace(NOW, wall=NOW.wall + 3600)
    began: Sequence[Record] = [BeginClearing(workload(build(NEW)), "")]
    new.record(at, "desk", began)

    assert taken(new, file_of(old)) == (2, 0)
    new.record(at, "desk", [BeginRun(workload(build(NEW)))])
    last = new.last()
    assert last is not None
    assert (numbers(new), last.build.digests) == ([-2, -1, 1, 2], frozenset({NEW}))


def test_downward_numbers_are_left_behind_in_an_empty_ledger(opened: Opened) -> None:
    old, middle, new = opened("old"), opened("middle"), opened("new")
    fill(old, 1, 2)
    fill(middle, 10)
    taken(middle, file_of(old))
    taken(new, file_of(middle))

    assert (numbers(middle), numbers(new)) == ([-2, -1, 1], [1, 2, 3])
    assert content(new) == content(middle)
    assert begin(new, 20).number == 4


def test_baselines_have_what_was_imported_unless_they_were_marked(opened: Opened) -> None:
    old, new = opened("old"), opened("new")
    fill(old, 1, 3, 5)
    fill(new, 10)
    taken(new, file_of(old))
    last = new.last()
    assert last is not None
    marks: Sequence[tuple[int, list[int]]] = [(1, [-3, -1, 1]), (2, [])]
    for mark, expected in marks:
        new.ask(RequestKind.MARK_BASELINE, str(mark), NOW.wall)
        assert [success.run.number for success in new.successes(last)] == expected


RENUMBERED = """
UPDATE runs SET number = number + 6;
UPDATE requests SET argument = argument + 6 WHERE argument <> '1';
"""
HUGE = RENUMBERED.replace("6", str(2**62))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param("", [1, 2, 3], id="from 1"),
        pytest.param(RENUMBERED, [7, 8, 9], id="of a recovered ledger"),
        pytest.param("UPDATE runs SET number = number - 3", [1, 2, 3], id="below 1"),
        pytest.param(HUGE, [1, 2, 3], id="too large"),
    ],
)
def test_an_empty_ledger_takes_the_numbers_over(opened: Opened, change: str, expected: list[int]) -> None:
    """Messages and alerts name a run by its number, so the number stays if it is valid."""
    old, new = opened("old"), opened("new")
    for hour in (1, 2, 3):
        end(old, begin(old, hour))

    assert taken(new, altered(file_of(old), change)) == (3, 0)
    assert numbers(new) == expected
    assert begin(new, 4).number == expected[-1] + 1


@pytest.mark.parametrize(
    ("marks", "compared"),
    [
        pytest.param([2], [2, 3], id="a run"),
        pytest.param([4], [], id="the next run"),
        pytest.param([2, 1], [1, 2, 3], id="a mark that was reverted"),
        pytest.param([], [1, 2, 3], id="no mark"),
    ],
)
@pytest.mark.parametrize("renumbered", ["", RENUMBERED, HUGE], ids=["from 1", "from 7", "too large"])
def test_a_baseline_mark_comes_into_an_empty_ledger(
    opened: Opened, marks: list[int], compared: list[int], renumbered: str
) -> None:
    """A fresh tester compares with the runs that the old tester compared with, however they were numbered."""
    old, new = opened("old"), opened("new")
    for hour in (1, 2, 3):
        end(old, begin(old, hour))
    old.ask(RequestKind.PAUSE, "", NOW.wall)
    for mark in marks:
        old.ask(RequestKind.MARK_BASELINE, str(mark), NOW.wall)

    assert taken(new, altered(file_of(old), renumbered)) == (3, 0)
    last = new.last()
    assert last is not None
    starts = [success.run.started_at or 0 for success in new.successes(last)]
    assert [(start - NOW.wall) / 3600 for start in starts] == compared
    assert not new.paused()


def test_a_baseline_mark_stays_that_of_the_ledger(opened: Opened) -> None:
    """An import into a ledger with runs changes no mark, because operators marked the runs of that ledger."""
    old, new = opened("old"), opened("new")
    fill(old, 1, 2)
    old.ask(RequestKind.MARK_BASELINE, "2", NOW.wall)
    fill(new, 10, 11, 12)
    new.ask(RequestKind.MARK_BASELINE, "3", NOW.wall)
    taken(new, file_of(old))

    assert new.baseline_begins() == 3


def test_runs_that_began_between_those_that_are_there_are_refused(opened: Opened) -> None:
    """Runs that started between existing runs are refused, because baselines depend on the order of runs."""
    old, new = opened("old"), opened("new")
    fill(old, 1, 5)
    fill(new, 3)

    with pytest.raises(ConfigurationError, match=rf"^{TOO_NEW}$"):
        taken(new, file_of(old))
    assert numbers(new) == [1]


@pytest.fixture(scope="module")
def one() -> bytes:
    """Return an exported history with one run."""
    return history_file()


def test_a_file_may_have_more_than_is_known(opened: Opened, one: bytes) -> None:
    """An export of a newer monitor is accepted, with an unknown column, table, value or stage."""
    new = opened("new")
    newer = """
        ALTER TABLE runs ADD COLUMN later TEXT NOT NULL DEFAULT '?';
        CREATE TABLE later (name TEXT);
        UPDATE runs SET bookkeeping = '{"active_seconds": 3, "later": 1}', outcome = 'failed', reason = 'cursed';
        PRAGMA user_version = 2;
    """

    assert taken(new, altered(one, newer)) == (1, 0)
    last = new.last()
    assert last is not None
    assert (last.tracking.active_seconds, last.outcome, last.reason) == (3, Outcome.FAILED, None)


def test_a_run_that_the_details_file_recovered_is_the_same_run(opened: Opened, one: bytes) -> None:
    """A run that was recovered from the details file equals the original run.

    The details file stores microseconds, while the clock is more precise.
    """
    new = opened("new")
    recovered = altered(one, "UPDATE runs SET started_at = started_at + 0.0000004")

    assert taken(new, recovered) == (1, 0)
    assert taken(new, one) == (0, 1)


def test_a_file_is_of_one_moment_while_a_monitor_writes(opened: Opened, tmp_path: Path) -> None:
    """An export shows a single moment.

    Another process changes both runs repeatedly, in one transaction each.
    """
    old = opened("old")
    fill(old, 1, 2)
    path = tmp_path / "old" / "bootstrap-monitor.sqlite3"
    writer = """
import itertools, sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
for number in itertools.count():
    connection.executescript(f"BEGIN IMMEDIATE; UPDATE runs SET message = '{number}'; COMMIT;")
    time.sleep(0.002)
    if number == 3:
        print(flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", writer, path], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            histories = [file_of(old) for _ in range(20)]
        finally:
            process.kill()
    messages = []
    for data in histories:
        with closing(read_history(data, "file")) as history:
            messages.append([run.message for run in history.runs(-1)])
    assert [one for one, other in messages if one != other] == []
    assert len({one for one, _ in messages}) > 1, "nothing was written in that time"


def test_a_ledger_that_another_process_holds_is_not_waited_for_forever(
    opened: Opened, tmp_path: Path
) -> None:
    old = opened("old")
    fill(old, 1)
    with closing(sqlite3.connect(tmp_path / "old" / "bootstrap-monitor.sqlite3")) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(TemporaryError, match="database is locked"):
            export_history(old)


LAST_SECOND = 253_402_300_799.0  # of the year 9999
ODD = "[/x] <b> \x1b[31m"
MAX_TRACKING = json.dumps({"active_seconds": LAST_SECOND, "progress_at": LAST_SECOND, "node_restarts": 2**61})


def shown(ledger: Ledger) -> str:
    """Return the text of a ledger on the page, in `status` and in `history`."""
    status = status_of(ledger.snapshot(RESULTS_SHOWN + 1), NOW.wall)
    runs = ledger.runs(-1)
    evidence = {run.number: kept for run in runs if (kept := ledger.evidence(run.number))}
    table = Console(file=io.StringIO(), width=200)
    table.print(history_table(runs, 200))
    return "\n".join(
        [
            page(status, evidence),
            *status_lines(status),
            json.dumps(status_json(status), allow_nan=False),
            *(json.dumps(run_json(run), allow_nan=False) for run in runs),
            *(each for run in runs for each in run_lines(run, evidence.get(run.number))),
        ]
    )


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("runs SET started_at = 0, ended_at = 0, duration_seconds = 0", id="the first second"),
        pytest.param(f"runs SET started_at = {LAST_SECOND}, ended_at = {LAST_SECOND}", id="the last second"),
        pytest.param(
            f"runs SET duration_seconds = {LAST_SECOND}, wall_seconds = {LAST_SECOND}", id="the longest"
        ),
        pytest.param(
            f"runs SET disk_usage_bytes = {2**62}, volume_size_bytes = {2**63 - 1}", id="the biggest"
        ),
        pytest.param(
            f"runs SET outcome = 'failed', reason = 'stalled', message = '{ODD}', bookkeeping = '{MAX_TRACKING}'",
            id="a failure",
        ),
        pytest.param(f"evidence SET text = '{ODD}', taken_at = {LAST_SECOND}", id="last words"),
        pytest.param(
            f"runs SET testbed = '{ODD}', versions = '{json.dumps({'application': ODD, 'commit': ODD})}'",
            id="odd words",
        ),
        pytest.param(f"counts SET before = {2.0**61}, last = {2.0**61}, chain = '{ODD}'", id="great counts"),
        pytest.param("counts SET before = 9e999, maximum = -9e999", id="infinite counts"),
        pytest.param(f"runs SET network = '1', image = '{REPOSITORY}:v1@{NEW}'", id="other ways to say it"),
    ],
)
def test_whatever_is_taken_can_be_shown_and_taken_again(opened: Opened, one: bytes, change: str) -> None:
    new, other = opened("new"), opened("other")

    assert taken(new, altered(one, f"UPDATE {change}")) == (1, 0)
    again = opened("new")  # writes the details file again
    words = shown(again)
    assert "cannot be shown" not in words
    assert len(words) < 100_000, "no number of it is drawn for ever"
    assert taken(other, file_of(again)) == (1, 0)
    assert content(other) == content(again)


ENDLESS = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT i AS number FROM n"
OUT_OF_RANGE = "run 1 has a time or a size that is out of range"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        pytest.param(
            "PRAGMA user_version = 3", "it has schema 3, but this monitor supports 1: use", id="newer"
        ),
        pytest.param("PRAGMA user_version = 0", "it is another program's database", id="another program's"),
        pytest.param("DROP TABLE runs", "no such table: runs", id="without runs"),
        pytest.param(
            f"DROP TABLE runs; CREATE VIEW runs AS {ENDLESS}",
            "it is another program's database",
            id="endless",
        ),
        pytest.param(
            "CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM runs; END",
            "it is another program's database",
            id="a trigger",
        ),
        pytest.param(
            "ALTER TABLE runs DROP COLUMN image", "a row is damaged: No item with", id="no image column"
        ),
        *(
            pytest.param(f"UPDATE {change}", error, id=name)
            for name, change, error in (
                ("without digests", "runs SET digests = '[]'", f"run 1: image '{REPOSITORY}@"),
                (
                    "a version of nobody",
                    """runs SET versions = '{"a": 1}'""",
                    "a row is damaged: no JSON object with",
                ),
                ("no start", "runs SET started_at = 'then'", "a row is damaged: "),
                (
                    "a start in milliseconds",
                    "runs SET started_at = 1.7e12",
                    "a row is damaged: run 1 has an invalid time",
                ),
                (
                    "a start in the year 10000",
                    f"runs SET started_at = {LAST_SECOND + 1}",
                    "a row is damaged: run 1",
                ),
                (
                    "a start before 1970",
                    "runs SET started_at = -1",
                    "a row is damaged: run 1 has an invalid time",
                ),
                (
                    "an end in milliseconds",
                    "runs SET ended_at = 1.7e12",
                    "a row is damaged: run 1 has an invalid time",
                ),
                (
                    "less than nothing",
                    "runs SET duration_seconds = -1",
                    "a row is damaged: run 1 has an invalid time",
                ),
                (
                    "without end",
                    "runs SET duration_seconds = 1e300",
                    "a row is damaged: run 1 has an invalid time",
                ),
                (
                    "wall without end",
                    "runs SET wall_seconds = 9e999",
                    "a row is damaged: run 1 has an invalid time",
                ),
                ("a negative size", "runs SET disk_usage_bytes = -1", OUT_OF_RANGE),
                ("a size that is none", "runs SET volume_size_bytes = 1e300", "a row is damaged: "),
                ("no mode", "runs SET sync_mode = 'warp'", "a row is damaged: "),
                (
                    "no network",
                    "runs SET network = '[/x]'",
                    "the network of run 1 is '[/x]', which is not a network",
                ),
                (
                    "no image",
                    "runs SET image = 'not an image!!'",
                    "image 'not an image!!' is not an image reference: ",
                ),
                (
                    "an image that is not pinned",
                    f"runs SET image = '{REPOSITORY}:latest'",
                    f"run 1: image '{REPOSITORY}:latest' is not pinned by a digest",
                ),
                ("books", """runs SET bookkeeping = '{"healthy": 1}'""", "a row is damaged: "),
                (
                    "active words",
                    """runs SET bookkeeping = '{"active_seconds": "abc"}'""",
                    "a row is damaged: ",
                ),
                ("many", """runs SET bookkeeping = '{"node_restarts": "many"}'""", "a row is damaged: "),
                ("active for ever", """runs SET bookkeeping = '{"active_seconds": 1e300}'""", OUT_OF_RANGE),
                (
                    "progress in milliseconds",
                    """runs SET bookkeeping = '{"progress_at": 1.7e12}'""",
                    OUT_OF_RANGE,
                ),
                ("evidence in milliseconds", "evidence SET taken_at = 1.7e12", "a row is damaged: "),
                ("a count of words", "counts SET before = 'many'", "a row is damaged: "),
                ("a chain that is not a text", "counts SET chain = x'ff'", "a row is damaged: "),
                ("text that is none", "runs SET message = CAST(x'ff' AS TEXT)", "a row is damaged: "),
            )
        ),
    ],
)
def test_an_invalid_history_is_one_line_and_nothing_is_imported(
    opened: Opened, one: bytes, change: str, error: str
) -> None:
    new = opened("new")
    hostile = altered(one, change)

    with pytest.raises(ConfigurationError) as caught:
        taken(new, hostile)
    message = str(caught.value)
    assert message.startswith(f"file cannot be imported ({error}")
    assert message.endswith("): set --import to a file that history --export wrote")
    assert ("\n" in message, numbers(new)) == (False, [])


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda _: b'{"format": "bootstrap-monitor history", "version": 1}\n', id="text"),
        pytest.param(lambda data: data[: len(data) // 2], id="cut off"),
        pytest.param(lambda data: data[:-1], id="without its last byte"),
        pytest.param(lambda data: data[4096:], id="without its beginning"),
        pytest.param(lambda data: data[:4096] + bytes(len(data) - 4096), id="zeros"),
        pytest.param(lambda data: data[:4096] + b"\xff" * (len(data) - 4096), id="noise"),
        pytest.param(lambda data: data[:18] + b"\x02\x02" + data[20:], id="in another journal mode"),
    ],
)
def test_a_damaged_file_is_one_line_and_nothing_is_taken(
    opened: Opened, one: bytes, damage: Callable[[bytes], bytes]
) -> None:
    new = opened("new")

    with pytest.raises(
        ConfigurationError, match=r"^file cannot be imported \([^\n]+\): set --import to a file that "
    ):
        taken(new, damage(one))
    assert numbers(new) == []
