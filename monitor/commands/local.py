"""`local`: a tester without Kubernetes, for the person who works on a node."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console

from monitor.act import Actor
from monitor.activity import Activity
from monitor.clock import SystemClock
from monitor.commands.patience import patiently_opened, tried
from monitor.commands.signals import Stopping, stop_on_signals
from monitor.commands.watching import Watching, watching
from monitor.configuration import configuration_of
from monitor.daemon import Job
from monitor.errors import ConfigurationError, MonitorError, TemporaryError
from monitor.ledger import Ledger, recover
from monitor.loop import Init
from monitor.model import Run, Workload
from monitor.node import address_of
from monitor.observe import InitObserver
from monitor.platforms.builds import BUILDS_FOLDER, BuildStore, FileSource, repository_of
from monitor.platforms.counted import CountedSource
from monitor.platforms.local import NODE_STOP_SECONDS, LocalPlatform, Supervisor, node_container
from monitor.settings import LocalSettings, local_testers
from monitor.terminal import Reporter
from monitor.view import Status
from monitor.volume import Volume

REPORT_SECONDS = 1.0
# The node has its own time to end before that.
LAST_RESORT_SECONDS = NODE_STOP_SECONDS + 15.0

_log = logging.getLogger(__name__)


@dataclass
class LocalTester:
    """A tester on this machine, put together and ready to run."""

    platform: LocalPlatform
    supervisor: Supervisor
    watching: Watching
    ledger: Ledger
    reporter: Reporter
    stopping: threading.Event
    _failure: MonitorError | None = field(default=None, init=False)

    def run(self) -> None:
        """Until told to stop; the node has ended then.

        Raises:
            MonitorError: it cannot go on without a person.
        """
        node = threading.Thread(target=self._supervise, name="supervisor")
        self.reporter.start()
        try:
            node.start()
            try:
                self.watching.run(self.stopping)
            finally:
                self.stopping.set()
                node.join()
        finally:
            with suppress(MonitorError):
                self.reporter.report(self.watching.load())
            self.reporter.stop()
        if self._failure is not None:
            raise self._failure

    def _supervise(self) -> None:
        try:
            self.supervisor.run(self.stopping)
        except MonitorError as error:
            self._failure = error
        except Exception as error:  # noqa: BLE001 - without its supervisor there is nothing to go on with
            _log.exception("the node's supervisor failed")
            self._failure = MonitorError(f"the node's supervisor failed ({error}); the log says where")
        finally:
            self.stopping.set()


def run_local(settings: LocalSettings, arguments: Sequence[str]) -> int:
    """Bootstrap a build, and each that replaces it, until interrupted."""
    stopping = Stopping()
    stop_on_signals(stopping, LAST_RESORT_SECONDS)
    console = Console(stderr=True)
    FileSource(settings.build, BuildStore(settings.data_dir / BUILDS_FOLDER)).check()
    settings = _with_data_dir(settings, arguments)
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"--data-dir {settings.data_dir} cannot be made ({error.strerror}): give another"
        ) from error
    with exclusively(settings.data_dir):
        tester = local_tester(settings, arguments, os.environ, console, stopping)
        host, port = settings.listen[0], tester.watching.listen()
        console.print(
            f"data in {settings.data_dir}; page and metrics at http://{host or 'localhost'}:{port}/",
            soft_wrap=True,
        )
        tester.run()
        console.print("stopped; the same command goes on where this ended")
    return 0


def local_tester(
    settings: LocalSettings,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    console: Console,
    stopping: threading.Event,
) -> LocalTester:
    """Put a tester together; the data folder must be held exclusively."""
    clock, data_dir = SystemClock(), settings.data_dir
    repository = repository_of(settings.build)
    platform = LocalPlatform(
        data_dir,
        repository,
        settings.rolling_tag,
        arguments,
        environment,
        settings.network or None,
        settings.settled_sync_mode,
        lambda: f"local-{uuid.uuid4()}",
    )
    builds = BuildStore(data_dir / BUILDS_FOLDER)
    activity = Activity()
    source = CountedSource(FileSource(settings.build, builds), "file", activity)
    ledger, volume = patiently_opened(data_dir, stopping), Volume(data_dir)
    workload_now = platform.workload()
    _refuse_another_test(ledger.last(), workload_now, data_dir)
    holder = ledger.holder()
    if holder is not None:
        ledger.release(holder.uid)  # the folder is held exclusively: nobody else lives on it
    tester = settings.tester or f"{workload_now.network}-{workload_now.sync_mode}"
    # A tick under way may beat for the workload that was recreated meanwhile: that is nobody to wait for.
    policy = replace(settings.policy(tester), holder_timeout_seconds=0.0)
    init = Init(
        InitObserver(platform, source, ledger, volume, policy, clock),
        ledger,
        Actor(platform, ledger, volume, policy, clock, stopping),
        policy,
        clock,
        stopping,
    )

    def run_init(workload: Workload) -> bool:
        def passage() -> bool:
            recover(ledger, data_dir, workload, settings.testbed)
            return init.run(workload)

        try:
            return tried(passage, stopping.wait)
        except TemporaryError:
            if stopping.is_set():
                return False
            raise

    def release(uid: str) -> None:
        with suppress(MonitorError):  # whoever holds the folder next takes the volume anyway
            ledger.release(uid)

    reporter = Reporter(console)

    def report_job(load: Callable[[], Status]) -> tuple[Job, ...]:
        return (Job("report", lambda: reporter.report(load()), REPORT_SECONDS),)

    ledger.keep_reserve()
    node_url = settings.node_url
    if platform.http_port and "node_url" not in settings.model_fields_set:
        node_url = f"http://127.0.0.1:{platform.http_port}"
    parts = watching(
        settings,
        settings,
        policy,
        platform,
        source,
        ledger,
        activity,
        stopping,
        settings.image_check_interval,
        node_url,
        workload_kept_seconds=0.0,
        more_jobs=report_job,
    )
    supervisor = Supervisor(
        platform, builds, data_dir, arguments, environment, run_init, release, address_of(node_url)
    )
    return LocalTester(platform, supervisor, parts, ledger, reporter, stopping)


def _refuse_another_test(last: Run | None, workload: Workload, data_dir: Path) -> None:
    """One word in the call must not cost a run that is open.

    Raises:
        ConfigurationError: the open run is of another network or mode.
    """
    if last is None or not last.open:
        return
    was, now = f"{last.network}, {last.sync_mode}", f"{workload.network}, {workload.sync_mode}"
    if was != now:
        raise ConfigurationError(
            f"run {last.number} in {data_dir} is open and is of {was}, but this is {now}: "
            "give another --data-dir, or remove that folder to give the run up"
        )


@contextmanager
def exclusively(data_dir: Path) -> Iterator[None]:
    """Hold a data folder for this process; the lock goes with the process, however it ends.

    Raises:
        MonitorError: another process has it.
    """
    path = data_dir / "local.lock"
    try:
        opened = path.open("a+")
    except OSError as error:
        raise ConfigurationError(
            f"--data-dir {data_dir} cannot be written ({error.strerror}): give another, or run as its owner"
        ) from error
    with opened as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            raise MonitorError(
                f"{data_dir} is in use by bootstrap-monitor (process {file.read().strip()}): "
                "stop that one, or give another --data-dir"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _with_data_dir(settings: LocalSettings, arguments: Sequence[str]) -> LocalSettings:
    """A folder for each network and mode, so that one does not supersede the other's run."""
    if "data_dir" in settings.model_fields_set:
        return settings.model_copy(update={"data_dir": settings.data_dir.absolute()})
    container = node_container("node", arguments, os.environ)
    found = configuration_of(container, settings.network or None, settings.settled_sync_mode)
    name = re.sub(r"[^a-z0-9-]", "-", f"{found.network}-{found.sync_mode}")
    return settings.model_copy(update={"data_dir": local_testers(os.environ) / name})
