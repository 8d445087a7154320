"""`history` for other programs: CSV of the compared runs, and a SQLite file that outlives the volume."""

from __future__ import annotations

import csv
import os
import secrets
import shutil
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from monitor.domain.observations import DataState
from monitor.domain.regression import Measure, Success, comparable, values_of
from monitor.domain.sanitize import printable
from monitor.domain.workload import SyncMode
from monitor.engine.volume import Volume
from monitor.errors import ConfigurationError, MonitorError
from monitor.ledger import Ledger, open_ledger
from monitor.ledger.export import export_history, import_history, is_export, read_history
from monitor.output.streams import write_bytes

_STANDARD = Path("-")
# Apache Otava separates series by the column `branch`; it accepts any number of attributes and metrics.
COLUMNS = (
    *("time", "branch", "run", "version", "commit", "image"),
    *("duration_seconds", "disk_usage_bytes", "block_time_seconds", "leaf_time_seconds"),
)


def write_csv(ledger: Ledger, file: TextIO) -> None:
    """Write the comparable runs, oldest first; runs with the same `branch` are compared with each other."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_row(success) for success in ledger.all_successes() if comparable(success))


def export_to(path: Path, ledger: Ledger) -> int:
    """Write the history to a file, to a pipe or to standard output; return the number of runs.

    An earlier export is replaced in one step.

    Raises:
        ConfigurationError: the path is a folder or a file that is not an export, or standard output is a
            terminal.
        MonitorError: the file cannot be written.
    """
    if path == _STANDARD and sys.stdout.isatty():
        raise ConfigurationError(
            "--export=- writes a SQLite file, not text: redirect standard output to a file"
        )
    content, runs = export_history(ledger)
    if path == _STANDARD:
        write_bytes(content)
        return runs
    try:
        if path.is_dir() or (path.is_file() and not is_export(path.read_bytes())):
            raise ConfigurationError(f"{path} exists and is not an export: use another file name")
        if path.exists() and not path.is_file():  # a pipe or a device
            path.write_bytes(content)
        else:
            _replace(Path(os.path.realpath(path)), content)
    except OSError as error:
        raise MonitorError(f"{path} cannot be written ({error.strerror}): use another file") from error
    return runs


def _replace(path: Path, content: bytes) -> None:
    """Write a temporary file beside the target and rename it, so that readers never see partial content."""
    temporary = path.with_name(f".bootstrap-monitor-{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            if path.exists():
                shutil.copymode(path, temporary)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def import_from(path: Path, data_dir: Path) -> tuple[int, int]:
    """Add the runs of a file to the ledger of a folder, and create the ledger if it does not exist.

    Returns:
        The number of runs added, and the number skipped because the ledger already has them.

    Raises:
        ConfigurationError: the file is not a history, the folder has a node's data without a ledger, or the
            runs conflict with those of the ledger.
    """
    where = "standard input" if path == _STANDARD else str(path)
    try:
        content = sys.stdin.buffer.read() if path == _STANDARD else path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{where} cannot be read ({error.strerror}): use another file") from error
    # Check the file first, so that a wrong one creates no ledger.
    with closing(read_history(content, where)) as history, closing(open_ledger(data_dir)) as ledger:
        node_data = Volume(data_dir).node_data()
        if not ledger.known() and node_data.state is DataState.PRESENT:
            raise ConfigurationError(
                f"{node_data.path} has a node's data that no ledger describes: start the tester first; its error "
                "says what to do with the data"
            )
        return import_history(ledger, history)


def _row(success: Success) -> tuple[object, ...]:
    run, values = success.run, values_of(success)
    return (
        f"{datetime.fromtimestamp(run.started_at or 0.0, UTC):%Y-%m-%d %H:%M:%S %z}",
        f"{run.network}/{_did(success)}/{run.testbed}",
        run.number,
        printable(run.build.version),
        printable(run.build.commit),
        run.build.image,
        *(values.get(measure) for measure in Measure),
    )


def _did(success: Success) -> str:
    """Return the sync mode of a run; runs that skipped their state sync are a separate series."""
    mode = success.run.sync_mode
    skipped = mode is SyncMode.C_CHAIN_STATE_SYNC and success.state_synced is False
    return f"{mode}-skipped" if skipped else mode
