"""One moment on two clocks, and how a time is shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment on two clocks.

    `wall` (Unix seconds) is for people and may jump.  `boot_seconds` counts from the machine's boot, goes
    on through a restart of this process and never jumps; it compares only within one `boot_id`.
    """

    wall: float
    boot_seconds: float
    boot_id: str


def time_text(unix_seconds: float | None) -> str:
    """UTC, to the second."""
    if unix_seconds is None:
        return ""
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def minute_text(unix_seconds: float | None) -> str:
    """UTC, to the minute."""
    return time_text(unix_seconds)[:16]
