"""docs/reliability.md shows the matrix as it is, each cell of it, and no failure."""

from __future__ import annotations

import pytest
from faults.document import CANNOT, DOCUMENT, FAILED, rows, table
from faults.matrix import FAULTS, IMPOSSIBLE, MOMENTS


@pytest.fixture(scope="module")
def shown() -> list[list[str]]:
    return table(DOCUMENT.read_text())


def test_it_has_a_row_for_each_fault_and_a_column_for_each_moment(shown: list[list[str]]) -> None:
    assert shown[0] == ["fault", *MOMENTS.values()]
    assert [row[0] for row in shown[1:]] == list(rows().values())
    assert all(len(row) == 1 + len(MOMENTS) for row in shown)


@pytest.mark.parametrize("fault", FAULTS)
def test_each_cell_was_shown_or_cannot_be(shown: list[list[str]], fault: str) -> None:
    row = next(row for row in shown if row[0] == FAULTS[fault].title)
    for moment, cell in zip(MOMENTS, row[1:], strict=True):
        why = IMPOSSIBLE.get((fault, moment))
        if why is None:
            assert cell, moment
            assert FAILED not in cell, moment
            assert not cell.startswith(CANNOT), moment
        else:
            assert cell == CANNOT + why
