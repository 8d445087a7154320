"""Tests that docs/reliability.md shows each matrix and all of its cells, and no failure."""

from __future__ import annotations

import bootstraps.document
import pytest
from bootstraps.matrix import IMPOSSIBLE, NODES
from faults.document import HEADING, rows
from faults.matrix import FAULTS, MOMENTS
from faults.matrix import IMPOSSIBLE as IMPOSSIBLE_FAULTS
from support.cells import CANNOT, DOCUMENT, FAILED, section, table, with_section


@pytest.fixture(scope="module")
def shown() -> list[list[str]]:
    return table(section(DOCUMENT.read_text(), HEADING))


def test_it_has_a_row_for_each_fault_and_a_column_for_each_moment(shown: list[list[str]]) -> None:
    assert shown[0] == ["fault", *MOMENTS.values()]
    assert [row[0] for row in shown[1:]] == list(rows().values())
    assert all(len(row) == 1 + len(MOMENTS) for row in shown)


@pytest.mark.parametrize("fault", FAULTS)
def test_each_cell_was_shown_or_cannot_be(shown: list[list[str]], fault: str) -> None:
    row = next(row for row in shown if row[0] == FAULTS[fault].title)
    for moment, cell in zip(MOMENTS, row[1:], strict=True):
        why = IMPOSSIBLE_FAULTS.get((fault, moment))
        if why is None:
            assert cell, moment
            assert FAILED not in cell, moment
            assert not cell.startswith(CANNOT), moment
        else:
            assert cell == CANNOT + why


@pytest.fixture(scope="module")
def bootstrapped() -> list[list[str]]:
    return table(section(DOCUMENT.read_text(), bootstraps.document.HEADING))


def test_it_has_a_row_for_each_condition_in_each_mode_and_a_column_for_each_node(
    bootstrapped: list[list[str]],
) -> None:
    assert bootstrapped[0] == ["mode", "condition", *(node.title for node in NODES.values())]
    assert [tuple(row[:2]) for row in bootstrapped[1:]] == list(bootstraps.document.rows().values())
    assert all(len(row) == 2 + len(NODES) for row in bootstrapped)


def test_each_bootstrap_was_shown_or_cannot_be(bootstrapped: list[list[str]]) -> None:
    for of, row in zip(bootstraps.document.rows(), bootstrapped[1:], strict=True):
        why = IMPOSSIBLE.get(of)
        for cell in row[2:]:
            assert cell == CANNOT + why if why else cell.startswith("succeeded"), row


def test_a_section_takes_the_place_of_the_one_before_and_leaves_the_others() -> None:
    document = "# Title\n\n## One\n\nold\n\n## Two\n\nkept\n"
    assert with_section(document, "## One\n\nnew\n") == "# Title\n\n## One\n\nnew\n\n## Two\n\nkept\n"
    assert with_section(document, "## Two\n\nnew\n") == "# Title\n\n## One\n\nold\n\n## Two\n\nnew\n"
    assert with_section(document, "## Three\n\nnew\n") == document + "\n## Three\n\nnew\n"
