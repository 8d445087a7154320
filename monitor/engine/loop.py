"""Observe, decide, record, act: the one loop, as `init` goes through it and as each tick does.

A decision is recorded before it is acted on, and acting may be repeated; so a kill anywhere leaves the next
start a plain resume.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from monitor.decide.decisions import (
    Action,
    AdoptRun,
    BeginRun,
    ClearNodeData,
    Decision,
    EndRun,
    Fail,
    LookUpNewest,
    Pin,
    Proceed,
    Recreate,
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
from monitor.engine.problems import problems_of
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
"""The part of the monitor whose problems keep `init` from letting the node start."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Init:
    """One passage through `init`."""

    observer: InitObserver
    ledger: Ledger
    actor: Actor
    policy: Policy
    clock: Callable[[], Instant]
    stopping: threading.Event
    problems: ProblemLog

    def run(self, workload: Workload) -> bool:
        """Go on until the node may start (True) or this `init` must end and be started again (False).

        Raises:
            MonitorError: a person must do something, or the platform is in the way.
        """
        configuration = configuration_reading(self.policy.tester, self.policy.testbed, workload)
        begun = False
        for _ in range(MAX_STEPS):
            decision = decide_init(self.observer.state(workload))
            # A failure may wait before it is raised.
            failing = any(isinstance(each, Fail) for each in decision.actions)
            level = logging.WARNING if failing else logging.INFO
            _log.log(level, decision.message, extra={"rule": decision.rule})
            readings = {"configuration": configuration, **_phase(decision)}
            # What this passage began needs no word that it is resumed.
            self._record(decision, readings, () if begun else tuple(announcements_of(decision)))
            self.actor.announce()
            begun = begun or any(isinstance(each, BeginRun | AdoptRun) for each in decision.records)
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
                    case ClearNodeData() | Pin():
                        self.actor.perform(action)
        raise MonitorError(
            f"init came to no end after {MAX_STEPS} steps: this is a fault of bootstrap-monitor"
        )

    def _record(
        self,
        decision: Decision,
        readings: Mapping[str, JsonObject],
        announcements: tuple[Announcement, ...],
    ) -> None:
        """Nothing decided is acted on unrecorded; what is only read need not be, where the volume is full."""
        try:
            self.ledger.record(
                self.clock(), self.policy.testbed, decision.records, readings, announcements=announcements
            )
        except VolumeFullError:
            if decision.records:
                raise


class Retries:
    """Performs actions; those that fail are tried again less and less often, other actions at once."""

    def __init__(self, tick_seconds: float) -> None:
        """Expect to be called once a tick."""
        self._tick_seconds = tick_seconds
        self._failed: tuple[Action, ...] = ()
        self._failures = 0
        self._due_at = float("-inf")
        self._error = MonitorError()

    def run(self, actions: tuple[Action, ...], perform: Callable[[Action], None], now_seconds: float) -> None:
        """Perform actions in their order.

        Raises:
            MonitorError: one failed, now or when it was tried last.
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
    """Called at every interval by whoever keeps the time."""

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
        self._said = ""
        self._retries = Retries(policy.tick_seconds)

    def __call__(self) -> None:
        """Watch, judge, and start the next build when it is due; at rest, skip most ticks."""
        if self._observer.rests():
            return
        seen = self._observer.look()
        state = seen.state
        self._report_problems(seen)
        decision = decide_wait(state)
        if decision.message != self._said:
            failed = any(
                isinstance(each, EndRun) and each.outcome is Outcome.FAILED for each in decision.records
            )
            level = logging.WARNING if failed else logging.INFO
            _log.log(level, decision.message, extra={"rule": decision.rule})
            self._said = decision.message
        self._observer.recorded = False
        try:
            self._ledger.record(
                state.now,
                self._policy.testbed,
                decision.records,
                self._readings(seen, decision),
                tracking=seen.watched,
                counts=seen.counts,
                announcements=tuple(announcements_of(decision)),
            )
        except VolumeFullError as error:
            self._measure_soon()
            was_full, self._observer.unrecorded = self._observer.unrecorded is not None, seen
            if decision.records:
                raise
            if not was_full:
                _log.warning("%s; what is read is kept in memory until there is room", error)
        else:
            self._observer.unrecorded = None
        self._observer.recorded = True
        if state.workload is not None and state.held_by is None:
            with contextlib.suppress(VolumeFullError):
                self._ledger.renew(state.workload.uid)
        if not _measured_lately(seen):
            self._measure_soon()
        if not self._actor.announce():
            self._activity.error("announce")
        self._retries.run(decision.actions, self._actor.perform, state.now.boot_seconds)
        resting = self._observer.recorded and not decision.records
        self._observer.resting = resting and decision.phase in {Phase.IDLE, Phase.PAUSED}
        self._observer.at_rest = self._observer.resting

    def _report_problems(self, seen: TickResult) -> None:
        for part, problem in problems_of(seen).items():
            if problem is None:
                self._activity.problems.clear(part)
            else:
                self._activity.problems.report(part, *problem)

    def _readings(self, seen: TickResult, decision: Decision) -> Mapping[str, JsonObject]:
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


def _phase(decision: Decision) -> dict[str, JsonObject]:
    return {"phase": phase_reading(decision.phase, decision.message)} if decision.phase else {}


def _measured_lately(seen: TickResult) -> bool:
    """False while the disk was not measured since the run started, or since the node is healthy."""
    volume, run = seen.state.volume, seen.watched
    return run is None or (measured_in(run, volume, None) and measured_in(run, volume, run.tracking.healthy))
