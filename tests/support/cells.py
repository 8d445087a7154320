"""Helpers for suites that are a matrix of cells: which cells run, and the section of the document."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"
FAILED = "**FAILED**"
CANNOT = "(not applicable) "
OPTION = "--all-cells"
BRIEF = "--brief"


def all_cells(config: pytest.Config) -> bool:
    """Return whether every cell is to run."""
    return bool(config.getoption(OPTION))


def brief(config: pytest.Config) -> bool:
    """Return whether to leave out what `make test-all` adds."""
    return bool(config.getoption(BRIEF))


def leave_out(
    config: pytest.Config,
    items: list[pytest.Item],
    folder: Path,
    covering: Collection[Any],
    parameter: str = "cell",
) -> None:
    """Deselect the cells outside the covering set, unless all cells or tests by name are requested."""
    if all_cells(config) or any("::" in each for each in config.args) or config.getoption("keyword"):
        return
    left_out = [
        each
        for each in items
        if (cell := cell_of(each, folder, parameter)) is not None and cell not in covering
    ]
    items[:] = [each for each in items if each not in left_out]
    config.hook.pytest_deselected(items=left_out)


def cell_of(item: pytest.Item, folder: Path, parameter: str = "cell") -> tuple[str, ...] | None:
    """Return the cell that a test of the suite in this folder is about."""
    if item.path.parent != folder:
        return None
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    cell: tuple[str, ...] | None = parameters.get(parameter)
    return cell


def section(document: str, heading: str) -> str:
    """Return the section of a document below a heading (`## …`); empty if the heading is not found."""
    begins = f"{heading}\n"
    _, found, rest = f"\n{document}".partition(f"\n{begins}")
    return begins + rest.partition("\n## ")[0].rstrip("\n") + "\n" if found else ""


def with_section(document: str, text: str) -> str:
    """Return the document with a section replaced or appended; the text begins with the section's heading."""
    before = section(document, text.partition("\n")[0])
    return document.replace(before, text) if before else f"{document.rstrip()}\n\n{text}"


def table(text: str) -> list[list[str]]:
    """Return the cells of a section's table: the header row first, without the rule below it."""
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    found = [[cell.strip() for cell in line] for line in lines]
    return [found[0], *found[2:]] if found else []


def row(*cells: str) -> str:
    """Return a row of a table."""
    return f"| {' | '.join(cells)} |"
