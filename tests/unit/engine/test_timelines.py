"""Tests of bootstraps that take days, on a simulated clock.

A good bootstrap is never reported as stalled. A hang is reported in time, with the name of the chain. The
simulated node writes the dialects of AvalancheGo 1.14 and 1.15 with the sizes of Mainnet. Its pages and logs
are read like those of a real node, the rules decide, and a real ledger stores the run.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from http.client import HTTPMessage
from pathlib import Path
from typing import Any, cast

import pytest
from support.builders import POLICY, build, workload
from support.simulated_builds import SteppedNode

from monitor.avalanchego.node_api import NodeClient
from monitor.bounded_http import Bounds, HttpResponse
from monitor.decide.decisions import BeginClearing, BeginRun, EndRun, WaitDecision
from monitor.decide.wait_rules import decide_wait
from monitor.domain.instant import Instant
from monitor.domain.observations import ChainActivity, NodeDown, NodeReading, VolumeReading
from monitor.domain.run import Outcome, Reason
from monitor.domain.workload import SyncMode, Workload
from monitor.engine.latest_readings import LatestReadings
from monitor.engine.ports import Platform
from monitor.engine.wait_observer import TickResult, WaitObserver
from monitor.ledger import open_ledger
from simulated_node.api import respond
from simulated_node.options import simulation_of
from simulated_node.plan import Stage, plan_of

HOUR, DAY = 3600.0, 86400.0
TICK_SECONDS = 300.0  # with a tick of 10 s, a simulation of days would take minutes
HANG_TICK_SECONDS = 1800.0  # a longer tick reports a hang later, so that the tests of hangs may use it
BEGAN, BOOT_SECONDS = 1.79e9, 1e6
GIBIBYTE = 1 << 30
NETWORK_ID = 12345
SIZES: Mapping[str, Any] = {
    "network_id": NETWORK_ID,
    "simulate_blocks": 24_000_000,
    "simulate_leaves": 1_000_000_000,
    "simulate_tail_blocks": 4096,
    "simulate_block_bytes": 0,
    "simulate_time_scale": 1,
    "simulate_new_blocks_per_second": 0.1,
}
FULL_SYNC = {
    "chain_config_content": "eyJDIjp7IkNvbmZpZyI6ImV5SnpkR0YwWlMxemVXNWpMV1Z1WVdKc1pXUWlPbVpoYkhObGZRPT0ifX0="
}
P_ONLY = {"partial_sync_primary_network": "true"}
MODES: Mapping[SyncMode, Mapping[str, str]] = {
    SyncMode.C_CHAIN_STATE_SYNC: {},
    SyncMode.FULL_SYNC: FULL_SYNC,
    SyncMode.ONLY_P_CHAIN_FULL_SYNC: P_ONLY,
}
DIALECTS: Mapping[str, Mapping[str, str]] = {
    "1.14": {"simulate_dialect": "1.14"},
    "1.15": {"simulate_dialect": "1.15"},
    "1.15 in SAE": {"simulate_dialect": "1.15", "simulate_transition": "eager"},
}


class Answers:
    """A connection to the node's HTTP interface without a socket."""

    host, port = "127.0.0.1", 9650

    def __init__(self) -> None:
        self.stepped: SteppedNode | None = None

    def ask(
        self,
        method: str,
        path: str,
        _bounds: Bounds,
        _headers: Mapping[str, str],
        body: bytes | None,
        kept: Callable[[Iterable[bytes]], bytes],
    ) -> HttpResponse:
        """Return the node's response."""
        assert self.stepped is not None
        status, _, text = respond(self.stepped.node, method, path, body or b"")
        return HttpResponse(int(status[:3]), HTTPMessage(), kept([text.encode()]))


@dataclass
class Life:
    """One run of a simulated node, observed tick by tick."""

    folder: Path
    flags: Mapping[str, Any]
    sync_mode: SyncMode
    tick_seconds: float = TICK_SECONDS
    now: float = BEGAN
    stepped: SteppedNode | None = None
    idle_seconds: float = 0.0
    unknown_seconds: float = 0.0
    stages: list[tuple[str, ChainActivity]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start the run with the node's first process."""
        self.data = self.folder / "avalanchego"
        self.data.mkdir(parents=True)
        self.answers = Answers()
        client = NodeClient("http://127.0.0.1:9650")
        client._connection = self.answers  # type: ignore[assignment]  # noqa: SLF001 - replaces the network
        self.client = client
        self.ledger = open_ledger(self.folder)
        self.pod = workload(replace(build(), versions=None), network="local", sync_mode=self.sync_mode)
        policy = replace(POLICY, tick_seconds=self.tick_seconds)
        self.observer = WaitObserver(
            cast("Platform", self),
            self.ledger,
            self,
            policy,
            self.instant,
            self.folder,
            LatestReadings(),
            free=lambda _: (1 << 42, 1 << 41),
        )
        self.ledger.record(self.instant(), "desk", [BeginClearing(self.pod, ""), BeginRun(self.pod)])
        self.start()

    def instant(self) -> Instant:
        """Return the time of the monitor."""
        return Instant(self.now, BOOT_SECONDS + self.now - BEGAN, "boot")

    def read(self) -> NodeReading:
        """Return the reading of the test's node."""
        return NodeDown("refused") if self.stepped is None else self.client.read()

    def workload(self) -> Workload:
        """Return the platform's workload."""
        return self.pod

    def start(self) -> None:
        """Start a process of the node."""
        self.stepped = self.answers.stepped = SteppedNode(self.data, self.now, **self.flags)

    def stop(self) -> None:
        """Kill the node's process."""
        self.stepped = None

    def tick(self) -> tuple[TickResult, WaitDecision]:
        """Advance the node by one tick, in which the monitor observes, decides and records."""
        self.now += self.tick_seconds
        if self.stepped is not None:
            self.stepped.run(self.tick_seconds, self.tick_seconds)
            for log in (self.data / "logs").glob("*.log"):
                if log.stat().st_mtime > self.now:  # written with the real time
                    os.utime(log, (self.now, self.now))
            self._measure(self.stepped)
        seen = self.observer.poll()
        decision = decide_wait(seen.state)
        self.ledger.record(
            seen.state.now, "desk", decision.records, tracking=seen.watched, counts=seen.counts
        )
        self._note(seen)
        return seen, decision

    def until_end(self, most_seconds: float) -> EndRun:
        """Tick until the run has ended, and return the outcome."""
        until = self.now + most_seconds
        while self.now < until:
            _, decision = self.tick()
            for record in decision.records:
                if isinstance(record, EndRun):
                    return record
        raise AssertionError(f"no outcome after {most_seconds / HOUR} h: {self.stages}")

    def after(self, seconds: float) -> None:
        """Tick for `seconds`, and check that the run remains open."""
        until = self.now + seconds
        while self.now < until:
            _, decision = self.tick()
            assert not decision.records, decision

    def _measure(self, stepped: SteppedNode) -> None:
        bootstrap = stepped.node.bootstrap
        done = sum(bootstrap.position.values()) / bootstrap.total_seconds
        usage = int(300 * GIBIBYTE * done)
        self.observer.latest.volume = VolumeReading(self.instant(), usage, 1 << 42, 1 << 41)

    def _note(self, seen: TickResult) -> None:
        if seen.watched is None:
            return
        tracking = seen.watched.tracking
        self.idle_seconds = max(self.idle_seconds, tracking.idle_seconds)
        self.unknown_seconds = max(self.unknown_seconds, tracking.unknown_seconds)
        for name, watch in tracking.chains.items():
            if watch.log is not None and (name, watch.log.activity) not in self.stages:
                self.stages.append((name, watch.log.activity))


# Each tick is synced to the disk, so use a file system in memory if there is one.
MEMORY = Path("/dev/shm")  # noqa: S108 - the test creates its own folder there


@pytest.fixture
def live() -> Iterator[Callable[..., Life]]:
    """Return a function that starts a run of a dialect and a sync mode in its own folder."""
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None))
        )

        def begin(
            dialect: str, sync_mode: SyncMode, *, tick_seconds: float = TICK_SECONDS, **flags: Any
        ) -> Life:
            options = {**SIZES, **DIALECTS[dialect], **MODES[sync_mode], **flags}
            life = Life(folder / "data", options, sync_mode, tick_seconds)
            stack.enter_context(closing(life.ledger))
            return life

        yield begin


STATE_SYNC = SyncMode.C_CHAIN_STATE_SYNC
# P takes 12 hours, and the C-Chain's state sync about 60.
MAINNET = {"simulate_bootstrap_seconds": 76 * HOUR, "simulate_p_share": 12 / 76}
STALL_WARNING_SECONDS = 1800.0


@pytest.mark.parametrize("restart_at_hours", [None, 12 + 15, 12 + 30, 12 + 45], ids=str)
@pytest.mark.parametrize("dialect", ["1.14", "1.15", "1.15 in SAE"])
@pytest.mark.timeout(300)
@pytest.mark.slow  # quick runs have the hangs below, which cover the same stages
def test_a_state_sync_of_mainnet_succeeds_over_a_restart(
    live: Callable[..., Life], dialect: str, restart_at_hours: float | None
) -> None:
    life = live(dialect, STATE_SYNC, **MAINNET)
    if restart_at_hours is not None:
        life.after(restart_at_hours * HOUR)
        life.stop()
        life.after(600)
        life.start()
    ended = life.until_end(14 * DAY)

    assert (ended.outcome, ended.reason) == (Outcome.SUCCEEDED, None), ended.message
    assert life.idle_seconds < STALL_WARNING_SECONDS, "shown as stalled"
    assert life.unknown_seconds < STALL_WARNING_SECONDS, "shown as unknown"
    assert ended.run.tracking.state_synced is True
    syncing = restart_at_hours is not None and restart_at_hours > 12
    assert ended.run.tracking.state_sync_restarted is syncing


@pytest.mark.parametrize("sync_mode", [SyncMode.FULL_SYNC, SyncMode.ONLY_P_CHAIN_FULL_SYNC])
@pytest.mark.parametrize("dialect", ["1.14", "1.15"])
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_full_sync_succeeds_over_restarts(
    live: Callable[..., Life], dialect: str, sync_mode: SyncMode
) -> None:
    life = live(dialect, sync_mode, **MAINNET)
    for hours in (3, 6, 24, 24):
        life.after(hours * HOUR)
        life.stop()
        life.after(600)
        life.start()
    ended = life.until_end(14 * DAY)

    assert (ended.outcome, ended.reason) == (Outcome.SUCCEEDED, None), ended.message
    assert life.idle_seconds < STALL_WARNING_SECONDS
    assert life.unknown_seconds < STALL_WARNING_SECONDS


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param({"log_format": "json"}, id="logs in JSON"),
        pytest.param({"log_level": "off"}, id="no log"),
    ],
)
@pytest.mark.parametrize(
    ("dialect", "sync_mode"),
    [
        *[(dialect, STATE_SYNC) for dialect in DIALECTS],
        ("1.14", SyncMode.FULL_SYNC),
        ("1.15", SyncMode.ONLY_P_CHAIN_FULL_SYNC),
    ],
)
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_bootstrap_whose_logs_cannot_be_read_succeeds(
    live: Callable[..., Life], dialect: str, sync_mode: SyncMode, flags: dict[str, str]
) -> None:
    life = live(dialect, sync_mode, **MAINNET, **flags)
    life.after(30 * HOUR)
    life.stop()
    life.after(600)
    life.start()
    ended = life.until_end(14 * DAY)

    assert (ended.outcome, ended.reason) == (Outcome.SUCCEEDED, None), ended.message
    assert life.idle_seconds < STALL_WARNING_SECONDS


# A hang is reported after the stall timeout, independent of the earlier duration.
SHORT = {"simulate_bootstrap_seconds": 8 * HOUR, "simulate_p_share": 0.3}


def plan(dialect: str, sync_mode: SyncMode) -> tuple[Stage, ...]:
    """Return the stages of a bootstrap."""
    options = {**SIZES, **SHORT, **DIALECTS[dialect]}
    simulation = simulation_of({name.replace("_", "-"): str(value) for name, value in options.items()}, {})
    mode = {STATE_SYNC: "state-sync", SyncMode.FULL_SYNC: "full-sync"}.get(sync_mode, "only-p")
    return plan_of(mode, simulation)


def hangs() -> list[Any]:
    """Return a hang at half of each stage of each dialect."""
    found = {
        (dialect, stage.chain, stage.activity): (dialect, sync_mode, stage)
        for dialect in DIALECTS
        for sync_mode in MODES
        for stage in plan(dialect, sync_mode)
        # C takes longer than X. The blocks before a state sync on SAE show nothing, which is unknown and not
        # a stall.
        if stage.chain != "X" and stage.activity != "sae blocks"
    }
    return [pytest.param(*case, id=", ".join(name)) for name, case in found.items()]


@pytest.mark.parametrize(("dialect", "sync_mode", "stage"), hangs())
@pytest.mark.timeout(300)
def test_a_hang_is_called_stalled_in_time_with_its_chain_and_stage(
    live: Callable[..., Life], dialect: str, sync_mode: SyncMode, stage: Stage
) -> None:
    total = max(each.ends for each in plan(dialect, sync_mode))
    share = (stage.begins + stage.ends) / 2 / total
    life = live(dialect, sync_mode, tick_seconds=HANG_TICK_SECONDS, **SHORT, simulate_hang_at_share=share)
    ended = life.until_end(stage.ends + 2 * DAY)

    assert (ended.outcome, ended.reason) == (Outcome.FAILED, Reason.STALLED), ended.message
    assert f"of chain {stage.chain} " in ended.message
    assert life.now - BEGAN <= (stage.begins + stage.ends) / 2 + DAY + HOUR
