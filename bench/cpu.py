"""What the sidecar takes of a processor at its default intervals: `python -m bench.cpu`.

`wait-for-completion` runs as in a pod, beside a node with a real metrics page. The benchmark measures first
an open run, which costs most, and then an idle tester after the run's success. Prometheus scrapes the sidecar
every 15 s. The exit code is 1 if a claim does not hold.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.processes import cpu_seconds
from bench.sidecar import Pod, pod
from bench.tables import Claim, concluded, table

MINUTES = 4.0
WARM_UP_SECONDS = 30.0
SCRAPE_SECONDS = 15.0
SUCCESS_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Use:
    """CPU seconds until the sidecar served and after the warm-up, with the polls in `seconds`."""

    to_serve: float
    used: float
    seconds: float
    polls: int
    scrapes: int

    @property
    def percent(self) -> float:
        """The share of a core, in percent."""
        return 100 * self.used / self.seconds

    @property
    def row(self) -> tuple[str, ...]:
        """The cells of the table row."""
        each_ms = 1000 * self.used / max(self.polls, 1)
        return (
            *(f"{self.to_serve:.2f}", f"{self.used:.2f}", f"{self.seconds:.0f}"),
            *(f"{self.polls}", f"{each_ms:.0f}", f"{self.scrapes}"),
        )


def measured(surroundings: Pod, minutes: float, *, soak: str, at_rest: bool) -> Use:
    """Run and scrape the sidecar for some minutes, and return its CPU use."""
    polls = 0

    def polled() -> None:
        nonlocal polls
        polls += 1

    with surroundings.watched(f"--soak={soak}") as process:
        to_serve = cpu_seconds(process)
        if at_rest:
            await_success(surroundings)
        time.sleep(WARM_UP_SECONDS)
        surroundings.node.on_poll = polled
        before, started = cpu_seconds(process), time.monotonic()
        scrapes = round(60 * minutes / SCRAPE_SECONDS)
        for _ in range(scrapes):
            time.sleep(SCRAPE_SECONDS)
            surroundings.scrape()
        return Use(to_serve, cpu_seconds(process) - before, time.monotonic() - started, polls, scrapes)


def await_success(surroundings: Pod) -> None:
    """Wait until the run has succeeded.

    Raises:
        SystemExit: the run does not succeed in time.
    """
    until = time.monotonic() + SUCCESS_SECONDS
    while json.loads(surroundings.scrape("/api/v1/status"))["phase"] != "idle":
        if time.monotonic() > until:
            raise SystemExit(f"the run does not succeed: {surroundings.log()}")
        time.sleep(1)


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark, and return 1 if a claim does not hold."""
    parser = argparse.ArgumentParser(prog="bench.cpu", description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=MINUTES, help="of each, after warm-up (%(default)s)")
    asked = parser.parse_args(arguments)
    with pod() as surroundings:
        surroundings.init()
        in_a_run = measured(surroundings, asked.minutes, soak="1h", at_rest=False)
        at_rest = measured(surroundings, asked.minutes, soak="1s", at_rest=True)
    table(
        "CPU of the sidecar:",
        ("", "CPU s to serve", "CPU s since", "s", "polls", "CPU ms a poll, with all else", "scrapes"),
        [("in a run", *in_a_run.row), ("at rest after a success", *at_rest.row)],
    )
    return concluded(
        [
            Claim("of a core, in a run", in_a_run.percent, 0.3, " %"),
            Claim("of a core, at rest", at_rest.percent, 0.1, " %"),
        ]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
