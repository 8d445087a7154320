"""What a number may be, so that whatever is read can be added up, stored, shown as a time and written as JSON."""

from __future__ import annotations

# Every whole number up to this one is exact as a float and in JSON.
MAX_NUMBER = 2.0**53
# Sums of such numbers stop here; a ledger and a history take twice as much.
MAX_SUM = 2.0**61
# No date is later, and no length of time longer.
YEAR_10000 = 253_402_300_800


def bounded(number: float) -> float | None:
    """Return a number that somebody else gave; `None` where it is negative, not a number or too large."""
    return number if 0 <= number <= MAX_NUMBER else None


def moment(unix_seconds: float) -> float | None:
    """Return a time that is between 1970 and the year 9999; `None` for others."""
    return unix_seconds if 0 <= unix_seconds < YEAR_10000 else None
