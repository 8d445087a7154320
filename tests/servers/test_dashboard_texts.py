"""The texts that a person sees on the dashboards, computed by Grafana's own library from a server's results."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Collection, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from servers.conftest import Lived
from servers.life import NETWORK, SYNC_MODE, TARGET_LABELS, TESTER
from servers.prometheus import Prometheus
from servers.tools import dashboard_texts
from support.local_life import ROOT
from support.provisioned import required

from dashboards.expressions import filled, panels

DASHBOARDS = ("fleet.json", "tester.json")
CHOSEN = {
    "cluster": ".*",
    "namespace": TARGET_LABELS["3"]["namespace"],
    "network": NETWORK,
    "sync_mode": SYNC_MODE,
    "tester": TESTER,
    "build": "",
}
# Panels without data in the scenario, whose tester executes all blocks and never syncs a state.
EMPTY = {"State sync leaves"}
COMMITS = {"Commit", "Last good commit", "First bad commit"}
ANY_TEXT = {*COMMITS, "Build", "Next build", "Image", "Message"}
UNREADABLE = re.compile(
    r"Value(?: #[A-Z])?$|"  # a column without a name
    r"\d{10}|\d[.,]?\d* (?:Bil|Tri)|e\+\d|"  # a time since 1970, or a commit of digits as a number
    r"[{}]|=\"|"  # the labels of a series without a legend
    r"\d months|5\d years|NaN|undefined|Invalid"
)

Panel = dict[str, Any]


@pytest.fixture(scope="session")
def program() -> Path:
    with required():
        return dashboard_texts()


def shown(program: Path, dashboard: Panel, server: Prometheus, lived: Lived) -> list[Panel]:
    """Return the panels of a dashboard with the texts of their columns and cells."""
    # Grafana merges rows of equal times, and evaluates all queries of a panel at one time.
    now = time.time()

    def result(target: Panel) -> list[Any]:
        expression = filled(target["expr"], CHOSEN)
        if target.get("instant"):
            return server.now(expression, now)
        return server.range(expression, lived.start, lived.end)

    answers = {
        f"{panel['id']}/{target['refId']}": result(target)
        for panel in panels(dashboard)
        for target in panel["targets"]
    }
    asked = json.dumps({"dashboard": dashboard, "answers": answers})
    done = subprocess.run(["node", program], input=asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    texts: list[Panel] = json.loads(done.stdout)
    return texts


def problems(texts: list[Panel]) -> Iterator[str]:
    for panel in texts:
        columns = panel["columns"]
        if not panel["rows"] and panel["title"] not in EMPTY:
            yield f"{panel['title']}: no data"
        for text in (*(column["name"] for column in columns), *words_of(panel)):
            if UNREADABLE.search(text):
                yield f"{panel['title']}: {text}"
        for text in words_of(panel, COMMITS):
            if not re.fullmatch(r"([0-9a-f]{8})?", text):
                yield f"{panel['title']}: the commit {text}"


def words_of(panel: Panel, columns: Collection[str] = ()) -> Iterator[str]:
    """Yield the texts of the cells in the columns, or else of all cells that may not be any text."""
    names = [column["name"] for column in panel["columns"]]
    for row in panel["rows"]:
        for index, cell in enumerate(row):
            name = names[index] if names else ""
            if name in columns or (not columns and name not in ANY_TEXT):
                yield cell["text"]


def rows_of(texts: list[Panel], title: str) -> list[dict[str, str]]:
    """Return the texts of the rows of a table, by column."""
    (panel,) = (panel for panel in texts if panel["title"] == title)
    names = [column["name"] for column in panel["columns"]]
    return [dict(zip(names, (cell["text"] for cell in row), strict=True)) for row in panel["rows"]]


def row_of(texts: list[Panel], title: str) -> dict[str, str]:
    """Return the texts of the only row of a table, by column."""
    (row,) = rows_of(texts, title)
    return row


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_is_readable(name: str, program: Path, server: Prometheus, lived: Lived) -> None:
    dashboard = json.loads((ROOT / "dashboards" / name).read_text())

    assert list(problems(shown(program, dashboard, server, lived))) == []


def test_a_row_says_why_the_tester_needs_attention(program: Path, server: Prometheus, lived: Lived) -> None:
    dashboard = json.loads((ROOT / "dashboards" / "fleet.json").read_text())
    texts = shown(program, dashboard, server, lived)

    row = row_of(texts, "Needs attention")
    assert (row["Attention"], row["Tester"], row["Failed in a row"]) == ("failed", TESTER, "6")
    assert (row["Reason"], row["Phase"]) == ("stalled", "bootstrapping")
    tester = row_of(texts, "Testers")
    (ok,) = (panel for panel in texts if panel["title"] == "Testers ok")
    assert [row[0]["text"] for row in ok["rows"]] == ["0 of 1"]
    assert (tester["Pace"], tester["Last result"], tester["Regression"]) == ("late", "failed", "confirmed")


def test_a_gauge_ends_at_the_greatest_value_of_its_column(
    program: Path, server: Prometheus, lived: Lived
) -> None:
    dashboard = json.loads((ROOT / "dashboards" / "tester.json").read_text())
    (table,) = (panel for panel in shown(program, dashboard, server, lived) if panel["title"] == "Results")

    ends = {column["name"]: column["max"] for column in table["columns"]}
    greatest = [run.duration_seconds for run in lived.life.runs() if run.duration_seconds is not None]
    assert ends["Duration"] == pytest.approx(max(greatest))


def test_a_regression_has_its_magnitude(program: Path, server: Prometheus, lived: Lived) -> None:
    dashboard = json.loads((ROOT / "dashboards" / "fleet.json").read_text())
    rows = rows_of(shown(program, dashboard, server, lived), "Regressions")

    (row,) = (row for row in rows if row["Measure"] == "duration")
    assert row["Verdict"] == "confirmed"
    # The slow builds take 14 s, the good and quick ones 5 to 6 s.
    assert float(row["Over usual"].removesuffix("%")) > 50
    assert [re.fullmatch(r"\d+(\.\d)?s", row[name]) for name in ("Newest", "Usual", "Limit")].count(None) == 0


BREAKS = {
    "a column without a name": ("transformations", []),
    "a unit that is not one of a time": ("fieldConfig", {"defaults": {"unit": "none"}, "overrides": []}),
}


@pytest.mark.parametrize("broken", BREAKS)
def test_an_unreadable_copy_is_found(broken: str, program: Path, server: Prometheus, lived: Lived) -> None:
    dashboard = json.loads((ROOT / "dashboards" / "tester.json").read_text())
    key, value = BREAKS[broken]
    table = next(panel for panel in panels(dashboard) if panel["title"] == "Results")
    table[key] = deepcopy(value)

    assert any(
        problem.startswith("Results: ") for problem in problems(shown(program, dashboard, server, lived))
    )
