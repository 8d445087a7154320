"""Bounds on numbers, so that every number can be added up, stored, shown as a time and written as JSON."""

from __future__ import annotations

# Every integer up to this one is exact as a float and in JSON.
MAX_NUMBER = 2.0**53
# Upper limit of sums. The ledger and the history accept twice as much.
MAX_SUM = 2.0**61
# Upper limit of times, in Unix seconds, and of durations, in seconds.
YEAR_10000 = 253_402_300_800


def bounded(number: float) -> float | None:
    """Return a number from an external source; `None` if it is negative, not a number or too large."""
    return number if 0 <= number <= MAX_NUMBER else None


def moment(unix_seconds: float) -> float | None:
    """Return a time in Unix seconds that is between 1970 and the year 9999; `None` for any other time."""
    return unix_seconds if 0 <= unix_seconds < YEAR_10000 else None
