"""Tests of the commands that open a tester's ledger: a missing or foreign ledger is reported in one line."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from support.asked import history, pause, rerun, resume, status

from monitor.errors import MonitorError, TemporaryError
from monitor.ledger import open_ledger
from monitor.ledger.recovery import FILE
from monitor.ledger.schema import VERSION

pytestmark = pytest.mark.parametrize("command", [status, history, rerun, pause, resume])


def test_none_there(tmp_path: Path, command: Callable[[Path], int]) -> None:
    with pytest.raises(MonitorError) as caught:
        command(tmp_path)

    error = f"no ledger at {tmp_path / FILE}: set --data-dir to that of a tester that has run"
    assert (str(caught.value), caught.value.exit_code) == (error, 1)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_none(tmp_path: Path, command: Callable[[Path], int]) -> None:
    (tmp_path / FILE).write_text("no database" * 100)

    with pytest.raises(TemporaryError, match="file is not a database"):
        command(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_one_of_a_newer_monitor(tmp_path: Path, command: Callable[[Path], int]) -> None:
    open_ledger(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 2}")

    with pytest.raises(MonitorError, match=f"has schema {VERSION + 2}, but this monitor supports {VERSION}"):
        command(tmp_path)
