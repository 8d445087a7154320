"""Whether a run of the ledger is of the very test that a call of `local` asks about."""

from __future__ import annotations

from monitor.configuration import NodeConfiguration
from monitor.ledger import Ledger
from monitor.model import Run


def otherness(run: Run, configuration: NodeConfiguration, testbed: str) -> str:
    """What a run was of, if of something else than is asked about; else empty."""
    if not alike(run, configuration):
        return f"it was of {run.network}, {run.sync_mode}"
    if run.settings_digest != configuration.settings_digest:
        return "the node had other arguments"
    return "" if run.testbed == testbed else f"it was on testbed {run.testbed!r}, not on {testbed!r}"


def alike(run: Run, configuration: NodeConfiguration) -> bool:
    """Whether a run is of the network and mode that are asked about; another one the tester begins by itself."""
    return (run.network, run.sync_mode) == (configuration.network, configuration.sync_mode)


def ended_before(ledger: Ledger) -> int:
    """The number of the last run that has ended by now; those after it are of this call."""
    last = ledger.last()
    return 0 if last is None else last.number - int(last.open)
