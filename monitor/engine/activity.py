"""What the running monitor itself did since it started, as values of its own metrics, and the problems it met.

No ledger keeps the values.  Whatever can be counted is there at 0 before it first happens, so that Prometheus sees
the first time as a rise.
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
    """Values by metric and labels. Any thread may call it.  `problems` are kept where the caller says."""

    def __init__(self, problems: ProblemLog | None = None) -> None:
        self.problems = problems or ProblemLog()
        self._lock = threading.Lock()
        self._values: defaultdict[str, dict[tuple[str, ...], float]] = defaultdict(dict)

    def expect(self, operation: str) -> None:
        """Count an operation's errors from 0."""
        self._add(0, ERRORS, operation)

    def expect_image_checks(self, source: str) -> None:
        """Count the lookups of a source from 0, so that the metric shows which sources may be asked."""
        for each in IMAGE_CHECK_RESULTS:
            self._add(0, IMAGE_CHECKS, source, each)

    def error(self, operation: str) -> None:
        """Count a failure of an operation."""
        self._add(1, ERRORS, operation)

    def image_check(self, source: str, result: str) -> None:
        """Count a lookup of a newer build; `result` is one of `IMAGE_CHECK_RESULTS`."""
        self.expect_image_checks(source)
        self._add(1, IMAGE_CHECKS, source, result)

    @contextmanager
    def looking(self, source: str) -> Iterator[None]:
        """Count a lookup of a newer build by how it ends."""
        try:
            yield
        except MonitorError:
            self.image_check(source, "error")
            raise
        self.image_check(source, "success")

    def task_finished(self, task: str, seconds: float, wall: float) -> None:
        """Record that a task succeeded: how long it took, and the Unix time of its end."""
        self.expect(task)
        with self._lock:
            self._values[TASK_DURATION][(task,)] = seconds
            self._values[TASK_LAST_SUCCESS][(task,)] = wall

    def so_far(self, metric: str) -> Mapping[tuple[str, ...], float]:
        """Return a copy of a metric's values by their labels."""
        with self._lock:
            return dict(self._values[metric])

    def _add(self, count: int, metric: str, *labels: str) -> None:
        with self._lock:
            values = self._values[metric]
            values[labels] = values.get(labels, 0) + count
