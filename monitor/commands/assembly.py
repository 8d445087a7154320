"""The monitor of a tester, for `wait-for-completion` and `local`: the jobs and the web server."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry

from monitor.avalanchego.node_api import NodeClient
from monitor.commands.own_command import own_command
from monitor.commands.tester import Tester
from monitor.domain.run import AttemptCause, Run
from monitor.domain.status import HISTORY_SHOWN, RESULTS_SHOWN, Status
from monitor.engine.jobs import IMAGE, SETTLING_SECONDS, BuildWatch, Measurement
from monitor.engine.latest_readings import LatestReadings
from monitor.engine.loop import Tick
from monitor.engine.scheduler import Daemon, Job
from monitor.engine.wait_observer import WaitObserver
from monitor.engine.workload_observer import WORKLOAD_KEPT_SECONDS
from monitor.ledger import Ledger
from monitor.ledger.status import status_of
from monitor.output.format import HISTORY_COMMAND
from monitor.output.metrics import StatusCollector
from monitor.output.web import Bounded, Certificate, LastGood, Site, WebServer
from monitor.settings import LocalSettings, WaitSettings


class Monitor:
    """The jobs and the web server of a tester.

    Call `listen` first, so that an address in use prevents the start, then `run`.
    """

    def __init__(
        self,
        tester: Tester,
        settings: WaitSettings | LocalSettings,
        image_check_seconds: float,
        *more_jobs: Job,
        workload_kept_seconds: float = WORKLOAD_KEPT_SECONDS,
    ) -> None:
        self._tester, self._workload_kept_seconds = tester, workload_kept_seconds
        self._latest = LatestReadings()
        self._daemon = Daemon(
            (
                Job("tick", self._tick(settings), settings.health_check_interval, essential=True),
                Job(
                    "disk",
                    Measurement(tester.volume, self._latest, tester.clock),
                    settings.disk_check_interval,
                ),
                Job(IMAGE, self._build_watch(image_check_seconds), image_check_seconds, success_clears=False),
                *more_jobs,
            ),
            tester.activity,
        )
        self._web = self._server(settings)

    def status(self) -> Status:
        """Return the current Status of the tester."""
        return status_of(
            self._tester.ledger.snapshot(RESULTS_SHOWN + 1),
            self._tester.clock().wall,
            self._tester.policy.tester,
            self._tester.activity.problems.current(),
        )

    def listen(self) -> int:
        """Serve page, metrics and API, and return the port.

        Raises:
            MonitorError: the address cannot be listened on.
        """
        self._web.start()
        return self._web.port

    def run(self) -> None:
        """Run the jobs until the tester stops, then stop the web server."""
        try:
            self._daemon.run(self._tester.stopping)
        finally:
            self._web.stop()

    def _tick(self, settings: WaitSettings | LocalSettings) -> Tick:
        tester = self._tester
        observer = WaitObserver(
            tester.platform,
            tester.ledger,
            NodeClient(settings.node_url, settings.node_timeout),
            tester.policy,
            tester.clock,
            tester.data_dir,
            self._latest,
            self._workload_kept_seconds,
        )
        return Tick(
            observer,
            tester.ledger,
            tester.actor(),
            tester.policy,
            lambda: self._daemon.run_soon("disk"),
            tester.activity,
        )

    def _build_watch(self, image_check_seconds: float) -> BuildWatch:
        tester = self._tester
        return BuildWatch(
            tester.source,
            self._latest,
            tester.ledger,
            tester.policy,
            tester.clock,
            tester.stopping.wait,
            tester.activity.problems,
            min(SETTLING_SECONDS, image_check_seconds),
            tick_soon=lambda: self._daemon.run_soon("tick"),
        )

    def _server(self, settings: WaitSettings | LocalSettings) -> WebServer:
        ledger, activity = self._tester.ledger, self._tester.activity
        registry, shown = CollectorRegistry(), LastGood(Bounded(self.status), activity)
        registry.register(StatusCollector(shown, activity))
        site = Site(
            registry,
            shown,
            Bounded(lambda: _history(ledger)),
            self._daemon.healthy,
            Bounded(ledger.evidence) if settings.web_evidence else None,
            Bounded(lambda: ledger.verdicts(HISTORY_SHOWN)),
            own_command("history", "--data-dir", settings.data_dir)
            if isinstance(settings, LocalSettings)
            else HISTORY_COMMAND,
        )
        return WebServer(settings.listen, site, Certificate(*settings.tls) if settings.tls else None)


def _history(ledger: Ledger) -> Sequence[tuple[Run, AttemptCause | None]]:
    """Return the newest runs, newest first, each with why it was started."""
    runs = ledger.runs(HISTORY_SHOWN)
    causes = ledger.causes(runs)
    return [(run, causes.get(run.number)) for run in runs]
