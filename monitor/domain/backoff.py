"""How long something that failed waits until a tick tries it again."""

from __future__ import annotations

MAX_SECONDS = 60.0
_MAX_DOUBLINGS = 16


def backoff_seconds(failures: int, tick_seconds: float) -> float:
    """Return the pause after so many failures in a row, 1 at least: the next tick tries again, then ever fewer do.

    Half a tick is taken off, since a tick may come a little early.
    """
    ticks = 2.0 ** min(failures - 1, _MAX_DOUBLINGS) - 0.5
    return min(ticks * tick_seconds, max(MAX_SECONDS, tick_seconds / 2))
