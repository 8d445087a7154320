"""`local --until`: which run is the verdict on a build, and what has to run before there is one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from monitor.avalanchego.node_config import NodeConfiguration
from monitor.decide.wait_rules import RETRIES
from monitor.domain.build import Build
from monitor.domain.duration import duration_text
from monitor.domain.run import Outcome, Reason, RequestKind, Run
from monitor.errors import InconclusiveError
from monitor.ledger import Ledger


def mismatch(run: Run, configuration: NodeConfiguration, testbed: str) -> str:
    """What a run was of, if of something else than is asked about; else empty."""
    if not same_target(run, configuration):
        return f"it was of {run.network}, {run.sync_mode}"
    if run.settings_digest != configuration.settings_digest:
        return "the node had other arguments"
    return "" if run.testbed == testbed else f"it was on testbed {run.testbed!r}, not on {testbed!r}"


def same_target(run: Run, configuration: NodeConfiguration) -> bool:
    """Whether a run is of the network and mode that are asked about; another one the tester begins by itself."""
    return (run.network, run.sync_mode) == (configuration.network, configuration.sync_mode)


def ended_before(ledger: Ledger) -> int:
    """The number of the last run that has ended by now; those after it are of this call."""
    last = ledger.last()
    return 0 if last is None else last.number - int(last.open)


class Obstacle:
    """Seen from one call on: what was in the way before it may be gone.

    Args:
        ledger: the tester's.
        configuration: of the node, in this call.
        patience_seconds: how long a node may find no peers; no clock of its run goes on meanwhile.
    """

    def __init__(self, ledger: Ledger, configuration: NodeConfiguration, patience_seconds: float) -> None:
        self._ledger, self._configuration = ledger, configuration
        self._patience_seconds = patience_seconds
        last = ledger.last()
        self._run = last.number if last else 0
        self._blocked_before = last.tracking.blocked_seconds if last else 0.0

    def __call__(self) -> InconclusiveError | None:
        """That the tester is paused with no run open, or that the network is away for longer than anyone waits."""
        ledger = self._ledger
        last = ledger.last()
        if last is None or ledger.attempt() or ledger.clearing():
            return None
        if last.open:
            return self._blocked(last)
        if ledger.paused() and same_target(last, self._configuration):
            return InconclusiveError(
                "the tester is paused, so no run is begun: resume it, and call this again"
            )
        return None

    def _blocked(self, run: Run) -> InconclusiveError | None:
        blocked_seconds = run.tracking.blocked_seconds
        if run.number != self._run or blocked_seconds < self._blocked_before:
            self._run, self._blocked_before = run.number, 0.0
        if blocked_seconds - self._blocked_before < self._patience_seconds:
            return None
        return InconclusiveError(
            f"run {run.number} could not go on for {duration_text(blocked_seconds)}, as its node finds no peers or "
            "too few: see to this machine's network, and the same command goes on"
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked: whether a build bootstraps, in one configuration on one testbed."""

    build: Build
    configuration: NodeConfiguration
    testbed: str

    def answered_by(self, run: Run) -> bool:
        """Whether a run, once it has ended, can say that: it was all this, from its begin to its end."""
        other = mismatch(run, self.configuration, self.testbed)
        return run.build.same(self.build) and not other and not run.settings_changed


class Until:
    """Ends a call by `stopping` once the verdict is there, or the testbed is in its way for good.

    As the tester's source of builds, it knows the one that is judged, whatever becomes of its file.  `failure` is
    why the call cannot tell anything.
    """

    def __init__(
        self,
        wanted: Wanted,
        ledger: Ledger,
        stopping: threading.Event,
        patience_seconds: float,
        wall: Callable[[], float] = time.time,
        *,
        again: bool = False,
    ) -> None:
        self._wanted, self._ledger, self._stopping, self._wall = wanted, ledger, stopping, wall
        self._obstacle = Obstacle(ledger, wanted.configuration, patience_seconds)
        self._old_runs = ended_before(ledger)
        self._again = again
        self.failure: InconclusiveError | None = None

    def newest(self) -> Build:
        """The build that is judged."""
        return self._wanted.build

    def __call__(self) -> None:
        """End, or ask for the run that is wanted where the tester would make none by itself."""
        if self._stopping.is_set():
            return
        # First, because a run may end between the two: it is then known, and not bootstrapped once more.
        must_ask = self._must_ask()
        known = self.verdict() is not None or self.obstacle() is not None
        self.failure = None if known else self._obstacle()
        if known or self.failure:
            self._stopping.set()
        elif must_ask:
            self._ledger.ask(RequestKind.RERUN, self._wanted.build.image, self._wall())

    def verdict(self) -> Run | None:
        """The newest run that was wanted, if its outcome speaks of the build and no other one is on its way."""
        wanted, requested, attempt = self._wanted.build, self._ledger.requested(), self._ledger.attempt()
        if (requested and requested.same(wanted)) or (attempt and attempt.build.same(wanted)):
            return None
        runs = (run for run in self._ledger.runs_of(wanted) if run.number > self._old_runs or not self._again)
        run = next((run for run in runs if self._wanted.answered_by(run)), None)
        return run if run is not None and run.is_conclusive else None

    def obstacle(self) -> Run | None:
        """The last run, if it was wanted, failed in this call for no fault of the build, and is not tried again."""
        if self._coming():
            return None
        last = self._ledger.last()
        if last is None or last.number <= self._old_runs or not self._wanted.answered_by(last):
            return None
        testbed_failed = last.outcome is Outcome.FAILED and not last.is_conclusive
        return last if testbed_failed and not self._tried_again(last) else None

    def _must_ask(self) -> bool:
        """Whether no run of the build is under way, and none would come by itself."""
        if self._coming():
            return False
        last = self._ledger.last()
        if last is None or not same_target(last, self._wanted.configuration):
            return False
        build = self._wanted.build
        if last.build.same(build):
            return not last.open and (last.number <= self._old_runs or not self._tried_again(last))
        return self._ledger.judged(build, last.network, last.sync_mode)

    def _coming(self) -> bool:
        """Whether a run is on its way, in the order in which it comes about."""
        ledger = self._ledger
        return any(each is not None for each in (ledger.requested(), ledger.attempt(), ledger.clearing()))

    def _tried_again(self, last: Run) -> bool:
        """Whether the tester tries a run again by itself, on the same volume."""
        return last.reason is Reason.NOT_STARTED and self._ledger.repeated_failures() <= RETRIES
