"""Alternating runs of two builds; the ledger determines the next one, so that a comparison can resume."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from monitor.avalanchego.node_config import NodeConfiguration
from monitor.commands.until import Obstacle, ended_before, mismatch
from monitor.domain.build import Build
from monitor.domain.compared_pair import NEW, OLD
from monitor.domain.comparison import next_is_new
from monitor.domain.regression import comparable, left_out
from monitor.domain.run import Outcome, RequestKind, Run
from monitor.errors import BuildFailedError, InconclusiveError, MonitorError
from monitor.ledger import Ledger
from monitor.output.terminal import run_text

# After this number of invalid runs of one build, more runs would not be valid either.
MAX_LOST = 3

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """The subject of a comparison: a number of runs of two builds, in one configuration on one testbed."""

    old: Build
    new: Build
    runs: int
    configuration: NodeConfiguration
    testbed: str

    def name_of(self, build: Build) -> str:
        """Return the name of a build in all output, `OLD` or `NEW`."""
        return NEW if build.same(self.new) else OLD


class ComparisonRuns:
    """Requests one run after the other, and sets `stopping` after the last one.

    As the tester's build source, it returns the build to run next.
    """

    def __init__(
        self,
        plan: Plan,
        ledger: Ledger,
        stopping: threading.Event,
        blocked_timeout_seconds: float,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._plan, self._ledger, self._stopping, self._wall = plan, ledger, stopping, wall
        self._obstacle = Obstacle(ledger, plan.configuration, blocked_timeout_seconds, wall)
        self._old_runs = ended_before(ledger)
        self.failure: MonitorError | None = None

    def newest(self) -> Build:
        """Return the build to run next; the tester takes one that never ran for a new build."""
        return self.due() or self._plan.new

    def advance(self) -> None:
        """Request the next run if none is pending or open."""
        if self._stopping.is_set():
            return
        failure = self._obstacle.error()
        if failure is not None and self.due() is not None:
            self.failure = failure
            self._stopping.set()
            return
        # Check the stages of a run in their order, so that a run that advances between two checks is not
        # missed.
        if self._ledger.requested() or self._ledger.attempt():
            return
        last = self._ledger.last()
        if last is None or last.open:
            return
        build = self.due()
        if build is None or self._lost(build):
            self._stopping.set()
        elif self._ledger.build_of(build.digests) is not None:
            self._ledger.ask(RequestKind.RERUN, build.image, self._wall())

    def due(self) -> Build | None:
        """Return the build to run next; `None` once all runs are done."""
        plan = self._plan
        is_new = next_is_new(plan.runs, len(self.counted(plan.old)), len(self.counted(plan.new)))
        return None if is_new is None else plan.new if is_new else plan.old

    def counted(self, build: Build) -> Sequence[Run]:
        """Return the valid runs of a build, oldest first, at most the requested number."""
        configuration = self._plan.configuration
        like = Run(0, build, configuration.network, configuration.sync_mode, self._plan.testbed)
        valid = [
            success.run
            for success in self._ledger.successes(like)
            if success.run.build.same(build)
            and success.run.settings_digest == configuration.settings_digest
            and comparable(success)
        ]
        return valid[: self._plan.runs]

    def failed(self, build: Build) -> Sequence[Run]:
        """Return the failed runs of a build in the compared configuration, oldest first."""
        return [
            run
            for run in reversed(self._ledger.runs_of(build))
            if run.outcome is Outcome.FAILED and not self._mismatch(run)
        ]

    def name_of(self, run: Run) -> str:
        """Return the displayed name of a run: its number, and its position among the runs of its build."""
        counted = [valid.number for valid in self.counted(run.build)]
        place = f"{sum(number < run.number for number in counted) + 1}/{self._plan.runs}"
        if run.outcome is Outcome.SUCCEEDED and run.number not in counted:
            place = f"not counted ({self._why(run)})"
        head, _, build = run_text(run).partition(" · ")
        return f"{head} · {self._plan.name_of(run.build)} {place} · {build}"

    def _lost(self, build: Build) -> bool:
        """Return whether a build has too many invalid runs since the start, and if so, set `failure`."""
        counted = {run.number for run in self.counted(build)}
        lost = [
            run
            for run in self._ledger.runs_of(build)
            if run.number > self._old_runs and run.outcome is not None and run.number not in counted
        ]
        if len(lost) < MAX_LOST:
            return False
        run, name = lost[0], self._plan.name_of(build)
        of_the_build = all(
            invalid.is_conclusive and invalid.outcome is not Outcome.SUCCEEDED for invalid in lost
        )
        kind = BuildFailedError if of_the_build else InconclusiveError
        self.failure = kind(
            f"{len(lost)} runs of the {name} build are not valid; the last one is run {run.number}: "
            f"{self._why(run)}; "
            + (
                "a fixed build is a different build: compare it in another folder"
                if of_the_build
                else "fix it, and run the same command again to continue"
            )
        )
        return True

    def _why(self, run: Run) -> str:
        """Return why a run is not valid."""
        if run.outcome is not Outcome.SUCCEEDED:
            return f"{run.reason or run.outcome}: {run.message}"
        success = next(
            success for success in self._ledger.all_successes() if success.run.number == run.number
        )
        reason = left_out(run, state_synced_again=success.state_synced_again)
        return (
            self._mismatch(run) or reason or "it is before the marked baseline, or its build has enough runs"
        )

    def _mismatch(self, run: Run) -> str:
        return mismatch(run, self._plan.configuration, self._plan.testbed)
