"""The matrix as a section of a document: one row per mode and condition, one column per node."""

from __future__ import annotations

from collections.abc import Mapping

from bootstraps.cell import TOLERANCE_SECONDS
from bootstraps.matrix import CONDITIONS, IMPOSSIBLE, MODES, NODES, Cell
from support.cells import CANNOT, row
from testbed.make_large_history import ACCOUNTS, C_BLOCKS, P_BLOCKS

HEADING = "## Results of disturbed bootstraps"
_REAL, _SIMULATED = (NODES[each].stall_warning_seconds for each in ("real", "simulated-1.14"))
_INTRODUCTION = f"""\
{HEADING}

Written by `pytest tests/bootstraps --all-cells`. In each cell `local` bootstraps a node. It is a real AvalancheGo on a
network with {P_BLOCKS} P blocks, {C_BLOCKS} C blocks and {ACCOUNTS:,} accounts on its C-Chain, or the simulated node
with the logs and metrics of AvalancheGo 1.14 or 1.15. Timeouts are short, so that a false stall would be detected: on
a fast machine the stall warning is {_REAL} s with a real node and {_SIMULATED} s with a simulated one. A state
sync that is killed in its second half takes longer than the stall timeout to finish. In every cell, all of these
conditions held:

- the run succeeded, in its sync mode, and counted every restart of the node;
- its duration is the time that the node's processes ran until the node was healthy, within {TOLERANCE_SECONDS:g} s; the
  time before the node has peers may be excluded;
- the stages of P and C were observed in order, and started again only if the node was killed;
- the run was shown as stalled if its source was frozen for longer than the stall warning, and in no other cell.
"""


def rows() -> dict[tuple[str, str], tuple[str, str]]:
    """Return the first two cells of each row, by mode and condition."""
    return {(mode, name): (mode, each.title) for mode in MODES for name, each in CONDITIONS.items()}


def written(results: Mapping[Cell, str]) -> str:
    """Return the section of the document, from the result of each cell."""
    lines = [
        row("mode", "condition", *(node.title for node in NODES.values())),
        row(*("---" for _ in range(2 + len(NODES)))),
        *(row(*titles, *(_cell(results, *of, node) for node in NODES)) for of, titles in rows().items()),
    ]
    return _INTRODUCTION + "\n" + "\n".join(lines) + "\n"


def _cell(results: Mapping[Cell, str], mode: str, condition: str, node: str) -> str:
    why = IMPOSSIBLE.get((mode, condition))
    return results[mode, condition, node] if why is None else CANNOT + why
