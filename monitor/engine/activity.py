"""Metrics of the monitor process since its start, and its problems.

The values are not stored in the ledger.  Every counter is initialized to 0, so that Prometheus observes the
first event as an increase.
"""

from __future__ import annotations

import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from monitor import __version__
from monitor.engine.problem_log import ProblemLog
from monitor.errors import MonitorError

IMAGE_CHECK_RESULTS = ("success", "error")


class OwnFamily(NamedTuple):
    """A metric of the monitor."""

    name: str
    text: str
    labels: tuple[str, ...]


IMAGE_CHECKS = OwnFamily(
    "bootstrap_monitor_image_checks_total",
    "Lookups of a newer build, by source (registry, pod or file) and result.",
    ("source", "result"),
)
TASK_LAST_SUCCESS = OwnFamily(
    "bootstrap_monitor_task_last_success_timestamp_seconds",
    "When a task of the monitor last succeeded, in seconds since the Unix epoch.",
    ("operation",),
)
TASK_DURATION = OwnFamily(
    "bootstrap_monitor_task_duration_seconds",
    "How long a task of the monitor took when it last succeeded, in seconds.",
    ("operation",),
)
ERRORS = OwnFamily(
    "bootstrap_monitor_errors_total",
    "Errors of the monitor itself, by the operation that failed.",
    ("operation",),
)
BUILD_INFO = OwnFamily(
    "bootstrap_monitor_build_info",
    "The monitor's own version, and that of its Python; always 1.",
    ("version", "python"),
)
OWN_FAMILIES = (IMAGE_CHECKS, TASK_LAST_SUCCESS, TASK_DURATION, ERRORS, BUILD_INFO)


class Activity:
    """Thread-safe metrics of one process, and the problem log that the jobs report to."""

    def __init__(self, problems: ProblemLog | None = None) -> None:
        self.problems = problems or ProblemLog()
        self._lock = threading.Lock()
        self._values: dict[OwnFamily, dict[tuple[str, ...], float]] = {family: {} for family in OWN_FAMILIES}
        self._values[BUILD_INFO][__version__, platform.python_version()] = 1.0

    def values(self, family: OwnFamily) -> dict[tuple[str, ...], float]:
        """Return the current values of a metric by their labels, in the order of the family's labels."""
        with self._lock:
            return dict(self._values[family])

    def expect(self, operation: str) -> None:
        """Initialize the error counter of an operation to 0."""
        self._add(ERRORS, (operation,), 0)

    def expect_image_checks(self, source: str) -> None:
        """Initialize the lookup counters of a source to 0, so that the metric lists the sources in use."""
        for result in IMAGE_CHECK_RESULTS:
            self._add(IMAGE_CHECKS, (source, result), 0)

    def error(self, operation: str) -> None:
        """Count an error of an operation."""
        self._add(ERRORS, (operation,), 1)

    def image_check(self, source: str, result: str) -> None:
        """Count a lookup of a newer build; `result` is one of `IMAGE_CHECK_RESULTS`."""
        self.expect_image_checks(source)
        self._add(IMAGE_CHECKS, (source, result), 1)

    @contextmanager
    def counted_lookup(self, source: str) -> Iterator[None]:
        """Count the lookup in the `with` block as a success or as an error."""
        try:
            yield
        except MonitorError:
            self.image_check(source, "error")
            raise
        self.image_check(source, "success")

    def task_finished(self, task: str, seconds: float, wall: float) -> None:
        """Record the success of a task: its duration in seconds, and its end (`wall`, Unix seconds)."""
        self.expect(task)
        with self._lock:
            self._values[TASK_DURATION][task,] = seconds
            self._values[TASK_LAST_SUCCESS][task,] = wall

    def _add(self, family: OwnFamily, labels: tuple[str, ...], amount: int) -> None:
        with self._lock:
            values = self._values[family]
            values[labels] = values.get(labels, 0.0) + amount
