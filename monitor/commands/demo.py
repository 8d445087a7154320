"""`demo`: the whole lifecycle on a simulated node, in about a minute.

The demo is `local` with short intervals and a program that only pretends to bootstrap. After each result
another build replaces the program's file, as a developer's compiler would. One of the builds fails, and one is
slower than those before it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from monitor.avalanchego.conventions import EXECUTABLE
from monitor.commands.free_ports import Ports
from monitor.commands.local_folder import exclusively
from monitor.commands.local_tester import LAST_RESORT_SECONDS, LocalTester
from monitor.commands.own_command import own_command
from monitor.commands.signals import Stopping, stop_on_signals
from monitor.domain.baseline import MIN_VALUES
from monitor.domain.duration import duration_text
from monitor.domain.regression import Measure, RunVerdicts
from monitor.domain.run import Outcome, Run
from monitor.domain.sanitize import printable
from monitor.domain.status import RESULTS_SHOWN
from monitor.errors import ConfigurationError, MonitorError
from monitor.output.format import build_text
from monitor.output.terminal import ResultPrinter, history_table
from monitor.output.verdict_text import is_slower
from monitor.settings import DemoSettings, Duration, LocalSettings

try:
    from simulated_node.build import write_build
except ModuleNotFoundError as error:
    raise ConfigurationError("demo: the image has no simulated node; run `make demo` in a clone") from error


@dataclass(frozen=True, slots=True)
class DemoBuild:
    """Build of the simulated node: its commit, its behavior, and the expected outcome of its run."""

    commit: str
    behavior: Mapping[str, float | str]
    outcome: Outcome = Outcome.SUCCEEDED


_QUICK: Mapping[str, float | str] = {"bootstrap_seconds": 2, "blocks": 500, "leaves": 500}
# As many usual builds as a baseline needs, one that fails, one that is slower, and one that fixes both.
BUILDS = (
    *(DemoBuild(f"{number}" * 40, _QUICK) for number in range(1, MIN_VALUES)),
    DemoBuild(
        "bad" * 13 + "b", {**_QUICK, "version": "avalanchego/1.14.3", "crash_at_share": 0.5}, Outcome.FAILED
    ),
    DemoBuild("a510" * 10, {**_QUICK, "version": "avalanchego/1.14.4", "bootstrap_seconds": 6}),
    DemoBuild("900d" * 10, {**_QUICK, "version": "avalanchego/1.14.5", "bootstrap_seconds": 1.5}),
)
MAX_SECONDS = 300.0
_WATCH_SECONDS = 0.5


def run_demo(settings: DemoSettings) -> int:
    """Run the demo, and return 0 if every build was tested and succeeded."""
    console = Console(stderr=True, highlight=False)
    stopping, interrupted = Stopping(), threading.Event()
    stop_on_signals(stopping, LAST_RESORT_SECONDS, on_stop=interrupted.set)
    folder = Path(tempfile.mkdtemp(prefix="bootstrap-monitor-demo-"))
    try:
        outcomes = _run(settings, folder, console, stopping)
    finally:
        if settings.keep:
            console.print(f"the files are kept in {folder}; this command shows the runs:", soft_wrap=True)
            console.print(f"  {own_command('history', '--data-dir', folder / 'data')}", soft_wrap=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    if interrupted.is_set() and len(outcomes) < len(BUILDS):
        return 130
    if outcomes[: len(BUILDS)] != [build.outcome for build in BUILDS]:  # a user may have requested more runs
        raise MonitorError(f"the demo did not run as planned: its runs are {', '.join(outcomes) or 'none'}")
    return 0


def _run(
    settings: DemoSettings, folder: Path, console: Console, stopping: threading.Event
) -> Sequence[Outcome]:
    executable = folder / EXECUTABLE
    _install(executable, 0)
    ports = Ports()
    node_port, web_port = ports.free(), settings.listen[1]
    if "web_listen_address" not in settings.model_fields_set:
        web_port = ports.free(web_port)
    arguments = ["--network-id=fuji", f"--http-port={node_port}"]
    (folder / "data").mkdir()
    with exclusively(folder / "data"):
        local = _local_settings(executable, folder / "data", settings, web_port)
        tester = LocalTester(local, arguments, os.environ, console, stopping, results=ResultPrinter(console))
        web_port = tester.monitor.listen()
        console.print(f"page     http://127.0.0.1:{web_port}/")
        console.print(f"metrics  http://127.0.0.1:{web_port}/metrics")
        console.print(
            f"{len(BUILDS)} builds of a simulated node are bootstrapped one after the other: {MIN_VALUES - 1} usual "
            "ones, one that fails, one that is slower, and one that is good again (Ctrl-C to stop)",
            soft_wrap=True,
        )
        console.print()
        next_build = threading.Thread(
            target=_replace_builds, args=(executable, tester, settings.keep, console), name="builds"
        )
        next_build.start()
        try:
            tester.run()
        finally:
            stopping.set()
            next_build.join()
        if not settings.keep:
            _conclude(tester, console)
        ended = [run.outcome for run in reversed(tester.ledger.runs(RESULTS_SHOWN))]
        return [outcome for outcome in ended if outcome is not None]


def _conclude(tester: LocalTester, console: Console) -> None:
    """Print the table of all runs, and what they show."""
    runs, verdicts = tester.ledger.runs(RESULTS_SHOWN), tester.ledger.verdicts(RESULTS_SHOWN)
    results = Console(highlight=False)
    console.print()
    results.print(history_table(runs, results.width, verdicts))
    console.print()
    for run in reversed(runs):
        judged = verdicts.get(run.number, {})
        if run.outcome is Outcome.FAILED or is_slower(judged):
            results.print(conclusion_text(run, judged), soft_wrap=True, markup=False)


def conclusion_text(run: Run, verdicts: RunVerdicts) -> str:
    """Return what a run that failed or that was slower shows about its build."""
    build = build_text(run.build)
    if run.outcome is Outcome.FAILED:
        return printable(f"{build} cannot bootstrap: {run.reason}")
    limit, regression = verdicts[Measure.DURATION].limit, verdicts[Measure.DURATION].regression
    good = regression.last_good if regression else None
    than = f" than {build_text(good.build)}" if good else ""
    usual = f", usually {duration_text(limit.baseline)}" if limit else ""
    took = duration_text(run.duration_seconds or 0.0)
    return printable(f"{build} is slower{than}: its bootstrap took {took}{usual}")


def _replace_builds(
    executable: Path,
    tester: LocalTester,
    keep: bool,  # noqa: FBT001 - the flag itself
    console: Console,
) -> None:
    """Wait for each build's result and install the next build; stop after the last one."""
    waited, installed, has_concluded = 0.0, 0, False
    while not tester.stopping.wait(_WATCH_SECONDS):
        waited += _WATCH_SECONDS
        with contextlib.suppress(MonitorError, OSError):  # the ledger may be busy, the volume full
            done = sum(run.outcome is not None for run in tester.ledger.runs(RESULTS_SHOWN))
            if installed < done < len(BUILDS):
                _install(executable, done)
                installed = done
            if not keep and (done == len(BUILDS) or waited > MAX_SECONDS):
                tester.stopping.set()
            elif keep and not has_concluded and tester.results_reported == len(BUILDS):
                has_concluded = True
                _conclude(tester, console)
                console.print("page and metrics are served until Ctrl-C; this command shows the tester:")
                data_dir = executable.parent / "data"
                console.print(f"  {own_command('status', '--watch', '--data-dir', data_dir)}", soft_wrap=True)


def _install(executable: Path, index: int) -> None:
    build = BUILDS[index]
    write_build(executable, build.commit, **build.behavior)


def _local_settings(executable: Path, data_dir: Path, settings: DemoSettings, web_port: int) -> LocalSettings:
    host = settings.listen[0] or "127.0.0.1"
    return LocalSettings(
        build=executable,
        data_dir=data_dir,
        tester="demo",
        testbed="simulated",
        soak=Duration(0.5),
        confirm_regressions=False,  # each build runs once
        health_check_interval=Duration(0.1),
        image_check_interval=Duration(0.5),
        crash_limit=2,
        disk_check_interval=Duration(2),
        web_listen_address=f"{host}:{web_port}",
        web_evidence=settings.web_evidence,
    )
