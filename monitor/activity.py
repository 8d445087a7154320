"""What the running monitor itself did, which no ledger keeps: its tasks, its errors, its looks for builds.

The counts begin at 0 with every process, as counters may.  What can be counted is there at 0 before it first
happens, so that its first time is seen as a rise.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from monitor.errors import MonitorError

IMAGE_CHECK_RESULTS = ("success", "error")


@dataclass(frozen=True, slots=True)
class TaskSuccess:
    """The last time that a task went well: how long it took, and when it was done."""

    seconds: float
    wall: float


@dataclass(frozen=True, slots=True)
class Activities:
    """All of it at one moment: errors by operation, image checks by (source, result), tasks by name."""

    errors: Mapping[str, int]
    image_checks: Mapping[tuple[str, str], int]
    tasks: Mapping[str, TaskSuccess]


class Activity:
    """Counts; may be called by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._errors: dict[str, int] = {}
        self._image_checks: dict[tuple[str, str], int] = {}
        self._tasks: dict[str, TaskSuccess] = {}

    def expect(self, operation: str) -> None:
        """Have an operation's errors counted from 0."""
        with self._lock:
            self._errors.setdefault(operation, 0)

    def expect_image_checks(self, source: str) -> None:
        """Have looks for newer builds of a source counted from 0: so it shows who may be asked."""
        with self._lock:
            for each in IMAGE_CHECK_RESULTS:
                self._image_checks.setdefault((source, each), 0)

    def error(self, operation: str) -> None:
        """An operation failed."""
        with self._lock:
            self._errors[operation] = self._errors.get(operation, 0) + 1

    def image_check(self, source: str, result: str) -> None:
        """A newer build was looked for; `result` is one of `IMAGE_CHECK_RESULTS`."""
        self.expect_image_checks(source)
        with self._lock:
            self._image_checks[source, result] += 1

    @contextmanager
    def looking(self, source: str) -> Iterator[None]:
        """Count a look for a newer build by how it ends."""
        try:
            yield
        except MonitorError:
            self.image_check(source, "error")
            raise
        self.image_check(source, "success")

    def task_finished(self, task: str, seconds: float, wall: float) -> None:
        """A task went well: it took so long, and ended at this time."""
        with self._lock:
            self._errors.setdefault(task, 0)
            self._tasks[task] = TaskSuccess(seconds, wall)

    def so_far(self) -> Activities:
        """All of it, as of now."""
        with self._lock:
            return Activities(dict(self._errors), dict(self._image_checks), dict(self._tasks))
