"""A platform and a node that a test must not use."""

from __future__ import annotations

import threading

from monitor.decide.events import Announcement
from monitor.domain.build import Build
from monitor.domain.observations import NodeReading
from monitor.domain.workload import Workload


class UnusedPlatform:
    """A platform and a node of which each call fails the test; fakes override the calls that they expect."""

    def workload(self) -> Workload:
        raise AssertionError("workload")

    def pin(self, build: Build) -> None:
        raise AssertionError(f"pin {build}")

    def recreate(self, *, unchanged: bool) -> None:
        raise AssertionError(f"recreate, unchanged: {unchanged}")

    def await_end(self, stopping: threading.Event) -> None:
        raise AssertionError(f"await_end {stopping}")

    def announce(self, announcement: Announcement, made_at: float) -> None:
        raise AssertionError(f"announce {announcement} of {made_at}")

    def log_tail(self) -> str:
        raise AssertionError("log_tail")

    def reverter(self) -> str:
        raise AssertionError("reverter")

    def read(self) -> NodeReading:
        raise AssertionError("read")
