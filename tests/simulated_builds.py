"""Builds of the simulated node as files, and what tests of running programs need: patience, ports, processes."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from monitor import simulated_node

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
