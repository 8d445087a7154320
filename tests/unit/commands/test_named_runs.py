"""Tests of the run that a user names by its number, a commit or a digest."""

from __future__ import annotations

import pytest
from support.builders import build, ended

from monitor.commands.named_runs import run_named
from monitor.errors import MonitorError

RUNS = [
    *(ended(number, build=build(f"sha256:{'d' * 64}", "e" * 40)) for number in range(9, 1, -1)),
    ended(1, build=build(f"sha256:{'1042' * 16}", "a1" * 20)),
]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        pytest.param("9", 9, id="a number"),
        pytest.param("a1a1", 1, id="a commit"),
        pytest.param("SHA256:1042", 1, id="a digest"),
        pytest.param("1042104", 1, id="seven digits of a digest"),
    ],
)
def test_one_run_has_the_name(text: str, number: int) -> None:
    assert run_named(text, RUNS).number == number


@pytest.mark.parametrize(
    ("text", "error"),
    [
        pytest.param(
            "1042",
            "run 1042 not found: a commit or a digest that begins with 1042 needs 7 characters",
            id="a number that a digest begins with",
        ),
        pytest.param("77", "run 77 not found: history lists the existing runs", id="a number of no run"),
        pytest.param(
            "eeee",
            "eeee was tested by several runs (9, 8, 7, 6, 5 and 3 more): "
            "name one by its number, such as --run 9",
            id="a build with many runs",
        ),
    ],
)
def test_no_single_run_has_the_name(text: str, error: str) -> None:
    with pytest.raises(MonitorError) as caught:
        run_named(text, RUNS)

    assert str(caught.value) == error
