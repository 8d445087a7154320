"""The simulated node: its work, step by step, and its misbehavior."""

import time
from collections.abc import Callable
from typing import TextIO

from simulated_node.go import seconds_of
from simulated_node.health import NODE_ID, Checks, Finding, findings_of
from simulated_node.logs import Journal
from simulated_node.options import DIALECTS, NEVER, Simulation
from simulated_node.plan import plan_of
from simulated_node.progress import Bootstrap
from simulated_node.settings import Settings
from simulated_node.story import BLOCK_ID, Story

MEBIBYTE = 1 << 20
PEER_LOST_SECONDS = 30.0  # of a real node


class NodeDeathError(Exception):
    """The simulated behavior makes the node exit."""

    def __init__(self, exit_code: int, chain: str, message: str, **details: str) -> None:
        super().__init__(message)
        self.exit_code, self.chain, self.message, self.details = exit_code, chain, message, details


class Node:
    """The simulated node, which works while `step` is called.

    Args:
        clock: a monotonic clock (seconds) for uptime and progress.
        wall: a clock (Unix seconds) for all timestamps.
        display: an additional destination for the logs.
        started_at: the start of the process (Unix seconds); by default, now.
    """

    def __init__(
        self,
        settings: Settings,
        simulation: Simulation,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        display: TextIO | None = None,
        started_at: float | None = None,
    ) -> None:
        self.settings, self.simulation = settings, simulation
        self.bootstrap = Bootstrap(settings.database, plan_of(settings.sync_mode, simulation), simulation)
        self.journal = Journal(settings, DIALECTS[simulation.dialect], wall, display)
        self._story = Story(self.bootstrap, self.journal, settings)
        self.health, self.readiness = Checks(wall), Checks(wall)
        self.answering = self.bootstrapped = False
        self.uptime_seconds = 0.0
        self.started_at = wall() if started_at is None else started_at
        self._bootstrapped_at = NEVER
        self._allocated: list[bytes] = []
        self._health_seconds = (
            seconds_of(settings.health_check_frequency)
            if settings.health_check_frequency
            else min(30.0, simulation.bootstrap_seconds / 20)
        )
        self._next_round = 0.0
        self._clock = clock
        self._began = self._last = clock()
        self.journal.write("", "INFO", "node/node.go:150", "initializing node", nodeID=NODE_ID)

    def step(self, max_seconds: float = NEVER) -> None:
        """Do the work that is due since the last step, of `max_seconds` at most.

        Raises:
            NodeDeathError: the node exited; its log shows the reason.
        """
        now = self._clock()
        seconds, self._last = min(now - self._last, max_seconds), now
        self.uptime_seconds = now - self._began
        try:
            self._work(seconds)
            self._misbehave()
        except NodeDeathError as death:
            self.journal.write(death.chain, "FATAL", "node/node.go:1", death.message, **death.details)
            raise

    def peers(self) -> int:
        """Return the number of connected peers; frozen peers are dropped after a while."""
        lost_after = self.simulation.scaled(PEER_LOST_SECONDS)
        lost = self.bootstrap.frozen and self.bootstrap.frozen_seconds >= lost_after
        return self.simulation.peers if self._connected and not lost else 0

    @property
    def allocated_bytes(self) -> int:
        """The memory that the node has allocated on purpose."""
        return len(self._allocated) * 4 * MEBIBYTE

    @property
    def _connected(self) -> bool:
        return self.uptime_seconds >= self.simulation.no_peers_seconds

    def _work(self, seconds: float) -> None:
        starts = max(self.simulation.listen_after_seconds, self.simulation.answer_after_seconds)
        if not self.answering and self.uptime_seconds >= starts:
            self._begin()
        if self.answering:
            if self._connected:
                self.bootstrap.advance(seconds)
            self._story.log_events(self.uptime_seconds, connected=self._connected)
            self.health.register(self.bootstrap.chains())
            if self.bootstrap.done and not self.bootstrapped:
                self.bootstrapped, self._bootstrapped_at = True, self.uptime_seconds
                for chain in self.bootstrap.chains():
                    self._story.log(chain, "consensus")
            self._run_checks()

    def _begin(self) -> None:
        """Run all checks except those that depend on the chains, which have not run yet."""
        self.answering = True
        unrun = ["P", "bootstrapped"]
        later = {*self.bootstrap.chains(), *unrun}
        self.health.run({name: finding for name, finding in self._findings().items() if name not in later})
        self.health.register(unrun)
        self.readiness.register(["bootstrapped"])
        self._next_round = self.uptime_seconds + self._health_seconds

    def _run_checks(self) -> None:
        if self.uptime_seconds < self._next_round:
            return
        self._next_round = self.uptime_seconds + self._health_seconds
        findings = self._findings()
        self.readiness.run({"bootstrapped": findings["bootstrapped"]})
        self.health.run(findings)
        required = self.settings.system_tracker_disk_required_available_space_percentage
        if findings["diskspace"][0]["availableDiskPercentage"] < required:
            raise NodeDeathError(1, "", "low on disk space. Shutting down...")

    def _findings(self) -> dict[str, Finding]:
        return findings_of(
            self.bootstrap, self.settings, self.peers(), self.uptime_seconds, bootstrapped=self.bootstrapped
        )

    def _misbehave(self) -> None:
        simulation, uptime = self.simulation, self.uptime_seconds
        crash_at = simulation.crash_at_share * self.bootstrap.total_seconds
        bad_block = self.answering and self.bootstrap.farthest >= crash_at
        if bad_block or uptime >= simulation.crash_after_seconds:
            chain = self.bootstrap.active()[-1].chain if self.bootstrap.active() else "P"
            height = self.bootstrap.height(chain) + 1
            error = f"failed to verify block {BLOCK_ID} (height={height}) in bootstrapping: simulated"
            reason = "received an unexpected error"
            raise NodeDeathError(1, chain, "shutting down chain", reason=reason, error=error)
        if uptime - self._bootstrapped_at >= simulation.die_after_bootstrapped_seconds:
            raise NodeDeathError(2, "", "panicking", reason="simulated panic", **{"from": "simulated"})
        if self.allocated_bytes < simulation.eat_memory_mib * MEBIBYTE:
            self._allocated.append(b"x" * 4 * MEBIBYTE)
        if self.bootstrap.written_bytes < simulation.fill_volume_mib * MEBIBYTE:
            self.bootstrap.write("filling", 4 * MEBIBYTE)
