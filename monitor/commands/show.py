"""`status` and `history`: show the contents of a tester's ledger, whether its monitor runs or not."""

from __future__ import annotations

import os
import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path

from monitor.commands.local_folder import is_left
from monitor.commands.named_runs import run_named
from monitor.commands.own_command import own_command
from monitor.domain.build_results import results_by_build
from monitor.domain.compared_pair import pair_of
from monitor.domain.json_text import json_text
from monitor.domain.plural import plural
from monitor.domain.run import AttemptCause, Run
from monitor.domain.sanitize import printable
from monitor.domain.status import RESULTS_SHOWN
from monitor.errors import ConfigurationError
from monitor.ledger import LEDGER_FILE, Ledger, open_read_only
from monitor.ledger.codecs import COMPARISON
from monitor.ledger.status import status_of
from monitor.output.status_json import history_json, status_json
from monitor.output.status_text import run_lines, status_lines
from monitor.settings import MAX_HISTORY, HistorySettings, ShowSettings, StatusSettings, local_testers

# The width for a file or a pipe, which has none.
WIDE_COLUMNS = 200


def run_status(settings: StatusSettings) -> int:
    """Print what the tester is doing."""
    text = partial(_status_text, folder_of(settings), as_json=settings.json_output)
    if not settings.watch:
        print(text())
        return 0
    from rich.console import Console  # noqa: PLC0415 - only needed with --watch

    from monitor.commands.status_watch import watch  # noqa: PLC0415

    watch(text, Console(highlight=False))
    return 0


def _status_text(folder: Path, *, as_json: bool) -> str:
    with closing(open_read_only(folder)) as ledger:
        status = status_of(ledger.snapshot(RESULTS_SHOWN + 1), time.time())
    if as_json:
        return json_text(status_json(status), indent=2)
    return "\n".join(printable(line) for line in status_lines(status, is_left=is_left(folder)))


def run_history(settings: HistorySettings) -> int:
    """Print the runs, newest first; or export them for another program, or import those of another ledger."""
    _refuse_two_ways(settings)
    if settings.csv_output or settings.export_file is not None or settings.import_file is not None:
        return _exchange(settings)
    ledger = open_read_only(folder_of(settings))
    if settings.run is not None:
        return _show_run(ledger, settings.run, as_json=settings.json_output)
    runs, verdicts = ledger.runs(settings.limit), ledger.verdicts(settings.limit)
    if settings.json_output:
        causes = ledger.causes(runs)
        shown = [history_json(run, verdicts.get(run.number, {}), causes.get(run.number)) for run in runs]
        print(json_text(shown, indent=2))
    elif not runs:
        print("no run yet")
    else:
        from rich.console import Console  # noqa: PLC0415 - not needed for JSON

        from monitor.output.terminal import history_notes, history_table  # noqa: PLC0415

        width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else WIDE_COLUMNS
        console = Console(highlight=False, width=width)
        comparison = ledger.reading(COMPARISON)
        pair = pair_of(comparison.value, ledger.all_successes()) if comparison else None
        console.print(history_table(runs, console.width, verdicts, pair))
        builds = results_by_build(ledger.runs(MAX_HISTORY))
        for line in history_notes(runs, verdicts, builds, pair, _history_command(settings)):
            console.print(line, soft_wrap=True, markup=False)
    return 0


def _history_command(settings: HistorySettings) -> str:
    """Return the `history` command with the folder that the user gave, as it works in any folder."""
    is_given = "data_dir" in settings.model_fields_set
    return own_command("history", *(("--data-dir", settings.data_dir.absolute()) if is_given else ()))


def _refuse_two_ways(settings: HistorySettings) -> None:
    requested = {
        "--json": settings.json_output,
        "--csv": settings.csv_output,
        "--export": settings.export_file is not None,
        "--import": settings.import_file is not None,
    }
    flags = [flag for flag, is_requested in requested.items() if is_requested]
    if settings.run is not None and flags not in ([], ["--json"]):
        flags = ["--run", *flags]
    elif len(flags) < 2:  # noqa: PLR2004 - two flags conflict
        return
    raise ConfigurationError(f"{' and '.join(flags)} cannot be combined: use one of them")


def _exchange(settings: HistorySettings) -> int:
    # Only these flags need the module.
    from monitor.commands.history_files import export_to, import_from, write_csv  # noqa: PLC0415

    folder = folder_of(settings)
    if settings.import_file is not None:
        added, known = import_from(settings.import_file, folder)
        print(f"imported {plural(added, 'run')}; {known} already in the ledger", file=sys.stderr)
    elif settings.export_file is not None:
        count = export_to(settings.export_file, open_read_only(folder))
        print(f"exported {plural(count, 'ended run')}; history --import reads the file", file=sys.stderr)
    else:
        write_csv(open_read_only(folder), sys.stdout)
    return 0


def _show_run(ledger: Ledger, name: str, *, as_json: bool) -> int:
    run = run_named(name, ledger.runs(-1))
    evidence, verdicts = ledger.evidence(run.number), ledger.verdicts_of(run)
    if as_json:
        shown = history_json(run, verdicts, ledger.cause_of(run))
        print(json_text(shown | {"evidence": evidence.text if evidence else None}, indent=2))
        return 0
    for line in run_lines(run, evidence, verdicts, _confirmed_run(ledger, run), ledger.results_of(run)):
        print(printable(line))
    return 0


def _confirmed_run(ledger: Ledger, run: Run) -> int | None:
    """Return the number of the run whose result a run confirms: the one before of the same build."""
    if ledger.cause_of(run) is not AttemptCause.CONFIRM:
        return None
    return max(
        (other.number for other in ledger.runs_of(run.build) if other.number < run.number), default=None
    )


def folder_of(settings: ShowSettings) -> Path:
    """Return the folder that the user gave, or else the only one that `local` created.

    Raises:
        ConfigurationError: there are several folders, or none.
    """
    if "data_dir" in settings.model_fields_set:
        return settings.data_dir
    folder = local_testers(os.environ)
    testers = sorted(path.parent for path in folder.glob(f"*/{LEDGER_FILE}"))
    match testers:
        case [only]:
            return only
        case []:
            raise ConfigurationError(f"--data-dir is required: local has created no tester in {folder}")
        case _:
            raise ConfigurationError(f"--data-dir is required: one of {', '.join(map(str, testers))}")
