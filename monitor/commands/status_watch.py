"""`status --watch`: shows what a tester is doing, every two seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext

from rich.console import Console
from rich.live import Live
from rich.text import Text

from monitor.errors import TemporaryError

WATCH_SECONDS = 2.0
_NOTE = f"updated every {WATCH_SECONDS:g} s; Ctrl-C to stop"


def watch(
    status_text: Callable[[], str], console: Console, wait: Callable[[float], object] = time.sleep
) -> None:
    """Show the status until `wait` raises an exception, as `sleep` does at Ctrl-C.

    On a terminal, the status is updated in place. Elsewhere, it is printed after each change. While the ledger
    cannot be read, the last status stays, and a terminal shows the reason.

    Raises:
        MonitorError: the status cannot be read.
    """
    rewritable = console.is_terminal and not console.is_dumb_terminal
    live = Live(console=console, auto_refresh=False) if rewritable else None
    shown = ""
    with live or nullcontext():
        while True:
            note = _NOTE
            try:
                text = status_text()
            except TemporaryError as error:
                if not shown:
                    raise
                text, note = shown, f"not updated: {error}; Ctrl-C to stop"
            if live:
                live.update(Text(_folded(f"{text}\n\n{note}", console.width)), refresh=True)
            elif text != shown:
                console.out(f"{text}\n", highlight=False)
                console.file.flush()
            shown = text
            wait(WATCH_SECONDS)


def _folded(text: str, columns: int) -> str:
    """Return a text whose lines fit, cut as a terminal does; rich would start a new line before a long word."""
    return "\n".join(
        line[at : at + columns] for line in text.splitlines() for at in range(0, max(1, len(line)), columns)
    )
