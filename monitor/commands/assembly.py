"""The parts that `wait-for-completion` and `local` share: the jobs, the ledger and the web server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from monitor.avalanchego.node_api import NodeClient
from monitor.domain.policy import Policy
from monitor.domain.status import HISTORY_SHOWN, RESULTS_SHOWN, Status
from monitor.engine.activity import Activity
from monitor.engine.actor import Actor
from monitor.engine.clock import SystemClock
from monitor.engine.jobs import IMAGE, SETTLING_SECONDS, BuildWatch, Measurement
from monitor.engine.latest_readings import LatestReadings
from monitor.engine.loop import Tick
from monitor.engine.ports import BuildSource, Platform
from monitor.engine.scheduler import Daemon, Job
from monitor.engine.volume import Volume
from monitor.engine.wait_observer import WaitObserver
from monitor.engine.workload_observer import WORKLOAD_KEPT_SECONDS
from monitor.ledger import Ledger
from monitor.ledger.status import status_of
from monitor.output.metrics import StatusCollector
from monitor.output.web import Bounded, Certificate, LastGood, Site, WebServer
from monitor.settings import TesterSettings, WebSettings


@dataclass(frozen=True, slots=True)
class Assembly:
    """The running parts; call `listen` first, so that an address in use prevents the start, then `run`."""

    daemon: Daemon
    web: WebServer
    load: Callable[[], Status]

    def listen(self) -> int:
        """Serve page, metrics and API, and return the port.

        Raises:
            MonitorError: the address cannot be listened on.
        """
        self.web.start()
        return self.web.port

    def run(self, stopping: threading.Event) -> None:
        """Run the jobs until `stopping` is set, then stop the web server."""
        try:
            self.daemon.run(stopping)
        finally:
            self.web.stop()


def assemble(
    settings: TesterSettings,
    web: WebSettings,
    policy: Policy,
    platform: Platform,
    source: BuildSource,
    ledger: Ledger,
    activity: Activity,
    stopping: threading.Event,
    image_check_seconds: float,
    node_url: str,
    workload_kept_seconds: float = WORKLOAD_KEPT_SECONDS,
    more_jobs: Callable[[Callable[[], Status]], tuple[Job, ...]] = lambda _: (),
) -> Assembly:
    """Return the assembled parts."""
    clock, volume, latest = SystemClock(), Volume(settings.data_dir), LatestReadings()
    node = NodeClient(node_url, settings.node_timeout)
    observer = WaitObserver(
        platform, ledger, node, policy, clock, settings.data_dir, latest, workload_kept_seconds
    )
    actor = Actor(platform, ledger, volume, policy, clock, stopping)

    def load() -> Status:
        return status_of(
            ledger.snapshot(RESULTS_SHOWN + 1), clock().wall, policy.tester, activity.problems.current()
        )

    def measure_soon() -> None:
        daemon.run_soon("disk")

    build_watch = BuildWatch(
        source,
        latest,
        ledger,
        policy,
        clock,
        stopping.wait,
        activity.problems,
        min(SETTLING_SECONDS, image_check_seconds),
        tick_soon=lambda: daemon.run_soon("tick"),
    )
    tick = Tick(observer, ledger, actor, policy, measure_soon, activity)
    daemon = Daemon(
        (
            Job("tick", tick, settings.health_check_interval, essential=True),
            Job("disk", Measurement(volume, latest, clock), settings.disk_check_interval),
            Job(IMAGE, build_watch, image_check_seconds, success_clears=False),
            *more_jobs(load),
        ),
        activity,
    )
    registry = CollectorRegistry()
    shown = LastGood(Bounded(load), activity)
    registry.register(StatusCollector(shown, activity))
    site = Site(
        registry,
        shown,
        Bounded(lambda: ledger.runs(HISTORY_SHOWN)),
        daemon.healthy,
        Bounded(ledger.evidence) if web.web_evidence else None,
    )
    server = WebServer(web.listen, site, Certificate(*web.tls) if web.tls else None)
    return Assembly(daemon, server, load)
