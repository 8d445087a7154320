"""A tester without Kubernetes, put together: the node as a child, what watches it, and what reports."""

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
# The node has its own time to end before that.
LAST_RESORT_SECONDS = NODE_STOP_SECONDS + 15.0

_log = logging.getLogger(__name__)


@dataclass
class LocalTester:
    """A tester on this machine, put together and ready to run."""

    platform: LocalPlatform
    supervisor: Supervisor
    assembly: Assembly
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
                self.assembly.run(self.stopping)
            finally:
                self.stopping.set()
                node.join(QUICK_END_SECONDS)
                if node.is_alive():
                    self.reporter.say("waiting for the node to end; Ctrl-C once more ends it at once")
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
        except Exception as error:  # noqa: BLE001 - without its supervisor there is nothing to go on with
            _log.exception("the node's supervisor failed")
            self._failure = MonitorError(f"the node's supervisor failed ({error}); the log says where")
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
    """Put a tester together; the data folder must be held exclusively.

    Args:
        settings: with the folder.
        arguments: the node's.
        environment: the node's.
        console: where progress and results are shown.
        stopping: ends it.
        looks: who knows the next build, where that is not what the build's file holds.
        goal: called again and again; may end it by `stopping`.
        named: how a run is called in what is shown.
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
        # By it an open run is known that came under another name, such as one that was imported.
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
        ledger.release(holder.uid)  # the folder is held exclusively: nobody else lives on it
    tester = settings.tester or f"{workload_now.network}-{workload_now.sync_mode}"
    # A tick under way may renew the lease for the workload that was recreated meanwhile: that is nobody to wait for.
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
        with suppress(MonitorError):  # whoever holds the folder next takes the volume anyway
            ledger.release(uid)

    # What ended before this call is no news; a script that reads the lines must not take it for such.
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
