"""Tests of the backoff: the first retry is in the next tick; later intervals grow up to a limit."""

from __future__ import annotations

import pytest

from monitor.domain.backoff import MAX_SECONDS, backoff_seconds


@pytest.mark.parametrize(
    ("failures", "tick_seconds", "seconds"),
    [
        pytest.param(1, 10.0, 5.0, id="the next tick, which may come early"),
        pytest.param(2, 10.0, 15.0, id="the one after the next"),
        pytest.param(3, 10.0, 35.0, id="the fourth"),
        pytest.param(4, 10.0, MAX_SECONDS, id="a minute"),
        pytest.param(10_000, 10.0, MAX_SECONDS, id="for as long as it fails"),
        pytest.param(1, 600.0, 300.0, id="ticks that are rare: the next"),
        pytest.param(5, 600.0, 300.0, id="ticks that are rare: always the next"),
    ],
)
def test_the_pause_after_failures(failures: int, tick_seconds: float, seconds: float) -> None:
    assert backoff_seconds(failures, tick_seconds) == seconds
