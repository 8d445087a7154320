"""Backoff of registry lookups, with jitter so that testers that failed together do not retry together."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime

from monitor.domain.backoff import doubled_seconds

MAX_PAUSE_SECONDS = 300.0
MAX_RETRY_AFTER_SECONDS = 3600.0
_SECONDS = re.compile(r"[0-9]{1,9}")


class Backoff:
    """The backoff of one registry; `first_seconds` is the pause after the first failure (0: no pause)."""

    def __init__(
        self,
        first_seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._first_seconds, self._clock, self._jitter = first_seconds, clock, jitter
        self.succeeded()

    @property
    def asked_for_pause(self) -> bool:
        """Whether a pause that the registry requested with `Retry-After` is still running."""
        return self._clock() < self._requested_until

    @property
    def due(self) -> bool:
        """Whether the next lookup may start now."""
        return self._clock() >= self._due_at

    def succeeded(self) -> None:
        """Record a successful lookup: reset the backoff."""
        self._failures = 0
        self._due_at = self._requested_until = float("-inf")

    def failed(self, after_seconds: float | None) -> None:
        """Record a failed lookup; `after_seconds` is the pause that the registry requested, if any."""
        self._failures += 1
        pause_seconds = doubled_seconds(self._first_seconds, self._failures, MAX_PAUSE_SECONDS)
        self._due_at = self._clock() + pause_seconds * (0.5 + self._jitter())
        if after_seconds is not None:
            self._requested_until = self._clock() + after_seconds + self._jitter()
            self._due_at = max(self._due_at, self._requested_until)


def retry_after_seconds(header: str | None, now_wall: float) -> float | None:
    """Return the seconds of a `Retry-After` header, at most one hour; `None` if it is absent or invalid."""
    text = (header or "").strip()
    try:
        is_number = _SECONDS.fullmatch(text)
        seconds = float(text) if is_number else parsedate_to_datetime(text).timestamp() - now_wall
    except (ValueError, OverflowError, OSError):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)
