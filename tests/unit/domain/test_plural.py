"""Tests of counts with their noun."""

from __future__ import annotations

import pytest

from monitor.domain.plural import plural


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 times"), (1, "1 time"), (2, "2 times")], ids=["none", "one", "two"]
)
def test_one_thing_is_singular(count: int, text: str) -> None:
    assert plural(count, "time") == text
