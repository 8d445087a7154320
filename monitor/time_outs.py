"""The clocks behind the time-outs of a run: each counts observed time of one kind, and is kept in its books.

What was not read says nothing: an unknown neither counts nor resets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from monitor.model import Bookkeeping, Health, NodeAnswering, NodeDown, NodeProcess, NodeReading


@dataclass(frozen=True, slots=True)
class Signs:
    """What one tick saw of an open run; `None` is unknown.

    `arrived`: it is healthy, so there is no further to go; one that falls silent after that stands still.
    `progressed`: a position was reached that was not reached before.  `works`: the node wrote to its disk while
    a chain compacts or executes.  `started`: its process runs, or ended and is started again by and by.
    `unhealthy`: it is bootstrapped, and its health is fresh and bad.
    """

    arrived: bool
    progressed: bool
    works: bool
    started: bool | None
    unhealthy: bool | None


def counted(books: Bookkeeping, now_wall: float, interval_seconds: float, signs: Signs) -> Bookkeeping:
    """The books after one more tick; `interval_seconds` is what it adds to observed time."""
    books = _with_progress(books, now_wall, interval_seconds, signs)
    if signs.started is not None:
        seconds = 0.0 if signs.started else books.not_started_seconds + interval_seconds
        books = replace(books, not_started_seconds=seconds)
    if signs.unhealthy is not None:
        seconds = books.unhealthy_seconds + interval_seconds if signs.unhealthy else 0.0
        books = replace(books, unhealthy_seconds=seconds)
    return books


def _with_progress(books: Bookkeeping, now_wall: float, interval_seconds: float, signs: Signs) -> Bookkeeping:
    if signs.progressed:
        return replace(
            books,
            progress_at=now_wall,
            idle_seconds=0.0,
            lifeless_seconds=0.0,
            restarts_at_progress=books.node_restarts,
        )
    lifeless = books.lifeless_seconds
    if signs.works:
        lifeless = 0.0
    elif lifeless is not None:
        lifeless += interval_seconds
    idle_seconds = 0.0 if signs.arrived else books.idle_seconds + interval_seconds
    return replace(books, idle_seconds=idle_seconds, lifeless_seconds=lifeless)


def blocked_by(reading: NodeReading) -> str:
    """What keeps the node from the network; empty where nothing does, or where it does not tell.

    An outage of the network is no fault of the build: meanwhile no clock runs.
    """
    if not isinstance(reading, NodeAnswering) or (reading.health is not None and reading.health.healthy):
        return ""
    if reading.metrics is not None and reading.metrics.peers == 0:
        return "the node has no peers"
    if reading.health is not None and reading.health.isolated:
        return f"the node reaches too little of the network ({', '.join(reading.health.failing_checks)})"
    return ""


def tells_of_network(reading: NodeReading) -> bool:
    """Whether a reading that shows no block shows that there is none."""
    if not isinstance(reading, NodeAnswering):
        return False
    healthy = reading.health is not None and reading.health.healthy
    return healthy or (reading.metrics is not None and reading.metrics.peers is not None)


def signs_of(
    reading: NodeReading, process: NodeProcess | None, health: Health, *, progressed: bool, works: bool
) -> Signs:
    """What a tick saw, from the node's answers and from its platform's, which may be older."""
    answers = not isinstance(reading, NodeDown)
    started = True if answers else None if process is None else process.running or process.crash_looping
    unhealthy: bool | None = None
    if isinstance(reading, NodeAnswering) and reading.bootstrapped is not None:
        if not reading.bootstrapped or health is Health.HEALTHY:
            unhealthy = False
        elif health is Health.UNHEALTHY:
            unhealthy = True
    arrived = health is Health.HEALTHY
    return Signs(arrived=arrived, progressed=progressed, works=works, started=started, unhealthy=unhealthy)
