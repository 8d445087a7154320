"""The matrix as a section of a document: one row per mode and condition, one column per node."""

from __future__ import annotations

from collections.abc import Mapping

from bootstraps.cell import TOLERANCE_SECONDS
from bootstraps.matrix import CONDITIONS, IMPOSSIBLE, MODES, NODES, Cell
from support.cells import CANNOT, row
from testbed.make_large_history import ACCOUNTS, C_BLOCKS, P_BLOCKS

HEADING = "## What a bootstrap is recorded as"
_REAL, _SIMULATED = (NODES[each].stall_warning_seconds for each in ("real", "simulated-1.14"))
_INTRODUCTION = f"""\
{HEADING}

Written by `pytest tests/bootstraps --all-cells`. In each cell `local` bootstraps a node. It is a real AvalancheGo on a
network with {P_BLOCKS} P blocks, {C_BLOCKS} C blocks and {ACCOUNTS:,} accounts on its C-Chain, or the simulated node in
the dialect of AvalancheGo 1.14 or 1.15. Time-outs are short, so that a false stall would be seen: on a fast machine the
stall warning is {_REAL} s with a real node, {_SIMULATED} s with a simulated.
A state sync that is killed after half way takes longer than the stall timeout to end. All of this held in each cell:

- the run succeeded, in its sync mode, with as many restarts of the node as there were;
- its duration is how long the node's processes ran until the node was healthy, to {TOLERANCE_SECONDS:g} s; the time
  before the node has peers may be left out;
- the stages of P and C were seen in their order, which begins again only where the node was killed;
- the run was shown as stalled where its source was frozen for longer than the stall warning, and nowhere else.
"""


def rows() -> dict[tuple[str, str], tuple[str, str]]:
    """Return the first two cells of each row, by mode and condition."""
    return {(mode, name): (mode, each.title) for mode in MODES for name, each in CONDITIONS.items()}


def written(told: Mapping[Cell, str]) -> str:
    """Return the section of the document, from the result of each cell."""
    lines = [
        row("mode", "condition", *(node.title for node in NODES.values())),
        row(*("---" for _ in range(2 + len(NODES)))),
        *(row(*titles, *(_cell(told, *of, node) for node in NODES)) for of, titles in rows().items()),
    ]
    return _INTRODUCTION + "\n" + "\n".join(lines) + "\n"


def _cell(told: Mapping[Cell, str], mode: str, condition: str, node: str) -> str:
    why = IMPOSSIBLE.get((mode, condition))
    return told[mode, condition, node] if why is None else CANNOT + why
