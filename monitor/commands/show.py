"""`status` and `history`: what the ledger of a tester says, whether its monitor runs or not."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from rich.console import Console

from monitor.errors import ConfigurationError
from monitor.ledger import LEDGER_FILE, open_read_only
from monitor.settings import HistorySettings, ShowSettings, StatusSettings, local_testers
from monitor.terminal import history_table, status_lines
from monitor.view import HISTORY_SHOWN, RESULTS_SHOWN, run_json, status_json, status_of


def run_status(settings: StatusSettings) -> int:
    """Print what the tester is doing."""
    ledger = open_read_only(_folder(settings))
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
    runs = open_read_only(_folder(settings)).runs(HISTORY_SHOWN)
    if settings.json_output:
        print(json.dumps([run_json(run) for run in runs], indent=2))
    elif not runs:
        print("no run yet")
    else:
        Console(highlight=False).print(history_table(runs))
    return 0


def _folder(settings: ShowSettings) -> Path:
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
