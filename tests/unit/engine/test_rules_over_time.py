"""Tests that any order of events leads to one verdict for each run.

No run is lost, and a good build is always tested. Ledger, volume, `init` and tick are real. The platform, the
node and the clock are simulated. The monitor is killed during records, actions and clearings.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support.builders import POLICY
from support.simulated_world import TAG, SimulatedTester, numbered

from monitor.decide.decisions import BeginClearing, EndRun, Record, RecordAttempt
from monitor.domain.instant import Instant
from monitor.domain.run import AttemptCause, Outcome, Run
from monitor.engine.actor import RETRY_TICKS
from monitor.ledger import LEDGER_FILE, Ledger

HOUR, DAY = 3600.0, 86400.0
MAX_TURNS = 250

KINDS = (
    "down",
    "crashing",
    "no image",
    "silent",
    "bootstrapping",
    "progressing",
    "healthy",
    "unhealthy",
    "isolated",
    "another network",
)


class RulesOverTime(SimulatedTester, RuleBasedStateMachine):
    """A state machine of all events that can happen to a tester."""

    def __init__(self) -> None:
        RuleBasedStateMachine.__init__(self)
        SimulatedTester.__init__(
            self,
            replace(
                POLICY,
                soak_seconds=30.0,
                holder_timeout_seconds=60.0,
                start_timeout_seconds=80.0,
                crash_limit=4,
                unhealthy_timeout_seconds=80.0,
                stall_warning_seconds=60.0,
                stall_timeout_seconds=120.0,
                deadline_seconds=140.0,
            ),
        )
        self.results: dict[int, tuple[object, ...]] = {}

    def teardown(self) -> None:
        """Check that a good build is bootstrapped from any state."""
        try:
            self._a_good_build_succeeds()
        finally:
            self.close()

    def _heard(self, ledger: Ledger, decided: Sequence[Record]) -> None:
        """Check a decision before it is recorded."""
        last = ledger.last()
        for record in decided:
            if isinstance(record, BeginClearing) and last is not None and last.open:
                assert not last.is_of(record.workload), "a run that could be resumed is kept"
                assert self.world.by_hand or self.policy.restart_on_new_build, (
                    "nobody asked for another build"
                )
            if isinstance(record, RecordAttempt) and record.cause in {
                AttemptCause.CONFIRM,
                AttemptCause.RETEST,
            }:
                assert last is not None
                assert not last.open, "a run is never interrupted to repeat a build"
            if isinstance(record, RecordAttempt) and record.cause is AttemptCause.CONFIRM:
                assert last is not None
                assert ledger.cause_of(last) is not AttemptCause.CONFIRM, "nothing confirms a confirmation"
            if isinstance(record, EndRun):
                assert last is not None
                assert (last.number, last.open) == (record.run.number, True), "only an open run ends"

    # ---- Events ----------

    @initialize(
        restart=st.booleans(), confirms=st.booleans(), retest_seconds=st.sampled_from([None, HOUR, DAY])
    )
    def begins(self, *, restart: bool, confirms: bool, retest_seconds: float | None) -> None:
        """Set up a tester and start its first run."""
        self.policy = replace(
            self.policy,
            restart_on_new_build=restart,
            confirm_regressions=confirms,
            retest_seconds=retest_seconds,
        )
        for _ in range(2):
            self.turn()

    @rule(kind=st.sampled_from(KINDS), turns=st.integers(1, 8))
    def continues_with(self, kind: str, turns: int) -> None:
        self.world.kind = kind
        for _ in range(turns):
            self.turn()

    @rule(kind=st.sampled_from(KINDS), crossings=st.none() | st.integers(0, 8), takes_pod=st.booleans())
    def continues_for_long(self, kind: str, crossings: int | None, *, takes_pod: bool) -> None:
        """Continue for longer than every timeout; with `crossings`, kill the monitor at the end."""
        self.world.fuse.left, self.kill_takes_pod = crossings, takes_pod
        self.continues_with(kind=kind, turns=15)

    @rule(kind=st.sampled_from(KINDS), crossings=st.none() | st.integers(0, 30), takes_pod=st.booleans())
    def new_build_is_taken(self, kind: str, crossings: int | None, *, takes_pod: bool) -> None:
        """Push a new build and continue; with `crossings`, kill the monitor at one of the steps.

        Whether the build is taken depends on the state of the tester.
        """
        self.continues_with(kind="healthy", turns=7)
        self.build_is_pushed()
        self.world.fuse.left, self.kill_takes_pod = crossings, takes_pod
        self.continues_with(kind=kind, turns=16)

    @rule()
    def monitor_restarts(self) -> None:
        self.end_monitor()

    @precondition(lambda self: self.world.runs)
    @rule()
    def node_restarts(self) -> None:
        self.world.restart_node()

    @rule()
    def pod_is_drained(self) -> None:
        self.world.replace_pod()
        self.end_monitor()

    @rule(turns=st.integers(0, 3))
    def pin_is_set_back(self, turns: int) -> None:
        self.world.template, self.world.by_hand = TAG, False
        self.pod_is_drained()
        for _ in range(turns):
            self.turn()

    @rule(data=st.data())
    def person_pins_a_build(self, data: st.DataObject) -> None:
        self.world.template = data.draw(st.sampled_from(self.world.builds)).image
        self.world.by_hand = True
        self.pod_is_drained()

    @rule()
    def build_is_pushed(self) -> None:
        self.world.builds.append(numbered(len(self.world.builds)))

    @rule(
        seconds=st.sampled_from([60.0, HOUR, DAY, 100 * DAY]),
        kind=st.sampled_from(KINDS),
        new_monitor=st.booleans(),
    )
    def is_away(self, seconds: float, kind: str, *, new_monitor: bool) -> None:
        """Suspend or stop the monitor; it observes the previous state again afterwards."""
        self.continues_with(kind=kind, turns=3)
        self.world.passed(seconds)
        if new_monitor:
            self.end_monitor()
        self.continues_with(kind=kind, turns=2)

    @rule(seconds=st.sampled_from([-2 * DAY, -HOUR, -1.0, HOUR, 2 * DAY]))
    def clock_is_set(self, seconds: float) -> None:
        self.world.now = replace(self.world.now, wall=self.world.now.wall + seconds)

    @rule()
    def machine_restarts(self) -> None:
        """Restart the machine: the pod remains, its containers restart, and the boot clock starts at 0."""
        self.world.now = Instant(self.world.now.wall + 60, 60.0, f"{self.world.now.boot_id}+")
        self.world.restart_node()
        self.end_monitor()

    @rule(kind=st.sampled_from(KINDS), turns=st.integers(1, 12))
    def platform_does_not_answer(self, kind: str, turns: int) -> None:
        self.world.away = True
        self.continues_with(kind=kind, turns=turns)
        self.world.away = False

    @rule(kind=st.sampled_from(KINDS), turns=st.integers(1, 12))
    def volume_fills(self, kind: str, turns: int) -> None:
        """Fill the volume for a moment, or for longer than a run can continue."""
        self.world.full = True
        self.continues_with(kind=kind, turns=turns)
        self.world.full = False

    # ---- Invariants -----------

    @invariant()
    def a_result_is_final(self) -> None:
        runs = {run.number: run for run in self.ledger.runs(-1)}
        assert self.results.keys() <= runs.keys()
        for number, run in runs.items():
            if run.outcome is not None:
                assert self.results.setdefault(number, result(run)) == result(run)

    @invariant()
    def at_most_the_last_run_is_open(self) -> None:
        runs = self.ledger.runs(-1)
        assert [run.number for run in runs if run.open] in ([], [run.number for run in runs[:1]])

    @invariant()
    def unobserved_time_counts_for_no_run(self) -> None:
        for run in self.ledger.runs(-1):
            most = 2 * self.policy.tick_seconds * self.ticks[run.number]
            assert run.tracking.observed_seconds <= most
            assert run.tracking.idle_seconds <= most

    @invariant()
    def a_run_is_confirmed_once(self) -> None:
        query = "SELECT after_run, COUNT(*) FROM attempts WHERE cause = 'confirm' GROUP BY 1"
        with closing(sqlite3.connect(self.data_dir / LEDGER_FILE)) as ledger:
            counts = dict(ledger.execute(query).fetchall())
        assert set(counts.values()) <= {1}, counts

    @invariant()
    def a_result_is_announced_once(self) -> None:
        announced_runs = [
            each.message.split(" of ")[0]
            for each in self.world.announced
            if each.reason in {"BootstrapSucceeded", "BootstrapFailed"}
        ]
        assert len(announced_runs) == len(set(announced_runs))

    @invariant()
    def an_open_runs_data_is_there_and_no_others(self) -> None:
        run = self.ledger.last()
        if run is not None and run.open and run.number in self.marked:
            folder = self.data_dir / "avalanchego" / "db"
            assert [each.name for each in folder.iterdir()] == [f"run-{run.number}"]

    # ---- Conditions at the end ----

    def _a_good_build_succeeds(self) -> None:
        world = self.world
        world.fuse.left, world.away, world.full, world.kind = None, False, False, "healthy"
        self.build_is_pushed()
        done: list[Run] = []
        for _ in range(MAX_TURNS):
            self.turn()
            self.a_result_is_final()
            self.an_open_runs_data_is_there_and_no_others()
            if self.refused:
                world.passed(HOUR)
            done = [run for run in self.ledger.runs(-1) if run.build.same(world.builds[-1])]
            if any(run.outcome is Outcome.SUCCEEDED for run in done):
                self._every_result_is_announced()
                return
        raise AssertionError(f"the good build has no success, but {done}; {self.ledger.last()}")

    def _every_result_is_announced(self) -> None:
        """Check that every result is announced, after any kill and any outage of the platform."""
        for _ in range(2 * RETRY_TICKS):
            if self.ledger.due_announcements():
                self.turn()
        announced_runs = {each.message.split(" of ")[0] for each in self.world.announced}
        judged = (Outcome.SUCCEEDED, Outcome.FAILED)
        ended = {f"Run {run.number}" for run in self.ledger.runs(-1) if run.outcome in judged}
        assert ended <= announced_runs
        assert self.ledger.due_announcements() == ()


def result(run: Run) -> tuple[object, ...]:
    """Return the values of a run that must not change."""
    return (
        run.outcome,
        run.reason,
        run.message,
        run.started_at,
        run.ended_at,
        run.duration_seconds,
        run.wall_seconds,
        run.disk_usage_bytes,
        run.tracking,
    )


class ManyRulesOverTime(RulesOverTime):
    """More examples, of which the first are those of every run."""


SETTINGS = settings(
    max_examples=4,
    stateful_step_count=25,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestRulesOverTime = RulesOverTime.TestCase
TestRulesOverTime.settings = SETTINGS
TestManyRulesOverTime = pytest.mark.slow(pytest.mark.timeout(600)(ManyRulesOverTime.TestCase))
TestManyRulesOverTime.settings = settings(SETTINGS, max_examples=30)
