"""Backoff of an operation that failed."""

from __future__ import annotations

MAX_SECONDS = 60.0
_MAX_DOUBLINGS = 16


def doubled_seconds(first_seconds: float, failures: int, max_seconds: float) -> float:
    """Return a pause in seconds that doubles with each failure in a row after the first.

    The pause has an upper limit, which is `first_seconds` if that exceeds `max_seconds`.
    """
    return min(first_seconds * 2.0 ** min(failures - 1, _MAX_DOUBLINGS), max(max_seconds, first_seconds))


def backoff_seconds(failures: int, tick_seconds: float) -> float:
    """Return the backoff in seconds after a number of failures in a row, which is at least 1.

    The next tick makes the first retry, and the backoff doubles with each failure. Half a tick is subtracted,
    because a tick may come slightly early.
    """
    half_tick = tick_seconds / 2
    return doubled_seconds(tick_seconds, failures, MAX_SECONDS + half_tick) - half_tick
