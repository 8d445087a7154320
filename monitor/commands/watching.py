"""What `wait-for-completion` and `local` have in common: the jobs over one ledger, and what is served."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from prometheus_client import CollectorRegistry

from monitor.act import Actor
from monitor.activity import Activity
from monitor.clock import SystemClock
from monitor.daemon import Daemon, Job
from monitor.errors import TemporaryError
from monitor.ledger import Ledger, open_ledger
from monitor.loop import Tick
from monitor.metrics import StatusCollector
from monitor.model import Policy
from monitor.node import NodeClient
from monitor.observe import WORKLOAD_KEPT_SECONDS, WaitObserver
from monitor.platforms.base import BuildSource, Platform
from monitor.refresh import BuildWatch, Measurement
from monitor.settings import TesterSettings, WebSettings
from monitor.view import HISTORY_SHOWN, RESULTS_SHOWN, Status, status_of
from monitor.volume import Volume
from monitor.web import Certificate, Site, WebServer

LEDGER_PATIENCE_SECONDS = 60.0
_LEDGER_STEP_SECONDS = 1.0
TRIES = 6
FIRST_RETRY_SECONDS = 1.0

_log = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Watching:
    """The running parts: `listen` first, so that an address in use stops all else; then `run`."""

    daemon: Daemon
    web: WebServer
    load: Callable[[], Status]

    def listen(self) -> int:
        """Serve page, metrics and API; the port.

        Raises:
            MonitorError: the address cannot be listened on.
        """
        self.web.start()
        return self.web.port

    def run(self, stopping: threading.Event) -> None:
        """Watch until told to stop."""
        try:
            self.daemon.run(stopping)
        finally:
            self.web.stop()


def patiently_opened(data_dir: Path, stopping: threading.Event) -> Ledger:
    """The ledger, once the volume lets it be opened.

    Raises:
        TemporaryError: it does not for a minute.
    """
    until = time.monotonic() + LEDGER_PATIENCE_SECONDS
    while True:
        try:
            return open_ledger(data_dir)
        except TemporaryError:
            if time.monotonic() > until or stopping.wait(_LEDGER_STEP_SECONDS):
                raise


def tried(call: Callable[[], _Answer], pause: Callable[[float], bool]) -> _Answer:
    """The call's answer, tried again with back-off while what fails may pass."""
    wait_seconds = FIRST_RETRY_SECONDS
    for _ in range(TRIES - 1):
        try:
            return call()
        except TemporaryError as error:
            _log.warning("%s; trying again in %.0f s", error, wait_seconds)
            if pause(wait_seconds):
                raise
            wait_seconds *= 2
    return call()


def watching(
    settings: TesterSettings,
    web: WebSettings,
    policy: Policy,
    platform: Platform,
    source: BuildSource,
    ledger: Ledger,
    stopping: threading.Event,
    image_check_seconds: float,
    node_url: str,
    workload_kept_seconds: float = WORKLOAD_KEPT_SECONDS,
    more_jobs: Callable[[Callable[[], Status]], tuple[Job, ...]] = lambda _: (),
) -> Watching:
    """Put the parts together."""
    clock, activity, volume = SystemClock(), Activity(), Volume(settings.data_dir)
    node = NodeClient(node_url, settings.node_timeout)
    observer = WaitObserver(platform, ledger, node, policy, clock, settings.data_dir, workload_kept_seconds)
    actor = Actor(platform, ledger, volume, policy, clock, stopping)

    def load() -> Status:
        return status_of(ledger.snapshot(RESULTS_SHOWN + 1), clock().wall, policy.tester)

    def measure_soon() -> None:
        daemon.run_soon("disk")

    tick = Tick(observer, ledger, actor, policy, measure_soon, activity)
    daemon = Daemon(
        (
            Job("tick", tick, settings.health_check_interval, essential=True),
            Job("disk", Measurement(volume, observer, clock), settings.disk_check_interval),
            Job("image", BuildWatch(source, observer, ledger, activity, policy, clock), image_check_seconds),
            *more_jobs(load),
        ),
        activity,
    )
    registry = CollectorRegistry()
    registry.register(StatusCollector(load, activity))
    site = Site(registry, load, lambda: ledger.runs(HISTORY_SHOWN), daemon.healthy, lambda: True)
    server = WebServer(web.listen, site, Certificate(*web.tls) if web.tls else None)
    return Watching(daemon, server, load)
