"""Which cells run, and the document that a run of all cells writes.

Cells are slow because they wait, not because they work: some run at once, begun in the order of their tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from faults.cell import told_by
from faults.covering import COVERING
from faults.document import DOCUMENT, FAILED, written
from faults.matrix import CELLS

AT_ONCE = 3
Cell = tuple[str, str]
Result = Callable[[Cell], str]


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--all-cells` runs the whole matrix."""
    parser.addoption("--all-cells", action="store_true", help=f"run every cell, and write {DOCUMENT.name}")


def _all_cells(config: pytest.Config) -> bool:
    return bool(config.getoption("--all-cells", default=False))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not in the covering set, unless all cells, or cells by their names, are asked for."""
    if _all_cells(config) or any("::" in each for each in config.args) or config.getoption("keyword"):
        return
    left_out = [each for each in items if (cell := _cell_of(each)) is not None and cell not in COVERING]
    items[:] = [each for each in items if each not in left_out]
    config.hook.pytest_deselected(items=left_out)


def _cell_of(item: pytest.Item) -> Cell | None:
    if item.path.parent != Path(__file__).parent:
        return None
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    cell: Cell | None = parameters.get("cell")
    return cell


@pytest.fixture(scope="session")
def result(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Result]:
    """What a cell showed; waits until it has run."""
    folder = tmp_path_factory.mktemp("cells")
    cells = [cell for each in request.session.items if (cell := _cell_of(each)) is not None]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running: dict[Cell, Future[str]] = {
            cell: pool.submit(told_by, *cell, folder / "-".join(cell)) for cell in cells
        }
        yield lambda cell: running[cell].result()
        pool.shutdown(cancel_futures=True)
    if _all_cells(request.config) and set(running) == set(CELLS):
        DOCUMENT.parent.mkdir(exist_ok=True)
        DOCUMENT.write_text(written({cell: _told(each) for cell, each in running.items()}))


def _told(cell: Future[str]) -> str:
    return FAILED if cell.cancelled() or cell.exception() is not None else cell.result()
