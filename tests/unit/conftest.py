"""Fixtures that several folders of unit tests share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from monitor.ledger import Ledger, open_ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Open a new ledger in the test's folder."""
    with closing(open_ledger(tmp_path)) as opened:
        yield opened
