"""The steps from the push of a build to the start of its run, according to the API server's audit log."""

from __future__ import annotations

import time
from dataclasses import astuple, dataclass
from itertools import pairwise
from pathlib import Path

from e2e.tester import DeployedTester

from bench.audit import Request, requests_in, service_account


@dataclass(frozen=True, slots=True)
class Switch:
    """When each step was completed, in seconds since the Unix epoch."""

    pushed: float
    found: float
    """When the lookup had found the digest, and created the version pod."""
    learned: float
    """When the versions were read."""
    pinned: float
    """When a tick had taken the build, and set the StatefulSet's template to it."""
    recreated: float
    """When the old pod had ended, and its successor was created."""
    started: float
    """When `init` had cleared the volume and started the run."""

    @property
    def steps(self) -> list[float]:
        """The duration of each step, in seconds."""
        return [after - before for before, after in pairwise(astuple(self))]

    @property
    def seconds(self) -> float:
        """The time from the push to the run's start, in seconds."""
        return self.started - self.pushed


STEPS = ("lookup", "versions, by a pod", "taken and pinned", "pod recreated", "volume cleared, run started")


def switched(tester: DeployedTester, log: Path, number: int) -> Switch:
    """Push a new build, and wait until its run has ended; `number` is the number of that run."""
    uid, target = tester.uid(), f"avalanchego:{tester.tester.rolling_tag}"
    tester.bed.push("avalanchego", "second", target, {"BENCH_BUILD": f"{number}"})
    pushed = time.time()
    started = float(tester.await_run(number, uid_other_than=uid)["startedAt"])
    tester.await_end(number)
    asked = requests_in(log, tester.namespace, pushed - 1, started)
    own = service_account(tester.namespace, tester.tester.name)
    return _steps(asked, own, pushed, started)


def _steps(asked: list[Request], own: str, pushed: float, started: float) -> Switch:
    remaining = iter(asked)

    def next_one(verb: str, resource: str, *, by_itself: bool) -> float:
        """Return when the monitor (`by_itself`) or another user next sent a request.

        Call this function in the order of the steps.
        """
        for each in remaining:
            if (each.verb, each.resource) == (verb, resource) and (each.user == own) is by_itself:
                return each.at
        raise AssertionError(f"the audit log has no {verb} {resource} where it should: {asked}")

    return Switch(
        pushed=pushed,
        found=next_one("create", "pods", by_itself=True),
        learned=next_one("delete", "pods", by_itself=True),
        pinned=next_one("patch", "statefulsets", by_itself=True),
        recreated=next_one("create", "pods", by_itself=False),
        started=started,
    )
