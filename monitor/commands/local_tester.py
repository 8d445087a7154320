"""A tester without Kubernetes: the node as a child process, its monitor, and the reporter."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from rich.console import Console

from monitor.avalanchego.node_api import address_of
from monitor.commands.assembly import Monitor
from monitor.commands.local_folder import refuse_another_test
from monitor.commands.startup import opened_ledger
from monitor.commands.tester import Tester
from monitor.commands.until import ended_before
from monitor.domain.image_reference import ImageReference
from monitor.domain.run import Outcome, Run
from monitor.domain.workload import Workload
from monitor.engine.activity import Activity
from monitor.engine.build_discovery import BuildLookup, CountedSource
from monitor.engine.problem_log import ProblemLog
from monitor.engine.problems import NODE
from monitor.engine.scheduler import Job
from monitor.errors import MonitorError, TemporaryError
from monitor.ledger.codecs import PROBLEM, problem_reading
from monitor.local.build_store import BUILDS_FOLDER, REPOSITORY, BuildStore, FileSource
from monitor.local.platform import LocalPlatform
from monitor.local.supervisor import NODE_STOP_SECONDS, Supervisor
from monitor.output.terminal import Reporter, ResultPrinter, run_text
from monitor.settings import LocalSettings

REPORT_SECONDS = 1.0
GOAL_SECONDS = 0.5
QUICK_END_SECONDS = 2.0
# The node's own stop timeout ends before that.
LAST_RESORT_SECONDS = NODE_STOP_SECONDS + 15.0

_log = logging.getLogger(__name__)


class Goal(BuildLookup, Protocol):
    """The end of a call of `local`, which also selects the builds on the way to it."""

    @property
    def failure(self) -> MonitorError | None:
        """The reason why the goal cannot be reached; `None` if it can."""

    def advance(self) -> None:
        """Stop the tester if the end is reached, or request the next run; called repeatedly."""
        ...

    def name_of(self, run: Run) -> str:
        """Return the displayed name of a run."""
        ...


class LocalTester:
    """A tester on this machine; call `monitor.listen`, then `run`.

    The caller must hold the lock of the data folder. Without a goal, the tester runs the builds in the file
    until `stopping` is set. Results are printed with `results`, or on `console` without it.
    """

    def __init__(
        self,
        settings: LocalSettings,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        console: Console,
        stopping: threading.Event,
        goal: Goal | None = None,
        results: ResultPrinter | None = None,
    ) -> None:
        builds = BuildStore(settings.data_dir / BUILDS_FOLDER)
        self._tester, platform = _tester(
            settings, arguments, environment, stopping, goal or FileSource(settings.build, builds)
        )
        self.ledger, self.stopping = self._tester.ledger, stopping
        if platform.http_port and "node_url" not in settings.model_fields_set:
            node_url = f"http://127.0.0.1:{platform.http_port}"
            settings = settings.model_copy(update={"node_url": node_url})
        # Do not report runs that ended before this call: a script that reads the lines would take them for
        # new ones.
        name_of, self._last_run = goal.name_of if goal else run_text, ended_before(self.ledger)
        self._reporter = Reporter(
            console, name_of, self._last_run, results, waits_for_builds=settings.until is None
        )
        jobs = [Job("report", self._report, REPORT_SECONDS)]
        jobs += [Job("goal", goal.advance, GOAL_SECONDS)] if goal else []
        self.monitor = Monitor(
            self._tester, settings, settings.image_check_interval, *jobs, workload_kept_seconds=0.0
        )
        self.supervisor = Supervisor(
            platform,
            builds,
            settings.data_dir,
            arguments,
            environment,
            self._run_init,
            self._tester.release,
            address_of(settings.node_url),
            self._run_has_failed,
        )
        self._failure: MonitorError | None = None

    @property
    def results_reported(self) -> int:
        """The number of results that were printed."""
        return self._reporter.results_reported

    def run(self) -> None:
        """Run until `stopping` is set; the node has ended when this method returns.

        Raises:
            MonitorError: the tester cannot continue without the user.
        """
        node = threading.Thread(target=self._supervise, name="supervisor")
        self._reporter.start()
        try:
            node.start()
            try:
                self.monitor.run()
            finally:
                self.stopping.set()
                node.join(QUICK_END_SECONDS)
                if node.is_alive():
                    self._reporter.say("waiting for the node to stop; press Ctrl-C again to kill it")
                node.join()
        finally:
            with suppress(MonitorError):
                self._reporter.report(self.monitor.status(), ends=True)
            self._reporter.stop()
        if self._failure is not None:
            raise self._failure

    def _report(self) -> None:
        self._reporter.report(self.monitor.status())

    def _run_init(self, workload: Workload) -> bool:
        try:
            return self._tester.run_init(lambda: workload, self.stopping.wait)
        except TemporaryError:
            if self.stopping.is_set():
                return False
            raise

    def _run_has_failed(self) -> bool:
        """Return whether the newest run has failed since the start; False if the ledger cannot be read now."""
        with suppress(TemporaryError):
            last = self.ledger.last()
            return last is not None and last.number > self._last_run and last.outcome is Outcome.FAILED
        return False

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


def _tester(
    settings: LocalSettings,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    stopping: threading.Event,
    builds: BuildLookup,
) -> tuple[Tester, LocalPlatform]:
    ledger = opened_ledger(settings.data_dir, stopping)
    last = ledger.last()
    platform = LocalPlatform(
        settings.data_dir,
        settings.rolling_tag,
        arguments,
        environment,
        settings.network or None,
        settings.settled_sync_mode,
        lambda: f"local-{uuid.uuid4()}",
        # The repository identifies an open run that started under another name, such as an imported one.
        ImageReference.parse(last.build.image).repository if last else REPOSITORY,
    )
    workload = platform.workload()
    if last is not None and last.open:  # `local` refuses ended runs earlier; those of a comparison may differ
        refuse_another_test(last, workload, settings.data_dir)
    holder = ledger.holder()
    if holder is not None:
        ledger.release(holder.uid)  # the folder is locked, so no other process uses it
    # No node runs now, so the problem of the last one is over. `Obstacle` needs the time of a new one.
    ledger.keep_reading(PROBLEM + NODE, problem_reading(None), time.time())
    policy = settings.policy(settings.tester or f"{workload.network}-{workload.sync_mode}")
    # A late tick may renew the lease of a workload that was since replaced; waiting for that holder is
    # useless.
    policy = replace(policy, holder_timeout_seconds=0.0)
    if settings.until or settings.compare:  # one result was asked for
        policy = replace(policy, confirm_regressions=False, retest_seconds=None)
    activity = Activity(ProblemLog(ledger, parts_logged_elsewhere=frozenset({NODE})))  # by the supervisor
    source = CountedSource(builds, "file", activity)
    return Tester(settings.data_dir, policy, platform, source, ledger, activity, stopping), platform
