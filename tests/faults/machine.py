"""The clocks of a cell's machine, which its processes read from a file instead of the kernel.

The monitor and the node run on one machine and see its clocks. A step of the wall clock moves the start
times of processes too, as the kernel derives them from the wall time of the boot. A reboot starts a new
boot clock and has a new boot ID.
"""

from __future__ import annotations

import datetime as dt
import json
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

FILE, BOOT_FILE = "machine.json", "boot_id"
_KEPT_SECONDS = 0.01
_UP_SECONDS = 20.0
_real_time, _real_clock_gettime = time.time, time.clock_gettime


@dataclass(frozen=True)
class Clocks:
    """The offsets of the machine's clocks from the real clocks, in seconds."""

    wall_ahead: float = 0.0
    boot_ahead: float = 0.0

    def write(self, folder: Path) -> None:
        """Set the machine's clocks."""
        temporary = folder / (FILE + ".new")
        temporary.write_text(json.dumps(asdict(self)))
        temporary.replace(folder / FILE)

    @staticmethod
    def read(folder: Path) -> Clocks:
        """Return the offsets to which the machine's clocks are set."""
        return Clocks(**json.loads((folder / FILE).read_text()))


def boot(folder: Path) -> None:
    """Reboot: start a new boot clock with a new boot ID, and reset the wall clock to the real one."""
    (folder / BOOT_FILE).write_text(f"{uuid.uuid4()}\n")
    boot_ahead = _UP_SECONDS - _real_clock_gettime(time.CLOCK_BOOTTIME)
    Clocks(boot_ahead=boot_ahead).write(folder)


class _Machine:
    """The clock file of a machine, reread at most every 10 ms."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._clocks, self._read_at = folder, Clocks(), float("-inf")

    def clocks(self) -> Clocks:
        now = time.monotonic()
        if now - self._read_at > _KEPT_SECONDS:
            self._clocks, self._read_at = Clocks.read(self._folder), now
        return self._clocks


def install(folder: Path) -> None:
    """Make this process, and all modules that it imports later, use the machine's clocks."""
    machine = _Machine(folder)

    def wall() -> float:
        return _real_time() + machine.clocks().wall_ahead

    def clock_gettime(clock: int) -> float:
        ahead = machine.clocks().boot_ahead if clock == time.CLOCK_BOOTTIME else 0.0
        return _real_clock_gettime(clock) + ahead

    class MachineDatetime(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> MachineDatetime:
            return cls.fromtimestamp(wall(), tz)

    time.time = wall
    time.clock_gettime = clock_gettime
    dt.datetime = MachineDatetime  # type: ignore[misc]


def wall_ahead(folder: Path) -> float:
    """Return how far the wall clock is set ahead, in seconds."""
    return Clocks.read(folder).wall_ahead
