"""Metrics of the monitor process since its start, and its problems.

The values are not stored in the ledger.  Every counter is initialized to 0, so that Prometheus observes the
first event as an increase.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from monitor.engine.problem_log import ProblemLog
from monitor.errors import MonitorError

IMAGE_CHECK_RESULTS = ("success", "error")
IMAGE_CHECKS = "bootstrap_monitor_image_checks_total"  # by source and result
TASK_LAST_SUCCESS = "bootstrap_monitor_task_last_success_timestamp_seconds"  # by task
TASK_DURATION = "bootstrap_monitor_task_duration_seconds"  # by task
ERRORS = "bootstrap_monitor_errors_total"  # by operation


class Activity:
    """Thread-safe values by metric and labels; `problems` is the problem log that the jobs report to."""

    def __init__(self, problems: ProblemLog | None = None) -> None:
        self.problems = problems or ProblemLog()
        self._lock = threading.Lock()
        self._values: defaultdict[str, dict[tuple[str, ...], float]] = defaultdict(dict)

    def expect(self, operation: str) -> None:
        """Initialize the error counter of an operation to 0."""
        self._add(0, ERRORS, operation)

    def expect_image_checks(self, source: str) -> None:
        """Initialize the lookup counters of a source to 0, so that the metric lists the sources in use."""
        for each in IMAGE_CHECK_RESULTS:
            self._add(0, IMAGE_CHECKS, source, each)

    def error(self, operation: str) -> None:
        """Count an error of an operation."""
        self._add(1, ERRORS, operation)

    def image_check(self, source: str, result: str) -> None:
        """Count a lookup of a newer build; `result` is one of `IMAGE_CHECK_RESULTS`."""
        self.expect_image_checks(source)
        self._add(1, IMAGE_CHECKS, source, result)

    @contextmanager
    def looking(self, source: str) -> Iterator[None]:
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
            self._values[TASK_DURATION][(task,)] = seconds
            self._values[TASK_LAST_SUCCESS][(task,)] = wall

    def so_far(self, metric: str) -> Mapping[tuple[str, ...], float]:
        """Return a copy of the values of a metric, by their labels."""
        with self._lock:
            return dict(self._values[metric])

    def _add(self, count: int, metric: str, *labels: str) -> None:
        with self._lock:
            values = self._values[metric]
            values[labels] = values.get(labels, 0) + count
