"""Durations as text."""

from __future__ import annotations

_UNITS = ((3600, "h"), (60, "m"), (1, "s"))
_TENTHS_BELOW_SECONDS = 10


def duration_text(seconds: float) -> str:
    """Return a duration for display, in at most two units: `2h05m`, `1m30s`, `12s` or `0.5s`."""
    if seconds < _TENTHS_BELOW_SECONDS and seconds != int(seconds):
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole >= 2 * 86400:
        days, hours = whole // 86400, whole % 86400 // 3600
        return f"{days}d{hours:02d}h" if hours else f"{days}d"
    for size, unit in _UNITS[:2]:
        if whole >= size:
            rest, below = divmod(whole % size, size // 60)[0], _UNITS[_UNITS.index((size, unit)) + 1][1]
            return f"{whole // size}{unit}{rest:02d}{below}" if rest else f"{whole // size}{unit}"
    return f"{whole}s"
