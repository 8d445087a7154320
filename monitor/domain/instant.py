"""Moments on two clocks, and the text of a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Instant:
    """Moment on two clocks.

    `wall` (Unix seconds) is for display, and may jump. `boot_seconds` counts from the boot of the machine.
    This clock continues when the monitor restarts, and never jumps. Only values with the same `boot_id` can
    be compared.
    """

    wall: float
    boot_seconds: float
    boot_id: str


def time_text(unix_seconds: float | None) -> str:
    """Return a time in UTC, to the second; empty for `None`."""
    if unix_seconds is None:
        return ""
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def rfc3339_text(unix_seconds: float | None) -> str | None:
    """Return a time in UTC as RFC 3339 describes it, to the millisecond; `None` for `None`."""
    if unix_seconds is None:
        return None
    return datetime.fromtimestamp(unix_seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def minute_text(unix_seconds: float | None) -> str:
    """Return a time in UTC, to the minute; empty for `None`."""
    return time_text(unix_seconds)[:16]
