"""Two builds bootstrapped in turns: whose turn it is follows from the ledger, so that it goes on after any end."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from monitor.avalanchego.node_config import NodeConfiguration
from monitor.commands.until import Obstacle, ended_before, mismatch
from monitor.domain.build import Build
from monitor.domain.comparison import order
from monitor.domain.regression import comparable, left_out
from monitor.domain.run import Outcome, RequestKind, Run
from monitor.errors import BuildFailedError, InconclusiveError, MonitorError
from monitor.ledger import Ledger
from monitor.output.terminal import run_text

# So many runs of one build that do not count, and more of them would not either.
MAX_LOST = 3

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is compared: so many runs of two builds, of one configuration on one testbed."""

    old: Build
    new: Build
    runs: int
    configuration: NodeConfiguration
    testbed: str

    def name_of(self, build: Build) -> str:
        """What a build is called in all that is shown."""
        return "new" if build.same(self.new) else "old"


class ComparisonRuns:
    """Asks for one run after the other, and ends it all by `stopping` when the last is done.

    As the tester's source of builds, it knows the one whose turn it is.
    """

    def __init__(
        self,
        plan: Plan,
        ledger: Ledger,
        stopping: threading.Event,
        patience_seconds: float,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._plan, self._ledger, self._stopping, self._wall = plan, ledger, stopping, wall
        self._obstacle = Obstacle(ledger, plan.configuration, patience_seconds)
        self._old_runs = ended_before(ledger)
        self.failure: MonitorError | None = None

    def newest(self) -> Build:
        """The build whose turn it is: one that never ran is taken for a new one."""
        return self.due() or self._plan.new

    def __call__(self) -> None:
        """Ask for the next run, if none is under way."""
        if self._stopping.is_set():
            return
        found = self._obstacle()
        if found is not None and self.due() is not None:
            self.failure = found
            self._stopping.set()
            return
        # In the order in which a run comes about, so that none slips through between two looks.
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
        """The build whose turn it is; `None` once all runs are there."""
        plan = self._plan
        done = {True: len(self.counted(plan.new)), False: len(self.counted(plan.old))}
        for is_new in order(plan.runs):
            if done[is_new] == 0:
                return plan.new if is_new else plan.old
            done[is_new] -= 1
        return None

    def counted(self, build: Build) -> Sequence[Run]:
        """The runs of a build that count, oldest first, no more than are asked for."""
        configuration = self._plan.configuration
        like = Run(0, build, configuration.network, configuration.sync_mode, self._plan.testbed)
        found = [
            success.run
            for success in self._ledger.successes(like)
            if success.run.build.same(build)
            and success.run.settings_digest == configuration.settings_digest
            and comparable(success)
        ]
        return found[: self._plan.runs]

    def failed(self, build: Build) -> Sequence[Run]:
        """The runs of a build that failed in the configuration that is compared, oldest first."""
        return [
            run
            for run in reversed(self._ledger.runs_of(build))
            if run.outcome is Outcome.FAILED and not self._mismatch(run)
        ]

    def named(self, run: Run) -> str:
        """What a run is called: how many of its build's there are, and which build."""
        number = sum(1 for each in self.counted(run.build) if each.number < run.number) + 1
        head, _, build = run_text(run).partition(" · ")
        return f"{head} · {self._plan.name_of(run.build)} {number}/{self._plan.runs} · {build}"

    def _lost(self, build: Build) -> bool:
        """Whether too many runs of a build, since this began, do not count; then it is said why."""
        counted = {run.number for run in self.counted(build)}
        lost = [
            run
            for run in self._ledger.runs_of(build)
            if run.number > self._old_runs and run.outcome is not None and run.number not in counted
        ]
        if len(lost) < MAX_LOST:
            return False
        run, name = lost[0], self._plan.name_of(build)
        of_the_build = all(each.is_conclusive and each.outcome is not Outcome.SUCCEEDED for each in lost)
        kind = BuildFailedError if of_the_build else InconclusiveError
        self.failure = kind(
            f"{len(lost)} runs of the {name} build do not count, the last one, run {run.number}, because of "
            f"this: {self._why(run)}; "
            + (
                "a mended build is another one: compare that, in a folder of its own"
                if of_the_build
                else "mend it, and the same command goes on"
            )
        )
        return True

    def _why(self, run: Run) -> str:
        """Why a run does not count."""
        if run.outcome is not Outcome.SUCCEEDED:
            return f"{run.reason or run.outcome}: {run.message}"
        success = next(each for each in self._ledger.all_successes() if each.run.number == run.number)
        reason = left_out(run, state_synced_again=success.state_synced_again)
        return self._mismatch(run) or reason or "it was before the baseline that was marked"

    def _mismatch(self, run: Run) -> str:
        return mismatch(run, self._plan.configuration, self._plan.testbed)
