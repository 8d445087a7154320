"""The clocks of the machine, read as one `Instant`."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

from monitor.domain.instant import Instant

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class SystemClock:
    """Clock that reads the wall clock and the boot clock, which continues while this program does not run.

    On a system without a boot clock (not Linux), the clock uses the monotonic clock and a boot ID that is
    unique to the process.
    """

    def __init__(self) -> None:
        try:
            self._boot_id = _BOOT_ID.read_text().strip()
            self._clock = time.CLOCK_BOOTTIME
        except (OSError, AttributeError):
            self._boot_id = str(uuid.uuid4())
            self._clock = time.CLOCK_MONOTONIC

    def __call__(self) -> Instant:
        """Return the current time."""
        return Instant(time.time(), time.clock_gettime(self._clock), self._boot_id)
