"""How a command that stays is told to stop, and that it does stop, whatever hangs."""

from __future__ import annotations

import faulthandler
import math
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_PIECE_SECONDS = 1.0
INTERRUPTED = 130  # as a shell has it
_STANDARD_ERROR = 2
_LINE_GIVEN_BACK = b"\r\x1b[K\x1b[?25h"  # without the line of progress, and with the cursor that it hid


class Stopping(threading.Event):
    """An event to wait for in the main thread, which alone runs what signals are to do.

    A signal that comes right before the thread blocks, or to another thread, wakes nobody; so it waits in pieces.
    """

    def wait(self, timeout: float | None = None) -> bool:
        """As that of `Event`."""
        until = math.inf if timeout is None else time.monotonic() + timeout
        while not super().wait(max(0.0, min(_PIECE_SECONDS, until - time.monotonic()))):
            if time.monotonic() >= until:
                return False
        return True


def stop_on_signals(
    stopping: threading.Event,
    last_resort_seconds: float,
    told: Callable[[], None] = lambda: None,
    at_once: Callable[[], None] | None = None,
) -> None:
    """Have SIGTERM and SIGINT set `stopping`, and the process end after so long in any case.

    Where there is something to do `at_once`, a second Ctrl-C does that and ends the process.  It must take no lock:
    whoever was interrupted may hold it.
    """

    def stop(*_: object) -> None:
        # A second signal within `Event.set` would wait for the lock that the first one holds.
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        if at_once is not None:
            signal.signal(signal.SIGINT, end)
        end_before_long(last_resort_seconds)
        told()
        stopping.set()

    def end(*_: object) -> None:
        if at_once is not None:
            at_once()
        if os.isatty(_STANDARD_ERROR):
            os.write(_STANDARD_ERROR, _LINE_GIVEN_BACK)
        os._exit(INTERRUPTED)

    for each in _SIGNALS:
        signal.signal(each, stop)


def end_before_long(seconds: float) -> None:
    """End the process whatever hangs: a call in a clean-up, a lock.  Every write is a transaction.

    SQLite waits for its file inside one call, in which no handler of a signal runs: so it is a thread in C.
    """
    nowhere = Path(os.devnull).open("wb")  # noqa: SIM115 - needed until the process ends
    faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
