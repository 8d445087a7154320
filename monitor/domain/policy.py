"""Settings that decisions depend on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """Settings that decisions depend on, created once by `monitor.settings`. Durations are in seconds."""

    tester: str
    testbed: str
    rolling_tag: str
    restart_on_new_build: bool
    tick_seconds: float
    soak_seconds: float
    holder_timeout_seconds: float
    disk_floor_ratio: float = 0.1
    start_timeout_seconds: float = 3600.0
    crash_limit: int = 5
    unhealthy_timeout_seconds: float = 3600.0
    stall_warning_seconds: float = 1800.0
    stall_timeout_seconds: float = 43200.0
    deadline_seconds: float | None = None
    confirm_regressions: bool = True
    """Whether a suspected regression, and the first failure of a build, are confirmed by another run of it."""
    retest_seconds: float | None = None
    """Seconds after the start of a run at which the newest build is bootstrapped again; `None` for never."""
    adopt_keep: bool = False
    adopt_clear_token: str = ""
    settled_lookups: int = 1
    """Number of consecutive lookups that must find a build before the monitor takes it."""
    returned_seconds: float = 0.0
    """Seconds that the tag must show a build, superseded within a day, before the build ends an open run."""
