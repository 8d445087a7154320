"""The browser, for all tests of the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser.chromium import Browser
from browser.chromium import browser as started
from support.provisioned import required


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A window; where none can be had the tests are skipped, but with CI set they fail."""
    with required(), started() as found:
        yield found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test waits for packages to be installed and a story to be told; each wait has a deadline of its own."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(900))
