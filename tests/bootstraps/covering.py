"""A covering set of the matrix: every condition, and every mode with every node.

The set contains few cells with the real node, which is slow.
"""

from __future__ import annotations

from bootstraps.matrix import Cell

from monitor.domain.workload import SyncMode

_P, _C, _FULL = SyncMode.ONLY_P_CHAIN_FULL_SYNC, SyncMode.C_CHAIN_STATE_SYNC, SyncMode.FULL_SYNC
COVERING: tuple[Cell, ...] = (
    (_C, "killed-late", "real"),
    (_FULL, "killed-executing", "real"),
    (_P, "killed-fetching", "real"),
    (_P, "source-frozen", "real"),
    (_C, "killed-early", "simulated-1.14"),
    (_FULL, "no-logs", "simulated-1.14"),
    (_P, "json-logs", "simulated-1.14"),
    (_C, "killed-late", "simulated-1.15"),
    (_FULL, "undisturbed", "simulated-1.15"),
    (_P, "source-slow", "simulated-1.15"),
)
