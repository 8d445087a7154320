"""Tests of the time until a registry is requested again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from monitor.registry.backoff import Backoff, retry_after_seconds


@dataclass
class Paced:
    """A pace with a clock that the test moves."""

    jitter: Callable[[], float]
    first_seconds: float = 30.0
    now: float = 1000.0
    backoff: Backoff = field(init=False)

    def __post_init__(self) -> None:
        self.backoff = Backoff(self.first_seconds, clock=lambda: self.now, jitter=self.jitter)

    def pause(self, after_seconds: float | None = None) -> float:
        """Return the seconds until the next request after one more failure."""
        began = self.now
        self.backoff.failed(after_seconds)
        while not self.backoff.due:
            self.now += 0.5
        return self.now - began


@pytest.mark.parametrize(
    ("jitter", "pauses"),
    [
        pytest.param(0.0, [15, 30, 60, 120, 150, 150], id="half of it at least"),
        pytest.param(0.5, [30, 60, 120, 240, 300, 300], id="twice as long each time, up to five minutes"),
        pytest.param(1.0, [45, 90, 180, 360, 450, 450], id="one and a half of it at most"),
    ],
)
def test_failures_make_it_wait(jitter: float, pauses: list[float]) -> None:
    paced = Paced(lambda: jitter)
    assert paced.backoff.due

    assert [paced.pause() for _ in pauses] == pauses


def test_an_answer_makes_it_due_immediately() -> None:
    paced = Paced(lambda: 0.5)
    paced.pause()
    paced.pause()
    paced.backoff.failed(100.0)
    paced.backoff.succeeded()

    assert paced.backoff.due
    assert paced.pause() == 30


@pytest.mark.parametrize(
    ("first", "after", "pause"),
    [
        pytest.param(30.0, 100.0, 100.5, id="longer than its own"),
        pytest.param(30.0, 5.0, 30.0, id="never shorter than its own"),
        pytest.param(0.0, 7.0, 7.5, id="without one of its own"),
        pytest.param(0.0, None, 0.0, id="not at all"),
        pytest.param(1000.0, None, 1000.0, id="an interval longer than the longest pause"),
    ],
)
def test_a_registry_that_asks_for_a_pause_gets_it(first: float, after: float | None, pause: float) -> None:
    assert Paced(lambda: 0.5, first).pause(after) == pause


def test_many_failures_do_not_overflow() -> None:
    paced = Paced(lambda: 0.5)
    for _ in range(5000):
        paced.backoff.failed(None)

    assert paced.pause() == 300


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("0", 0.0),
        ("120", 120.0),
        (" 5 ", 5.0),
        ("-5", None),
        ("1.5", None),
        ("1" * 50, None),
        ("99999", 3600.0),
        ("Thu, 01 Jan 1970 00:17:00 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 3600.0),
        ("Thu, 99 Jan 1970 00:17:00 GMT", None),
        ("Thu, 01 Jan 999999999 00:00:00 GMT", None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, 1000.0) == seconds


@pytest.mark.parametrize(
    ("failures", "seconds_later", "asked"),
    [
        pytest.param([], 0.0, False, id="no failure"),
        pytest.param([None], 0.0, False, id="one of our own"),
        pytest.param([None, 100.0], 0.0, True, id="one that was asked for"),
        pytest.param([100.0], 99.0, True, id="until it is over"),
        pytest.param([100.0], 101.0, False, id="and no longer"),
        pytest.param([5.0], 6.0, False, id="though ours is longer"),
    ],
)
def test_a_requested_pause_is_distinguished_from_the_backoff(
    failures: list[float | None],
    seconds_later: float,
    asked: bool,  # noqa: FBT001 - a test parameter
) -> None:
    paced = Paced(lambda: 0.5)
    for after_seconds in failures:
        paced.backoff.failed(after_seconds)
    paced.now += seconds_later

    assert paced.backoff.asked_for_pause is asked


def test_an_answer_ends_a_pause_that_was_asked_for() -> None:
    paced = Paced(lambda: 0.5)
    paced.backoff.failed(100.0)
    paced.backoff.succeeded()

    assert not paced.backoff.asked_for_pause
