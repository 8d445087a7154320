"""The matrix: every sync mode under every condition, with every node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from monitor.domain.observations import ChainActivity
from monitor.domain.workload import SyncMode

Dialect = Literal["1.14", "1.15"]


@dataclass(frozen=True)
class Node:
    """A node under test; `dialect` is that of a simulated node, or `None` for a real AvalancheGo.

    The run shows as stalled after `stall_warning_seconds` without progress, and fails after
    `stall_timeout_seconds`. After a kill in the second half of a state sync, the rest takes longer than
    that.
    """

    title: str
    dialect: Dialect | None
    stall_warning_seconds: int
    stall_timeout_seconds: int


@dataclass(frozen=True)
class Condition:
    """A condition under which a node bootstraps.

    The disturbance happens in `stage`, when the chain has done between `after` and `before` of it (both
    from 0 to 1). `kills`: the node is killed at that moment. `freezes`: its source is frozen for longer
    than the stall warning. `slow`: fetching takes longer than usual. `readable`: the monitor can read the
    node's logs.
    """

    title: str
    stage: ChainActivity | None = None
    after: float = 0.0
    before: float = 1.0
    kills: bool = False
    freezes: bool = False
    slow: bool = False
    readable: bool = True


MODES = tuple(SyncMode)
NODES = {
    "real": Node("AvalancheGo 1.14.2", None, 8, 12),
    "simulated-1.14": Node("simulated 1.14", "1.14", 3, 5),
    "simulated-1.15": Node("simulated 1.15", "1.15", 3, 5),
}
_FETCHING, _EXECUTING = ChainActivity.FETCHING, ChainActivity.EXECUTING
_SYNCING = ChainActivity.SYNCING_STATE
CONDITIONS = {
    "undisturbed": Condition("undisturbed"),
    "killed-fetching": Condition("killed while fetching", _FETCHING, 0.1, kills=True),
    "killed-early": Condition("killed in the first half of state sync", _SYNCING, 0.2, 0.5, kills=True),
    "killed-late": Condition("killed in the second half of state sync", _SYNCING, 0.55, 0.8, kills=True),
    "killed-executing": Condition("killed while executing", _EXECUTING, 0.1, kills=True),
    "source-frozen": Condition("source frozen", freezes=True),
    "source-slow": Condition("source slow", slow=True),
    "no-logs": Condition("no readable logs", readable=False),
    "json-logs": Condition("logs as JSON", readable=False),
}
_NO_STATE_SYNC = "This mode has no state sync."
IMPOSSIBLE: dict[tuple[str, str], str] = {
    (mode, condition): _NO_STATE_SYNC
    for mode in MODES
    for condition, each in CONDITIONS.items()
    if each.stage is _SYNCING and mode is not SyncMode.C_CHAIN_STATE_SYNC
}
Cell = tuple[str, str, str]
CELLS: tuple[Cell, ...] = tuple(
    (mode, condition, node)
    for mode in MODES
    for condition in CONDITIONS
    for node in NODES
    if (mode, condition) not in IMPOSSIBLE
)


def chain_of(mode: SyncMode, stage: ChainActivity | None) -> str:
    """Return the chain that is disturbed: the one that takes longest, if it takes time in the stage."""
    if mode is SyncMode.C_CHAIN_STATE_SYNC:
        return "P" if stage in {_FETCHING, _EXECUTING} else "C"
    return "C" if mode is SyncMode.FULL_SYNC else "P"


def stage_of(mode: SyncMode, condition: Condition) -> ChainActivity:
    """Return the stage in which the node is disturbed; by default the one that takes longest."""
    return condition.stage or (_SYNCING if mode is SyncMode.C_CHAIN_STATE_SYNC else _FETCHING)
