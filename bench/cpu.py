"""What the sidecar takes of a processor at its default intervals: `python -m bench.cpu`.

`wait-for-completion` runs as in a pod beside a node whose metrics page is a real one, while a run is open, as
that costs most; it is scraped every half minute.  Exits with 1 where the claim does not hold.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from bench.processes import cpu_seconds
from bench.sidecar import pod
from bench.tables import Claim, concluded, table

MINUTES = 4.0
WARM_UP_SECONDS = 30.0
SCRAPE_SECONDS = 30.0


def main(arguments: Sequence[str]) -> int:
    """Run it; 1 where the claim does not hold."""
    parser = argparse.ArgumentParser(prog="bench.cpu", description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=MINUTES, help="after the warm-up (%(default)s)")
    asked = parser.parse_args(arguments)
    polls = 0

    def polled() -> None:
        nonlocal polls
        polls += 1

    with pod() as surroundings:
        surroundings.init()
        with surroundings.watched("--soak=1h") as process:
            started = cpu_seconds(process)
            time.sleep(WARM_UP_SECONDS)
            surroundings.node.on_poll = polled
            before, begun = cpu_seconds(process), time.monotonic()
            scrapes = round(60 * asked.minutes / SCRAPE_SECONDS)
            for _ in range(scrapes):
                time.sleep(SCRAPE_SECONDS)
                surroundings.scrape()
            used, seconds = cpu_seconds(process) - before, time.monotonic() - begun
    table(
        f"Over {seconds:.0f} s:",
        ("CPU s to serve", "CPU s since", "ticks", "CPU ms a tick, with all else", "scrapes"),
        [(f"{started:.2f}", f"{used:.2f}", f"{polls}", f"{1000 * used / max(polls, 1):.0f}", f"{scrapes}")],
    )
    return concluded([Claim("of a core", 100 * used / seconds, 0.3, " %")])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
