"""Eight testers on simulated builds, each in another state: good, regressed, failed, stalled, blocked and so on."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from servers.prometheus import Target
from support.local_life import ROOT, environment
from support.observed_life import ObservedLife

Behaviour = Mapping[str, float]

_POLL_SECONDS = 0.3
# The scenario takes about this long; testers that are done stay idle.
LIFE_SECONDS = 230.0
_FLAGS = (
    *("--health-check-interval=700ms", "--image-check-interval=1s", "--disk-check-interval=2s", "--soak=1s"),
    *("--stall-warning=8s", "--stall-timeout=20m", "--deadline=2h"),
)


def _node(network: str, mode: str) -> tuple[str, ...]:
    """Return the flags of a node in a sync mode: state-sync, full-sync or p-chain."""
    chain = base64.b64encode(json.dumps({"state-sync-enabled": False}).encode()).decode()
    chains = base64.b64encode(json.dumps({"C": {"Config": chain, "Upgrade": None}}).encode()).decode()
    flags = {
        "state-sync": (),
        "full-sync": (f"--chain-config-content={chains}",),
        "p-chain": ("--partial-sync-primary-network",),
    }
    return (f"--network-id={network}", *flags[mode])


def _run(seconds: float, **more: float) -> Behaviour:
    return {"bootstrap_seconds": seconds, "blocks": 2000, **more}


@dataclass(frozen=True)
class Plan:
    """A tester: network and sync mode, the behaviour of its builds, and where it runs.

    The last build stays open if it is longer than the scenario. A tester is paused after its last run, or is
    removed after some seconds.
    """

    network: str
    mode: str
    builds: Sequence[Behaviour]
    cluster: str = "west"
    paused: bool = False
    removed_after_seconds: float = LIFE_SECONDS


_STEADY = tuple(_run(seconds) for seconds in (10, 10.5, 10, 9.5, 10, 11, 10, 10.2))
PLANS = (
    Plan("mainnet", "state-sync", (*_STEADY, _run(19), _run(60))),
    Plan("mainnet", "full-sync", (_run(45), _run(44), _run(300))),
    Plan("mainnet", "p-chain", (*(_run(8),) * 6, *(_run(8, crash_at_share=0.3),) * 3, _run(300))),
    Plan("fuji", "p-chain", (*(_run(6),) * 5, _run(20, no_peers_seconds=9e6))),
    Plan("fuji", "state-sync", (*(_run(8),) * 9,), paused=True),
    Plan("fuji", "full-sync", (*(_run(16),) * 7, _run(40, hang_at_share=0.5))),
    Plan("mainnet", "state-sync", (*(_run(14),) * 12,), cluster="east"),
    Plan("fuji", "old", (*(_run(8),) * 20,), removed_after_seconds=120),
)


class FleetTester(ObservedLife):
    """A tester that follows a plan."""

    def follow(self, plan: Plan, name: str, started: float) -> None:
        """Run the builds of a plan until the scenario ends."""
        self.folder.mkdir(parents=True)
        self.install(1, **plan.builds[0])
        node = _node(plan.network, plan.mode if plan.mode != "old" else "state-sync")
        end = started + min(plan.removed_after_seconds, LIFE_SECONDS)
        with self.running(f"--tester={name}", *_FLAGS, node=node):
            for number, behaviour in enumerate(plan.builds[1:], 2):
                if self._ended(number - 1, end):
                    self.install(number, **behaviour)
            if self._ended(len(plan.builds), end) and plan.paused:
                pause = [sys.executable, "-m", "monitor", "pause", f"--data-dir={self.data_dir}"]
                subprocess.run(pause, cwd=ROOT, env=environment(), check=True, capture_output=True)
            time.sleep(max(0.0, end - time.time()))

    def _ended(self, number: int, end: float) -> bool:
        """Wait until so many runs have ended; return `False` if the scenario ends before.

        A surprising result is confirmed by a run of the same build, so builds may lag behind runs.
        """
        while time.time() < end:
            if any(run.number >= number and not run.open for run in self.newest_runs(2)):
                return True
            time.sleep(_POLL_SECONDS)
        return False


@contextmanager
def fleet(folder: Path) -> Iterator[tuple[list[Target], list[threading.Thread]]]:
    """Start all testers; yield their targets, and threads that end with the scenario."""
    testers = [FleetTester(folder / str(number)) for number in range(len(PLANS))]
    started = time.time()
    targets, threads = [], []
    with ExitStack() as stack:
        for tester, plan in zip(testers, PLANS, strict=True):
            name = f"{plan.network}-{plan.mode}"
            labels = {"cluster": plan.cluster, "namespace": "testers", "pod": f"{name}-0"}
            targets.append(Target(tester.address, labels))
            thread = threading.Thread(target=tester.follow, args=(plan, name, started))
            threads.append(thread)
            thread.start()
            stack.callback(thread.join)
        yield targets, threads
