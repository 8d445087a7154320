"""How a command that stays is told to stop, and that it does stop, whatever hangs."""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def stop_on_signals(
    stopping: threading.Event, last_resort_seconds: float, told: Callable[[], None] = lambda: None
) -> None:
    """Have SIGTERM and SIGINT set `stopping`, and the process end after so long in any case."""

    def stop(*_: object) -> None:
        # A second signal within `Event.set` would wait for the lock that the first one holds.
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        end_before_long(last_resort_seconds)
        told()
        stopping.set()

    for each in _SIGNALS:
        signal.signal(each, stop)


def end_before_long(seconds: float) -> None:
    """End the process whatever hangs: a call in a clean-up, a lock.  Every write is a transaction.

    SQLite waits for its file inside one call, in which no handler of a signal runs: so it is a thread in C.
    """
    nowhere = Path(os.devnull).open("wb")  # noqa: SIM115 - needed until the process ends
    faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
