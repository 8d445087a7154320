"""Exponential backoff for registry lookups: no pause after a success, a longer pause after each failure.

The pause has jitter, so that testers that failed together do not retry together.  A `Retry-After` header
extends the pause.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime

MAX_PAUSE_SECONDS = 300.0
MAX_RETRY_AFTER_SECONDS = 3600.0
_MAX_DOUBLINGS = 16
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
        self._failures = 0
        self._due_at = self._asked_until = float("-inf")

    @property
    def asked_for_pause(self) -> bool:
        """Whether a pause that the registry requested with `Retry-After` is still running."""
        return self._clock() < self._asked_until

    @property
    def due(self) -> bool:
        """Whether the next lookup may start now."""
        return self._clock() >= self._due_at

    def succeeded(self) -> None:
        """Record a successful lookup: reset the backoff."""
        self._failures = 0
        self._due_at = self._asked_until = float("-inf")

    def failed(self, after_seconds: float | None) -> None:
        """Record a failed lookup; `after_seconds` is the pause that the registry requested, if any."""
        pause = self._first_seconds * 2.0 ** min(self._failures, _MAX_DOUBLINGS)
        pause = min(pause, max(MAX_PAUSE_SECONDS, self._first_seconds)) * (0.5 + self._jitter())
        self._failures += 1
        if after_seconds is not None:
            asked = after_seconds + self._jitter()
            self._asked_until = self._clock() + asked
            pause = max(pause, asked)
        self._due_at = self._clock() + pause


def retry_after_seconds(header: str | None, now_wall: float) -> float | None:
    """Return the seconds of a `Retry-After` header, at most one hour; `None` if it is absent or invalid."""
    text = (header or "").strip()
    if _SECONDS.fullmatch(text):
        seconds = float(text)
    else:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now_wall
        except (ValueError, OverflowError, OSError):
            return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)
