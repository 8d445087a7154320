"""What a fleet of testers costs: series and bytes, the time of a scrape, and of an evaluation of all rules.

    python -m bench.fleet [--testers 1000]

The pages are rendered from real ledgers with a full history; only the tester's name differs. One tester of
ten has regressed, so its alert fires. One web server answers for all testers. A real Prometheus scrapes it,
with the project's rules, and for comparison one rule that only reads `up`.

The rules look back over 30 minutes at most, but one over a day. The fleet is scraped at least 30 times at a
higher rate before the measurement. On a real day of 1,000 testers, scraped every 30 s, the lookback over a
day takes 0.3 to 0.6 s more. The limits apply to an otherwise idle machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median

from prometheus_client import generate_latest
from rich.console import Console
from rich.table import Table

from bench import testers
from monitor.domain.status import HISTORY_SHOWN
from monitor.output.web import Site, WebServer

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests"))  # the servers are those of the tests

from servers import tools  # noqa: E402 - found through the line above
from servers.prometheus import Prometheus, Target, configuration, prometheus  # noqa: E402

RULES = ROOT / "alerts" / "rules.yaml"
SCRAPED, EVALUATIONS = 30, 5
SCRAPE_SECONDS, EVALUATION_SECONDS, POLL_SECONDS = 5, 20, 0.2
SCRAPES_TIMED = 300
ONE_REGRESSED_OF = 10
BARE = "bare"
_DURATION = re.compile(
    r'^prometheus_rule_group_last_duration_seconds\{rule_group="(.+)"\} (\S+)$', re.MULTILINE
)
_EVALUATED = re.compile(r'^prometheus_rule_group_iterations_total\{rule_group="(.+)"\} (\S+)$', re.MULTILINE)


@dataclass(frozen=True)
class Cost:
    """A measured figure, its limit, and the figure of the bare rule if there is one, all in one unit."""

    what: str
    most: float
    measured: float
    unit: str
    bare: float | None = None

    @property
    def row(self) -> tuple[str, str, str, str, str]:
        """The cells of the table row."""
        beside = f"{self.bare:,.3g} {self.unit}: {self.measured / self.bare:,.0f} times" if self.bare else ""
        return (
            self.what,
            f"{self.measured:,.3g} {self.unit}",
            f"≤ {self.most:,.3g} {self.unit}",
            f"{self.measured / self.most:.0%}",
            beside,
        )


class _Pages(BaseHTTPRequestHandler):
    """Serves the page of the tester NAME at `/NAME/metrics`."""

    protocol_version = "HTTP/1.1"
    pages: Sequence[bytes] = ()

    def do_GET(self) -> None:
        name = self.path.split("/")[1]
        number = int(name.rpartition("-")[2])
        body = self.pages[number % len(self.pages)].replace(testers.NAME.encode(), name.encode())
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Discard the message."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore connection errors: a Prometheus that stops during a scrape closes the connection."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextlib.contextmanager
def fleet_served(pages: Sequence[bytes]) -> Iterator[str]:
    """Serve all testers at one address, with the pages assigned round-robin."""
    handler = type("_OfThesePages", (_Pages,), {"pages": pages})
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, name="fleet")
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def time_of_scrape_seconds(site: Site) -> float:
    """Return the median time of a monitor's answer to a scrape, in seconds."""
    server = WebServer(("127.0.0.1", 0), site)
    server.start()
    took = []
    try:
        for _ in range(SCRAPES_TIMED):
            began = time.perf_counter()
            with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics") as answer:
                answer.read()
            took.append(time.perf_counter() - began)
    finally:
        server.stop()
    return median(took)


def evaluation_seconds(server: Prometheus) -> Mapping[str, float]:
    """Return the median evaluation time of each rule group, in seconds."""
    found: dict[str, list[float]] = {}
    seen: dict[str, str] = {}
    while not found or min(len(each) for each in found.values()) < EVALUATIONS:
        time.sleep(POLL_SECONDS)
        page = _own_metrics(server)
        durations, evaluated = dict(_DURATION.findall(page)), dict(_EVALUATED.findall(page))
        for group, iteration in evaluated.items():
            if seen.get(group) != iteration:
                if group in seen:
                    found.setdefault(group, []).append(float(durations[group]))
                seen[group] = iteration
    return {group.rpartition(";")[2]: median(took) for group, took in found.items()}


def _own_metrics(server: Prometheus) -> str:
    with urllib.request.urlopen(f"{server.url}/metrics") as answer:
        text: str = answer.read().decode()
    return text


def scraped(server: Prometheus, fleet: int) -> None:
    """Wait until each tester has been scraped as often as the rules need."""
    asked = f"count(count_over_time(up[15m]) >= {SCRAPED}) == {fleet}"
    while not server.now(asked):
        time.sleep(1)


def of_rules(
    version: str, program: Path, folder: Path, pages: Sequence[bytes], fleet: int
) -> tuple[float, float]:
    """Return the evaluation time of all rules, and of the bare rule, for the whole fleet, in seconds."""
    rule = {"alert": "Down", "expr": "up == 0"}
    bare = folder / "bare.yaml"
    bare.write_text(json.dumps({"groups": [{"name": BARE, "rules": [rule]}]}))
    with fleet_served(pages) as address:
        labels = [
            {"namespace": "testers", "pod": f"tester-{number}-0", "instance": f"tester-{number}"}
            for number in range(fleet)
        ]
        targets = [Target(address, label, f"/tester-{number}/metrics") for number, label in enumerate(labels)]
        configured = configuration(
            targets,
            "bootstrap-monitor",
            [RULES, bare],
            scrape_seconds=SCRAPE_SECONDS,
            evaluation_seconds=EVALUATION_SECONDS,
        )
        with prometheus(version, program, folder / version, configured) as server:
            scraped(server, fleet)
            took = evaluation_seconds(server)
    return sum(seconds for group, seconds in took.items() if group != BARE), took[BARE]


def measured(fleet: int, versions: Sequence[str]) -> list[Cost]:
    """Return all costs, in the order in which they are shown."""
    with tempfile.TemporaryDirectory(prefix="bootstrap-monitor-bench-") as name:
        folder = Path(name)
        usual = testers.write_history(folder / "usual", regressed=False)
        ledger = testers.write_history(folder / "regressed", regressed=True)
        registry = testers.registry_of(ledger)
        site = Site(
            registry,
            lambda: testers.status(ledger),
            lambda: [(run, None) for run in ledger.runs(HISTORY_SHOWN)],
            lambda: (True, ()),
        )
        page = generate_latest(registry)
        pages = (page, *(generate_latest(testers.registry_of(usual)),) * (ONE_REGRESSED_OF - 1))
        series = sum(not line.startswith(b"#") for line in page.splitlines())
        costs = [
            Cost("series of a tester", 400, series, ""),
            Cost("page of a tester", 60, len(page) / 1000, "KB"),
            Cost("answer to a scrape", 10, time_of_scrape_seconds(site) * 1000, "ms"),
        ]
        ledger.close()
        usual.close()
        for version in versions:
            rules, bare = of_rules(version, tools.PROMETHEUS[version].found(), folder, pages, fleet)
            costs += [
                Cost(f"all rules, Prometheus {version}", 2, rules, "s", bare),
            ]
    return costs


def main() -> None:
    """Run the benchmark and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.fleet", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--testers", type=int, default=1000, help="how many testers are scraped")
    parser.add_argument("--versions", nargs="+", default=tools.VERSIONS, choices=tools.VERSIONS)
    arguments = parser.parse_args()
    table = Table("what", "measured", "to reach", "of it", "up == 0", title=f"{arguments.testers:,} testers")
    for cost in measured(arguments.testers, arguments.versions):
        table.add_row(*cost.row)
    Console().print(table)


if __name__ == "__main__":
    main()
