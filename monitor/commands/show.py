"""`status` and `history`: what the ledger of a tester says, whether its monitor runs or not."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from rich.console import Console

from monitor.errors import ConfigurationError, MonitorError
from monitor.ledger import LEDGER_FILE, Ledger, open_read_only
from monitor.settings import HistorySettings, ShowSettings, StatusSettings, local_testers
from monitor.terminal import history_table, run_lines, status_lines
from monitor.texts import printable
from monitor.view import HISTORY_SHOWN, RESULTS_SHOWN, run_json, status_json, status_of

# A file or a pipe has no width.
WIDE_COLUMNS = 200


def run_status(settings: StatusSettings) -> int:
    """Print what the tester is doing."""
    ledger = open_read_only(folder_of(settings))
    status = status_of(ledger.snapshot(RESULTS_SHOWN + 1), time.time())
    if settings.json_output:
        print(json.dumps(status_json(status), indent=2))
        return 0
    console = Console(highlight=False)
    for line in status_lines(status):
        console.print(printable(line), soft_wrap=True, markup=False)
    return 0


def run_history(settings: HistorySettings) -> int:
    """Print the runs, newest first."""
    ledger = open_read_only(folder_of(settings))
    if settings.run is not None:
        return _show_run(ledger, settings.run, as_json=settings.json_output)
    runs = ledger.runs(HISTORY_SHOWN)
    if settings.json_output:
        print(json.dumps([run_json(run) for run in runs], indent=2))
    elif not runs:
        print("no run yet")
    else:
        width = None if sys.stdout.isatty() else WIDE_COLUMNS
        Console(highlight=False, width=width).print(history_table(runs))
    return 0


def _show_run(ledger: Ledger, number: int, *, as_json: bool) -> int:
    run, evidence = ledger.run(number), ledger.evidence(number)
    if run is None or run.started_at is None:
        raise MonitorError(f"there is no run {number}: history lists those that there are")
    if as_json:
        found = run_json(run) | {"evidence": evidence.text if evidence else None}
        print(json.dumps(found, indent=2))
        return 0
    console = Console(highlight=False)
    for line in run_lines(run, evidence):
        console.print(printable(line), soft_wrap=True, markup=False)
    return 0


def folder_of(settings: ShowSettings) -> Path:
    """The one given, else the one that `local` has made.

    Raises:
        ConfigurationError: there are several, or none.
    """
    if "data_dir" in settings.model_fields_set:
        return settings.data_dir
    folder = local_testers(os.environ)
    found = sorted(path.parent for path in folder.glob(f"*/{LEDGER_FILE}"))
    match found:
        case [only]:
            return only
        case []:
            raise ConfigurationError(
                f"--data-dir is required: {folder} holds no tester that local would have made"
            )
        case _:
            raise ConfigurationError(f"give --data-dir, one of {', '.join(map(str, found))}")
