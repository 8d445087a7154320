"""Current problems of a tester: one for each part of the monitor, logged once and stored in the ledger.

A part reports its problem whenever it occurs, and clears the problem when its work succeeds.  A line is
logged when a problem starts, changes or ends.  A problem that several parts report is logged only for the
first of them.

If a part has a problem again within ten minutes, the previous problem continues: its start is unchanged, and
no line is logged again.  A problem of a run does not continue one of an earlier run.
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
# Limit for each part, so that messages that vary, for example by an address, do not fill the log.
MESSAGES_LOGGED = 10
# The kubelet restarts a crashed container within 5 min, and the node may run for a while before it crashes.
FLAPPING_SECONDS = 600.0

_log = logging.getLogger(__name__)


class ProblemStore(Protocol):
    """Store in which problems outlive this process; see `ledger.Ledger`."""

    def reading(self, name: str) -> Reading | None:
        """Return the newest reading with a name."""
        ...

    def keep_reading(self, name: str, value: JsonObject, now_wall: float) -> None:
        """Store a reading under a name."""
        ...


@dataclass
class _Part:
    """State of one part of the monitor.

    `problem` is the current problem, `stored` the reading in the store (`None`: unknown), and `logged` the
    messages that were logged.  `since` is the start of the last problem that ended, and `ended_at` its end
    (Unix seconds; `None`: no problem ended in this process).
    """

    problem: Problem | None
    stored: JsonObject | None
    since: float | None = None
    ended_at: float | None = None
    end_logged: bool = False
    logged: set[str] = field(default_factory=set)


class ProblemLog:
    """Thread-safe log of the problems of one process."""

    def __init__(
        self,
        store: ProblemStore | None = None,
        wall_clock: Callable[[], float] = time.time,
        parts_logged_elsewhere: frozenset[str] = frozenset(),
    ) -> None:
        """Store problems in `store`; without a store, keep them only in memory."""
        self._store, self._wall_clock = store, wall_clock
        self._logged_elsewhere = parts_logged_elsewhere
        self._lock = threading.Lock()
        self._parts: dict[str, _Part] = {}

    def report(
        self, part: str, cause: Cause, message: str, *, logs: bool = True, run_started_at: float = 0.0
    ) -> bool:
        """Record the problem of a part, and log it if it is new; return whether it is new.

        With `logs=False` the caller does the logging.  For a problem of a run, `run_started_at` is when that run
        started, in Unix seconds.
        """
        message = one_line(message, MESSAGE_CHARACTERS)
        with self._lock:
            state = self._part(part)
            state.problem = Problem(cause, message, self._since(state, run_started_at))
            self._keep(part, state)
            known = any(
                message in each.logged
                for each in self._parts.values()
                if each is state or each.problem is not None
            )
            is_news = not known and len(state.logged) < MESSAGES_LOGGED
            if is_news and logs and part not in self._logged_elsewhere:
                _log.warning("%s: %s", part, message, extra={"cause": cause})
            if len(state.logged) < MESSAGES_LOGGED:
                state.logged.add(message)
            return is_news

    def report_error(self, part: str, error: MonitorError) -> bool:
        """Record an error as the problem of a part."""
        return self.report(part, error.cause, str(error))

    def clear(self, part: str) -> None:
        """Record that a part has no problem, and log the end of the one that it had."""
        with self._lock:
            state = self._part(part)
            ended, state.problem = state.problem, None
            if ended is None:
                self._keep(part, state)
                return
            now = self._wall_clock()
            state.since, state.ended_at = ended.since, now
            shared = any(_alike(ended, each.problem) for each in self._parts.values())
            if not shared and not state.end_logged:
                lasted = duration_text(max(0.0, now - ended.since))
                _log.info("%s: works again after %s", part, lasted, extra={"cause": ended.cause})
                state.end_logged = True
            self._keep(part, state)

    @contextmanager
    def watching(self, part: str) -> Iterator[None]:
        """Report an error of the `with` block as the problem of a part, or clear the problem if it succeeds.

        The error is raised again, and the caller logs it.
        """
        try:
            yield
        except MonitorError as error:
            self.report(part, error.cause, str(error), logs=False)
            raise
        self.clear(part)

    def current(self) -> Mapping[str, Problem | None]:
        """Return the problem, or `None`, of each part that has reported its state, by name of the reading."""
        with self._lock:
            return {PROBLEM + part: state.problem for part, state in self._parts.items()}

    def _since(self, state: _Part, run_started_at: float) -> float:
        """Return when the problem of a part started, in Unix seconds.

        A problem that recurs within `FLAPPING_SECONDS` in the same run keeps its start.  Otherwise, forget the
        logged messages.
        """
        now, since = self._wall_clock(), state.since
        if state.problem is not None:
            since = state.problem.since
        elif state.ended_at is None or now - state.ended_at >= FLAPPING_SECONDS:
            since = None
        # A run that seems to start in the future started before the clock was set back.
        if since is not None and not since < run_started_at <= now:
            return since
        state.logged.clear()
        state.end_logged = False
        return now

    def _part(self, part: str) -> _Part:
        """Return the state of a part, which is loaded from the store when the part is first used."""
        if part not in self._parts:
            stored: JsonObject | None = {}
            if self._store is not None:
                try:
                    reading = self._store.reading(PROBLEM + part)
                    stored = reading.value if reading else {}
                except MonitorError:  # the volume is unusable, which the other parts report
                    stored = None
            self._parts[part] = _Part(read_problem(stored), stored)
        return self._parts[part]

    def _keep(self, part: str, state: _Part) -> None:
        """Store the problem of a part if it changed; after an error, the next report retries."""
        value = problem_reading(state.problem)
        if self._store is None or state.stored == value:
            return
        with suppress(MonitorError):
            self._store.keep_reading(PROBLEM + part, value, self._wall_clock())
            state.stored = value


def _alike(problem: Problem, other: Problem | None) -> bool:
    return other is not None and (problem.cause, problem.message) == (other.cause, other.message)
