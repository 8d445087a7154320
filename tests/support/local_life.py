"""The real `local` in a folder of its own, as tests start, watch and end it."""

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
from support.simulated_builds import PATIENCE_SECONDS, eventually, free_port, processes_of, write_build

from monitor.domain.run import Run
from monitor.errors import MonitorError
from monitor.ledger import open_read_only

ROOT = Path(__file__).parents[2]
GOES_ON = "stopped; the same command goes on where this ended"


@dataclass
class Home:
    """A build's file, a data folder, and the command that tests the one in the other."""

    folder: Path
    name: str = field(default="avalanchego", kw_only=True)

    @property
    def build(self) -> Path:
        """The file that is tested."""
        return self.folder / self.name

    @property
    def data_dir(self) -> Path:
        """Where the tester lives."""
        return self.folder / "data"

    def command(self, *flags: str, node: Sequence[str]) -> list[str]:
        """The command with such flags, for a node with such arguments."""
        return [
            *(sys.executable, "-m", "monitor", "local", str(self.build), f"--data-dir={self.data_dir}"),
            *(*flags, "--", *node),
        ]

    def newest_runs(self, most: int) -> tuple[Run, ...]:
        """The runs, newest first; none while there is no ledger."""
        try:
            with closing(open_read_only(self.data_dir)) as ledger:
                return ledger.runs(most)
        except MonitorError:
            return ()

    def nodes(self) -> set[int]:
        """The processes of its node."""
        return processes_of(f"--data-dir={self.data_dir}/avalanchego")

    def kill_nodes(self) -> None:
        """End what a command left that should have ended its node itself."""
        for pid in self.nodes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@dataclass
class LocalLife(Home):
    """A tester that is started as often as a test likes, and whose lines are read when it has ended."""

    port: int
    started: ExitStack

    def start(self, *flags: str, node: Sequence[str] = ("--network-id=fuji",)) -> subprocess.Popen[str]:
        """Start the command, for a node with such arguments; what still runs is killed at the end of the test."""
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
        """The newest runs, newest first; none while there is no ledger."""
        return self.newest_runs(10)

    def node(self) -> int:
        """The one node that runs, once it does."""
        eventually(lambda: len(self.nodes()) == 1 and bool(self.runs()), "one node and a run")
        (pid,) = self.nodes()
        return pid

    def remembered(self) -> int | None:
        """The process that the next start would end, should it find it."""
        try:
            return int(json.loads((self.data_dir / "local-node.json").read_text())["pid"])
        except (OSError, ValueError):
            return None

    def watched(self) -> Run:
        """The run, once a tick has brought its books up."""
        eventually(lambda: bool(self.runs()) and self.runs()[0].tracking.active_seconds > 0, "a tick")
        return self.runs()[0]


def environment() -> dict[str, str]:
    """This program's, without what would configure a monitor or a node."""
    prefixes = ("BOOTSTRAP_MONITOR_", "AVAGO_", "SIMULATE_")
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}


def end(process: subprocess.Popen[str]) -> None:
    """End a process that a failed test left, and tell what it said; what it started is ended by it."""
    if process.poll() is None:
        process.terminate()
        sys.stderr.write(process.communicate(timeout=PATIENCE_SECONDS)[1])


def ended(process: subprocess.Popen[str]) -> tuple[int, list[str], list[str]]:
    """Wait until it ends by itself; the exit code, and the lines of standard output and standard error."""
    out, said = process.communicate(timeout=2 * PATIENCE_SECONDS)
    return process.returncode, out.splitlines(), said.splitlines()


def stopped(process: subprocess.Popen[str], signal_number: int) -> tuple[int, list[str]]:
    """Send one signal; the exit code and the lines that were written."""
    process.send_signal(signal_number)
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    return process.returncode, said.splitlines()


@contextmanager
def all_told(
    stories: Sequence[Callable[[LocalLife], None]], folders: pytest.TempPathFactory
) -> Iterator[Mapping[str, Future[None]]]:
    """All stories at once, by their names: each of them takes seconds, of which it mostly waits."""
    with ThreadPoolExecutor(len(stories)) as pool:
        yield {story.__name__: pool.submit(told, story, folders.mktemp("local")) for story in stories}


def told(story: Callable[[LocalLife], None], folder: Path) -> None:
    """Tell a story from its beginning."""
    with living(folder) as tester:
        write_build(tester.build, bootstrap_seconds=60, blocks=50)
        story(tester)


@contextmanager
def living(folder: Path) -> Iterator[LocalLife]:
    """A tester in this folder; nothing of it runs afterwards."""
    with ExitStack() as started:
        tester = LocalLife(folder, free_port(), started)
        try:
            yield tester
        finally:
            started.close()
            tester.kill_nodes()
