"""`history` for other programs: CSV of the runs that are compared, and a file by which it outlives its volume."""

from __future__ import annotations

import csv
import os
import secrets
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from monitor.errors import ConfigurationError, MonitorError
from monitor.foreign_text import printable
from monitor.ledger import Ledger, open_ledger
from monitor.ledger.archive import exported, imported
from monitor.ledger.archive_lines import read
from monitor.model import DataState, SyncMode
from monitor.regression import Success, comparable
from monitor.volume import Volume

STANDARD = Path("-")
# Apache Otava keeps series apart by the column `branch`; it takes any number of attributes and metrics.
COLUMNS = (
    *("time", "branch", "run", "version", "commit", "image"),
    *("duration_seconds", "disk_usage_bytes", "block_time_seconds"),
)


def write_csv(ledger: Ledger, file: TextIO) -> None:
    """The runs that are compared with each other, oldest first; `branch` is what they have in common."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_row(success) for success in ledger.all_successes() if comparable(success))


def export_history(ledger: Ledger, path: Path) -> int:
    """Write the history to a file in one step, or to standard output; how many runs.

    Raises:
        ConfigurationError: it is a folder.
        MonitorError: it cannot be written.
    """
    lines = list(exported(ledger))
    content = "".join(f"{line}\n" for line in lines)
    if path == STANDARD:
        sys.stdout.write(content)
    elif path.is_dir():
        raise ConfigurationError(f"{path} is a folder: name a file in it")
    else:
        try:
            _write(path, content)
        except OSError as error:
            raise MonitorError(f"{path}: cannot be written ({error.strerror})") from error
    return len(lines) - 1


def _write(path: Path, content: str) -> None:
    """Write to what a path leads to: a pipe or a device stays what it is."""
    if path.exists() and not path.is_file():
        path.write_text(content, encoding="utf-8")
    else:
        _replace(Path(os.path.realpath(path)), content)


def _replace(path: Path, content: str) -> None:
    """Write a file so that at any moment it is whole, the old or the new one."""
    aside = path.with_name(f".bootstrap-monitor-{secrets.token_hex(8)}")
    try:
        with aside.open("x", encoding="utf-8") as file:
            if path.exists():
                shutil.copymode(path, aside)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def import_history(data_dir: Path, path: Path) -> tuple[int, int]:
    """Add what a file has to the ledger of a folder, which is made if need be: runs added, and runs that were there.

    Raises:
        ConfigurationError: it is no such file, there is a node's data of which nobody knows whose it is, or it would
            take the place of the run that is under way.
    """
    where = "standard input" if path == STANDARD else str(path)
    with _opened(path) as lines:
        runs = read(lines, where)  # first, so that a mistake in them makes no ledger
    with closing(open_ledger(data_dir)) as ledger:
        node_data = Volume(data_dir).node_data()
        if not ledger.known() and node_data.state is DataState.PRESENT:
            raise ConfigurationError(
                f"{node_data.path} holds a node's data that no ledger knows, and would be taken for that of a run "
                "that is imported: start the tester first, which says what to do with it"
            )
        return imported(ledger, runs, where, node_data.state)


@contextmanager
def _opened(path: Path) -> Iterator[Iterable[str]]:
    """The lines of a file, or of standard input."""
    if path == STANDARD:
        yield sys.stdin
        return
    try:
        with path.open(encoding="utf-8") as file:
            yield file
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: no text, so no history") from error


def _row(success: Success) -> tuple[object, ...]:
    run = success.run
    seconds, blocks = run.duration_seconds, success.blocks_accepted
    executed = run.sync_mode is not SyncMode.C_CHAIN_STATE_SYNC and blocks > 0 and seconds is not None
    return (
        f"{datetime.fromtimestamp(run.started_at or 0.0, UTC):%Y-%m-%d %H:%M:%S %z}",
        f"{run.network}/{_did(success)}/{run.testbed}",
        run.number,
        printable(run.build.version),
        printable(run.build.commit),
        run.build.image,
        seconds,
        run.disk_usage_bytes,
        seconds / blocks if executed and seconds is not None else None,
    )


def _did(success: Success) -> str:
    """Return the sync mode of a run; runs whose state sync was skipped are a series of their own."""
    mode = success.run.sync_mode
    skipped = mode is SyncMode.C_CHAIN_STATE_SYNC and success.state_synced is False
    return f"{mode}-skipped" if skipped else mode
