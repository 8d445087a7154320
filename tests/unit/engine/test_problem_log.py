"""Tests that a problem is logged once, keeps its start time, and outlives the process that found it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from support.builders import NOW, status

from monitor.domain.json_text import JsonObject
from monitor.domain.status import RESULTS_SHOWN, Problem
from monitor.engine.problem_log import FLAPPING_SECONDS, MESSAGES_LOGGED, ProblemLog
from monitor.errors import Cause, MonitorError, NotPermittedError, TemporaryError
from monitor.ledger import Ledger
from monitor.ledger.codecs import PROBLEM, Reading, read_problem
from monitor.ledger.status import status_of

DENIED = (Cause.PERMISSION_MISSING, "not permitted to get pods")
AWAY = (Cause.API_SERVER_UNAVAILABLE, "no answer")


@dataclass
class Clock:
    """A wall clock that a test sets."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Store:
    """A store of readings that may fail."""

    kept: dict[str, JsonObject] = field(default_factory=dict)
    writes: int = 0
    error: MonitorError | None = None

    def reading(self, name: str) -> Reading | None:
        if self.error:
            raise self.error
        return Reading(self.kept[name], 0.0) if name in self.kept else None

    def keep_reading(self, name: str, value: JsonObject, now_wall: float) -> None:
        if self.error:
            raise self.error
        assert now_wall >= 1000.0
        self.kept[name] = value
        self.writes += 1

    def problem(self, part: str = "tick") -> Problem | None:
        """Return the stored problem of a part."""
        return read_problem(self.kept.get(PROBLEM + part))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def problems(store: Store, clock: Clock, caplog: pytest.LogCaptureFixture) -> ProblemLog:
    caplog.set_level(logging.INFO)
    return ProblemLog(store, clock)


def test_one_that_lasts_is_logged_and_written_once(
    problems: ProblemLog, store: Store, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    news = []
    for _ in range(100):
        news.append(problems.report("tick", *DENIED))
        clock.now += 10
    problems.clear("tick")
    problems.clear("tick")

    assert (news[0], any(news[1:])) == (True, False)
    assert caplog.messages == ["tick: not permitted to get pods", "tick: works again after 16m40s"]
    assert (store.writes, store.problem()) == (2, None)


@pytest.mark.parametrize(
    ("then", "since", "logged"),
    [
        pytest.param(AWAY, 1000.0, 2, id="another cause"),
        pytest.param(
            (DENIED[0], "not permitted to patch"),
            1000.0,
            2,
            id="another message of the same cause continues it",
        ),
        pytest.param(DENIED, 1000.0, 1, id="the same problem continues"),
    ],
)
def test_one_that_changes(
    problems: ProblemLog,
    store: Store,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    then: tuple[Cause, str],
    since: float,
    logged: int,
) -> None:
    problems.report("tick", *DENIED)
    clock.now += 60
    problems.report("tick", *then)

    assert store.problem() == Problem(*then, since)
    assert len(caplog.messages) == logged


@pytest.mark.parametrize(
    ("works_seconds", "since", "logged"),
    [
        pytest.param(FLAPPING_SECONDS - 1, 1000.0, 1, id="one that flaps is one"),
        pytest.param(FLAPPING_SECONDS, 1000.0 + 4 * (FLAPPING_SECONDS + 10), 5, id="one that is long over"),
    ],
)
def test_one_that_comes_again(
    problems: ProblemLog,
    store: Store,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    works_seconds: float,
    since: float,
    logged: int,
) -> None:
    for _ in range(4):
        problems.report("node", *AWAY)
        clock.now += 10
        problems.clear("node")
        clock.now += works_seconds
        problems.clear("node")
    problems.report("node", *AWAY)

    assert store.problem("node") == Problem(*AWAY, since)
    begins = [text for text in caplog.messages if text == "node: no answer"]
    ends = [text for text in caplog.messages if text == "node: works again after 10s"]
    assert (len(begins), len(ends), len(caplog.messages)) == (logged, min(logged, 4), logged + min(logged, 4))


@pytest.mark.parametrize(
    ("run_started_at", "since"),
    [
        pytest.param(900.0, 1000.0, id="an earlier run"),
        pytest.param(1005.0, 1010.0, id="a newer run"),
        pytest.param(5000.0, 1000.0, id="the clock was set back since the run started"),
    ],
)
def test_one_of_a_run_lasts_as_long_as_the_run(
    problems: ProblemLog, store: Store, clock: Clock, run_started_at: float, since: float
) -> None:
    problems.report("tick", *DENIED)
    for _ in range(3):
        clock.now += 10
        problems.report("tick", *DENIED, run_started_at=run_started_at)

    problem = store.problem()
    assert problem is not None
    assert problem.since == since


def test_one_that_is_logged_elsewhere_is_stored_only(
    store: Store, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    problems = ProblemLog(store, clock, frozenset({"node"}))
    for part in ("node", "tick"):
        problems.report(part, Cause.OTHER, f"the {part} failed")

    assert caplog.messages == ["tick: the tick failed"]
    assert store.problem("node") == Problem(Cause.OTHER, "the node failed", 1000.0)


def test_messages_that_alternate_are_logged_once_each(
    problems: ProblemLog, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(100):
        problems.report("tick", *(DENIED if number % 2 else AWAY))

    assert len(caplog.messages) == 2


def test_messages_that_are_never_the_same_do_not_fill_the_log(
    problems: ProblemLog, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(100):
        problems.report("tick", Cause.OTHER, f"port {number}")

    assert len(caplog.messages) == MESSAGES_LOGGED
    assert store.problem() == Problem(Cause.OTHER, "port 99", 1000.0)


def test_one_that_two_parts_meet_is_logged_once_and_ends_with_the_last(
    problems: ProblemLog, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for part in ("platform", "image"):
        problems.report(part, *DENIED)
    clock.now += 5
    for part in ("platform", "image"):
        problems.clear(part)

    assert caplog.messages == ["platform: not permitted to get pods", "image: works again after 5s"]


def test_the_next_process_continues_the_problem(
    problems: ProblemLog, store: Store, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    problems.report("tick", *DENIED)
    clock.now += 60
    caplog.clear()
    after = ProblemLog(store, clock)
    after.report("tick", *DENIED)
    assert store.problem() == Problem(*DENIED, 1000.0)
    after.clear("tick")

    assert caplog.messages == ["tick: not permitted to get pods", "tick: works again after 1m"]
    assert store.problem() is None


@pytest.mark.parametrize(
    "first", [pytest.param(True, id="known before"), pytest.param(False, id="not known before")]
)
def test_what_cannot_be_written_is_known_here_and_written_later(
    problems: ProblemLog, store: Store, *, first: bool
) -> None:
    store.kept[f"{PROBLEM}tick"] = {"cause": AWAY[0], "message": AWAY[1], "since": 900.0}
    if first:
        problems.report("tick", *AWAY)
    store.error = TemporaryError("the volume is read-only")
    problems.report("tick", *DENIED)
    shown = problems.current()[f"{PROBLEM}tick"]
    store.error = None
    problems.clear("tick")

    assert shown == Problem(*DENIED, 900.0 if first else 1000.0)
    assert store.problem() is None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(NotPermittedError("get pods"), Cause.PERMISSION_MISSING, id="of its class"),
        pytest.param(TemporaryError("it lives", cause=Cause.VOLUME_HELD), Cause.VOLUME_HELD, id="of its own"),
        pytest.param(MonitorError("anything"), Cause.OTHER, id="of neither"),
    ],
)
def test_an_error_has_a_cause(
    problems: ProblemLog, store: Store, error: MonitorError, expected: Cause
) -> None:
    with pytest.raises(type(error)), problems.watching("tick"):
        raise error
    found = store.problem()
    assert found is not None
    assert (found.cause, found.message) == (expected, str(error))
    with problems.watching("tick"):
        pass

    assert store.problem() is None


def test_the_status_has_what_the_ledger_has_and_what_only_this_process_knows(ledger: Ledger) -> None:
    written = ProblemLog(ledger, lambda: 1000.0)
    written.report("platform", *DENIED)
    written.report("image", *DENIED)
    written.report("tick", *AWAY)
    own = {f"{PROBLEM}tick": None, f"{PROBLEM}disk": Problem(Cause.VOLUME_UNUSABLE, "read-only", 500.0)}
    shown = ledger.snapshot(RESULTS_SHOWN)

    assert status().problems == ()
    assert status_of(shown, NOW.wall).problems == (Problem(*DENIED, 1000.0), Problem(*AWAY, 1000.0))
    assert status_of(shown, NOW.wall, own_problems=own).problems == (
        Problem(Cause.VOLUME_UNUSABLE, "read-only", 500.0),
        Problem(*DENIED, 1000.0),
    )


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda value: value | {"cause": "of_a_newer_monitor"}, id="a cause that is not known"),
        pytest.param(lambda value: {"message": value["message"]}, id="fields that lack"),
        pytest.param(lambda value: value | {"since": None}, id="a time that is none"),
    ],
)
def test_a_value_of_another_version_is_not_a_problem(
    ledger: Ledger, change: Callable[[JsonObject], JsonObject]
) -> None:
    value: JsonObject = {"cause": DENIED[0], "message": DENIED[1], "since": 1000.0}
    ledger.keep_reading(f"{PROBLEM}tick", change(value), NOW.wall)

    assert status_of(ledger.snapshot(RESULTS_SHOWN), NOW.wall).problems == ()
