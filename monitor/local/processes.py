"""Child processes: a graceful stop, and the cleanup of a process that a killed monitor left running."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import time
from pathlib import Path

from monitor.avalanchego.node_files import open_regular
from monitor.domain.json_text import json_object, json_text
from monitor.errors import TemporaryError

ORPHAN_STOP_SECONDS = 10.0
_STEP_SECONDS = 0.05
_FILE_BYTES = 4 << 10

_log = logging.getLogger(__name__)


def end_process(child: subprocess.Popen[bytes], timeout_seconds: float) -> None:
    """Stop a child's process group: send SIGTERM, and SIGKILL after `timeout_seconds`."""
    os.killpg(child.pid, signal.SIGTERM)
    try:
        child.wait(timeout_seconds)
    except subprocess.TimeoutExpired:
        end_group(child.pid)
        child.wait()


def end_group(pid: int) -> None:
    """Kill all processes in the group of `pid`, even if the process itself has exited."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


class Orphan:
    """A file that identifies the running node by PID and start time, because PIDs are reused."""

    def __init__(self, path: Path, timeout_seconds: float = ORPHAN_STOP_SECONDS) -> None:
        self._path, self._timeout_seconds = path, timeout_seconds

    def remember(self, pid: int) -> None:
        """Write the PID and the start time of the running process to the file.

        Raises:
            TemporaryError: the file cannot be written.
        """
        try:
            with open_regular(self._path, self._path.parent, os.O_RDWR | os.O_CREAT | os.O_TRUNC) as file:
                file.write(json_text({"pid": pid, "start": _start_of(pid)}).encode())
        except OSError as error:
            raise TemporaryError(f"{self._path}: cannot be written ({error.strerror})") from error

    def forget(self) -> None:
        """Delete the file, because the process has ended."""
        self._path.unlink(missing_ok=True)

    def end(self) -> None:
        """Stop the process that a killed monitor left running, if it still runs."""
        try:
            with open_regular(self._path, beneath=self._path.parent) as file:
                child = json_object(file.read(_FILE_BYTES))
            pid, start = int(child["pid"]), child["start"]
        except (OSError, ValueError, KeyError, TypeError):
            return
        if start is not None and _start_of(pid) == start:
            _log.warning("stopping the node that an earlier bootstrap-monitor left running (process %d)", pid)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGTERM)
            steps = int(self._timeout_seconds / _STEP_SECONDS)
            for _ in range(steps):
                if _start_of(pid) != start:
                    break
                time.sleep(_STEP_SECONDS)
            end_group(pid)
        self.forget()


def _start_of(pid: int) -> str | None:
    """Return a process's start in clock ticks since boot (`proc(5)`); `None` if it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]
