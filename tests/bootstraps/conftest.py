"""The selection of cells, and the section of the document that a run of all cells writes.

A real node needs most of two cores while it starts, so only one real cell runs at a time. Simulated cells
mostly wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from bootstraps.cell import shown
from bootstraps.covering import COVERING
from bootstraps.document import written
from bootstraps.matrix import CELLS, NODES, Cell
from support.cells import DOCUMENT, FAILED, all_cells, cell_of, leave_out, with_section
from support.provisioned import MissingError, required
from testbed import bed

MAX_SIMULATED = 3
FOLDER = Path(__file__).parent
Result = Callable[[Cell], str]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the cells outside the covering set."""
    leave_out(config, items, FOLDER, COVERING)


@pytest.fixture(scope="session")
def result(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Result]:
    """Yield a function that waits for the result of a cell and returns it.

    A cell with a real node is skipped where AvalancheGo cannot be built.
    """
    folder = tmp_path_factory.mktemp("cells")
    cells = [
        (cell[0], cell[1], cell[2])
        for each in request.session.items
        if (cell := cell_of(each, FOLDER)) is not None
    ]
    missing = _missing() if any(_is_real(cell) for cell in cells) else ""
    running: dict[Cell, Future[str]] = {}

    def result_of(cell: Cell) -> str:
        if cell not in running:
            with required():
                raise MissingError(missing)
        return running[cell].result()

    with ThreadPoolExecutor(1) as real, ThreadPoolExecutor(MAX_SIMULATED) as simulated:
        for cell in cells:
            if not (missing and _is_real(cell)):
                pool = real if _is_real(cell) else simulated
                running[cell] = pool.submit(shown, *cell, folder / "-".join(cell))
        yield result_of
        for pool in (real, simulated):
            pool.shutdown(cancel_futures=True)
    if all_cells(request.config) and set(running) == set(CELLS):
        text = written({cell: _result(each) for cell, each in running.items()})
        DOCUMENT.write_text(with_section(DOCUMENT.read_text(), text))


def _is_real(cell: Cell) -> bool:
    return NODES[cell[2]].dialect is None


def _missing() -> str:
    """Build the requirements of real nodes; return what is missing, or an empty text."""
    try:
        bed.build_nodes()
    except MissingError as error:
        return str(error)
    return ""


def _result(cell: Future[str]) -> str:
    return FAILED if cell.cancelled() or cell.exception() is not None else cell.result()
