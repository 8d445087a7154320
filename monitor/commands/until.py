"""`local --until`: finds the run that is the verdict on a build, or requests a run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from monitor.avalanchego.node_config import NodeConfiguration
from monitor.decide.next_build import RETRIES
from monitor.domain.build import Build
from monitor.domain.duration import duration_text
from monitor.domain.run import Outcome, Reason, RequestKind, Run
from monitor.errors import Cause, InconclusiveError
from monitor.ledger import Ledger
from monitor.ledger.codecs import PROBLEM, read_problem
from monitor.output.terminal import run_text

# After this time, a node that rejects its flags has been started again at least once.
REJECTED_SECONDS = 5.0


def mismatch(run: Run, configuration: NodeConfiguration, testbed: str) -> str:
    """Return how a run's configuration differs from the requested one; empty if they match."""
    if not same_target(run, configuration):
        return f"it tested {run.network}, {run.sync_mode}"
    if run.settings_digest != configuration.settings_digest:
        return "the node had different arguments"
    return "" if run.testbed == testbed else f"it was on testbed {run.testbed!r}, not on {testbed!r}"


def same_target(run: Run, configuration: NodeConfiguration) -> bool:
    """Return whether a run has the requested network and mode.

    If the last run has others, the tester starts a new run on its own.
    """
    return (run.network, run.sync_mode) == (configuration.network, configuration.sync_mode)


def ended_before(ledger: Ledger) -> int:
    """Return the number of the last ended run; later runs belong to this call."""
    last = ledger.last()
    return 0 if last is None else last.number - int(last.open)


class Obstacle:
    """Detects what blocks a call; earlier obstacles are ignored, as they may be gone.

    Args:
        ledger: the tester's ledger.
        configuration: the configuration of the node in this call.
        blocked_timeout_seconds: how long a node may find no peers; the timers of its run are paused during
            that time.
        wall: the clock of the ledger's readings, in Unix seconds.
    """

    def __init__(
        self,
        ledger: Ledger,
        configuration: NodeConfiguration,
        blocked_timeout_seconds: float,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._ledger, self._configuration = ledger, configuration
        self._began_at = wall()
        self._blocked_timeout_seconds = blocked_timeout_seconds
        last = ledger.last()
        self._run = last.number if last else 0
        self._blocked_before = last.tracking.blocked_seconds if last else 0.0

    def error(self) -> InconclusiveError | None:
        """Return an error if the tester is paused without an open run, or a run cannot continue."""
        ledger = self._ledger
        last = ledger.last()
        if last is None or ledger.attempt() or ledger.clearing():
            return None
        if last.open:
            return self._rejected(last) or self._blocked(last)
        if ledger.paused() and same_target(last, self._configuration):
            return InconclusiveError(
                "the tester is paused, so no run starts: resume it, and run this command again"
            )
        return None

    def _rejected(self, run: Run) -> InconclusiveError | None:
        """Return an error if a run that worked before cannot be resumed, as its node rejects its flags.

        Such a run stays open for a day, so that it resumes once the flags are correct. A run whose node never
        answered fails on its own.
        """
        tick, problem = self._ledger.reading("node"), self._ledger.reading(f"{PROBLEM}node")
        if run.tracking.process_start_boot_seconds is None or tick is None or problem is None:
            return None
        rejected = read_problem(problem.value)
        lasts = self._began_at <= problem.read_at <= tick.read_at - REJECTED_SECONDS
        if not lasts or rejected is None or rejected.cause is not Cause.CONFIGURATION_INVALID:
            return None
        return InconclusiveError(
            f"run {run.number} stays open, because {rejected.message}: correct the node's arguments, and run the same "
            "command again"
        )

    def _blocked(self, run: Run) -> InconclusiveError | None:
        blocked_seconds = run.tracking.blocked_seconds
        if run.number != self._run or blocked_seconds < self._blocked_before:
            self._run, self._blocked_before = run.number, 0.0
        if blocked_seconds - self._blocked_before < self._blocked_timeout_seconds:
            return None
        return InconclusiveError(
            f"run {run.number} was blocked for {duration_text(blocked_seconds)}, because its node has no peers or too "
            "few: check this machine's network, and run the same command again"
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    """The question of a call: whether a build bootstraps, in one configuration on one testbed."""

    build: Build
    configuration: NodeConfiguration
    testbed: str

    def answered_by(self, run: Run) -> bool:
        """Return whether an ended run answers the question: it matches, and its settings did not change."""
        other = mismatch(run, self.configuration, self.testbed)
        return run.build.same(self.build) and not other and not run.settings_changed


class Until:
    """Stops a call with `stopping` once the verdict is known, or the testbed prevents one.

    As the tester's build source, it returns the judged build even if its file changes. `failure` is why the
    call is inconclusive.
    """

    def __init__(
        self,
        wanted: Wanted,
        ledger: Ledger,
        stopping: threading.Event,
        blocked_timeout_seconds: float,
        wall: Callable[[], float] = time.time,
        *,
        again: bool = False,
    ) -> None:
        self._wanted, self._ledger, self._stopping, self._wall = wanted, ledger, stopping, wall
        self._obstacle = Obstacle(ledger, wanted.configuration, blocked_timeout_seconds, wall)
        self._old_runs = ended_before(ledger)
        self._again = again
        self.failure: InconclusiveError | None = None

    def newest(self) -> Build:
        """Return the judged build."""
        return self._wanted.build

    def advance(self) -> None:
        """Stop the call, or request the wanted run if the tester would not start one on its own."""
        if self._stopping.is_set():
            return
        # Check this first: a run that ends between the two checks then yields a verdict and is not repeated.
        must_request = self._must_request()
        known = self.verdict() is not None or self.obstacle() is not None
        self.failure = None if known else self._obstacle.error()
        if known or self.failure:
            self._stopping.set()
        elif must_request:
            self._ledger.ask(RequestKind.RERUN, self._wanted.build.image, self._wall())

    def name_of(self, run: Run) -> str:
        """Return the displayed name of a run."""
        return run_text(run)

    def verdict(self) -> Run | None:
        """Return the newest matching run, if it is conclusive and no other run of the build is pending."""
        wanted, requested, attempt = self._wanted.build, self._ledger.requested(), self._ledger.attempt()
        if (requested and requested.same(wanted)) or (attempt and attempt.build.same(wanted)):
            return None
        runs = (run for run in self._ledger.runs_of(wanted) if run.number > self._old_runs or not self._again)
        run = next((run for run in runs if self._wanted.answered_by(run)), None)
        return run if run is not None and run.is_conclusive else None

    def obstacle(self) -> Run | None:
        """Return the last run if it matches, failed in this call for a testbed reason, and is not retried."""
        if self._is_pending():
            return None
        last = self._ledger.last()
        if last is None or last.number <= self._old_runs or not self._wanted.answered_by(last):
            return None
        testbed_failed = last.outcome is Outcome.FAILED and not last.is_conclusive
        return last if testbed_failed and not self._is_retried(last) else None

    def _must_request(self) -> bool:
        """Return whether no run of the build is pending or open, and the tester would not start one."""
        if self._is_pending():
            return False
        last = self._ledger.last()
        if last is None or not same_target(last, self._wanted.configuration):
            return False
        build = self._wanted.build
        if last.build.same(build):
            return not last.open and (last.number <= self._old_runs or not self._is_retried(last))
        return self._ledger.has_conclusive_run(build, last.network, last.sync_mode)

    def _is_pending(self) -> bool:
        """Return whether a run is pending; checks the stages of a run in their order."""
        ledger = self._ledger
        return any(stage is not None for stage in (ledger.requested(), ledger.attempt(), ledger.clearing()))

    def _is_retried(self, last: Run) -> bool:
        """Return whether the tester retries a run on its own, on the same volume."""
        return last.reason is Reason.NOT_STARTED and self._ledger.repeated_failures() <= RETRIES
