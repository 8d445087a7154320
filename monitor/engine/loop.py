"""The loop of `init` and of each tick: observe, decide, record, act.

Each decision is recorded before its actions are executed, and actions can be repeated.  So the monitor can be
killed at any point: the next start resumes.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from monitor.decide.decisions import (
    AdoptRun,
    BeginRun,
    ClearNodeData,
    EndRun,
    Fail,
    InitDecision,
    LookUpNewest,
    Pin,
    Proceed,
    Recreate,
    WaitAction,
    WaitDecision,
    WaitForLease,
)
from monitor.decide.events import Announcement, announcements_of
from monitor.decide.init_rules import decide_init
from monitor.decide.verdict_rules import measured_in
from monitor.decide.wait_rules import decide_wait
from monitor.domain.backoff import backoff_seconds
from monitor.domain.instant import Instant
from monitor.domain.json_text import JsonObject
from monitor.domain.observations import NodeAnswering, NodeDown
from monitor.domain.policy import Policy
from monitor.domain.run import Outcome
from monitor.domain.status import NodeStatus, Phase, ProgressStatus
from monitor.domain.workload import Workload
from monitor.engine.activity import Activity
from monitor.engine.actor import Actor
from monitor.engine.init_observer import InitObserver
from monitor.engine.problem_log import ProblemLog
from monitor.engine.problems import NODE, problems_of
from monitor.engine.wait_observer import TickResult, WaitObserver
from monitor.errors import MonitorError
from monitor.ledger import Ledger, VolumeFullError
from monitor.ledger.codecs import (
    configuration_reading,
    node_reading,
    phase_reading,
    progress_reading,
    volume_reading,
)

MAX_STEPS = 20
INIT = "init"
"""Name of the part that reports errors of `init`, which keep the node from starting."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Init:
    """One execution of `init`."""

    observer: InitObserver
    ledger: Ledger
    actor: Actor
    policy: Policy
    clock: Callable[[], Instant]
    stopping: threading.Event
    problems: ProblemLog

    def run(self, workload: Workload) -> bool:
        """Run the rules until the node may start (True) or this `init` must exit to be started again (False).

        Raises:
            MonitorError: an operator must act, the platform failed, or `init` did not converge.
        """
        configuration = configuration_reading(self.policy.tester, self.policy.testbed, workload)
        started = False
        for _ in range(MAX_STEPS):
            decision = decide_init(self.observer.state(workload))
            # Log a failure now, because the error may be raised only after a delay.
            failing = any(isinstance(each, Fail) for each in decision.actions)
            level = logging.WARNING if failing else logging.INFO
            _log.log(level, decision.message, extra={"rule": decision.rule})
            readings = {"configuration": configuration, **_phase(decision)}
            # Do not announce that a run is resumed if this `init` started it.
            self._record(decision, readings, () if started else tuple(announcements_of(decision)))
            self.actor.announce()
            started = started or any(isinstance(each, BeginRun | AdoptRun) for each in decision.records)
            for action in decision.actions:
                match action:
                    case Proceed():
                        return True
                    case Fail():
                        self.problems.report(INIT, action.error.cause, str(action.error), logs=False)
                        self.stopping.wait(action.after_seconds)
                        raise action.error
                    case LookUpNewest():
                        self.observer.look_up()
                    case WaitForLease():
                        self.observer.mark_expired(self.actor.wait_for_lease(workload.uid))
                    case Recreate():
                        self.actor.recreate_and_await_end(action)
                        return False
                    case ClearNodeData():
                        self.actor.clear_node_data()
                    case Pin():
                        self.actor.perform(action)
        raise MonitorError(
            f"init did not converge after {MAX_STEPS} steps: this is a bug in bootstrap-monitor; report it"
        )

    def _record(
        self,
        decision: InitDecision,
        readings: Mapping[str, JsonObject],
        announcements: tuple[Announcement, ...],
    ) -> None:
        """Record a decision; on a full volume, ignore the error if the decision contains no records.

        Raises:
            VolumeFullError: the records of the decision could not be written, so its actions must not be
                executed.
        """
        try:
            self.ledger.record(
                self.clock(), self.policy.testbed, decision.records, readings, announcements=announcements
            )
        except VolumeFullError:
            if decision.records:
                raise


class Retries:
    """Execution of actions with a backoff for actions that fail; different actions run immediately."""

    def __init__(self, tick_seconds: float) -> None:
        """Set the tick interval in seconds, which is the base of the backoff."""
        self._tick_seconds = tick_seconds
        self._failed: tuple[WaitAction, ...] = ()
        self._failures = 0
        self._due_at = float("-inf")
        self._error = MonitorError()

    def run(
        self, actions: tuple[WaitAction, ...], perform: Callable[[WaitAction], None], now_seconds: float
    ) -> None:
        """Execute actions in order, unless they failed before and their backoff has not expired.

        Raises:
            MonitorError: an action failed, now or at the last attempt.
        """
        if actions != self._failed:
            self._failed, self._failures, self._due_at = actions, 0, float("-inf")
        if now_seconds < self._due_at:
            raise self._error.with_traceback(None)
        try:
            for action in actions:
                perform(action)
        except MonitorError as error:
            self._error, self._failures = error, self._failures + 1
            self._due_at = now_seconds + backoff_seconds(self._failures, self._tick_seconds)
            raise
        self._failures, self._due_at = 0, float("-inf")


class Tick:
    """Job that executes the loop of `wait-for-completion` once."""

    def __init__(
        self,
        observer: WaitObserver,
        ledger: Ledger,
        actor: Actor,
        policy: Policy,
        measure_soon: Callable[[], None],
        activity: Activity,
    ) -> None:
        self._observer, self._ledger, self._actor = observer, ledger, actor
        self._policy, self._measure_soon, self._activity = policy, measure_soon, activity
        activity.expect("announce")
        self._logged = ""
        self._resting, self._recorded = False, True
        self._unrecorded: TickResult | None = None
        self._retries = Retries(policy.tick_seconds)

    def __call__(self) -> None:
        """Observe the node, judge the open run and start the next build when due; skip most ticks at rest."""
        if self._resting and self._observer.rests():
            return
        self._resting = False
        seen = self._observer.poll(recorded=self._recorded, unrecorded=self._unrecorded)
        state = seen.state
        self._report_problems(seen)
        decision = decide_wait(state)
        if decision.message != self._logged:
            failed = any(
                isinstance(each, EndRun) and each.outcome is Outcome.FAILED for each in decision.records
            )
            level = logging.WARNING if failed else logging.INFO
            _log.log(level, decision.message, extra={"rule": decision.rule})
            self._logged = decision.message
        self._recorded = False
        try:
            self._ledger.record(
                state.now,
                self._policy.testbed,
                decision.records,
                self._readings(seen, decision),
                tracking=seen.watched,
                counts=seen.counts,
                announcements=tuple(announcements_of(decision)),
                requested=state.requested,
            )
        except VolumeFullError as error:
            self._measure_soon()
            was_full, self._unrecorded = self._unrecorded is not None, seen
            if decision.records:
                raise
            if not was_full:
                _log.warning("%s; readings are kept in memory until space is free", error)
        else:
            self._unrecorded = None
        self._recorded = True
        if state.workload is not None and state.held_by is None:
            with contextlib.suppress(VolumeFullError):
                self._ledger.renew(state.workload.uid)
        if not _measured_lately(seen):
            self._measure_soon()
        if not self._actor.announce():
            self._activity.error("announce")
        self._retries.run(decision.actions, self._actor.perform, state.now.boot_seconds)
        self._resting = not decision.records and decision.phase in {Phase.IDLE, Phase.PAUSED}
        self._observer.latest.at_rest = self._resting

    def _report_problems(self, seen: TickResult) -> None:
        last, problems = seen.state.last, self._activity.problems
        for part, problem in problems_of(seen).items():
            if problem is None:
                problems.clear(part)
            elif part == NODE and last is not None:
                problems.report(part, *problem, run_started_at=last.started_at or 0.0)
            else:
                problems.report(part, *problem)

    def _readings(self, seen: TickResult, decision: WaitDecision) -> Mapping[str, JsonObject]:
        state, node = seen.state, seen.state.node
        answering = node if isinstance(node, NodeAnswering) else None
        report = answering.health if answering else None
        readings = _phase(decision) | {
            "node": node_reading(
                NodeStatus(
                    seen_at=state.now.wall,
                    up=not isinstance(node, NodeDown),
                    health=seen.health,
                    bootstrapped=answering.bootstrapped if answering else None,
                    failing_checks=report.failing_checks if report else (),
                    peers=answering.metrics.peers if answering and answering.metrics else None,
                )
            )
        }
        if seen.watched is not None:
            tracking, warning_seconds = seen.watched.tracking, self._policy.stall_warning_seconds
            readings["progress"] = progress_reading(
                seen.watched.number,
                ProgressStatus(
                    {name: watch.log for name, watch in tracking.chains.items() if watch.log is not None},
                    stalled=tracking.idle_seconds >= warning_seconds,
                    unknown=tracking.unknown_seconds >= warning_seconds,
                ),
            )
        quiet = decision.message if decision.phase is None else ""
        readings["notice"] = {"message": seen.notice or quiet}
        if state.volume is not None and state.volume.taken is not None:
            readings["volume"] = volume_reading(state.volume)
        if state.workload is not None:
            readings["configuration"] = configuration_reading(
                self._policy.tester, self._policy.testbed, state.workload
            )
        return readings


def _phase(decision: InitDecision | WaitDecision) -> dict[str, JsonObject]:
    return {"phase": phase_reading(decision.phase, decision.message)} if decision.phase else {}


def _measured_lately(seen: TickResult) -> bool:
    """Return whether the volume was measured since the run started and since the node became healthy."""
    volume, run = seen.state.volume, seen.watched
    return run is None or (measured_in(run, volume, None) and measured_in(run, volume, run.tracking.healthy))
