"""Retries of temporary errors at the start of a tester's commands.

`init` needs only this module. The modules that watch the node would take a tenth of its time to import.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from monitor.errors import TemporaryError
from monitor.ledger import Ledger, open_ledger

LEDGER_TIMEOUT_SECONDS = 60.0
_LEDGER_STEP_SECONDS = 1.0
TRIES = 6
FIRST_RETRY_SECONDS = 1.0

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")


def opened_ledger(data_dir: Path, stopping: threading.Event) -> Ledger:
    """Open the ledger, retrying while the volume does not allow it.

    Raises:
        TemporaryError: the ledger cannot be opened within a minute.
    """
    until = time.monotonic() + LEDGER_TIMEOUT_SECONDS
    while True:
        try:
            return open_ledger(data_dir)
        except TemporaryError:
            if time.monotonic() > until or stopping.wait(_LEDGER_STEP_SECONDS):
                raise


def tried(call: Callable[[], _Result], pause: Callable[[float], bool]) -> _Result:
    """Return the call's result, retrying temporary errors with backoff; log each reason once."""
    wait_seconds, logged = FIRST_RETRY_SECONDS, set[str]()
    for _ in range(TRIES - 1):
        try:
            return call()
        except TemporaryError as error:
            if str(error) not in logged:
                _log.warning("%s; retrying in %.0f s", error, wait_seconds)
            logged.add(str(error))
            if pause(wait_seconds):
                raise
            wait_seconds *= 2
    return call()
