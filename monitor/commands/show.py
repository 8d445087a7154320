"""`status` and `history`: what the ledger of a tester says, whether its monitor runs or not."""

from __future__ import annotations

import json
import time

from rich.console import Console

from monitor.ledger import open_read_only
from monitor.settings import HistorySettings, StatusSettings
from monitor.terminal import history_table, status_lines
from monitor.view import HISTORY_SHOWN, RESULTS_SHOWN, run_json, status_json, status_of


def run_status(settings: StatusSettings) -> int:
    """Print what the tester is doing."""
    ledger = open_read_only(settings.data_dir)
    status = status_of(ledger.snapshot(RESULTS_SHOWN + 1), time.time())
    if settings.json_output:
        print(json.dumps(status_json(status), indent=2))
        return 0
    console = Console(highlight=False)
    for line in status_lines(status):
        console.print(line, soft_wrap=True, markup=False)
    return 0


def run_history(settings: HistorySettings) -> int:
    """Print the runs, newest first."""
    runs = open_read_only(settings.data_dir).runs(HISTORY_SHOWN)
    if settings.json_output:
        print(json.dumps([run_json(run) for run in runs], indent=2))
    elif not runs:
        print("no run yet")
    else:
        Console(highlight=False).print(history_table(runs))
    return 0
