"""Reads of the ledger for HTTP clients; each takes bounded time, even if the ledger is locked."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from functools import partial
from typing import Generic, TypeVar

from monitor.engine.activity import Activity
from monitor.errors import MonitorError, TemporaryError
from monitor.output.metrics.collector import OPERATION

WAIT_SECONDS = 0.8  # a page reads twice, and clients get it within 2 s
KEPT_SECONDS = 300.0

_log = logging.getLogger(__name__)
_Value = TypeVar("_Value")


class Bounded(Generic[_Value]):
    """Calls `read` in a separate thread; callers with equal arguments share a call in progress."""

    def __init__(self, read: Callable[..., _Value], wait_seconds: float = WAIT_SECONDS) -> None:
        self._read, self._wait_seconds = read, wait_seconds
        self._lock = threading.Lock()
        self._running: dict[tuple[Hashable, ...], Future[_Value]] = {}

    def __call__(self, *arguments: Hashable) -> _Value:
        """Return the result of `read`.

        Raises:
            TemporaryError: the call takes longer than `wait_seconds`; it continues, and a later caller may
                get its result.
        """
        with self._lock:
            call = self._running.get(arguments)
            if call is None:
                call = Future()
                threading.Thread(target=self._run, args=(call, arguments), name="read", daemon=True).start()
                self._running[arguments] = call
        try:
            return call.result(self._wait_seconds)
        except TimeoutError as error:
            raise TemporaryError(
                f"the ledger did not answer within {self._wait_seconds:g} s: another process has locked it, or the "
                "volume is slow; try again later"
            ) from error

    def _run(self, call: Future[_Value], arguments: tuple[Hashable, ...]) -> None:
        finish: Callable[[], None]
        try:
            finish = partial(call.set_result, self._read(*arguments))
        except BaseException as error:  # noqa: BLE001 - passed on to the callers
            finish = partial(call.set_exception, error)
        with self._lock:
            del self._running[arguments]  # before the result is set, so that the next caller reads again
        finish()


class LastGood(Generic[_Value]):
    """Reads a value; if that fails, returns the last value that was read, for `kept_seconds` at most.

    Each use of the last value counts as an error of `metrics`.
    """

    def __init__(
        self,
        read: Callable[[], _Value],
        activity: Activity,
        kept_seconds: float = KEPT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._activity, self._kept_seconds, self._clock = read, activity, kept_seconds, clock
        self._last: tuple[float, _Value] | None = None

    def __call__(self) -> _Value:
        """Return the value, or the last one.

        Raises:
            MonitorError: the value cannot be read, and there is no last value that is recent enough.
        """
        try:
            value = self._read()
        except MonitorError as error:
            last = self._last
            if last is None or self._clock() - last[0] > self._kept_seconds:
                raise
            self._activity.error(OPERATION)
            _log.warning("web: %s; the last status is served", error)
            return last[1]
        self._last = (self._clock(), value)
        return value
