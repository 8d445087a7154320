"""Assembles a tester without Kubernetes: the node as a child process, its monitor, and the reporter."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console

from monitor.avalanchego.node_api import address_of
from monitor.commands.assembly import Assembly, assemble
from monitor.commands.startup import patiently_opened, tried
from monitor.commands.until import ended_before
from monitor.domain.image_reference import ImageReference
from monitor.domain.run import Run
from monitor.domain.status import Status
from monitor.domain.workload import Workload
from monitor.engine.activity import Activity
from monitor.engine.actor import Actor
from monitor.engine.build_discovery import BuildLookup, CountedSource
from monitor.engine.clock import SystemClock
from monitor.engine.init_observer import InitObserver
from monitor.engine.loop import INIT, Init
from monitor.engine.problem_log import ProblemLog
from monitor.engine.scheduler import Job
from monitor.engine.volume import Volume
from monitor.errors import ConfigurationError, MonitorError, TemporaryError
from monitor.ledger import Ledger, recover
from monitor.local.build_store import BUILDS_FOLDER, REPOSITORY, BuildStore, FileSource
from monitor.local.platform import LocalPlatform
from monitor.local.supervisor import NODE_STOP_SECONDS, Supervisor
from monitor.output.terminal import Reporter, run_text
from monitor.settings import LocalSettings

REPORT_SECONDS = 1.0
GOAL_SECONDS = 0.5
QUICK_END_SECONDS = 2.0
# The node's own stop timeout ends before that.
LAST_RESORT_SECONDS = NODE_STOP_SECONDS + 15.0

_log = logging.getLogger(__name__)


@dataclass
class LocalTester:
    """An assembled tester on this machine, ready to run."""

    platform: LocalPlatform
    supervisor: Supervisor
    assembly: Assembly
    ledger: Ledger
    reporter: Reporter
    stopping: threading.Event
    _failure: MonitorError | None = field(default=None, init=False)

    def run(self) -> None:
        """Run until `stopping` is set; the node has ended when this method returns.

        Raises:
            MonitorError: the tester cannot continue without the user.
        """
        node = threading.Thread(target=self._supervise, name="supervisor")
        self.reporter.start()
        try:
            node.start()
            try:
                self.assembly.run(self.stopping)
            finally:
                self.stopping.set()
                node.join(QUICK_END_SECONDS)
                if node.is_alive():
                    self.reporter.say("waiting for the node to stop; press Ctrl-C again to kill it")
                node.join()
        finally:
            with suppress(MonitorError):
                self.reporter.report(self.assembly.load())
            self.reporter.stop()
        if self._failure is not None:
            raise self._failure

    def _supervise(self) -> None:
        try:
            self.supervisor.run(self.stopping)
        except MonitorError as error:
            self._failure = error
        except Exception as error:  # noqa: BLE001 - the tester cannot continue without its supervisor
            _log.exception("the node's supervisor failed")
            self._failure = MonitorError(f"the node's supervisor failed ({error}); see the log")
        finally:
            self.stopping.set()


def local_tester(
    settings: LocalSettings,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    console: Console,
    stopping: threading.Event,
    looks: BuildLookup | None = None,
    goal: Callable[[], None] | None = None,
    named: Callable[[Run], str] = run_text,
) -> LocalTester:
    """Assemble a tester; the caller must hold the lock of the data folder.

    Args:
        settings: the settings, with the data folder.
        arguments: the arguments of the node.
        environment: the environment of the node.
        console: shows progress and results.
        stopping: stops the tester when set.
        looks: returns the next build; by default, the build's file does.
        goal: called repeatedly; may set `stopping`.
        named: returns the displayed name of a run.
    """
    clock, data_dir = SystemClock(), settings.data_dir
    ledger, volume = patiently_opened(data_dir, stopping), Volume(data_dir)
    last = ledger.last()
    platform = LocalPlatform(
        data_dir,
        settings.rolling_tag,
        arguments,
        environment,
        settings.network or None,
        settings.settled_sync_mode,
        lambda: f"local-{uuid.uuid4()}",
        # The repository identifies an open run that started under another name, such as an imported one.
        ImageReference.parse(last.build.image).repository if last else REPOSITORY,
    )
    builds = BuildStore(data_dir / BUILDS_FOLDER)
    problems = ProblemLog(ledger)
    activity = Activity(problems)
    source = CountedSource(looks or FileSource(settings.build, builds), "file", activity)
    workload_now = platform.workload()
    _refuse_another_test(last, workload_now, data_dir)
    holder = ledger.holder()
    if holder is not None:
        ledger.release(holder.uid)  # the folder is locked, so no other process uses it
    tester = settings.tester or f"{workload_now.network}-{workload_now.sync_mode}"
    # A late tick may renew the lease of a workload that was since replaced; waiting for that holder is
    # useless.
    policy = replace(settings.policy(tester), holder_timeout_seconds=0.0)
    init = Init(
        InitObserver(platform, source, ledger, volume, policy, clock),
        ledger,
        Actor(platform, ledger, volume, policy, clock, stopping),
        policy,
        clock,
        stopping,
        problems,
    )

    def run_init(workload: Workload) -> bool:
        def passage() -> bool:
            with problems.watching(INIT):
                recover(ledger, data_dir, workload, settings.testbed)
                return init.run(workload)

        try:
            return tried(passage, stopping.wait)
        except TemporaryError:
            if stopping.is_set():
                return False
            raise

    def release(uid: str) -> None:
        with suppress(MonitorError):  # the next process that locks the folder takes the volume anyway
            ledger.release(uid)

    # Do not report runs that ended before this call: a script that reads the lines would take them for new
    # ones.
    reporter = Reporter(console, named, after=ended_before(ledger))

    def more_jobs(load: Callable[[], Status]) -> tuple[Job, ...]:
        report = Job("report", lambda: reporter.report(load()), REPORT_SECONDS)
        return (report,) if goal is None else (report, Job("goal", goal, GOAL_SECONDS))

    ledger.keep_reserve()
    node_url = settings.node_url
    if platform.http_port and "node_url" not in settings.model_fields_set:
        node_url = f"http://127.0.0.1:{platform.http_port}"
    parts = assemble(
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
        more_jobs=more_jobs,
    )
    supervisor = Supervisor(
        platform, builds, data_dir, arguments, environment, run_init, release, address_of(node_url)
    )
    return LocalTester(platform, supervisor, parts, ledger, reporter, stopping)


def _refuse_another_test(last: Run | None, workload: Workload, data_dir: Path) -> None:
    """Raise if the open run is of another configuration, so that a mistyped flag does not end it.

    Raises:
        ConfigurationError: the open run is of another network or sync mode.
    """
    if last is None or not last.open:
        return
    was, now = f"{last.network}, {last.sync_mode}", f"{workload.network}, {workload.sync_mode}"
    if was != now:
        raise ConfigurationError(
            f"run {last.number} in {data_dir} is open and tests {was}, but this command tests {now}: "
            "use another --data-dir, or remove that folder to discard the run"
        )
