"""Builds of the simulated node as files, the node on a simulated clock, and what tests of programs need."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from monitor.avalanchego import simulated_node
from monitor.avalanchego.simulated_node import Node, metrics_page, settings_of, simulation_of

PATIENCE_SECONDS = 30.0
COMMITS = ("a1" * 20, "b2" * 20)


def write_build(executable: Path, commit: str = COMMITS[0], **behaviour: float | str) -> None:
    """Put a build there in one step, as a developer's compiler would."""
    _, _, text = simulated_node.variant(commit, **behaviour).partition("\n")
    write_program(executable, f"#!{sys.executable}\n{text}")


def write_program(executable: Path, text: str) -> None:
    """Put a program there in one step."""
    aside = executable.with_name(executable.name + ".new")
    aside.write_text(text)
    aside.chmod(0o755)
    aside.replace(executable)


class SteppedNode:
    """A simulated node in this process, which lives only while its clock is moved on.

    Args:
        folder: the node's data folder; another node on it is a restart.
        flags: without their dashes; those of the simulation with `simulate-`.

    """

    def __init__(self, folder: Path, wall_seconds: float = 1.79e9, **flags: Any) -> None:
        self.folder, self.wall_seconds = folder, wall_seconds
        told = {name.replace("_", "-"): str(value) for name, value in flags.items()}
        settings = settings_of({"data-dir": str(folder)} | told, {})
        self.node = Node(settings, simulation_of(told, {}), self.wall, self.wall)

    def wall(self) -> float:
        """The time on its clock, in seconds since the Unix epoch."""
        return self.wall_seconds

    def run(self, seconds: float, step_seconds: float = 10.0) -> None:
        """Move its clock on for so long, in steps."""
        until = self.wall_seconds + seconds
        while self.wall_seconds < until:
            self.wall_seconds = min(until, self.wall_seconds + step_seconds)
            self.node.step()

    def page(self) -> str:
        """Its metrics page."""
        return metrics_page(self.node.families())

    def metric(self, series: str) -> float | None:
        """The value of a series, such as `avalanche_network_peers`; `None` where it is not on the page."""
        lines = (line.rpartition(" ") for line in self.page().splitlines())
        return next((float(value) for name, _, value in lines if name == series), None)

    def log(self, name: str) -> list[str]:
        """The lines of one of its logs."""
        path = self.folder / "logs" / f"{name}.log"
        return path.read_text().splitlines() if path.exists() else []


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(true: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until something is true."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, f"not within {seconds} s: {what}"
        time.sleep(0.01)


def lives(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}


def processes_of(text: str) -> set[int]:
    """The processes that have this in their command line."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if text in line and lives(pid := int(path.parent.name)):
            found.add(pid)
    return found
