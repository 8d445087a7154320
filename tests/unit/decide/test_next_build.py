"""Tests of which build is next: requests, confirmations, new builds, retries and retests, in this order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import NEW, NOW, POLICY, build, ended, wait_state

from monitor.decide.decisions import RecordAttempt
from monitor.decide.next_build import next_build
from monitor.decide.state import LastResult, WaitState
from monitor.decide.wait_rules import decide_wait
from monitor.domain.build import Build
from monitor.domain.instant import rfc3339_text
from monitor.domain.run import AttemptCause, Outcome, Reason, Run

DAY = 86400.0
RETESTING = replace(POLICY, retest_seconds=7 * DAY)
RESTARTING = replace(POLICY, restart_on_new_build=True)
SLOW = ended(9)
FAILED = ended(9, Outcome.FAILED, reason=Reason.CRASHED)
MISCONFIGURED = ended(9, Outcome.FAILED, reason=Reason.MISCONFIGURED)
SUSPECTED = LastResult(AttemptCause.NEW_BUILD, is_suspected=True)
FIRST = LastResult(AttemptCause.NEW_BUILD)
OLD_BUILD, NEW_BUILD = build(), build(NEW)


def started_ago(days: float, run: Run = SLOW) -> Run:
    return replace(run, started_at=NOW.wall - days * DAY)


def case(name: str, expected: tuple[Build, AttemptCause] | None, last: Run, **state: object) -> object:
    return pytest.param(wait_state(last=last, **state), last, expected, id=name)


@pytest.mark.parametrize(
    ("state", "last", "expected"),
    [
        case("suspected: confirm", (OLD_BUILD, AttemptCause.CONFIRM), SLOW, last_result=SUSPECTED),
        case("first failure: confirm", (OLD_BUILD, AttemptCause.CONFIRM), FAILED, last_result=FIRST),
        case(
            "first failure of a retest: confirm",
            (OLD_BUILD, AttemptCause.CONFIRM),
            FAILED,
            last_result=LastResult(AttemptCause.RETEST),
        ),
        case(
            "a result of unknown cause: confirm",
            (OLD_BUILD, AttemptCause.CONFIRM),
            FAILED,
            last_result=LastResult(None),
        ),
        case("a usual result", None, SLOW, last_result=FIRST),
        case(
            "a confirmation is not confirmed",
            None,
            SLOW,
            last_result=LastResult(AttemptCause.CONFIRM, is_suspected=True),
        ),
        case(
            "a failed confirmation is not confirmed",
            None,
            FAILED,
            last_result=LastResult(AttemptCause.CONFIRM),
        ),
        case("the second failure of a build", None, FAILED, last_result=LastResult(None, earlier_failures=1)),
        case("a superseded run", None, ended(9, Outcome.SUPERSEDED), last_result=FIRST),
        case(
            "a failure of the testbed",
            None,
            ended(9, Outcome.FAILED, reason=Reason.MISCONFIGURED),
            last_result=FIRST,
        ),
        case(
            "switched off",
            None,
            SLOW,
            last_result=SUSPECTED,
            policy=replace(POLICY, confirm_regressions=False),
        ),
        case(
            "a newer build waits for the confirmation",
            (OLD_BUILD, AttemptCause.CONFIRM),
            SLOW,
            last_result=SUSPECTED,
            newest=NEW_BUILD,
        ),
        case(
            "restart: a newer build comes first",
            (NEW_BUILD, AttemptCause.NEW_BUILD),
            SLOW,
            last_result=SUSPECTED,
            newest=NEW_BUILD,
            policy=RESTARTING,
        ),
        case(
            "restart: a newer build that is not settled does not",
            (OLD_BUILD, AttemptCause.CONFIRM),
            SLOW,
            last_result=SUSPECTED,
            newest=NEW_BUILD,
            policy=replace(RESTARTING, settled_lookups=2),
        ),
        case(
            "a request comes first",
            (NEW_BUILD, AttemptCause.REQUEST),
            SLOW,
            last_result=SUSPECTED,
            requested=NEW_BUILD,
        ),
        case(
            "retest: after the interval",
            (OLD_BUILD, AttemptCause.RETEST),
            started_ago(7),
            policy=RETESTING,
            newest=OLD_BUILD,
        ),
        case("retest: not before", None, started_ago(6.99), policy=RETESTING, newest=OLD_BUILD),
        case("retest: off", None, started_ago(700), newest=OLD_BUILD),
        case(
            "retest: a clock that was set back",
            None,
            started_ago(-1),
            policy=RETESTING,
            newest=OLD_BUILD,
        ),
        case("retest: the newest build is unknown", None, started_ago(8), policy=RETESTING, newest=None),
        case(
            "retest: the newest build, not an older one that a person ran",
            (NEW_BUILD, AttemptCause.RETEST),
            started_ago(8),
            policy=RETESTING,
            newest=NEW_BUILD,
            newest_judged=True,
        ),
        case(
            "retest: a newer build comes first",
            (NEW_BUILD, AttemptCause.NEW_BUILD),
            started_ago(8),
            policy=RETESTING,
            newest=NEW_BUILD,
        ),
        case(
            "retest: not while a newer build settles",
            None,
            started_ago(8),
            policy=replace(RETESTING, settled_lookups=2),
            newest=NEW_BUILD,
        ),
        case(
            "retest: a failed build too",
            (OLD_BUILD, AttemptCause.RETEST),
            started_ago(8, FAILED),
            policy=RETESTING,
            newest=OLD_BUILD,
            newest_judged=True,
            last_result=LastResult(AttemptCause.CONFIRM, earlier_failures=1),
        ),
        case(
            "retest: a run without a start",
            None,
            replace(SLOW, started_at=None),
            policy=RETESTING,
            newest=OLD_BUILD,
        ),
        case(
            "retest: never during a run",
            None,
            replace(started_ago(8), outcome=None),
            policy=replace(RETESTING, restart_on_new_build=True),
            newest=OLD_BUILD,
        ),
    ],
)
def test_the_next_build_and_its_cause(
    state: WaitState, last: Run, expected: tuple[Build, AttemptCause] | None
) -> None:
    assert next_build(state, last) == expected


@pytest.mark.parametrize(
    ("last", "state", "message"),
    [
        pytest.param(
            SLOW,
            {"last_result": SUSPECTED},
            f"bootstrapping {OLD_BUILD.image} again, to confirm the result of run 9",
            id="confirmation",
        ),
        pytest.param(
            started_ago(8),
            {"policy": RETESTING, "newest": OLD_BUILD},
            f"bootstrapping {OLD_BUILD.image} again, as there is no newer build",
            id="retest",
        ),
    ],
)
def test_a_repeated_build_is_announced_with_the_reason(
    last: Run, state: dict[str, object], message: str
) -> None:
    decision = decide_wait(wait_state(last=last, **state))

    assert decision.message == message
    assert [type(record) for record in decision.records] == [RecordAttempt]


@pytest.mark.parametrize(
    ("last", "state"),
    [
        pytest.param(SLOW, {"last_result": SUSPECTED}, id="confirmation"),
        pytest.param(started_ago(8), {"policy": RETESTING, "newest": OLD_BUILD}, id="retest"),
    ],
)
def test_a_paused_tester_repeats_nothing(last: Run, state: dict[str, object]) -> None:
    assert decide_wait(wait_state(last=last, paused=True, **state)).rule == "nothing_to_do"


@pytest.mark.parametrize(
    ("last", "state", "retest"),
    [
        pytest.param(started_ago(6), {}, "; retest of this one at {at}", id="after a success"),
        pytest.param(started_ago(6, FAILED), {}, "; retest of this one at {at}", id="a failed build"),
        pytest.param(started_ago(6, MISCONFIGURED), {}, "", id="a failure of the testbed"),
        pytest.param(
            started_ago(6),
            {"newest": NEW_BUILD, "newest_judged": True},
            "; retest of the newest one at {at}",
            id="an older build that a person ran",
        ),
        pytest.param(
            started_ago(6),
            {"newest": NEW_BUILD, "policy": replace(RETESTING, settled_lookups=2)},
            "",
            id="a newer build settles",
        ),
        pytest.param(started_ago(6), {"newest": None}, "", id="the newest build is unknown"),
        pytest.param(started_ago(6), {"policy": POLICY}, "", id="off"),
    ],
)
def test_an_idle_tester_shows_when_it_retests(last: Run, state: dict[str, object], retest: str) -> None:
    decision = decide_wait(wait_state(last=last, **{"policy": RETESTING, "newest": OLD_BUILD} | state))

    at = rfc3339_text((last.started_at or 0.0) + 7 * DAY)
    assert decision.message == "waiting for a new build" + retest.format(at=at)
