"""Tests that one unresponsive address uses only a part of the time, so that others can be tried."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from monitor.bounded_http import Bounds, open_socket

SECONDS = 4.0
_Address = tuple[Any, ...]


@pytest.fixture
def black_hole() -> Iterator[int]:
    """Yield a port that drops new connections, because its queue is full and never emptied."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listening.getsockname()
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        time.sleep(0.05)
        yield address[1]


@pytest.fixture
def answering() -> Iterator[int]:
    """Yield a port that accepts all connections."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def of_ports(monkeypatch: pytest.MonkeyPatch, *ports: int, first: _Address = ()) -> None:
    """Make the system's resolver return these addresses for any name."""
    usual = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]
    found = [first, *usual] if first else usual
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments, **_settings: found)


def test_an_address_that_does_not_answer_leaves_time_for_the_next(
    monkeypatch: pytest.MonkeyPatch, black_hole: int, answering: int
) -> None:
    of_ports(monkeypatch, black_hole, answering)
    bounds, began = Bounds(time.monotonic() + SECONDS, 1), time.monotonic()
    with closing(open_socket("registry.example", 443, bounds)) as made:
        took_seconds = time.monotonic() - began

        assert made.getpeername()[1] == answering
        assert SECONDS / 2 - 0.1 <= took_seconds < SECONDS - 0.5
        left_seconds = made.gettimeout()
        assert left_seconds is not None
        assert left_seconds > SECONDS - took_seconds - 0.5, "all that is left is for what follows"


def test_the_last_address_has_all_the_time_that_is_left(
    monkeypatch: pytest.MonkeyPatch, black_hole: int
) -> None:
    of_ports(monkeypatch, black_hole)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        open_socket("registry.example", 443, Bounds(began + 0.5, 1))
    assert 0.4 <= time.monotonic() - began < 2.0


def test_a_family_that_this_machine_does_not_have_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, answering: int
) -> None:
    unknown = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_UDP, "", ("127.0.0.1", answering))
    of_ports(monkeypatch, answering, first=unknown)

    with closing(open_socket("registry.example", 443, Bounds(time.monotonic() + SECONDS, 1))) as made:
        assert made.getpeername()[1] == answering


def test_a_host_without_an_address_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    of_ports(monkeypatch)

    with pytest.raises(OSError, match="the host has no address"):
        open_socket("registry.example", 443, Bounds(time.monotonic() + SECONDS, 1))
