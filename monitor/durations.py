"""Durations as Go writes them: `90s`, `1m30s`, `1.5h`."""

from __future__ import annotations

import re

import durationpy
from pydantic_core import core_schema

# durationpy takes more than Go does: `1d`, `-1m`, and `1m-30s` as 90 s.
_GRAMMAR = re.compile(r"(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+")
_UNITS = ((3600, "h"), (60, "m"), (1, "s"))
_TENTHS_BELOW_SECONDS = 10
_LONGEST_SECONDS = 2**63 // 10**9  # Go counts nanoseconds in 63 bits, and no longer wait is possible here


class Duration(float):
    """A positive length of time in seconds, written as in Go."""

    @classmethod
    def parse(cls, text: object) -> Duration:
        """Read it.

        Raises:
            ValueError: it is none, not positive, or too long.
        """
        if isinstance(text, Duration):
            return text
        if not isinstance(text, str) or not _GRAMMAR.fullmatch(text):
            raise ValueError("it must be a duration such as 30s, 1m30s or 12h")
        try:
            seconds = cls(durationpy.from_str(text).total_seconds())
        except ValueError:
            seconds = cls("inf")  # the grammar has let it pass, so it is out of range
        if seconds <= 0:
            raise ValueError("it must be longer than zero")
        if seconds >= _LONGEST_SECONDS:
            raise ValueError("it must be shorter than 292 years")
        return seconds

    def __str__(self) -> str:
        """As a person writes it."""
        return duration_text(self)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: object) -> core_schema.CoreSchema:
        """How pydantic reads it."""
        return core_schema.no_info_plain_validator_function(cls.parse)


def duration_text(seconds: float) -> str:
    """Such as `2h05m`, `1m30s`, `12s`, `0.5s`: two units at most, for people to read."""
    if seconds < _TENTHS_BELOW_SECONDS and seconds != int(seconds):
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole >= 2 * 86400:
        return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"
    for size, unit in _UNITS[:2]:
        if whole >= size:
            rest, below = divmod(whole % size, size // 60)[0], _UNITS[_UNITS.index((size, unit)) + 1][1]
            return f"{whole // size}{unit}{rest:02d}{below}" if rest else f"{whole // size}{unit}"
    return f"{whole}s"
