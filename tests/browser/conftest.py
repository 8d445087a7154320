"""The browser for all tests of the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser.chromium import Browser
from browser.chromium import browser as started
from support.provisioned import required


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Yield a window; skip the tests if no browser is available, or fail them if CI is set."""
    with required(), started() as found:
        yield found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Set a timeout for each test; the first waits until packages are installed and a scenario has run."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(900))
