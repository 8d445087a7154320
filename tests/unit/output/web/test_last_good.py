"""Tests that clients get a response in bounded time while a read of the ledger hangs or fails."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families as parsed
from support.local_life import living
from support.simulated_builds import eventually, free_port, write_build

from monitor.engine.activity import ERRORS, Activity
from monitor.errors import MonitorError, TemporaryError
from monitor.ledger import LEDGER_FILE
from monitor.output.web import Bounded, LastGood

ANSWERED_IN_SECONDS = 2.0
HELD_SECONDS = 6.0


def test_calls_with_equal_arguments_share_one_read_that_hangs() -> None:
    asked: list[int] = []
    released = threading.Event()

    def read(number: int) -> int:
        asked.append(number)
        assert released.wait(10)
        return number

    bounded = Bounded(read, wait_seconds=0.05)
    for number in (1, 1, 2, 1):
        with pytest.raises(
            TemporaryError, match=r"did not answer within 0.05 s: another process has locked it"
        ):
            bounded(number)
    assert asked == [1, 2]
    released.set()
    eventually(lambda: bounded(1) == 1, "the read continues")


def test_what_a_read_raises_is_raised_to_each_caller_and_the_next_call_reads_again() -> None:
    answers: Iterator[object] = iter([MonitorError("a broken row"), KeyError("x"), 3])

    def read() -> object:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    bounded = Bounded(read)
    with pytest.raises(MonitorError, match="a broken row"):
        bounded()
    with pytest.raises(KeyError):
        bounded()
    assert bounded() == 3


@pytest.mark.parametrize(
    ("age_seconds", "served"), [(0.0, True), (60.0, True), (61.0, False)], ids=["young", "old", "too_old"]
)
def test_the_last_value_stands_in_for_a_while_and_counts_as_an_error(
    age_seconds: float, *, served: bool
) -> None:
    now = [0.0]
    failing = [False]
    activity = Activity()
    activity.expect("metrics")

    def read() -> str:
        if failing[0]:
            raise TemporaryError("ledger: database is locked")
        return "good"

    last_good = LastGood(read, activity, kept_seconds=60.0, clock=lambda: now[0])
    assert last_good() == "good"
    now[0], failing[0] = age_seconds, True
    if served:
        assert last_good() == "good"
    else:
        with pytest.raises(TemporaryError, match="database is locked"):
            last_good()
    assert activity.values(ERRORS)["metrics",] == (1 if served else 0), "who gets the error counts it"


def test_without_a_last_value_the_error_is_raised_and_left_to_the_caller() -> None:
    activity = Activity()

    def read() -> str:
        raise TemporaryError("ledger: database is locked")

    with pytest.raises(TemporaryError):
        LastGood(read, activity)()
    assert activity.values(ERRORS) == {}


@contextmanager
def held(ledger: Path) -> Iterator[None]:
    """Lock the ledger exclusively from another connection."""
    with closing(sqlite3.connect(ledger, timeout=10, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")


def asked(port: int) -> Callable[[str], tuple[int, float, str]]:
    """Return a function that requests a path.

    The function returns the response's status, its duration in seconds, and its body.
    """

    def ask(path: str) -> tuple[int, float, str]:
        began = time.monotonic()
        connection = HTTPConnection("127.0.0.1", port, timeout=HELD_SECONDS)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, time.monotonic() - began, response.read().decode()
        finally:
            connection.close()

    return ask


def errors(metrics: str) -> float:
    """Return the number of errors of the operation `metrics`."""
    samples = (sample for family in parsed(metrics) for sample in family.samples)
    return next(
        sample.value
        for sample in samples
        if sample.name == "bootstrap_monitor_errors_total" and sample.labels["operation"] == "metrics"
    )


@pytest.mark.slow
def test_the_real_process_answers_while_another_one_holds_its_ledger(tmp_path: Path) -> None:
    port = free_port()
    ask = asked(port)
    with living(tmp_path) as tester:
        write_build(tester.build, bootstrap_seconds=60, blocks=50)
        tester.start(f"--web-listen-address=127.0.0.1:{port}", "--web-evidence")
        tester.watched()
        before = ask("/metrics")[2]
        with held(tester.data_dir / LEDGER_FILE):
            until = time.monotonic() + HELD_SECONDS
            answers = []
            while time.monotonic() < until:
                paths = ("/metrics", "/", "/api/v1/status", "/-/healthy")
                answers += [(path, *ask(path)) for path in paths]
        after = ask("/metrics")[2]

    assert {(path, status) for path, status, _, _ in answers} == {
        (path, 200) for path in ("/metrics", "/", "/api/v1/status", "/-/healthy")
    }
    assert max(seconds for _, _, seconds, _ in answers) < ANSWERED_IN_SECONDS
    pages = [body for path, _, _, body in answers if path == "/metrics"]
    assert all("bootstrap_monitor_run_info{" in body for body in pages), "the last status"
    assert errors(after) > errors(before)
