"""The machine's clocks, as one `Instant`."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

from monitor.domain.instant import Instant

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class SystemClock:
    """Reads the wall clock and the boot clock, which goes on while this program does not run.

    Where there is no boot clock (not Linux) the monotonic one stands in, as a boot of its own for every process.
    """

    def __init__(self) -> None:
        try:
            self._boot_id = _BOOT_ID.read_text().strip()
            self._clock = time.CLOCK_BOOTTIME
        except (OSError, AttributeError):
            self._boot_id = str(uuid.uuid4())
            self._clock = time.CLOCK_MONOTONIC

    def __call__(self) -> Instant:
        """This moment."""
        return Instant(time.time(), time.clock_gettime(self._clock), self._boot_id)
