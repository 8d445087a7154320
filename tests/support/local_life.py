"""The real `local` command in a folder of its own, as tests start, watch and stop it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.simulated_builds import TIMEOUT_SECONDS, eventually, free_port, processes_of, write_build

from monitor.domain.run import Run
from monitor.errors import MonitorError
from monitor.ledger import open_read_only

ROOT = Path(__file__).parents[2]
RESUME_HINT = "stopped; run the same command again to continue"


@dataclass
class Home:
    """The file of a build, a data folder, and the command that tests the build in that folder."""

    folder: Path
    name: str = field(default="avalanchego", kw_only=True)

    @property
    def build(self) -> Path:
        """The path of the build under test."""
        return self.folder / self.name

    @property
    def data_dir(self) -> Path:
        """The path of the tester's data folder."""
        return self.folder / "data"

    def command(self, *flags: str, node: Sequence[str]) -> list[str]:
        """Return the command with these flags, for a node with these arguments."""
        return [
            *(sys.executable, "-m", "monitor", "local", str(self.build), f"--data-dir={self.data_dir}"),
            *(*flags, "--", *node),
        ]

    def newest_runs(self, most: int) -> tuple[Run, ...]:
        """Return the newest runs, newest first; empty if there is no ledger."""
        try:
            with closing(open_read_only(self.data_dir)) as ledger:
                return ledger.runs(most)
        except MonitorError:
            return ()

    def nodes(self) -> set[int]:
        """Return the process IDs of the tester's node."""
        return processes_of(f"--data-dir={self.data_dir}/avalanchego")

    def kill_nodes(self) -> None:
        """Kill nodes that a command left running instead of stopping them."""
        for pid in self.nodes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@dataclass
class LocalLife(Home):
    """A tester that a test can start repeatedly, and whose output is read after it ended."""

    port: int
    started: ExitStack

    def start(self, *flags: str, node: Sequence[str] = ("--network-id=fuji",)) -> subprocess.Popen[str]:
        """Start the command for a node with these arguments; stop it when the test ends."""
        command = self.command(
            *("--health-check-interval=50ms", "--image-check-interval=100ms", "--disk-check-interval=100ms"),
            *("--soak=100ms", "--web-listen-address=127.0.0.1:0", *flags),
            node=(*node, f"--http-port={self.port}"),
        )
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        self.started.callback(end, process)
        return process

    def runs(self) -> tuple[Run, ...]:
        """Return up to ten runs, newest first."""
        return self.newest_runs(10)

    def node(self) -> int:
        """Return the process ID of the one node, once it and a run exist."""
        eventually(lambda: len(self.nodes()) == 1 and bool(self.runs()), "one node and a run")
        (pid,) = self.nodes()
        return pid

    def remembered(self) -> int | None:
        """Return the process ID of the node in the tester's state file; `None` if there is no such file.

        The next start stops this process if it still runs.
        """
        try:
            return int(json.loads((self.data_dir / "local-node.json").read_text())["pid"])
        except (OSError, ValueError):
            return None

    def watched(self) -> Run:
        """Return the run after a tick has recorded active time."""
        eventually(lambda: bool(self.runs()) and self.runs()[0].tracking.active_seconds > 0, "a tick")
        return self.runs()[0]


def environment() -> dict[str, str]:
    """Return this process's environment without the variables that configure a monitor or a node."""
    prefixes = ("BOOTSTRAP_MONITOR_", "AVAGO_", "SIMULATE_")
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}


def end(process: subprocess.Popen[str]) -> None:
    """Terminate a process that a failed test left running, and print its standard error.

    The process stops its own child processes.
    """
    if process.poll() is None:
        process.terminate()
        sys.stderr.write(process.communicate(timeout=TIMEOUT_SECONDS)[1])


def ended(process: subprocess.Popen[str]) -> tuple[int, list[str], list[str]]:
    """Wait until a process ends; return its exit code and its lines of standard output and error."""
    stdout, stderr = process.communicate(timeout=2 * TIMEOUT_SECONDS)
    return process.returncode, stdout.splitlines(), stderr.splitlines()


def stopped(process: subprocess.Popen[str], signal_number: int) -> tuple[int, list[str]]:
    """Send a signal to a process; return its exit code and its lines of standard error."""
    process.send_signal(signal_number)
    _, stderr = process.communicate(timeout=TIMEOUT_SECONDS)
    return process.returncode, stderr.splitlines()


@contextmanager
def running_stories(
    stories: Sequence[Callable[[LocalLife], None]], folders: pytest.TempPathFactory
) -> Iterator[Mapping[str, Future[None]]]:
    """Run all stories in parallel, as each mostly waits; yield their futures by the names of the stories."""
    with ThreadPoolExecutor(len(stories)) as pool:
        yield {story.__name__: pool.submit(run_story, story, folders.mktemp("local")) for story in stories}


def run_story(story: Callable[[LocalLife], None], folder: Path) -> None:
    """Run a story with a new tester."""
    with living(folder) as tester:
        write_build(tester.build, bootstrap_seconds=60, blocks=50)
        story(tester)


@contextmanager
def living(folder: Path) -> Iterator[LocalLife]:
    """Yield a tester in this folder; stop its processes afterwards."""
    with ExitStack() as started:
        tester = LocalLife(folder, free_port(), started)
        try:
            yield tester
        finally:
            started.close()
            tester.kill_nodes()
