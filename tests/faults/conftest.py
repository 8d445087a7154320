"""The selection of cells, and the section that a run of all cells writes.

Cells are slow because they wait, not because they compute. Some run in parallel, in the order of their
tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from faults.cell import cell_result
from faults.covering import BRIEF, COVERING, LOCAL_BRIEF
from faults.document import written
from faults.matrix import CELLS
from support.cells import DOCUMENT, FAILED, all_cells, brief, cell_of, leave_out, with_section

MAX_CONCURRENT = 3
FOLDER = Path(__file__).parent
Cell = tuple[str, str]
Result = Callable[[Cell], str]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the cells outside the covering set; with `--brief`, those outside the brief set."""
    leave_out(config, items, FOLDER, BRIEF if brief(config) else COVERING)
    if brief(config):
        leave_out(config, items, FOLDER, LOCAL_BRIEF, parameter="name")


@pytest.fixture(scope="session")
def result(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Result]:
    """Yield a function that waits for the result of a cell and returns it."""
    folder = tmp_path_factory.mktemp("cells")
    cells = [
        (cell[0], cell[1]) for each in request.session.items if (cell := cell_of(each, FOLDER)) is not None
    ]
    with ThreadPoolExecutor(MAX_CONCURRENT) as pool:
        running: dict[Cell, Future[str]] = {
            cell: pool.submit(cell_result, *cell, folder / "-".join(cell)) for cell in cells
        }
        yield lambda cell: running[cell].result()
        pool.shutdown(cancel_futures=True)
    if all_cells(request.config) and set(running) == set(CELLS):
        text = written({cell: _result(each) for cell, each in running.items()})
        DOCUMENT.write_text(with_section(DOCUMENT.read_text(), text))


def _result(cell: Future[str]) -> str:
    return FAILED if cell.cancelled() or cell.exception() is not None else cell.result()
