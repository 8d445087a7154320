"""The node as a supervised child on this machine; a build is the content of an executable file.

What a StatefulSet and the kubelet do for a pod is done here in small: `LocalPlatform` keeps what is set to
run, `Supervisor` runs `init` and then the node, restarts the node with back-off, and starts both anew when the
platform says so.
"""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from monitor.configuration import configuration_of, visible_setting
from monitor.decide.announcements import Announcement
from monitor.errors import ConfigurationError, MonitorError, TemporaryError
from monitor.model import Build, NodeExit, NodeProcess, SyncMode, Versions, Workload
from monitor.node_log import TAIL_BYTES
from monitor.platforms.builds import REPOSITORY, BuildStore
from monitor.platforms.processes import Orphan, end_group, end_process
from monitor.pods import Container, EnvironmentVariable
from monitor.references import ImageReference
from monitor.texts import one_line

FIRST_RESTART_SECONDS = 1.0
LONGEST_RESTART_SECONDS = 60.0
STEADY_SECONDS = 60.0
NODE_STOP_SECONDS = 30.0
NODE_LOG = "node.log"
LAST_LINE_CHARACTERS = 200
NODE_LOG_BYTES = 8 * 2**20
CANNOT_BE_RUN = 126  # as a shell has it
CRASH_LOOP = "CrashLoopBackOff"  # as a cluster calls it
_OWN_FLAGS = ("--data-dir", "--db-dir")

_log = logging.getLogger(__name__)


def node_container(image: str, arguments: Sequence[str], environment: Mapping[str, str]) -> Container:
    """The child as if it were a container: its configuration is read by the same rules."""
    variables = tuple(EnvironmentVariable(name, value) for name, value in sorted(environment.items()))
    return Container("node", image, arguments=tuple(arguments), environment=variables)


class LocalPlatform:
    """Keeps, in a file beside the ledger, which build is set to run."""

    def __init__(
        self,
        data_dir: Path,
        rolling_tag: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        network: str | None,
        sync_mode: SyncMode | None,
        new_uid: Callable[[], str],
        repository: str = REPOSITORY,
    ) -> None:
        for word in arguments:
            if word.partition("=")[0] in _OWN_FLAGS:
                raise ConfigurationError(
                    f"{word}: the node's data is in {data_dir}/avalanchego; use --data-dir"
                )
        if environment.get("AVAGO_DB_DIR"):
            raise ConfigurationError(
                f"AVAGO_DB_DIR: the node's data is in {data_dir}/avalanchego; unset it, and use --data-dir"
            )
        self._file = data_dir / "local.json"
        self._new_uid = new_uid
        self._uid = new_uid()
        self._unpinned = f"{repository}:{rolling_tag}"
        container = node_container(self._unpinned, arguments, environment)
        self._configuration = configuration_of(container, network, sync_mode)
        self.http_port = visible_setting(container, "http-port")
        self.recreated = threading.Event()
        self.process = NodeProcess(running=False)

    def workload(self) -> Workload:
        """What is set to run."""
        reference = self._set_image()
        build = None
        if reference.digest is not None:
            versions = self._read().get("versions")
            build = Build(
                str(reference),
                frozenset({reference.digest}),
                Versions.parse(versions) if versions else None,
            )
        return Workload(
            uid=self._uid,
            image=str(reference),
            build=build,
            network=self._configuration.network,
            sync_mode=self._configuration.sync_mode,
            settings_digest=self._configuration.settings_digest,
            process=self.process,
        )

    def pin(self, build: Build) -> None:
        """Set it, in one step."""
        text = json.dumps(
            {"image": build.image, "versions": build.versions.to_json() if build.versions else None}
        )
        aside = self._file.with_suffix(".new")
        try:
            aside.write_text(text)
            aside.replace(self._file)
        except OSError as error:
            raise TemporaryError(f"{self._file}: cannot be written ({error.strerror})") from error

    def recreate(self, *, unchanged: bool) -> None:
        """Have the supervisor start anew; another workload, as a pod that is recreated is another."""
        _log.debug("recreating the node", extra={"unchanged": unchanged})
        self._uid = self._new_uid()
        self.begun()
        self.recreated.set()

    def await_end(self, stopping: threading.Event) -> None:
        """The supervisor starts `init` again by itself."""

    def reverter(self) -> str:
        """Nobody else sets it."""
        return ""

    def announce(self, announcement: Announcement) -> None:
        """Who runs it sees its progress line and its log: there is nobody else to tell."""

    def last_words(self) -> str:
        """The end of what the node printed."""
        try:
            with (self._file.parent / NODE_LOG).open("rb") as file:
                file.seek(max(0, file.seek(0, 2) - TAIL_BYTES))
                return file.read(TAIL_BYTES).decode(errors="replace")
        except OSError:
            return ""

    def begun(self) -> None:
        """No process of this workload ran yet."""
        self.process = NodeProcess(running=False)

    def waits(self, reason: str) -> None:
        """It cannot be started, for no fault of the build."""
        self.process = replace(self.process, running=False, waiting=reason)

    def started(self) -> None:
        """The node's process runs."""
        self.process = replace(self.process, running=True, waiting="")

    def stopped(self) -> None:
        """It does not run any more, and was meant to end."""
        self.process = replace(self.process, running=False)

    def ended(self, code: int, message: str = "") -> None:
        """It ended by itself, and is started again after a pause; a signal's number is negative."""
        shell_code = 128 - code if code < 0 else code
        restarts = self.process.restarts + 1
        self.process = NodeProcess(False, CRASH_LOOP, restarts, NodeExit(shell_code, message=message))

    def _set_image(self) -> ImageReference:
        return ImageReference.parse(str(self._read().get("image", self._unpinned)))

    def _read(self) -> Mapping[str, str]:
        try:
            found = json.loads(self._file.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


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
            except TemporaryError as error:
                code, obstacle = CANNOT_BE_RUN, str(error)
            except MonitorError as error:
                obstacle = str(error)
            if stopping.is_set() or self._platform.recreated.is_set():
                self._platform.stopped()
                return
            if code is None:
                self._platform.waits(obstacle)
            else:
                self._platform.ended(code, obstacle)
            words = one_line(self._platform.last_words().rstrip().rpartition("\n")[2], LAST_LINE_CHARACTERS)
            said = f": {words}" if words else ""
            reason = obstacle or f"the node ended by itself (exit code {code}; see {log}){said}"
            back_off = FIRST_RESTART_SECONDS if seconds > STEADY_SECONDS else back_off
            _log.warning("%s; it is started again in %.0f s", reason, back_off)
            _wait_any(back_off, stopping, self._platform.recreated)
            back_off = min(2 * back_off, LONGEST_RESTART_SECONDS)

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
            log = _node_log(self._data_dir / NODE_LOG).open("ab")
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
