"""Runs `init` and then the node, restarts the node with back-off, and starts both anew when the platform says so.

What the kubelet does for the containers of a pod, for a child on this machine.
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

from monitor.avalanchego.node_files import open_regular
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
    """Runs `init`, then the node, and again whenever the platform asks for it."""

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
    ) -> None:
        self._platform, self._builds, self._data_dir = platform, builds, data_dir
        self._arguments, self._environment = tuple(arguments), dict(environment)
        self._init, self._release, self._address = init, release, address
        self._orphan = Orphan(data_dir / "local-node.json")
        self._child: int | None = None

    def end_at_once(self) -> None:
        """End the node without waiting for it; takes no lock, and may come at any moment."""
        child = self._child
        if child is not None:
            end_group(child)

    def run(self, stopping: threading.Event) -> None:
        """Until told to stop; ends the node then.

        Raises:
            MonitorError: `init` cannot go on without a person.
        """
        self._orphan.end()
        while not stopping.is_set():
            self._platform.recreated.clear()
            self._platform.begun()  # what ended just now may have been counted after it was recreated
            workload = self._platform.workload()
            if self._init(workload) and workload.build is not None:
                self._supervise(workload.build, stopping)
            self._release(workload.uid)

    def _supervise(self, build: Build, stopping: threading.Event) -> None:
        """Run the node until it is to be started anew; restart it when it ends by itself."""
        with suppress(MonitorError):  # its copy is gone, which is found below
            self._builds.use(build)
        log = self._data_dir / NODE_LOG
        with suppress(OSError):  # what it prints from here on is its own
            _set_aside(log)
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
            if code is None:
                self._platform.waits(obstacle)
            else:
                self._platform.ended(code)
            words = one_line(self._platform.log_tail().rstrip().rpartition("\n")[2], LAST_LINE_CHARACTERS)
            said = f": {words}" if words else ""
            reason = obstacle or f"the node ended by itself (exit code {code}; see {log}){said}"
            back_off = FIRST_RESTART_SECONDS if seconds > STEADY_SECONDS else back_off
            _log.warning("%s; it is started again in %.0f s", reason, back_off)
            _wait_any(back_off, stopping, self._platform.recreated)
            back_off = min(2 * back_off, MAX_RESTART_SECONDS)

    def _run_once(self, build: Build, stopping: threading.Event) -> tuple[float, int]:
        """One life of the node's process: how many of the watched seconds it lasted, and its exit code."""
        executable = self._builds.path(build)
        if _listens(self._address):
            raise MonitorError(
                f"something else listens at {self._address[0]}:{self._address[1]}, where the node should: "
                "end it, or give the node another --http-port"
            )
        folder = self._data_dir / "avalanchego"
        folder.mkdir(exist_ok=True)
        waited = 0.0
        try:
            log = open_regular(_node_log(self._data_dir / NODE_LOG), self._data_dir, _APPENDING)
        except OSError as error:
            raise TemporaryError(
                f"{self._data_dir}/{NODE_LOG}: cannot be written ({error.strerror})"
            ) from error
        with log:
            try:
                child = subprocess.Popen(  # noqa: S603 - running the build is what this is for
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
                self._child = None  # before its number may be another's
                child.wait()
                self._orphan.forget()
        return waited, child.returncode


def _listens(address: tuple[str, int]) -> bool:
    """Whether a port is taken; what answers there would be taken for the node."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(address) == 0


def _wait_any(seconds: float, *events: threading.Event) -> float:
    """Wait, unless one of the events is set; in short steps, since there is no waiting for several at once."""
    left = seconds
    while left > 0 and not any(event.is_set() for event in events):
        step = min(left, 0.1)
        events[0].wait(step)
        left -= step
    return seconds - max(0.0, left)


def _node_log(path: Path) -> Path:
    """What the node prints, with the file before it kept once this one is large."""
    if path.exists() and path.stat().st_size > NODE_LOG_BYTES:
        _set_aside(path)
    return path


def _set_aside(log: Path) -> None:
    log.replace(log.with_suffix(".log.1"))
