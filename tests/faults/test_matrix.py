"""For each fault at each moment: no data is lost, and the tester continues without intervention.

`pytest tests/faults` runs a covering set. `--all-cells` runs every cell, and writes docs/reliability.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from faults.cell import cell_result
from faults.covering import BRIEF, COVERING
from faults.matrix import CELLS, FAULTS, MOMENTS, STARTING
from faults.volumes import may_mount


@pytest.mark.timeout(400)  # includes the wait until a worker starts the test's cell
@pytest.mark.parametrize("cell", CELLS, ids="-".join)
def test_a_fault_costs_no_result_and_no_data(
    cell: tuple[str, str], result: Callable[[tuple[str, str]], str]
) -> None:
    if FAULTS[cell[0]].own_file_system and not may_mount():
        pytest.skip("this system lets only root mount a file system")
    assert result(cell)


@pytest.mark.timeout(400)
def test_a_sidecar_on_a_read_only_volume_continues_once_it_is_writable(tmp_path: Path) -> None:
    if not may_mount():
        pytest.skip("this system lets only root mount a file system")
    assert cell_result("volume-read-only", STARTING, tmp_path / "cell")


def test_the_covering_set_has_every_fault_once_and_every_moment_twice() -> None:
    faults, moments = Counter(each for each, _ in COVERING), Counter(each for _, each in COVERING)
    assert set(COVERING) <= set(CELLS)
    assert faults.keys() == FAULTS.keys()
    assert moments.keys() == MOMENTS.keys()
    assert min(moments.values()) >= 2


def test_the_brief_set_is_of_the_covering_set_and_has_every_moment() -> None:
    assert set(BRIEF) < set(COVERING)
    assert {moment for _, moment in BRIEF} == MOMENTS.keys()
