"""The node's health checks, and their results in the form of the API."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simulated_node.go import go_duration, go_time
from simulated_node.progress import Bootstrap
from simulated_node.settings import Settings
from simulated_node.story import BLOCK_ID

PRIMARY_SUBNET = "11111111111111111111111111111111LpoYY"
NODE_ID = "NodeID-KbtbiAnY4NMuPPjSrtcLT91VjamVwjDyg"
_DURATION_NANOSECONDS = 10_000
_UPGRADE = {
    "localUpgradeTime": "2020-12-05T05:00:00Z",
    "modeUpgradeTime": "2020-12-05T05:00:00Z",
    "modeUpgradeWeightPercentage": 100,
    "numUpgradeTimes": 1,
}

# The message and the error of a check; either may be empty.
Finding = tuple[Any, str]


class Checks:
    """A set of health checks with their last results."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._reports: dict[str, dict[str, Any]] = {}

    def register(self, names: Sequence[str]) -> None:
        """Add checks that have not run yet."""
        unrun = {"error": "not yet run", "timestamp": "0001-01-01T00:00:00Z", "duration": 0}
        self._reports = {name: dict(unrun) for name in names} | self._reports

    def run(self, findings: Mapping[str, Finding]) -> None:
        """Record a round of checks."""
        reports = {}
        for name, (message, error) in findings.items():
            now = go_time(self._wall())
            report = {"message": message} if message is not None else {}
            report |= {"timestamp": now, "duration": _DURATION_NANOSECONDS}
            if error:
                last = self._reports.get(name, {})
                report["error"] = error
                report["contiguousFailures"] = last.get("contiguousFailures", 0) + 1
                report["timeOfFirstFailure"] = last.get("timeOfFirstFailure", now)
            reports[name] = report
        self._reports = self._reports | reports

    def failing(self) -> int:
        """Return the number of failing checks."""
        return sum("error" in report for report in self._reports.values())

    def answer(self) -> dict[str, Any]:
        """Return the results as in the API's response."""
        return {"checks": dict(sorted(self._reports.items())), "healthy": not self.failing()}


def findings_of(
    bootstrap: Bootstrap, settings: Settings, peers: int, uptime_seconds: float, *, bootstrapped: bool
) -> dict[str, Finding]:
    """Return a finding of each check; a node has bootstrapped when all its chains are in consensus."""
    disk = os.statvfs(settings.database)
    percent = disk.f_bavail * 100 // disk.f_blocks
    space = {"availableDiskBytes": disk.f_bavail * disk.f_frsize, "availableDiskPercentage": percent}
    low = percent < settings.system_tracker_disk_warning_available_space_percentage
    behind = [] if bootstrapped else [PRIMARY_SUBNET]
    findings: dict[str, Finding] = {
        "bls": ("node is not a validator", ""),
        "bootstrapped": (behind, "subnets not bootstrapped" if behind else ""),
        "database": (None, ""),
        "diskspace": (space, "remaining available disk is low" if low else ""),
        "futureupgrade": (_UPGRADE, ""),
        "network": _network_finding(peers, uptime_seconds),
        "router": ({"longestRunningRequest": "0s", "outstandingRequests": 0}, ""),
    }
    if settings.sync_mode == "only-p":
        findings["validation"] = ("node is not a primary network validator", "")
    for chain in bootstrap.chains():
        findings[chain] = _chain_finding(bootstrap, chain, connected=peers > 0, consensus=bootstrapped)
    for name in filter(None, bootstrap.simulation.failing_checks.split(",")) if bootstrapped else ():
        findings[name] = (findings.get(name, (None, ""))[0], "simulated failure")
    return findings


def _chain_finding(bootstrap: Bootstrap, chain: str, *, connected: bool, consensus: bool) -> Finding:
    """Return the health of a chain; P has too few validators until it has executed its blocks."""
    engine = {
        "avgAcceptanceTime": "0s",
        "lastAcceptedHeight": bootstrap.height(chain),
        "lastAcceptedID": BLOCK_ID,
        "longestProcessingBlock": "0s",
        "processingBlocks": 0,
    }
    early = chain == "P" and not bootstrap.through("P")
    share = 0.065 if early else 1 if connected else 0
    networking = {"disconnectedValidators": [] if share == 1 else [NODE_ID], "percentConnected": share}
    error = f"not connected to enough stake: connected to {share * 100:.6f}%; required at least 80.000000%"
    message = {"engine": {"consensus": engine if consensus else {}, "vm": None}, "networking": networking}
    return message, "" if share == 1 else error


def _network_finding(peers: int, uptime_seconds: float) -> Finding:
    message: dict[str, Any] = {"connectedPeers": peers, "sendFailRate": 0}
    if not peers:
        return message, "network layer is unhealthy reason: not connected to a minimum of 1 peer(s) only 0"
    last = go_duration(uptime_seconds % 1)
    return message | {"timeSinceLastMsgReceived": last, "timeSinceLastMsgSent": last}, ""
