"""What may keep `local --until` or `--compare` from an answer for ever, though nothing fails."""

from __future__ import annotations

from monitor.durations import duration_text
from monitor.errors import NothingToldError
from monitor.ledger import Ledger


def hindrance(ledger: Ledger, patience_seconds: float) -> NothingToldError | None:
    """That the tester is paused with no run open, or that its network is away for longer than anyone waits.

    Args:
        ledger: the tester's.
        patience_seconds: how long a node may find no peers; no clock of its run goes on meanwhile.
    """
    last = ledger.last()
    if last is None or ledger.attempt() or ledger.clearing():
        return None
    if not last.open:
        paused = NothingToldError("the tester is paused, so no run is begun: resume it, and call this again")
        return paused if ledger.paused() else None
    blocked_seconds = last.bookkeeping.blocked_seconds
    if blocked_seconds < patience_seconds:
        return None
    return NothingToldError(
        f"run {last.number} could not go on for {duration_text(blocked_seconds)}, as its node finds no peers or too "
        "few: see to this machine's network, and the same command goes on"
    )
