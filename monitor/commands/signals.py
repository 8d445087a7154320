"""Signal handling of a long-running command: stops it, and ends the process if it hangs."""

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
INTERRUPTED = 130  # as in a shell
_STANDARD_ERROR = 2
_LINE_GIVEN_BACK = b"\r\x1b[K\x1b[?25h"  # without the progress line, and with the cursor that it hid


class Stopping(threading.Event):
    """An event to wait for in the main thread, the only one in which Python runs signal handlers.

    A signal that arrives right before the thread blocks, or in another thread, does not interrupt the wait.
    Therefore `wait` blocks for short periods only.
    """

    def wait(self, timeout: float | None = None) -> bool:
        """Wait like `Event.wait`."""
        until = math.inf if timeout is None else time.monotonic() + timeout
        while not super().wait(max(0.0, min(_PIECE_SECONDS, until - time.monotonic()))):
            if time.monotonic() >= until:
                return False
        return True


def stop_on_signals(
    stopping: threading.Event,
    last_resort_seconds: float,
    on_stop: Callable[[], None] = lambda: None,
    on_second_interrupt: Callable[[], None] | None = None,
) -> None:
    """Set `stopping` on SIGTERM and SIGINT, and end the process after `last_resort_seconds` in any case.

    If `on_second_interrupt` is set, a second Ctrl-C calls it and ends the process. It must not take a lock,
    which the interrupted thread may hold.
    """

    def stop(*_: object) -> None:
        # A second signal within `Event.set` would wait for the lock that the first one holds.
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        if on_second_interrupt is not None:
            signal.signal(signal.SIGINT, end)
        end_before_long(last_resort_seconds)
        on_stop()
        stopping.set()

    def end(*_: object) -> None:
        if on_second_interrupt is not None:
            on_second_interrupt()
        if os.isatty(_STANDARD_ERROR):
            os.write(_STANDARD_ERROR, _LINE_GIVEN_BACK)
        os._exit(INTERRUPTED)

    for each in _SIGNALS:
        signal.signal(each, stop)


def end_before_long(seconds: float) -> None:
    """End the process after some seconds, even if a cleanup or a lock hangs; every write is a transaction.

    SQLite waits for its file inside one call, in which Python runs no signal handler. The timer is therefore
    a C thread.
    """
    nowhere = Path(os.devnull).open("wb")  # noqa: SIM115 - needed until the process ends
    faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
