"""The supervisor of a node that runs as a child process, like the kubelet for the containers of a pod.

The supervisor runs `init` and then the node, and restarts the node with backoff. When the platform recreates
the workload, the supervisor starts again with `init`.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from monitor.avalanchego.conventions import NODE_FOLDER
from monitor.avalanchego.node_files import open_regular
from monitor.avalanchego.node_output import last_words
from monitor.domain.build import Build
from monitor.domain.sanitize import one_line
from monitor.domain.workload import Workload
from monitor.errors import MonitorError, TemporaryError
from monitor.local.build_store import BuildStore
from monitor.local.platform import NODE_LOG, LocalPlatform
from monitor.local.processes import Orphan, end_group, end_process

FIRST_RESTART_SECONDS = 1.0
MAX_RESTART_SECONDS = 60.0
STEADY_SECONDS = 60.0
NODE_STOP_SECONDS = 30.0
LAST_LINE_CHARACTERS = 200
NODE_LOG_BYTES = 8 * 2**20
_APPENDING = os.O_WRONLY | os.O_APPEND | os.O_CREAT

_log = logging.getLogger(__name__)


class Supervisor:
    """A loop that runs `init`, then the node, and repeats both when the platform recreates the workload."""

    def __init__(
        self,
        platform: LocalPlatform,
        builds: BuildStore,
        data_dir: Path,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        init: Callable[[Workload], bool],
        release: Callable[[str], None],
        address: tuple[str, int],
        run_has_failed: Callable[[], bool],
    ) -> None:
        """Log no exit of the node as a warning while `run_has_failed` returns True: the result reports it."""
        self._platform, self._builds, self._data_dir = platform, builds, data_dir
        self._arguments, self._environment = tuple(arguments), dict(environment)
        self._init, self._release, self._address = init, release, address
        self._run_has_failed = run_has_failed
        self._orphan = Orphan(data_dir / "local-node.json")
        self._child: int | None = None
        self._output_begins = 0

    def kill_node(self) -> None:
        """Kill the node without waiting for its end; it takes no lock, so a signal handler may call it."""
        child = self._child
        if child is not None:
            end_group(child)

    def run(self, stopping: threading.Event) -> None:
        """Run `init` and the node until `stopping` is set, then stop the node.

        Raises:
            MonitorError: `init` cannot continue without an operator.
        """
        self._orphan.end()
        while not stopping.is_set():
            self._platform.recreated.clear()
            self._platform.reset()  # an exit may have been recorded after the recreation
            workload = self._platform.workload()
            if self._init(workload) and workload.build is not None:
                self._supervise(workload.build, stopping)
            self._release(workload.uid)

    def _supervise(self, build: Build, stopping: threading.Event) -> None:
        """Run the node until it is recreated or the monitor stops; restart it whenever it exits."""
        with suppress(MonitorError):  # a missing copy is reported below
            self._builds.use(build)
        log = self._data_dir / NODE_LOG
        with suppress(OSError):  # so that the new log contains only this build's output
            _rotate(log)
        back_off = FIRST_RESTART_SECONDS
        while not (stopping.is_set() or self._platform.recreated.is_set()):
            seconds, code, obstacle = 0.0, None, ""
            try:
                seconds, code = self._run_once(build, stopping)
            except MonitorError as error:
                obstacle = str(error)
            if stopping.is_set() or self._platform.recreated.is_set():
                self._platform.stopped()
                return
            words = one_line(last_words(self._platform.log_tail(self._output_begins)), LAST_LINE_CHARACTERS)
            detail = f": {words}" if words else ""
            reason = obstacle or f"the node exited (exit code {code}; see {log}){detail}"
            back_off = FIRST_RESTART_SECONDS if seconds > STEADY_SECONDS else back_off
            # Log before the platform reports the exit, which may end the run.
            level = logging.DEBUG if not obstacle and self._run_has_failed() else logging.WARNING
            _log.log(level, "%s; restarting in %.0f s", reason, back_off)
            if code is None:
                self._platform.waits(obstacle)
            else:
                self._platform.ended(code, words)
            _wait_any(back_off, stopping, self._platform.recreated)
            back_off = min(2 * back_off, MAX_RESTART_SECONDS)

    def _run_once(self, build: Build, stopping: threading.Event) -> tuple[float, int]:
        """Run the node's process once; return the seconds that it was observed running, and its exit code."""
        executable = self._builds.path(build)
        if _listens(self._address):
            raise MonitorError(
                f"another process listens at {self._address[0]}:{self._address[1]}, the node's address: "
                "stop it, or give the node another --http-port"
            )
        folder = self._data_dir / NODE_FOLDER
        folder.mkdir(exist_ok=True)
        waited = 0.0
        try:
            log = open_regular(_node_log(self._data_dir / NODE_LOG), self._data_dir, _APPENDING)
        except OSError as error:
            raise TemporaryError(
                f"{self._data_dir}/{NODE_LOG}: cannot be written ({error.strerror})"
            ) from error
        with log:
            self._output_begins = os.fstat(log.fileno()).st_size
            try:
                child = subprocess.Popen(  # noqa: S603 - the operator chose this program
                    [executable, f"--data-dir={folder}", *self._arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=self._environment,
                    process_group=0,
                )
            except OSError as error:
                raise TemporaryError(f"{executable} cannot be run ({error.strerror})") from error
            self._child = child.pid
            try:
                self._orphan.remember(child.pid)
                self._platform.started()
                while child.poll() is None:
                    if stopping.is_set() or self._platform.recreated.is_set():
                        end_process(child, NODE_STOP_SECONDS)
                    else:
                        waited += _wait_any(0.1, stopping, self._platform.recreated)
            finally:
                end_group(child.pid)
                self._child = None  # before the PID can be reused
                child.wait()
                self._orphan.forget()
        return waited, child.returncode


def _listens(address: tuple[str, int]) -> bool:
    """Return whether another process listens on the address; the monitor would mistake it for the node."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(address) == 0


def _wait_any(seconds: float, *events: threading.Event) -> float:
    """Wait until an event is set or the time is over, and return the seconds that passed.

    Poll in short steps, because a thread cannot wait for several events.
    """
    left = seconds
    while left > 0 and not any(event.is_set() for event in events):
        step = min(left, 0.1)
        events[0].wait(step)
        left -= step
    return seconds - max(0.0, left)


def _node_log(path: Path) -> Path:
    """Return the path of the node's log, after rotating a log larger than `NODE_LOG_BYTES`."""
    if path.exists() and path.stat().st_size > NODE_LOG_BYTES:
        _rotate(path)
    return path


def _rotate(log: Path) -> None:
    log.replace(log.with_suffix(".log.1"))
