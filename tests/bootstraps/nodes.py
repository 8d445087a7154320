"""The nodes of the matrix: how each is started, how its progress is read, and how its source is frozen."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import shutil
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bootstraps.link import link
from bootstraps.matrix import NODES, Condition, Dialect
from support.local_life import LocalLife
from support.simulated_builds import free_port, processes_of, run_new_program, write_build
from testbed import bed
from testbed.make_history import running
from testbed.make_large_history import chain_configuration

from monitor.domain.observations import ChainActivity
from monitor.domain.workload import SyncMode
from simulated_node.options import Simulation
from simulated_node.plan import plan_of

FETCHING, EXECUTING, SYNCING = ChainActivity.FETCHING, ChainActivity.EXECUTING, ChainActivity.SYNCING_STATE
# With these values a real state sync takes about 45 s, and about 2 minutes from a slow source.
LINK_SECONDS, SLOW_LINK_SECONDS = 0.012, 0.04
LEAVES_A_REQUEST = 4
SIMULATED_SECONDS = 20.0
SLOW_SIMULATED_SECONDS = 40.0
NODE_TIMEOUT_SECONDS = 5.0
_COUNTERS = re.compile(
    r'^avalanche_(snowman_bs_fetched|snowman_bs_accepted|evm_eth_state_sync_total_leafs)\{chain="([PC])"\} (\S+)',
    re.MULTILINE,
)


@dataclass(frozen=True)
class Subject:
    """A node under test.

    `share(chain, stage)` returns how much of a stage the chain has done, from 0 to 1. `freeze` and `thaw`
    act on its source; a simulated node freezes its source itself. `start_seconds` is the time that such a
    node takes to start on this machine.
    """

    arguments: tuple[str, ...]
    share: Callable[[str, ChainActivity], float]
    freeze: Callable[[], None]
    thaw: Callable[[], None]
    start_seconds: float = 0.0


@contextlib.contextmanager
def subject(node: str, mode: SyncMode, condition: Condition, tester: LocalLife) -> Iterator[Subject]:
    """Install the build, and start its source if it is a real node; yield the node under test."""
    dialect = NODES[node].dialect
    if dialect is None:
        with _real(mode, condition, tester) as found:
            yield found
    else:
        yield _simulated(dialect, mode, condition, tester)


@contextlib.contextmanager
def _real(mode: SyncMode, condition: Condition, tester: LocalLife) -> Iterator[Subject]:
    history, program = bed.large_history(), bed.avalanchego("first")
    network = json.loads((history / "network.json").read_text())
    source_data, staking_port = tester.folder / "source", free_port()
    shutil.copytree(history / "data", source_data)
    shutil.copy2(program, tester.build)
    genesis = {"AVAGO_GENESIS_FILE": str(history / "genesis.json")}
    own = {"AVAGO_STAKING_PORT": str(staking_port)}
    source = network["environment"] | network["source_environment"] | genesis | own
    delay_seconds = SLOW_LINK_SECONDS if condition.slow else LINK_SECONDS
    began = time.monotonic()
    with running(program, source_data, source), link(staking_port, delay_seconds) as port:
        start_seconds = time.monotonic() - began
        (pid,) = processes_of_folder(program, source_data)
        flags = _flags(network["environment"] | genesis) | {
            "bootstrap-ips": f"127.0.0.1:{port}",
            "bootstrap-ids": network["node_id"],
            "staking-port": str(free_port()),
            "public-ip": "127.0.0.1",
            "health-check-frequency": "500ms",
            "system-tracker-disk-required-available-space-percentage": "0",
            "system-tracker-disk-warning-available-space-percentage": "0",
        }
        if mode is SyncMode.C_CHAIN_STATE_SYNC:
            options = {"state-sync-min-blocks": 1, "state-sync-request-size": LEAVES_A_REQUEST}
            flags["chain-config-content"] = chain_configuration({"state-sync-enabled": True, **options})
        elif mode is SyncMode.FULL_SYNC:
            flags["chain-config-content"] = chain_configuration({"state-sync-enabled": False})
        try:
            yield Subject(
                arguments=(*(f"--{name}={value}" for name, value in flags.items()), *_mode_flags(mode)),
                share=lambda chain, stage: _real_share(tester, network, chain, stage),
                freeze=lambda: os.kill(pid, signal.SIGSTOP),
                thaw=lambda: os.kill(pid, signal.SIGCONT),
                start_seconds=start_seconds,
            )
        finally:
            os.kill(pid, signal.SIGCONT)


def processes_of_folder(program: Path, data: Path) -> set[int]:
    """Return the IDs of the processes of a program with this folder as AVAGO_DATA_DIR."""
    found = set()
    for pid in processes_of(str(program)):
        with contextlib.suppress(OSError):
            if f"AVAGO_DATA_DIR={data}\0".encode() in Path(f"/proc/{pid}/environ").read_bytes():
                found.add(pid)
    return found


def _real_share(tester: LocalLife, network: Mapping[str, int], chain: str, stage: ChainActivity) -> float:
    try:
        address = f"http://127.0.0.1:{tester.port}/ext/metrics"
        with urllib.request.urlopen(address, timeout=NODE_TIMEOUT_SECONDS) as answer:
            page = answer.read().decode()
    except OSError:
        return 0.0
    counters = {(name, of): float(value) for name, of, value in _COUNTERS.findall(page)}
    counter, total = {
        FETCHING: ("snowman_bs_fetched", network[f"{chain.lower()}_blocks"]),
        EXECUTING: ("snowman_bs_accepted", network[f"{chain.lower()}_blocks"]),
        SYNCING: ("evm_eth_state_sync_total_leafs", network["leaves"]),
    }[stage]
    return counters.get((counter, chain), 0.0) / total


def _simulated(dialect: Dialect, mode: SyncMode, condition: Condition, tester: LocalLife) -> Subject:
    behaviour: dict[str, float | str] = {
        "dialect": dialect,
        "transition": _transition(dialect, mode),
        "bootstrap_seconds": SLOW_SIMULATED_SECONDS if condition.slow else SIMULATED_SECONDS,
        "p_share": 0.2,
    }
    if condition.freezes:
        # In real time, the node takes 30 s to drop a frozen peer.
        warning_seconds = NODES[f"simulated-{dialect}"].stall_warning_seconds
        frozen = {"source_frozen_at_share": 0.5, "source_frozen_seconds": 3 * warning_seconds}
        behaviour |= frozen | {"time_scale": 1}
    write_build(tester.build, **behaviour)  # type: ignore[arg-type]
    began = time.monotonic()
    run_new_program([tester.build, "--version-json"])
    content = base64.b64encode(json.dumps({"state-sync-enabled": False}).encode()).decode()
    chains = base64.b64encode(json.dumps({"C": {"Config": content, "Upgrade": None}}).encode()).decode()
    full = (f"--chain-config-content={chains}",) if mode is SyncMode.FULL_SYNC else ()
    return Subject(
        arguments=("--network-id=fuji", *full, *_mode_flags(mode)),
        share=lambda chain, stage: _simulated_share(tester, mode, behaviour, chain, stage),
        freeze=lambda: None,
        thaw=lambda: None,
        start_seconds=time.monotonic() - began,
    )


def _transition(dialect: Dialect, mode: SyncMode) -> str:
    """Return how the C-Chain of a network after Helicon moves to SAE."""
    if dialect == "1.14" or mode is SyncMode.ONLY_P_CHAIN_FULL_SYNC:
        return "none"
    return "eager" if mode is SyncMode.C_CHAIN_STATE_SYNC else "blocks"


def _simulated_share(
    tester: LocalLife, mode: SyncMode, behaviour: Mapping[str, float | str], chain: str, stage: ChainActivity
) -> float:
    """Return the progress of a stage from the node's saved state; a state sync on SAE has no counters."""
    kept = next((tester.data_dir / "avalanchego").glob("db/*/*/simulated.json"), None)
    if kept is None:
        return 0.0
    with contextlib.suppress(OSError, ValueError):
        position = float(json.loads(kept.read_text())["worked_seconds"].get(chain, 0.0))
        simulation = Simulation(**behaviour)  # type: ignore[arg-type]
        modes = {
            SyncMode.C_CHAIN_STATE_SYNC: "state-sync",
            SyncMode.FULL_SYNC: "full-sync",
            SyncMode.ONLY_P_CHAIN_FULL_SYNC: "only-p",
        }
        names = {FETCHING: ("fetching",), EXECUTING: ("executing",), SYNCING: ("coreth", "sae")}[stage]
        plan = plan_of(modes[mode], simulation)
        parts = [part for part in plan if part.chain == chain and part.activity.startswith(names)]
        return (position - parts[0].begins) / (parts[-1].ends - parts[0].begins)
    return 0.0


def _flags(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name.removeprefix("AVAGO_").lower().replace("_", "-"): value for name, value in environment.items()
    }


def _mode_flags(mode: SyncMode) -> tuple[str, ...]:
    return ("--partial-sync-primary-network",) if mode is SyncMode.ONLY_P_CHAIN_FULL_SYNC else ()
