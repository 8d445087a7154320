"""Each sync mode, condition and node gives the right verdict, stages and duration, and no false stall.

`pytest tests/bootstraps` runs a covering set. `--all-cells` runs every cell, and writes
docs/reliability.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from bootstraps.covering import COVERING
from bootstraps.matrix import CELLS, CONDITIONS, MODES, NODES, Cell


@pytest.mark.timeout(
    3600
)  # real nodes bootstrap one after the other, so the limit includes the wait for other cells
@pytest.mark.parametrize("cell", CELLS, ids="-".join)
def test_what_happened_is_what_is_recorded(cell: Cell, result: Callable[[Cell], str]) -> None:
    assert result(cell)


def test_the_covering_set_has_every_condition_and_every_mode_with_every_node() -> None:
    assert set(COVERING) <= set(CELLS)
    assert {condition for _, condition, _ in COVERING} == set(CONDITIONS)
    assert Counter((mode, node) for mode, _, node in COVERING).keys() == {
        (mode, node) for mode in MODES for node in NODES
    }
