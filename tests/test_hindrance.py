"""A call that waits for an answer ends where none would come: paused with no run open, or no network for too long."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from builders import NEW, NOW, build
from recorded_runs import PATIENCE_SECONDS, TESTBED, begin, done

from monitor.commands.hindrance import hindrance
from monitor.commands.until import Until, Wanted
from monitor.configuration import NodeConfiguration
from monitor.decide.vocabulary import RecordAttempt
from monitor.ledger import Ledger, open_ledger
from monitor.model import AttemptCause, Bookkeeping, RequestKind, SyncMode

BUILD = build(NEW, "b" * 40)
PAUSED = "the tester is paused, so no run is begun: resume it, and call this again"
NO_PEERS = (
    "run 1 could not go on for 1h, as its node finds no peers or too few: see to this machine's network, and the "
    "same command goes on"
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(open_ledger(tmp_path)) as opened:
        yield opened


def pause(ledger: Ledger) -> None:
    """A person asks for it."""
    ledger.ask(RequestKind.PAUSE, "", NOW.wall)


def blocked(ledger: Ledger, seconds: float) -> None:
    """A run is open whose node has found no peers for so long."""
    begin(ledger, BUILD)
    last = ledger.last()
    assert last is not None
    books = replace(last, bookkeeping=Bookkeeping(blocked_seconds=seconds))
    ledger.record(NOW, TESTBED, books=books, counts={})


def nothing(ledger: Ledger) -> None:
    """Nobody asked for anything."""


def paused_before_the_first_run(ledger: Ledger) -> None:
    """The first run comes by itself."""
    pause(ledger)


def paused_after_a_run(ledger: Ledger) -> None:
    """Nothing would come."""
    done(ledger, BUILD)
    pause(ledger)


def resumed(ledger: Ledger) -> None:
    """What comes is begun."""
    paused_after_a_run(ledger)
    ledger.ask(RequestKind.RESUME, "", NOW.wall)


def paused_while_a_run_is_open(ledger: Ledger) -> None:
    """It goes on."""
    begin(ledger, BUILD)
    pause(ledger)


def paused_while_a_run_is_about_to_begin(ledger: Ledger) -> None:
    """What was recorded is carried out."""
    paused_after_a_run(ledger)
    ledger.record(NOW, TESTBED, [RecordAttempt(BUILD, AttemptCause.REQUEST, "local-1")])


def without_peers_for_a_while(ledger: Ledger) -> None:
    """They may come."""
    blocked(ledger, PATIENCE_SECONDS - 1)


def without_peers_for_too_long(ledger: Ledger) -> None:
    """Nobody waits for longer."""
    blocked(ledger, PATIENCE_SECONDS)


@pytest.mark.parametrize(
    ("happened", "told"),
    [
        (nothing, None),
        (paused_before_the_first_run, None),
        (paused_after_a_run, PAUSED),
        (resumed, None),
        (paused_while_a_run_is_open, None),
        (paused_while_a_run_is_about_to_begin, None),
        (without_peers_for_a_while, None),
        (without_peers_for_too_long, NO_PEERS),
    ],
)
def test_it_is_told(ledger: Ledger, happened: Callable[[Ledger], None], told: str | None) -> None:
    happened(ledger)
    found = hindrance(ledger, PATIENCE_SECONDS)

    assert (str(found) if found else None) == told


@pytest.mark.parametrize(
    ("happened", "ends"), [(without_peers_for_a_while, False), (without_peers_for_too_long, True)]
)
def test_it_ends_the_call(ledger: Ledger, happened: Callable[[Ledger], None], *, ends: bool) -> None:
    happened(ledger)
    stopping = threading.Event()
    wanted = Wanted(BUILD, NodeConfiguration("fuji", SyncMode.FULL_SYNC, "settings"), TESTBED)
    until = Until(wanted, ledger, stopping, PATIENCE_SECONDS)
    until()

    assert (stopping.is_set(), until.failure is not None) == (ends, ends)
