"""`demo`: the whole lifecycle on a simulated node, in about a minute.

The demo is `local` with short intervals and a program that only pretends to bootstrap. After each result
another build replaces the program's file, as a developer's compiler would.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path

from rich.console import Console

from monitor.avalanchego.conventions import EXECUTABLE
from monitor.commands.free_ports import Ports
from monitor.commands.local_folder import exclusively
from monitor.commands.local_tester import LAST_RESORT_SECONDS, LocalTester
from monitor.commands.signals import Stopping, stop_on_signals
from monitor.domain.status import RESULTS_SHOWN
from monitor.errors import ConfigurationError, MonitorError
from monitor.output.terminal import ResultPrinter, history_table
from monitor.settings import DemoSettings, Duration, LocalSettings

try:
    from simulated_node.build import write_build
except ModuleNotFoundError as error:
    raise ConfigurationError("demo: the image has no simulated node; run `make demo` in a clone") from error

# The commit and the behaviour of each build; the second build is slower.
BUILDS: tuple[tuple[str, dict[str, float | str]], ...] = (
    ("11" * 20, {"bootstrap_seconds": 8}),
    ("22" * 20, {"bootstrap_seconds": 12, "version": "avalanchego/1.14.3"}),
    ("33" * 20, {"bootstrap_seconds": 8, "version": "avalanchego/1.14.4"}),
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
        succeeded = _run(settings, folder, console, stopping)
    finally:
        if settings.keep:
            command = f"{sys.executable} -m monitor history --data-dir {folder}/data"
            console.print(f"files kept in {folder}; show the runs with {command}", soft_wrap=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    if interrupted.is_set() and not settings.keep:
        return 130
    if succeeded < len(BUILDS):
        raise MonitorError(f"only {succeeded} of {len(BUILDS)} builds succeeded")
    return 0


def _run(settings: DemoSettings, folder: Path, console: Console, stopping: threading.Event) -> int:
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
            f"{len(BUILDS)} builds of a simulated node are bootstrapped one after the other (Ctrl-C to stop)",
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
        runs = tester.ledger.runs(RESULTS_SHOWN)
        console.print()
        Console(highlight=False).print(history_table(runs))
        return sum(run.outcome == "succeeded" for run in runs)


def _replace_builds(
    executable: Path,
    tester: LocalTester,
    keep: bool,  # noqa: FBT001 - the flag itself
    console: Console,
) -> None:
    """Wait for each build's result and install the next build; stop after the last one."""
    waited, installed, said_done = 0.0, 0, False
    while not tester.stopping.wait(_WATCH_SECONDS):
        waited += _WATCH_SECONDS
        with contextlib.suppress(MonitorError, OSError):  # the ledger may be busy, the volume full
            done = sum(run.outcome is not None for run in tester.ledger.runs(RESULTS_SHOWN))
            if installed < done < len(BUILDS):
                _install(executable, done)
                installed = done
            if keep and done == len(BUILDS) and not said_done:
                said_done = True
                data_dir = executable.parent / "data"
                console.print(
                    "all builds are done; page and metrics are served until Ctrl-C; the files are kept:"
                )
                console.print(f"  {sys.executable} -m monitor status --data-dir {data_dir}", soft_wrap=True)
            elif not keep and (done == len(BUILDS) or waited > MAX_SECONDS):
                tester.stopping.set()


def _install(executable: Path, index: int) -> None:
    commit, behaviour = BUILDS[index]
    write_build(executable, commit, **behaviour)


def _local_settings(executable: Path, data_dir: Path, settings: DemoSettings, web_port: int) -> LocalSettings:
    host = settings.listen[0] or "127.0.0.1"
    return LocalSettings(
        build=executable,
        data_dir=data_dir,
        tester="demo",
        testbed="simulated",
        soak=Duration(2),
        health_check_interval=Duration(0.5),
        image_check_interval=Duration(1),
        disk_check_interval=Duration(2),
        web_listen_address=f"{host}:{web_port}",
        web_evidence=settings.web_evidence,
    )
