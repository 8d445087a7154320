"""A sidecar with hardly any CPU and the minimum memory survives a whole run on a busy machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from e2e.conftest import made
from e2e.installed import Release
from e2e.tester import INIT, MONITOR, NODE
from testbed.bed import Bed, until

REPOSITORY = "avalanchego-simulated"
# The chart's comment on `monitor.resources` states the minimum memory.
MIN_RESOURCES = {"cpu": "20m", "memory": "40Mi"}
# cgroup v1 has a folder for each controller.
CPU_STAT = "from glob import glob; print(open(glob('/sys/fs/cgroup/**/cpu.stat', recursive=True)[0]).read())"
BUSY_SECONDS = 600
BUSY = f"import time\nuntil = time.monotonic() + {BUSY_SECONDS}\nwhile time.monotonic() < until: pass"


@contextmanager
def busy() -> Iterator[None]:
    """Keep every core of this machine busy."""
    with ExitStack() as stack:
        for _ in range(os.cpu_count() or 1):
            burner = stack.enter_context(subprocess.Popen([sys.executable, "-c", BUSY]))
            stack.callback(burner.kill)
        yield


def pinned(name: str, image: str) -> Any:
    """Return a change that pins the image in a StatefulSet, so that the first run needs no lookup.

    A lookup would restart the pod.
    """

    def change(each: dict[str, Any]) -> None:
        if (each["kind"], each["metadata"]["name"]) == ("StatefulSet", name):
            (node,) = (one for one in each["spec"]["template"]["spec"]["containers"] if one["name"] == NODE)
            node["image"] = image

    return change


def test_a_starved_monitor_lives_through_a_run(bed: Bed) -> None:
    with ExitStack() as stack:
        tester = made(
            bed,
            stack,
            "starved",
            REPOSITORY,
            node_environment={"SIMULATE_BOOTSTRAP_SECONDS": "20"},
            monitor_resources={"requests": MIN_RESOURCES, "limits": MIN_RESOURCES},
            pace={"soak": "3s", "healthCheckInterval": "5s"},
        )
        image = f"{tester.tester.repository}@{tester.push('first')}"
        tester.tester = replace(tester.tester, change=pinned(tester.tester.name, image))
        stack.enter_context(busy())
        Release(bed, [tester.tester]).install()
        # Poll the Events: each request to the monitor would take half a second of its CPU.
        until(
            lambda: tester.events("BootstrapSucceeded", "Run 1 "), 420, "run 1 has succeeded", tester.details
        )
        throttled = tester.python(CPU_STAT)
        restarts = {name: tester.restarts(name) for name in (MONITOR, INIT, NODE)}
        events = tester.pod_events(MONITOR)

    assert int(throttled.partition("nr_throttled ")[2].split()[0]) > 100, "its CPU was limited"
    assert restarts == {MONITOR: 0, INIT: 0, NODE: 0}, events
    refused = [each for each in events if each.startswith(("Killing", "Unhealthy"))]
    assert [each for each in refused if "Startup probe failed" not in each] == []
