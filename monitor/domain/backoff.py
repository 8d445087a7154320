"""Backoff of an operation that failed."""

from __future__ import annotations

MAX_SECONDS = 60.0
_MAX_DOUBLINGS = 16


def backoff_seconds(failures: int, tick_seconds: float) -> float:
    """Return the backoff in seconds after a number of failures in a row, which is at least 1.

    The next tick makes the first retry, and the backoff doubles with each failure. Half a tick is subtracted,
    because a tick may come slightly early.
    """
    ticks = 2.0 ** min(failures - 1, _MAX_DOUBLINGS) - 0.5
    return min(ticks * tick_seconds, max(MAX_SECONDS, tick_seconds / 2))
