"""`local` on this machine with a real AvalancheGo, which bootstraps a real history from another node."""

from __future__ import annotations

import base64
import json
import shutil
import signal
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from support.local_life import RESUME_HINT, LocalLife, living, stopped
from support.simulated_builds import eventually, free_port
from testbed import bed as testbed
from testbed.bed import Bed
from testbed.make_history import running

from monitor.domain.run import Outcome
from monitor.domain.status import Phase
from monitor.domain.workload import SyncMode
from monitor.ledger import open_read_only

RUN_SECONDS = 240.0
FLAGS = ("--soak=3s", "--health-check-interval=500ms", "--disk-floor=0", "--web-listen-address=127.0.0.1:0")


def arguments(network: Mapping[str, str], node_id: str, staking_port: int) -> tuple[str, ...]:
    """Return the node's flags: those for the network's variables, and those for the source of the history."""
    c_chain = base64.b64encode(json.dumps({"state-sync-enabled": False}).encode()).decode()
    chains = base64.b64encode(json.dumps({"C": {"Config": c_chain, "Upgrade": None}}).encode()).decode()
    flags = {name.removeprefix("AVAGO_").lower().replace("_", "-"): value for name, value in network.items()}
    flags |= {
        "bootstrap-ips": f"127.0.0.1:{staking_port}",
        "bootstrap-ids": node_id,
        "chain-config-content": chains,
        "staking-port": str(free_port()),
        "public-ip": "127.0.0.1",
        "health-check-frequency": "500ms",
        "system-tracker-disk-required-available-space-percentage": "0",
        "system-tracker-disk-warning-available-space-percentage": "0",
    }
    return tuple(f"--{name}={value}" for name, value in flags.items())


def phase(tester: LocalLife) -> object:
    """Return the last recorded phase of the tester."""
    with closing(open_read_only(tester.data_dir)) as ledger:
        found = ledger.reading("phase")
    return found.value["phase"] if found else None


def test_a_real_history_is_bootstrapped_over_an_interruption_without_its_source(
    bed: Bed, tmp_path: Path
) -> None:
    """The bed is used only because it requires the programs and the history."""
    assert bed.kubectl
    network, staking_port = testbed.network(), free_port()
    shutil.copytree(testbed.history() / "data", tmp_path / "source")
    environment = {
        **network["environment"],
        **network["source_environment"],
        "AVAGO_STAKING_PORT": str(staking_port),
    }
    program = testbed.avalanchego("first")
    flags = arguments(network["environment"], network["node_id"], staking_port)
    with living(tmp_path) as tester:
        shutil.copy2(program, tester.build)
        first = tester.start(*FLAGS, node=flags)
        eventually(lambda: bool(tester.runs()) and bool(tester.nodes()), "the node runs", RUN_SECONDS)
        eventually(lambda: phase(tester) == Phase.BLOCKED, "it finds nobody", RUN_SECONDS)
        (opened,) = tester.runs()
        code, stderr = stopped(first, signal.SIGINT)
        assert (code, RESUME_HINT in "\n".join(stderr)) == (0, True), stderr
        assert tester.nodes() == set(), "its node has ended with it"
        assert [run.outcome for run in tester.runs()] == [None]

        with running(program, tmp_path / "source", environment):
            second = tester.start(*FLAGS, node=flags)
            eventually(lambda: not tester.runs()[0].open, "the run has ended", RUN_SECONDS)
            _, stderr = stopped(second, signal.SIGINT)
        (ended,) = tester.runs()
        assert (ended.outcome, ended.started_at) == (Outcome.SUCCEEDED, opened.started_at), (ended, stderr)
        assert (ended.network, ended.sync_mode) == ("network-54321", SyncMode.FULL_SYNC)
        assert ended.build.commit == "1" * 40
        assert ended.duration_seconds is not None
        assert ended.wall_seconds is not None
        assert 0 < ended.duration_seconds < ended.wall_seconds
        with closing(open_read_only(tester.data_dir)) as ledger:
            counts = ledger.counts(ended)
        assert counts["C", "blocks_accepted"].value >= network["blocks"], "it executed the history"
