"""Builds of the simulated node as files, the node on a simulated clock, and helpers to test programs."""

from __future__ import annotations

import errno
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from simulated_node import build
from simulated_node.metrics import metrics_page
from simulated_node.node import Node
from simulated_node.options import simulation_of
from simulated_node.settings import settings_of

TIMEOUT_SECONDS = 100.0
COMMITS = ("a1" * 20, "b2" * 20)


def write_build(executable: Path, commit: str = COMMITS[0], **behaviour: float | str) -> None:
    """Write a build to a path in one step, as a developer's compiler does."""
    build.write_build(executable, commit, **behaviour)


def write_failing_build(executable: Path, words: str = "") -> None:
    """Write a build that reports its versions, but whose node prints `words` and exits with code 9."""
    versions = '{"application": "avalanchego/1.14.2", "rpcchainvm": 44}'
    prints = f'echo "{words}"\n' if words else ""
    write_program(
        executable, f"#!/bin/sh\n[ $1 = --version-json ] && exec echo '{versions}'\n{prints}exit 9\n"
    )


def write_program(executable: Path, text: str) -> None:
    """Write an executable program to a path in one step."""
    temporary = executable.with_name(executable.name + ".new")
    temporary.write_text(text)
    temporary.chmod(0o755)
    temporary.replace(executable)


class SteppedNode:
    """A simulated node in this process, which runs only while the test moves its clock.

    Args:
        folder: the node's data folder; another node on the same folder is a restart.
        flags: the node's flags without dashes; those of the simulation begin with `simulate-`.

    """

    def __init__(self, folder: Path, wall_seconds: float = 1.79e9, **flags: Any) -> None:
        self.folder, self.wall_seconds = folder, wall_seconds
        words = {name.replace("_", "-"): str(value) for name, value in flags.items()}
        settings = settings_of({"data-dir": str(folder)} | words, {})
        self.node = Node(settings, simulation_of(words, {}), self.wall, self.wall)

    def wall(self) -> float:
        """Return the node's clock, in seconds since the Unix epoch."""
        return self.wall_seconds

    def run(self, seconds: float, step_seconds: float = 10.0) -> None:
        """Move the node's clock forward by a number of seconds, in steps."""
        until = self.wall_seconds + seconds
        while self.wall_seconds < until:
            self.wall_seconds = min(until, self.wall_seconds + step_seconds)
            self.node.step()

    def page(self) -> str:
        """Return the node's metrics page."""
        return metrics_page(self.node)

    def metric(self, series: str) -> float | None:
        """Return the value of a series such as `avalanche_network_peers`; `None` if it is not on the page."""
        lines = (line.rpartition(" ") for line in self.page().splitlines())
        return next((float(value) for name, _, value in lines if name == series), None)

    def log(self, name: str) -> list[str]:
        """Return the lines of one of the node's logs."""
        path = self.folder / "logs" / f"{name}.log"
        return path.read_text().splitlines() if path.exists() else []


def free_port() -> int:
    """Return an unused port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run_new_program(command: Sequence[str | Path]) -> None:
    """Run a program that this process has just written, and raise an error if it fails.

    A child that another thread is starting keeps the written file open until its own program runs. Until then,
    the kernel refuses to run the file.
    """
    until = time.monotonic() + TIMEOUT_SECONDS
    while True:
        try:
            subprocess.run(command, check=True, capture_output=True)
        except OSError as error:
            if error.errno != errno.ETXTBSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def eventually(true: Callable[[], bool], what: str, seconds: float = TIMEOUT_SECONDS) -> None:
    """Wait until a condition is true."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, f"not within {seconds} s: {what}"
        time.sleep(0.01)


def lives(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}


def processes_of(text: str) -> set[int]:
    """Return the IDs of the running processes with this text in their command line."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if text in line and lives(pid := int(path.parent.name)):
            found.add(pid)
    return found
