"""A tester: the parts that `init`, `wait-for-completion` and `local` share.

`init` does not import `assembly`: the modules that watch the node would take a tenth of its time to import.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from monitor.commands.startup import tried
from monitor.domain.instant import Instant
from monitor.domain.policy import Policy
from monitor.domain.workload import Workload
from monitor.engine.activity import Activity
from monitor.engine.actor import Actor
from monitor.engine.clock import SystemClock
from monitor.engine.init_observer import InitObserver
from monitor.engine.loop import INIT, Init
from monitor.engine.ports import BuildSource, Platform
from monitor.engine.volume import Volume
from monitor.errors import MonitorError
from monitor.ledger import Ledger, recover


@dataclass(frozen=True, slots=True)
class Tester:
    """The parts of one tester; `activity` has the log of its problems."""

    data_dir: Path
    policy: Policy
    platform: Platform
    source: BuildSource
    ledger: Ledger
    activity: Activity
    stopping: threading.Event
    clock: Callable[[], Instant] = field(default_factory=SystemClock)

    @property
    def volume(self) -> Volume:
        """The volume of ledger and node."""
        return Volume(self.data_dir)

    def actor(self) -> Actor:
        """Return an actor for one thread."""
        return Actor(self.platform, self.ledger, self.volume, self.policy, self.clock, self.stopping)

    def run_init(self, configured: Callable[[], Workload], pause: Callable[[float], bool]) -> bool:
        """Start or resume a run, retrying temporary errors, and return whether the node may start.

        Raises:
            MonitorError: an operator must act, or a temporary error persists.
        """
        problems = self.activity.problems
        observer = InitObserver(self.platform, self.source, self.ledger, self.volume, self.policy, self.clock)
        init = Init(observer, self.ledger, self.actor(), self.policy, self.clock, self.stopping, problems)

        def attempt() -> bool:
            with problems.watching(INIT):
                workload = configured()
                recover(self.ledger, self.data_dir, workload, self.policy.testbed)
                self.ledger.keep_reserve()
                return init.run(workload)

        return tried(attempt, pause)

    def release(self, uid: str) -> None:
        """Release the lease of a workload, so that the next one need not wait for the lease to expire."""
        with suppress(MonitorError):  # the lease expires in any case
            self.ledger.release(uid)
