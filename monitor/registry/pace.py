"""When a registry is asked again: at once after an answer, later and later after failures.

With jitter, so that those who failed together do not return together; and never before the registry's own
`Retry-After`, as long as that is reasonable.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime

LONGEST_PAUSE_SECONDS = 300.0
LONGEST_RETRY_AFTER_SECONDS = 3600.0
_MOST_DOUBLINGS = 16
_SECONDS = re.compile(r"[0-9]{1,9}")


class Pace:
    """Says whether it is time; `first_seconds` is the pause after one failure, 0 for none at all."""

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
        """Whether it said itself that it wants to be left alone, and until later than now."""
        return self._clock() < self._asked_until

    @property
    def due(self) -> bool:
        """Whether it may be asked now."""
        return self._clock() >= self._due_at

    def succeeded(self) -> None:
        """It answered."""
        self._failures = 0
        self._due_at = self._asked_until = float("-inf")

    def failed(self, after_seconds: float | None) -> None:
        """It did not, or asked for a pause."""
        pause = self._first_seconds * 2.0 ** min(self._failures, _MOST_DOUBLINGS)
        pause = min(pause, max(LONGEST_PAUSE_SECONDS, self._first_seconds)) * (0.5 + self._jitter())
        self._failures += 1
        if after_seconds is not None:
            asked = after_seconds + self._jitter()
            self._asked_until = self._clock() + asked
            pause = max(pause, asked)
        self._due_at = self._clock() + pause


def retry_after_seconds(header: str | None, now_wall: float) -> float | None:
    """What a `Retry-After` asks for, seconds or a date, within an hour; `None` where there is no sense in it."""
    text = (header or "").strip()
    if _SECONDS.fullmatch(text):
        seconds = float(text)
    else:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now_wall
        except (ValueError, OverflowError, OSError):
            return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)
