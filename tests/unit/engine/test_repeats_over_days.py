"""Tests that confirmations and retests repeat a build as often as they should, over weeks on a simulated clock.

Ledger, volume, `init` and tick are real; the platform, the node and the clock are simulated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import pytest
from support.builders import POLICY
from support.simulated_world import SimulatedTester, numbered

from monitor.domain.baseline import MIN_VALUES
from monitor.domain.run import AttemptCause, Outcome

HOUR, DAY = 3600.0, 86400.0
TICK_SECONDS = 10_800.0
RETEST_DAYS = 7
USUAL_TICKS = 4
SLOW_TICKS = 6
FAILS = 0


@dataclass
class Life:
    """A tester to which builds are pushed, each with a list of how its runs go.

    A run goes by the ticks until its node is healthy, or `FAILS`. Runs after the list go as its last one.
    """

    tester: SimulatedTester
    builds: Sequence[tuple[float, Sequence[int]]]

    def live(self, days: float) -> None:
        """Let the tester work until a day."""
        tester, world = self.tester, self.tester.world
        start = world.now.wall
        pushed, age = 1, 0
        number = 0
        while world.now.wall < start + days * DAY:
            while pushed < len(self.builds) and world.now.wall >= start + self.builds[pushed][0] * DAY:
                world.builds.append(numbered(pushed))
                pushed += 1
            run = tester.ledger.last()
            if run is not None and run.open:
                age = age + 1 if run.number == number else 0
                number = run.number
                world.kind = self._kind(age)
            tester.turn()

    def _kind(self, age: int) -> str:
        run = self.tester.ledger.last()
        assert run is not None
        index = next(index for index, build in enumerate(self.tester.world.builds) if build.same(run.build))
        plan = self.builds[index][1]
        before = sum(each.build.same(run.build) for each in self.tester.ledger.runs(-1)) - 1
        ticks = plan[min(before, len(plan) - 1)]
        if ticks == FAILS:
            return "crashing"
        return "healthy" if age >= ticks else "progressing"

    def runs(self) -> list[tuple[int, str, str]]:
        """Return the build, the cause and the outcome of each run, oldest first."""
        ledger, builds = self.tester.ledger, self.tester.world.builds
        return [
            (
                next(index for index, build in enumerate(builds) if build.same(run.build)),
                str(ledger.cause_of(run) or "first"),
                str(run.outcome),
            )
            for run in reversed(ledger.runs(-1))
        ]


@pytest.fixture
def tester() -> Iterator[SimulatedTester]:
    policy = replace(
        POLICY,
        tick_seconds=TICK_SECONDS,
        soak_seconds=TICK_SECONDS,
        stall_warning_seconds=4 * HOUR,
        retest_seconds=RETEST_DAYS * DAY,
    )
    with closing(SimulatedTester(policy)) as made:
        yield made


NEW, CONFIRM, RETEST = AttemptCause.NEW_BUILD, AttemptCause.CONFIRM, AttemptCause.RETEST
SUCCEEDED, FAILED, SUPERSEDED = Outcome.SUCCEEDED, Outcome.FAILED, Outcome.SUPERSEDED
# As many usual builds as the first verdict needs, one every second day.
USUAL = [(2.0 * number, [USUAL_TICKS]) for number in range(MIN_VALUES)]
FIRST = [(0, "first", SUCCEEDED), *((number, NEW, SUCCEEDED) for number in range(1, MIN_VALUES))]


@pytest.mark.parametrize(
    ("plans", "days", "policy", "expected"),
    [
        pytest.param(
            [(14.0, [SLOW_TICKS])],
            20,
            {},
            [(7, NEW, SUCCEEDED), (7, CONFIRM, SUCCEEDED)],
            id="slower: confirmed once",
        ),
        pytest.param(
            [(14.0, [SLOW_TICKS, USUAL_TICKS])],
            20,
            {},
            [(7, NEW, SUCCEEDED), (7, CONFIRM, SUCCEEDED)],
            id="an outlier: withdrawn by one run",
        ),
        pytest.param(
            [(14.0, [FAILS])], 20, {}, [(7, NEW, FAILED), (7, CONFIRM, FAILED)], id="fails: confirmed once"
        ),
        pytest.param(
            [(14.0, [FAILS, USUAL_TICKS])],
            20,
            {},
            [(7, NEW, FAILED), (7, CONFIRM, SUCCEEDED)],
            id="flaky: not run a third time",
        ),
        pytest.param(
            [(14.0, [SLOW_TICKS]), (14.2, [USUAL_TICKS])],
            18,
            {},
            [(7, NEW, SUCCEEDED), (7, CONFIRM, SUCCEEDED), (8, NEW, SUCCEEDED)],
            id="a newer build waits for the confirmation, and is not starved",
        ),
        pytest.param(
            [(14.0, [SLOW_TICKS]), (15.5, [USUAL_TICKS])],
            18,
            {"restart_on_new_build": True},
            [(7, NEW, SUCCEEDED), (7, CONFIRM, SUPERSEDED), (8, NEW, SUCCEEDED)],
            id="on-new-build=restart: a newer build ends the confirmation",
        ),
        pytest.param(
            [(14.0, [FAILS]), *((14.1, [FAILS]) for _ in range(5))],
            20,
            {},
            [(7, NEW, FAILED), (7, CONFIRM, FAILED), (12, NEW, FAILED), (12, CONFIRM, FAILED)],
            id="many bad builds: after the confirmation, the newest",
        ),
        pytest.param(
            [],
            12 + 2 * RETEST_DAYS + 2,
            {},
            [(6, RETEST, SUCCEEDED)] * 2,
            id="no newer build: a retest at each interval",
        ),
        pytest.param([], 12 + RETEST_DAYS + 4, {"retest_seconds": None}, [], id="no retest by default"),
        pytest.param(
            [(14.0, [USUAL_TICKS, FAILS])],
            14 + 2 * RETEST_DAYS + 2,
            {},
            [(7, NEW, SUCCEEDED), (7, RETEST, FAILED), (7, CONFIRM, FAILED), (7, RETEST, FAILED)],
            id="the history changed: confirmed once, then retested",
        ),
        pytest.param(
            [(14.0, [SLOW_TICKS])],
            20,
            {"confirm_regressions": False},
            [(7, NEW, SUCCEEDED)],
            id="switched off",
        ),
    ],
)
def test_builds_are_repeated_as_often_as_they_should(
    tester: SimulatedTester,
    plans: Sequence[tuple[float, Sequence[int]]],
    days: float,
    policy: Mapping[str, Any],
    expected: Sequence[tuple[int, str, str]],
) -> None:
    tester.policy = replace(tester.policy, **policy)
    life = Life(tester, [*USUAL, *plans])
    life.live(days)
    assert life.runs() == [*FIRST, *expected]


REPEATED = [(0, "first", FAILED), (0, CONFIRM, SUCCEEDED), (0, RETEST, SUCCEEDED)]
MANY = 10**6


def repeated(tester: SimulatedTester, crossing: int, *, takes_pod: bool) -> int:
    """Live until a failed build was confirmed and retested, killed at a crossing; return the crossings left."""
    tester.policy = replace(tester.policy, retest_seconds=DAY)
    tester.world.fuse.left, tester.kill_takes_pod = crossing, takes_pod
    life = Life(tester, [(0.0, [FAILS, USUAL_TICKS])])
    life.live(4)
    assert life.runs()[: len(REPEATED)] == REPEATED, f"killed at crossing {crossing}"
    return tester.world.fuse.left or 0


@pytest.mark.slow
def test_a_kill_at_any_crossing_changes_no_confirmation_and_no_retest(tester: SimulatedTester) -> None:
    """Every other kill takes the pod with it."""
    crossings = MANY - repeated(tester, MANY, takes_pod=False)
    assert crossings > 100
    for crossing in range(crossings):
        with closing(SimulatedTester(tester.policy)) as killed:
            repeated(killed, crossing, takes_pod=crossing % 2 == 1)
            assert killed.world.fuse.left is None, f"crossing {crossing} was not met"
