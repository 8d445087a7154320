"""Runs one command of bootstrap-monitor and kills it with SIGKILL at its N-th crossing.

A crossing is the moment before or after a change of state: a decision recorded in the ledger, the details
file, a write to the API server, or a step of clearing the node's data. The program is unchanged: a trace
hook of Python watches for these functions. Crossings are counted over all processes of a scenario, as lines
of one file.

usage: killed_at.py CROSSINGS-FILE N COMMAND [FLAGS...]      N = 0: never
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from monitor import cli
from monitor.avalanchego import details_file
from monitor.engine.folder_walk import remove_tree
from monitor.engine.volume import Volume
from monitor.k8s.cluster import Cluster
from monitor.ledger import Ledger

_CODES: dict[str, CodeType] = {
    "record": Ledger.record.__code__,
    "release": Ledger.release.__code__,
    "details": details_file.write_details.__code__,
    "pin": Cluster.pin.__code__,
    "event": Cluster.create_event.__code__,
    "create pod": Cluster.create_pod.__code__,
    "delete pod": Cluster.delete_pod.__code__,
    "clear": Volume.clear.__code__,
    "rename": Path.rename.__code__,
    "replace": Path.replace.__code__,
    "remove": remove_tree.__code__,
}
# By identity: hashing a code object covers its whole content, which is too slow for every call.
WATCHED = {id(code): what for what, code in _CODES.items()}
# Functions that each tick calls too.
INSIDE_DECISION = {"details", "replace"}
# What the commands import when they run. An import under the trace hook takes twice as long.
IMPORTED_FIRST = ("kubernetes.config", "monitor.commands.pod", "monitor.flags", "monitor.settings")
LocalTrace = Callable[[FrameType, str, object], Any]


class Killer:
    """The trace hook: writes each crossing to the file and kills the process at the requested one."""

    def __init__(self, crossings: Path, fatal: int, command: str) -> None:
        self._crossings, self._fatal, self._command = crossings, fatal, command
        self._lock = threading.Lock()
        self._deciding = threading.local()

    def __call__(self, frame: FrameType, _event: str, _argument: object) -> LocalTrace | None:
        """Watch a called function; return no local trace for other functions, which keeps the hook fast."""
        what = WATCHED.get(id(frame.f_code))
        if what is None:
            return None
        self._function(what, frame, before=True)
        frame.f_trace_lines = False

        def returned(frame: FrameType, event: str, _argument: object) -> LocalTrace:
            if event == "return":
                self._function(what, frame, before=False)
            return returned

        return returned

    def _function(self, what: str, frame: FrameType, *, before: bool) -> None:
        if what == "record":
            decided = " + ".join(type(each).__name__ for each in frame.f_locals.get("decided", ()))
            self._deciding.now = bool(decided)
            if decided:
                self._cross("before" if before else "after", f"record {decided}")
            if not before:
                self._deciding.now = False
            return
        self._cross("before" if before else "after", what, inside_decision=what in INSIDE_DECISION)

    def _cross(self, side: str, what: str, *, inside_decision: bool = False) -> None:
        """Count a crossing; functions that each tick calls count only while a decision is recorded."""
        if inside_decision and not getattr(self._deciding, "now", False):
            return
        with self._lock:
            is_fatal = len(self._crossings.read_text().splitlines()) + 1 == self._fatal
            if is_fatal and threading.current_thread() is threading.main_thread():
                # The handler of SIGTERM raises, and the crossing would be counted but not fatal.
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            with self._crossings.open("a") as file:
                file.write(f"{self._command}: {side} {what}\n")
            if is_fatal:
                os.kill(os.getpid(), signal.SIGKILL)


def main() -> int:
    """Run the command under the trace hook."""
    crossings, fatal, arguments = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    for name in IMPORTED_FIRST:
        importlib.import_module(name)
    killer = Killer(crossings, fatal, arguments[0])
    threading.settrace(killer)
    sys.settrace(killer)
    return cli.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
