"""What may keep `local --until` or `--compare` from an answer for ever, though nothing fails."""

from __future__ import annotations

from monitor.commands.same_test import alike
from monitor.configuration import NodeConfiguration
from monitor.durations import duration_text
from monitor.errors import NothingToldError
from monitor.ledger import Ledger
from monitor.model import Run


class Hindrance:
    """Seen from one call on: what was in the way before it may be gone.

    Args:
        ledger: the tester's.
        configuration: of the node, in this call.
        patience_seconds: how long a node may find no peers; no clock of its run goes on meanwhile.
    """

    def __init__(self, ledger: Ledger, configuration: NodeConfiguration, patience_seconds: float) -> None:
        self._ledger, self._configuration = ledger, configuration
        self._patience_seconds = patience_seconds
        last = ledger.last()
        self._run = last.number if last else 0
        self._blocked_before = last.bookkeeping.blocked_seconds if last else 0.0

    def __call__(self) -> NothingToldError | None:
        """That the tester is paused with no run open, or that the network is away for longer than anyone waits."""
        ledger = self._ledger
        last = ledger.last()
        if last is None or ledger.attempt() or ledger.clearing():
            return None
        if last.open:
            return self._blocked(last)
        if ledger.paused() and alike(last, self._configuration):
            return NothingToldError(
                "the tester is paused, so no run is begun: resume it, and call this again"
            )
        return None

    def _blocked(self, run: Run) -> NothingToldError | None:
        blocked_seconds = run.bookkeeping.blocked_seconds
        if run.number != self._run or blocked_seconds < self._blocked_before:
            self._run, self._blocked_before = run.number, 0.0
        if blocked_seconds - self._blocked_before < self._patience_seconds:
            return None
        return NothingToldError(
            f"run {run.number} could not go on for {duration_text(blocked_seconds)}, as its node finds no peers or "
            "too few: see to this machine's network, and the same command goes on"
        )
