"""A scenario with a real monitor: good builds, a regression, crashes, a stall, and a run that stays open.

The regression, each crash and the stall are confirmed by another run of the build.

The scenario runs `local` on simulated builds, with timeouts of seconds, and is scraped from start to end.
It waits for conditions instead of times, so the tests find their data when it ends.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from support.local_life import ROOT
from support.observed_life import RUN_SECONDS, ObservedLife
from support.simulated_builds import eventually

from monitor.domain.run import Outcome, Reason, Run

# Names that the tests query; the builds have further names.

RULES = ROOT / "alerts" / "rules.yaml"
TESTER, NETWORK, SYNC_MODE = "fuji-full-sync", "fuji", "full-sync"
JOB = "bootstrap-monitor"
# Labels that an operator attaches to a target in a pod. A single Prometheus has no label for its cluster.
_OF_POD = {
    "namespace": "testers",
    "pod": f"{TESTER}-0",
    "container": "bootstrap-monitor",
    "endpoint": "metrics",
}
TARGET_LABELS = {"2.42": _OF_POD, "3": {**_OF_POD, "cluster": "west"}}

# Long enough that the node's start, during which it is not active, is less than 5 % of a run.
GOOD: Mapping[str, float | str] = {"bootstrap_seconds": 6, "blocks": 400}
QUICK: Mapping[str, float | str] = {**GOOD, "bootstrap_seconds": 5}
SLOW: Mapping[str, float | str] = {**GOOD, "bootstrap_seconds": 14}
SUCCEEDED = (Outcome.SUCCEEDED, None)
# The behaviour of each run's build, and the end of the run. The good builds form a baseline that the slow one
# exceeds. The builds before it are quick, so that a busy machine does not turn them into a regression.
BUILDS: tuple[tuple[Mapping[str, float | str], tuple[Outcome, Reason | None]], ...] = (
    *((GOOD, SUCCEEDED),) * 6,
    *((QUICK, SUCCEEDED),) * 2,
    *((SLOW, SUCCEEDED),) * 2,
    *(({**GOOD, "crash_at_share": 0.3}, (Outcome.FAILED, Reason.CRASHED)),) * 4,
    *(({**GOOD, "hang_at_share": 0.5}, (Outcome.FAILED, Reason.STALLED)),) * 2,
)
LAST_GOOD, FIRST_BAD, STALLED = 8, 9, 15
# The runs that confirm the one before: they have its build, which a newer one may not replace.
CONFIRMING = {10, 12, 14, 16}
# The run that stays open and becomes late, and the build that waits for its end. A node's log shows a ratio
# from its tenth sample on, which comes soon.
OPEN: Mapping[str, float | str] = {
    "bootstrap_seconds": 1200,
    "blocks": 100_000,
    "time_scale": 600,
    "sample_blocks": 40,
}
# Metrics without a sample in the scenario. The tester executes all blocks, so it never syncs a state.
NEVER_SYNCED = "bootstrap_monitor_run_state_sync_leaves"
# A scrape may meet a node that is down between two builds.
BETWEEN_BUILDS = "bootstrap_monitor_node_unhealthy_since_timestamp_seconds"
NOT_LIVED = {
    "bootstrap_monitor_build_failure_ratio",
    "bootstrap_monitor_history_changed_timestamp_seconds",
    "bootstrap_monitor_leaf_time_baseline_seconds",
    "bootstrap_monitor_leaf_time_limit_seconds",
    NEVER_SYNCED,
    "bootstrap_monitor_run_progress_unknown_seconds",
    "bootstrap_monitor_node_silent_since_timestamp_seconds",
    "bootstrap_monitor_image_checks_failing_since_timestamp_seconds",
    "bootstrap_monitor_recent_pin_reverts",
    "bootstrap_monitor_ledger_recovered_timestamp_seconds",
}
FLAGS = (
    "--soak=300ms",
    "--stall-warning=3s",
    "--stall-timeout=12s",
    "--deadline=1h",
)


@dataclass
class Life(ObservedLife):
    """One tester whose metrics are scraped."""

    def runs(self) -> tuple[Run, ...]:
        """Return the runs, oldest first; empty if there is no ledger."""
        return self.newest_runs(100)[::-1]

    @contextlib.contextmanager
    def started(self) -> Iterator[None]:
        """Run the command; stop it and its node afterwards."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.install(1, **BUILDS[0][0])
        chain = base64.b64encode(json.dumps({"state-sync-enabled": False}).encode()).decode()
        chains = base64.b64encode(json.dumps({"C": {"Config": chain, "Upgrade": None}}).encode()).decode()
        flags = (f"--tester={TESTER}", *FLAGS)
        with self.running(*flags, node=(f"--network-id={NETWORK}", f"--chain-config-content={chains}")):
            yield

    def live(self) -> None:
        """Run all builds, each to its expected end, until the last run is open."""
        for number, (_, end) in enumerate(BUILDS, 1):
            eventually(
                lambda number=number: len(self.runs()) >= number and not self.runs()[number - 1].open,  # type: ignore[misc]
                f"run {number} has ended; output of the monitor:\n{self.last_output()}",
                RUN_SECONDS,
            )
            run = self.runs()[number - 1]
            assert (run.outcome, run.reason) == end, f"run {number}: {run.message}\n{self.last_output()}"
            if number + 1 not in CONFIRMING:
                self.install(number + 1, **(BUILDS[number][0] if number < len(BUILDS) else OPEN))
        last = len(BUILDS) + 1
        eventually(lambda: len(self.runs()) == last, f"run {last} is open; {self.last_output()}", RUN_SECONDS)
        self.install(last + 1, **GOOD)
