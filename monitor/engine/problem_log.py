"""Keeps what hinders a tester: one problem for each part of the monitor, logged once and stored in the ledger.

A part reports its problem as often as it meets it, and clears it once its work succeeds.  The log has a line when a
problem begins, when it changes and when it ends; one that several parts meet is logged for the first of them.
If a part has a problem again within ten minutes, the one before continues: its start stays, and no line is repeated.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol

from monitor.domain.duration import duration_text
from monitor.domain.json_text import JsonObject
from monitor.domain.sanitize import one_line
from monitor.domain.status import Problem
from monitor.errors import Cause, MonitorError
from monitor.ledger.codecs import PROBLEM, Reading, problem_reading, read_problem

MESSAGE_CHARACTERS = 1000
# A part whose messages keep changing, such as addresses that differ, must not fill the log.
MESSAGES_LOGGED = 10
# The kubelet restarts a container that crashes after at most five minutes; the node may run for a while before it does.
FLAPPING_SECONDS = 600.0

_log = logging.getLogger(__name__)


class ProblemStore(Protocol):
    """Where problems outlive this process; see `ledger.Ledger`."""

    def reading(self, name: str) -> Reading | None:
        """What was kept last under a name."""
        ...

    def keep_reading(self, name: str, value: JsonObject, now_wall: float) -> None:
        """Keep a value under a name."""
        ...


@dataclass
class _Part:
    """One part: its problem now, what the store has of it (`None`: unknown), and which messages were logged.

    `since` is when its trouble began, and `ended_at` when it last ended (Unix seconds; `None`: not in this process).
    """

    problem: Problem | None
    stored: JsonObject | None
    since: float | None = None
    ended_at: float | None = None
    end_logged: bool = False
    logged: set[str] = field(default_factory=set)


class ProblemLog:
    """Keeps the problems of one process; may be called by any thread."""

    def __init__(
        self, store: ProblemStore | None = None, wall_clock: Callable[[], float] = time.time
    ) -> None:
        """Keep them in `store` too; without one, in memory alone."""
        self._store, self._wall_clock = store, wall_clock
        self._lock = threading.Lock()
        self._parts: dict[str, _Part] = {}

    def report(self, part: str, cause: Cause, message: str, *, logs: bool = True) -> bool:
        """Record the problem of a part; whether it is news, that is logged now where the caller does not log it."""
        message = one_line(message, MESSAGE_CHARACTERS)
        with self._lock:
            found = self._part(part)
            found.problem = Problem(cause, message, self._since(found))
            self._keep(part, found)
            known = any(
                message in each.logged
                for each in self._parts.values()
                if each is found or each.problem is not None
            )
            is_news = not known and len(found.logged) < MESSAGES_LOGGED
            if is_news and logs:
                _log.warning("%s: %s", part, message, extra={"cause": cause})
            if len(found.logged) < MESSAGES_LOGGED:
                found.logged.add(message)
            return is_news

    def report_error(self, part: str, error: MonitorError) -> bool:
        """Record an error as the problem of a part."""
        return self.report(part, error.cause, str(error))

    def clear(self, part: str) -> None:
        """Record that a part works."""
        with self._lock:
            found = self._part(part)
            ended, found.problem = found.problem, None
            if ended is None:
                self._keep(part, found)
                return
            now = self._wall_clock()
            found.since, found.ended_at = ended.since, now
            shared = any(_alike(ended, each.problem) for each in self._parts.values())
            if not shared and not found.end_logged:
                lasted = duration_text(max(0.0, now - ended.since))
                _log.info("%s: works again after %s", part, lasted, extra={"cause": ended.cause})
                found.end_logged = True
            self._keep(part, found)

    @contextmanager
    def watching(self, part: str) -> Iterator[None]:
        """Report how a piece of a part's work ends; the caller logs the error that it gets."""
        try:
            yield
        except MonitorError as error:
            self.report(part, error.cause, str(error), logs=False)
            raise
        self.clear(part)

    def current(self) -> Mapping[str, Problem | None]:
        """The problem of each part that has said how it is, by the name of its reading."""
        with self._lock:
            return {PROBLEM + part: found.problem for part, found in self._parts.items()}

    def _since(self, found: _Part) -> float:
        """Return when a part's trouble began; forget what was logged of an earlier one that is long over."""
        if found.problem is not None:
            return found.problem.since
        now = self._wall_clock()
        if found.since is not None and found.ended_at is not None and now - found.ended_at < FLAPPING_SECONDS:
            return found.since
        found.logged.clear()
        found.end_logged = False
        return now

    def _part(self, part: str) -> _Part:
        """Return a part; a process goes on with what the one before it stored."""
        if part not in self._parts:
            stored: JsonObject | None = {}
            if self._store is not None:
                try:
                    reading = self._store.reading(PROBLEM + part)
                    stored = reading.value if reading else {}
                except MonitorError:  # the volume is unusable, which whoever needs it reports
                    stored = None
            self._parts[part] = _Part(read_problem(stored), stored)
        return self._parts[part]

    def _keep(self, part: str, found: _Part) -> None:
        """Store a problem that changed; what cannot be stored now is stored by a later report."""
        value = problem_reading(found.problem)
        if self._store is None or found.stored == value:
            return
        with suppress(MonitorError):
            self._store.keep_reading(PROBLEM + part, value, self._wall_clock())
            found.stored = value


def _alike(problem: Problem, other: Problem | None) -> bool:
    return other is not None and (problem.cause, problem.message) == (other.cause, other.message)
