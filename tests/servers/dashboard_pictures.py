"""Draws the dashboards in the documentation from real monitors: `python -m servers.dashboard_pictures`.

Eight testers bootstrap simulated builds for four minutes and are scraped each second. Their series are stretched to
ten days and loaded into a second server, whose answers the dashboards show.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from browser.chromium import Browser, View, browser
from servers.fleet_life import fleet
from servers.life import JOB
from servers.processes import JsonObject
from servers.prometheus import Prometheus, configuration, prometheus
from servers.rules import hasty, loaded
from servers.stretched import SECONDS_PER_SECOND, Stretch
from servers.tools import PROMETHEUS, PROMTOOL, dashboard_pictures
from support.local_life import ROOT
from support.provisioned import MissingError
from support.simulated_builds import eventually

from dashboards.expressions import filled, panels

IMAGES = ROOT / "docs" / "images"
VERSION = "2.42"
EVERYTHING = dict.fromkeys(("cluster", "namespace", "network", "sync_mode", "tester"), ".*") | {"build": ""}
# The regressed tester, whose newest run is late.
ONE = {**EVERYTHING, "tester": "mainnet-state-sync", "cluster": "west"}
DASHBOARDS = {"fleet": EVERYTHING, "tester": ONE}
THEMES = {"light": "", "dark": "-dark"}
WIDTH = 1320
# The pictures end above these panels.
CUT = {"fleet": "Last result over time", "tester": "Regressions"}
_TITLE_PIXELS, _ROW_PIXELS = 48, 38
_HEIGHT = 4000
# A point for every second of the scenario.
STEP_SECONDS = SECONDS_PER_SECOND
# The rule compares with a limit of days that is not stretched.
NOT_STRETCHED = {"BootstrapNoRecentSuccess"}


def main() -> int:
    """Draw the dashboards and write them to docs/images."""
    try:
        program = dashboard_pictures()
        with tempfile.TemporaryDirectory() as name, browser() as window:
            folder = Path(name)
            with _stretched(folder) as (server, start, end):
                for dashboard, variables in DASHBOARDS.items():
                    shown = _answered(server, dashboard, variables, start, end)
                    _draw(window, program, folder, dashboard, shown)
    except MissingError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


@dataclass(frozen=True)
class _Lived:
    series: list[JsonObject]
    start: float
    end: float


def _live(folder: Path) -> _Lived:
    """Run all testers to the end of the scenario, and return all series that were scraped."""
    rules = hasty(loaded())
    for group in rules["groups"]:
        group["rules"] = [rule for rule in group["rules"] if rule.get("alert") not in NOT_STRETCHED]
    file = folder / "rules.yaml"
    file.write_text(json.dumps(rules))
    start = time.time()
    with fleet(folder / "testers") as (targets, threads):
        configured = configuration(targets, JOB, [file])
        program = PROMETHEUS[VERSION].found()
        with prometheus(VERSION, program, folder / "scraped", configured) as server:
            for thread in threads:
                thread.join()
            # The testers stop at the end, so the last seconds are left out.
            end = time.time() - 6
            series = server.range('{__name__=~"bootstrap_monitor_.+|ALERTS.*"}', start, end, 1)
    return _Lived(series, start, end)


@contextlib.contextmanager
def _stretched(folder: Path) -> Iterator[tuple[Prometheus, float, float]]:
    """Yield a server with the stretched series, and their time span."""
    lived = _live(folder)
    stretch = Stretch(lived.end, time.time())
    page, data = folder / "page.txt", folder / "stretched" / "data"
    with page.open("w") as lines:
        lines.writelines(stretch.lines(lived.series))
    load = ["tsdb", "create-blocks-from", "openmetrics", str(page), str(data)]
    subprocess.run([PROMTOOL[VERSION].found(), *load], check=True, capture_output=True)
    configured = configuration([], JOB, [])
    lookback = f"--query.lookback-delta={1.5 * STEP_SECONDS:.0f}s"
    with prometheus(
        VERSION, PROMETHEUS[VERSION].found(), folder / "stretched", configured, lookback
    ) as server:
        yield server, stretch.when(lived.start), stretch.now


def _answered(
    server: Prometheus, name: str, variables: dict[str, str], start: float, end: float
) -> JsonObject:
    """Return a dashboard with the answers to its panels, as Grafana would query them."""
    dashboard = json.loads((ROOT / "dashboards" / f"{name}.json").read_text())
    built_in = {
        "__range": f"{end - start:.0f}s",
        "__rate_interval": f"{4 * STEP_SECONDS:.0f}s",
        "__from": f"{start * 1000:.0f}",
        "__to": f"{end * 1000:.0f}",
    }
    first = start // STEP_SECONDS * STEP_SECONDS
    answers = {}
    for panel in panels(dashboard):
        for target in panel["targets"]:
            expression = filled(target["expr"], {**built_in, **variables})
            if target.get("instant"):
                result = server.now(expression, end)
            else:
                result = server.range(expression, first, end, STEP_SECONDS)
            answers[f"{panel['id']}/{target['refId']}"] = {"step": STEP_SECONDS, "result": result}
    return {"dashboard": dashboard, "answers": answers, "from": start * 1000, "to": end * 1000}


def _draw(window: Browser, program: Path, folder: Path, name: str, shown: JsonObject) -> None:
    """Draw one dashboard in each theme."""
    for theme, suffix in THEMES.items():
        page = folder / f"{name}{suffix}.html"
        data = json.dumps({**shown, "theme": theme, "width": WIDTH}).replace("</", "<\\/")
        page.write_text(
            '<!doctype html><meta charset="utf-8"><div id="root"></div>'
            f'<link rel="stylesheet" href="{(program / "pictures.css").as_uri()}">'
            f"<script>window.SHOWN = {data}</script>"
            f'<script src="{(program / "pictures.js").as_uri()}"></script>'
        )
        # A table draws only the rows that are visible.
        window.open(page.as_uri(), View(WIDTH, height=_HEIGHT))
        eventually(lambda: window.run("return document.title") != "", f"{page.name} is drawn")
        assert window.run("return document.title") == "done", window.run("return document.title")
        picture = IMAGES / f"dashboard-{name}{suffix}.png"
        (cut,) = (panel for panel in shown["dashboard"]["panels"] if panel["title"] == CUT[name])
        window.screenshot(picture, WIDTH, _TITLE_PIXELS + _ROW_PIXELS * cut["gridPos"]["y"])
        sys.stdout.write(f"{picture}\n")


if __name__ == "__main__":
    sys.exit(main())
