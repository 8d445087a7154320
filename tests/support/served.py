"""The monitor's web server, running beside a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from support.builders import VERDICTS, ended, full_status, run

from monitor.domain.run import AttemptCause, Outcome, Reason, Run
from monitor.domain.status import Status
from monitor.engine.activity import Activity
from monitor.output.metrics import StatusCollector
from monitor.output.web import Certificate, Limits, Site, WebServer

HOST = "127.0.0.1"
PATIENT = Limits()


@dataclass
class Shown:
    """The data that the site shows; a test can change it while the site is served."""

    status: Status = field(default_factory=full_status)
    error: Exception | None = None
    healthy: bool = True

    def load(self) -> Status:
        if self.error:
            raise self.error
        return self.status

    def history(self) -> list[tuple[Run, AttemptCause | None]]:
        self.load()
        failed = ended(2, Outcome.FAILED, reason=Reason.CRASHED)
        return [(run(number=3), AttemptCause.CONFIRM), (failed, None), (ended(1), None)]

    def site(self) -> Site:
        registry = CollectorRegistry()
        registry.register(StatusCollector(self.load, Activity()))
        lines = ["tick: ok, last done 3 s ago"]
        return Site(
            registry, self.load, self.history, lambda: (self.healthy, lines), verdicts=lambda: VERDICTS
        )


@contextmanager
def serving(
    site: Site,
    listen: tuple[str, int] = (HOST, 0),
    certificate: Certificate | None = None,
    limits: Limits = PATIENT,
) -> Iterator[WebServer]:
    server = WebServer(listen, site, certificate, limits)
    server.start()
    try:
        yield server
    finally:
        server.stop()
