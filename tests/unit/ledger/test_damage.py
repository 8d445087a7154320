"""Tests of damaged cells in a file that SQLite accepts.

The ledger is reported as corrupt, and nothing else fails.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest
from support.builders import NEW, NOW, build, workload
from support.machine import Machine, tick_of

from monitor.decide.decisions import (
    BeginClearing,
    BeginRun,
    EndRun,
    Intervention,
    RecordAttempt,
    RecordIntervention,
)
from monitor.domain.json_text import json_text
from monitor.domain.run import AttemptCause, Evidence, Outcome, RequestKind
from monitor.domain.status import RESULTS_SHOWN, Phase
from monitor.domain.tracking import Count
from monitor.errors import MonitorError, TemporaryError
from monitor.ledger import open_existing, open_ledger, open_read_only, recover
from monitor.ledger.codecs import build_reading, phase_reading
from monitor.ledger.export import export_history, read_history
from monitor.ledger.status import status_of
from monitor.output.status_json import run_json, status_json
from monitor.output.status_text import run_lines, status_lines
from monitor.output.web.page import page

FILE = "bootstrap-monitor.sqlite3"
POD = workload(build())
VALUES: dict[str, object] = {
    "a word": "nonsense",
    "no text": b"\xff\xfe",
    "infinite": float("inf"),
    "a huge number": 10**18,
    "nothing": None,
    "empty": "",
    "too deep": "[" * 100_000,
    "another type": "[5]",
    "a number in place of an object": "5",
    "an object with nothing known in it": '{"x": 1}',
}


def filled(folder: Path) -> Path:
    """Write a ledger with a row in each table, and return its file."""
    with closing(open_ledger(folder)) as ledger:
        for digest_build in (build(NEW), build()):
            pod = workload(digest_build)
            ledger.record(NOW, "default", (BeginClearing(pod, "clearing"),))
            ledger.record(NOW, "default", (BeginRun(pod),), {"phase": phase_reading(Phase.STARTING, "")})
            last = ledger.last()
            assert last is not None
            if pod.build == build(NEW):
                ledger.record(
                    NOW,
                    "default",
                    (EndRun(last, Outcome.SUCCEEDED, None, "", 1.0, 1.0, 1, 10),),
                    {"new_build": build_reading(build(NEW))},
                )
                ledger.keep_evidence(last.number, Evidence("its last words", NOW.wall))
        last = ledger.last()
        ledger.record(NOW, "default", tracking=last, counts={("C", "blocks_accepted"): Count(1.0, 2.0, 3.0)})
        ledger.record(NOW, "default", (RecordAttempt(build(NEW), AttemptCause.REQUEST, "pod-1"),))
        ledger.record(NOW, "default", (RecordIntervention(Intervention.PIN, "pod-1", "image"),))
        ledger.ask(RequestKind.MARK_BASELINE, "1", NOW.wall)
        ledger.ask(RequestKind.RERUN, "", NOW.wall)
    return folder / FILE


def cells(folder: Path) -> list[tuple[str, str]]:
    """Return each column of each table."""
    with closing(sqlite3.connect(filled(folder))) as connection:
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        return [
            (table, column[1])
            for table in tables
            for column in connection.execute(f"PRAGMA table_info({table})")
            if not column[5]  # SQLite itself maintains the key columns
        ]


def damage(path: Path, table: str, column: str, value: object) -> bool:
    """Write a value to every row of a column; return false if the schema refuses the value."""
    with closing(sqlite3.connect(path)) as connection:
        try:
            text = "CAST(? AS TEXT)" if isinstance(value, bytes) else "?"
            connection.execute(f"UPDATE {table} SET {column} = {text}", (value,))  # noqa: S608 - schema names
        except sqlite3.IntegrityError:
            return False
        connection.commit()
    return True


def read_everything(folder: Path) -> None:
    """Read everything that users and the monitor read from a ledger."""
    with closing(open_read_only(folder)) as ledger:
        status = status_of(ledger.snapshot(RESULTS_SHOWN + 1), NOW.wall)
        assert "cannot be shown" not in page(status)
        assert json_text(status_json(status))
        assert list(status_lines(status, is_left=False))
        for run in ledger.runs(-1):
            assert json_text(run_json(run))
            assert list(run_lines(run, ledger.evidence(run.number)))
        with suppress(MonitorError):
            export_history(ledger)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(value, id=name, marks=() if name in {"nothing", "a word"} else pytest.mark.slow)
        for name, value in VALUES.items()
    ],
)
def test_the_monitor_continues_after_damage_to_any_cell(tmp_path: Path, value: object) -> None:
    """After any damage to a cell, the monitor continues.

    Either the value is valid, or the file is renamed and the details file recovers the run.
    """
    template = tmp_path / "template"
    template.mkdir()
    for table, column in cells(template):
        folder = tmp_path / f"{table}.{column}"
        folder.mkdir()
        for each in template.iterdir():
            (folder / each.name).write_bytes(each.read_bytes())
        if not damage(folder / FILE, table, column, value):
            continue
        with suppress(MonitorError):
            read_everything(folder)
        with suppress(MonitorError):
            open_existing(folder).close()
        with closing(open_ledger(folder)) as ledger:
            recover(ledger, folder, POD, "default")
            machine = Machine(ledger, pod=POD)
            tick, _ = tick_of(machine, folder)
            with suppress(MonitorError):
                tick()
            assert ledger.known(), f"{table}.{column}"
        read_everything(folder)


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        pytest.param("runs", "digests", "[", id="digests"),
        pytest.param("runs", "versions", "{", id="versions"),
        pytest.param("runs", "bookkeeping", "[]", id="bookkeeping"),
        pytest.param("runs", "bookkeeping", '{"active_seconds": "long"}', id="a number in it"),
        pytest.param("runs", "bookkeeping", '{"active_seconds": 1e999}', id="an infinite number in it"),
        pytest.param("runs", "sync_mode", "warp", id="sync mode"),
        pytest.param("runs", "started_at", "yesterday", id="start"),
        pytest.param("runs", "started_at", 1e18, id="a start of no year"),
        pytest.param("runs", "message", b"\xff", id="a message that is not a text"),
        pytest.param("runs", "disk_usage_bytes", "much", id="disk usage"),
        pytest.param("attempts", "digests", "5", id="an attempt's digests"),
        pytest.param("counts", "maximum", "high", id="a counter"),
        pytest.param("readings", "value", "[", id="a reading"),
        pytest.param("readings", "value", "[]", id="a reading that is not an object"),
        pytest.param("readings", "read_at", "then", id="when it was read"),
        pytest.param("evidence", "text", b"\xff", id="evidence"),
        pytest.param("requests", "argument", "first", id="a mark"),
        pytest.param("holder", "beat", "often", id="a beat"),
    ],
)
def test_a_row_that_cannot_be_decoded_is_a_corrupt_ledger(
    tmp_path: Path, table: str, column: str, value: object
) -> None:
    assert damage(filled(tmp_path), table, column, value)
    with pytest.raises(TemporaryError, match=r"a row is damaged: .*\(SQLITE_CORRUPT\)"):
        open_existing(tmp_path)
    with closing(open_ledger(tmp_path, lambda: 1234.5)) as ledger:
        assert not ledger.known()
        assert recover(ledger, tmp_path, POD, "default")

    assert (tmp_path / f"{FILE}.corrupt-1234").exists()


def test_a_count_beyond_all_numbers_is_shown_and_exported_as_the_largest(tmp_path: Path) -> None:
    damage(filled(tmp_path), "counts", "last", float("inf"))
    read_everything(tmp_path)
    with closing(open_ledger(tmp_path)) as ledger:
        content, count = export_history(ledger)
        with closing(read_history(content, "file")) as history:
            assert (count, len(history.runs(-1))) == (1, 1)
        assert len(ledger.snapshot(1).recoveries_at) == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            (name, value)
            for name in ("node", "volume", "new_build", "progress", "configuration", "adopt_token")
            for value in ({"x": 1}, {"chains": 5, "run": 2})
        ),
        ("image_check", {"succeeded_at": None}),
        ("image_check", {"succeeded_at": "now"}),
    ],
    ids=repr,
)
def test_a_reading_that_another_version_wrote_costs_no_ledger(
    tmp_path: Path, name: str, value: dict[str, object]
) -> None:
    filled(tmp_path)
    with closing(open_ledger(tmp_path)) as ledger:
        ledger.record(NOW, "default", readings={name: value})
    read_everything(tmp_path)
    with closing(open_ledger(tmp_path)) as ledger:
        reading, recoveries = ledger.reading(name), len(ledger.snapshot(1).recoveries_at)

    assert reading is not None
    assert (reading.value, recoveries) == ({}, 0)
