"""Observations of a running tester and its node: the stages and flags it shows, and the node's processes."""

from __future__ import annotations

import http.client
import os
import re
import signal
import time
import urllib.request
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from bootstraps.nodes import NODE_TIMEOUT_SECONDS
from support.local_life import LocalLife

from monitor.domain.observations import ChainActivity
from monitor.domain.run import Run
from monitor.errors import MonitorError
from monitor.ledger import open_read_only
from monitor.ledger.status import status_of

STEP_SECONDS = 0.05
_TICKS_A_SECOND = 100
_HAS_PEERS = re.compile(r"^avalanche_network_peers [1-9]", re.MULTILINE)


@dataclass
class Life:
    """A process of the node: when it started, had its first peer and was last observed.

    All times are in seconds since the boot.
    """

    started: float
    connected: float | None
    seen: float


@dataclass
class Watch:
    """A tester observed from outside, step by step.

    `stages` lists the stages of each chain in the order of their observation. `stalled` is whether the run
    showed as stalled at any time. `healthy_at` is when the node was first healthy, in seconds since the
    machine's boot.
    """

    tester: LocalLife
    stages: dict[str, list[ChainActivity]] = field(default_factory=dict)
    stalled: bool = False
    stalled_now: bool = False
    run: Run | None = None
    lives: dict[int, Life] = field(default_factory=dict)
    healthy_at: float | None = None

    def step(self) -> None:
        """Observe the tester and its node once."""
        for pid in self.tester.nodes():
            if (life := self._life(pid)) is not None:
                if life.connected is None and _HAS_PEERS.search(self._page("/ext/metrics")):
                    life.connected = _now()
                life.seen = _now()
        if self.healthy_at is None and self._page("/ext/health"):
            self.healthy_at = _now()
        try:
            with closing(open_read_only(self.tester.data_dir)) as ledger:
                status = status_of(ledger.snapshot(1), time.time())
        except MonitorError:
            return
        self.run = status.run
        self.stalled_now = status.progress is not None and status.progress.stalled
        self.stalled |= self.stalled_now
        for name, chain in (status.progress.chains if status.progress else {}).items():
            seen = self.stages.setdefault(name, [])
            if not seen or seen[-1] is not chain.activity:
                seen.append(chain.activity)

    def kill(self) -> None:
        """Kill the node's process."""
        (pid,) = self.tester.nodes()
        life = self._life(pid)
        os.kill(pid, signal.SIGKILL)
        assert life is not None
        life.seen = _now()

    @property
    def active_seconds(self) -> tuple[float, float]:
        """The seconds that the node's processes ran until it was healthy: with peers, and in total.

        The monitor does not count the time without peers as active, but observes the peers only when it
        polls.
        """
        end = self.healthy_at if self.healthy_at is not None else _now()
        lives = [life for life in self.lives.values() if life.started < end]
        connected = sum(min(life.seen, end) - min(life.connected or end, end) for life in lives)
        return connected, sum(min(life.seen, end) - life.started for life in lives)

    def _life(self, pid: int) -> Life | None:
        if pid not in self.lives and (started := _started_at(pid)) is not None:
            self.lives[pid] = Life(started, None, started)
        return self.lives.get(pid)

    def _page(self, path: str) -> str:
        """Return the node's answer at a path; empty if it does not answer or answers with an error."""
        try:
            address = f"http://127.0.0.1:{self.tester.port}{path}"
            with urllib.request.urlopen(address, timeout=NODE_TIMEOUT_SECONDS) as answer:
                return str(answer.read().decode())
        except (OSError, http.client.HTTPException):
            return ""


def _now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _started_at(pid: int) -> float | None:
    """Return when a process started, in seconds since the boot; `None` if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[19]) / _TICKS_A_SECOND
    except OSError:
        return None
