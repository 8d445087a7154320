"""What the sidecar holds in memory, and whether it grows: `python -m bench.memory`.

`wait-for-completion` runs as in a pod, with short intervals: ticks, scrapes, pages, lookups of a newer build
and disk measurements, through the end of a run and long after. Its memory is read at each tick. The exit code
is 1 if a claim does not hold.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from statistics import median

from bench.processes import Memory, memory_by_kind, memory_of
from bench.sidecar import ROOT, Pod, pod
from bench.tables import Claim, concluded, table

TICKS, WARM_UP, COMPARED = 1000, 300, 100
TICK_SECONDS = 0.2
SCRAPE_SECONDS = 0.6
FLAGS = (
    f"--health-check-interval={TICK_SECONDS}s",
    f"--disk-check-interval={5 * TICK_SECONDS}s",
    f"--image-check-interval={10 * TICK_SECONDS}s",
    f"--holder-timeout={5 * TICK_SECONDS}s",  # so that an idle monitor also polls the node at each tick
    f"--soak={WARM_UP * TICK_SECONDS / 2}s",
)
ASKED = ("/metrics", "/metrics", "/", "/api/v1/status", "/-/healthy")
# In the order of the imports; a shared dependency counts for the first package that imports it.
STAGES = (
    ("Python itself", ""),
    (
        "its library: json, logging, sqlite3, ssl, http",
        "json, logging, sqlite3, ssl, http.client, http.server",
    ),
    ("pydantic and pydantic-settings", "pydantic, pydantic_settings"),
    ("urllib3", "urllib3"),
    ("APScheduler", "apscheduler.schedulers.background"),
    ("prometheus-client", "prometheus_client"),
    (
        "the monitor, and what else it imports",
        "monitor.cli, monitor.settings, monitor.output.logs, monitor.commands.pod, monitor.commands.assembly",
    ),
)


def imported(stages: Sequence[tuple[str, str]]) -> Iterator[tuple[str, float]]:
    """Yield the resident MiB that each stage adds in a new process."""
    program = "import pathlib, re\n" + "".join(
        f"{f'import {modules}' if modules else 'pass'}\n"
        "print(re.search(r'Rss: *(\\d+)', pathlib.Path('/proc/self/smaps_rollup').read_text())[1])\n"
        for _, modules in stages
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    before = 0.0
    for (name, _), line in zip(stages, done.stdout.splitlines(), strict=True):
        now = int(line) / 1024
        yield name, now - before
        before = now


class Readings:
    """The memory of a process at each of its ticks; `done` is set once there are enough."""

    def __init__(self, process: int, ticks: int) -> None:
        self._process, self._ticks = process, ticks
        self.found: list[Memory] = []
        self.done = threading.Event()

    def take(self) -> None:
        """Read the memory; called at each poll of the node, which begins a tick."""
        if not self.done.is_set():
            self.found.append(memory_of(self._process))
        if len(self.found) == self._ticks:
            self.done.set()


def watched(pod: Pod, ticks: int) -> tuple[list[Memory], dict[str, float]]:
    """Return the sidecar's memory at each tick, and the final memory by kind."""
    pod.init()
    with pod.watched(*FLAGS) as process:
        readings = Readings(process, ticks)
        pod.node.on_poll = readings.take
        for path in cycle(ASKED):
            pod.scrape(path)
            if readings.done.wait(SCRAPE_SECONDS):
                return readings.found, dict(memory_by_kind(process))
    raise AssertionError("it is asked until it is done")


def resting(readings: Sequence[Memory]) -> Memory:
    """Return the median of some readings."""
    return Memory(
        resident=median(each.resident for each in readings),
        proportional=median(each.proportional for each in readings),
        private=median(each.private for each in readings),
    )


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark, and return 1 if a claim does not hold."""
    parser = argparse.ArgumentParser(prog="bench.memory", description=__doc__.partition("\n")[0])
    parser.add_argument("--ticks", type=int, default=TICKS, help="after the warm-up (%(default)s)")
    asked = parser.parse_args(arguments)
    with pod() as surroundings:
        readings, kinds = watched(surroundings, WARM_UP + asked.ticks)
    first, last = resting(readings[WARM_UP:][:COMPARED]), resting(readings[-COMPARED:])
    stages = dict(imported(STAGES))
    stages["what runs: threads, TLS, the ledger, answers"] = last.resident - sum(stages.values())
    table("Where each MiB goes, by import:", ("", "MiB resident"), _rows(stages))
    table("The same by kind:", ("", "MiB resident"), _rows(kinds))
    table(
        f"Over {asked.ticks} ticks, medians of {COMPARED}:",
        ("", "resident", "proportional", "its own"),
        [
            (name, f"{each.resident:.1f}", f"{each.proportional:.1f}", f"{each.private:.1f}")
            for name, each in (("the first", first), ("the last", last))
        ],
    )
    return concluded(
        [
            Claim("resident", last.resident, 60, " MiB"),
            Claim("growth", last.resident - first.resident, 0.5, " MiB"),
        ]
    )


def _rows(found: Mapping[str, float]) -> list[tuple[str, str]]:
    return [(name, f"{each:.1f}") for name, each in found.items()] + [
        ("together", f"{sum(found.values()):.1f}")
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
