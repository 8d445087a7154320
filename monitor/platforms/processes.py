"""Child processes: ended politely, and found again when the monitor that started them was killed."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import time
from pathlib import Path

ORPHAN_STOP_SECONDS = 10.0
_STEP_SECONDS = 0.05

_log = logging.getLogger(__name__)


def end_process(child: subprocess.Popen[bytes], patience_seconds: float) -> None:
    """Ask a child's whole group to end, and end it if it does not."""
    os.killpg(child.pid, signal.SIGTERM)
    try:
        child.wait(patience_seconds)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


class Orphan:
    """Remembers in a file which process runs, by its number and its start, since numbers are used again."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def remember(self, pid: int) -> None:
        """This process runs from now on."""
        self._path.write_text(json.dumps({"pid": pid, "start": _start_of(pid)}))

    def forget(self) -> None:
        """It ended."""
        self._path.unlink(missing_ok=True)

    def end(self) -> None:
        """End the process that a killed monitor left behind, if it still runs."""
        try:
            found = json.loads(self._path.read_text())
            pid, start = int(found["pid"]), found["start"]
        except (OSError, ValueError, KeyError, TypeError):
            return
        if start is not None and _start_of(pid) == start:
            _log.warning("ending the node that an earlier bootstrap-monitor left running (process %d)", pid)
            os.killpg(pid, signal.SIGTERM)
            steps = int(ORPHAN_STOP_SECONDS / _STEP_SECONDS)
            for _ in range(steps):
                if _start_of(pid) != start:
                    break
                time.sleep(_STEP_SECONDS)
            else:
                os.killpg(pid, signal.SIGKILL)
        self.forget()


def _start_of(pid: int) -> str | None:
    """The process's start, in clock ticks since boot (`proc(5)`); `None` where it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]
