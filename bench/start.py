"""How long a start takes: `python -m bench.start`.

Measures the time from the start to the end of a process, as a multiple of that of an empty Python. The
processes are `version`, and `init` in a pod with an open run and an API server over TLS. Each is compared
with the empty Pythons before and after it, so that a busy machine slows both. The time to enter the pod is
measured and subtracted. The exit code is 1 if a claim does not hold.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median, quantiles

from bench.sidecar import ROOT, Pod, pod
from bench.tables import Claim, concluded, table

ROUNDS = 15
EMPTY, ENTERED, VERSION, INIT = "an empty Python", "entering the pod", "version", "init, in the pod"
ORDER = (EMPTY, VERSION, EMPTY, ENTERED, INIT)


def timed(pod: Pod, rounds: int) -> Sequence[Mapping[str, float]]:
    """Return the seconds of each kind of start by round; for an empty Python, the mean of two."""

    def ran(*command: str) -> Callable[[], object]:
        return lambda: subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)

    starts = {
        EMPTY: ran(sys.executable, "-c", "pass"),
        ENTERED: ran(*pod.in_pod(), "true"),
        VERSION: ran(sys.executable, "-m", "monitor", "version"),
        INIT: pod.init,
    }
    found = []
    for _ in range(rounds + 1):
        seconds = dict.fromkeys(starts, 0.0)
        for name in ORDER:
            started = time.perf_counter()
            starts[name]()
            seconds[name] += (time.perf_counter() - started) / ORDER.count(name)
        found.append(seconds)
    return found[1:]  # in the first round, files are not cached and the run has not started


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark, and return 1 if a claim does not hold."""
    parser = argparse.ArgumentParser(prog="bench.start", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="starts of each kind (%(default)s)")
    asked = parser.parse_args(arguments)
    with pod() as surroundings:
        rounds = timed(surroundings, asked.rounds)
    multiples = {
        VERSION: median(each[VERSION] / each[EMPTY] for each in rounds),
        INIT: median((each[INIT] - each[ENTERED]) / each[EMPTY] for each in rounds),
    }
    rows = []
    for name in dict.fromkeys(ORDER):
        low, middle, high = (f"{1000 * each:.0f}" for each in quantiles([each[name] for each in rounds], n=4))
        multiple = f"{multiples[name]:.1f}" if name in multiples else ""
        rows.append((name, middle, f"{low} to {high}", multiple))
    table("Starts, each to its end:", ("", "median ms", "half of them, ms", "times an empty Python"), rows)
    return concluded(
        [
            Claim("from process start to init's decision, over an empty Python", multiples[INIT], 40),
            Claim("version, over an empty Python", multiples[VERSION], 5),
        ]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
