"""Tests of the chart: the position and the class of each run, the lines, and the band."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from support.builders import NEW, REGRESSIONS, build, ended, full_status, run

from monitor.domain.build import Versions
from monitor.domain.run import Outcome, Reason, Run
from monitor.domain.status import Status
from monitor.domain.tracking import RunTracking
from monitor.domain.workload import SyncMode
from monitor.output.web.page import page

ZERO = 200.0


def chart(status: Status) -> str:
    """Return the chart in the page."""
    return "".join(re.findall(r'<figure id="chart">.*?</figure>', page(status), re.DOTALL))


@dataclass(frozen=True)
class Mark:
    """One run in the chart: its class, its title, and its position in percent and pixels."""

    kind: str
    title: str
    x: float
    y: float


class Drawn:
    """A parsed chart."""

    def __init__(self, **changes: Any) -> None:
        figure = ET.fromstring(chart(full_status(**changes)))  # noqa: S314 - the project's own output
        (self.root,) = figure.findall("svg")
        self.marks = [
            Mark(
                each.get("class", ""),
                each.findtext("title", ""),
                float(each.get("x", "").rstrip("%")),
                float(each.get("y", "")),
            )
            for each in self.root.findall("svg[title]")
        ]

    def texts(self, kind: str) -> list[str]:
        """Return the texts of elements with this class."""
        return [each.text or "" for each in self.root.iter("text") if kind in each.get("class", "").split()]

    def numbers(self) -> list[str]:
        return [each for each in self.texts("across") if each not in self.texts("version")]

    def band(self) -> tuple[float, float] | None:
        """Return the upper and lower edge of the band in pixels."""
        found = self.root.find("rect[@class='band']")
        if found is None:
            return None
        top = float(found.get("y", ""))
        return top, top + float(found.get("height", ""))

    def lines(self) -> dict[str, float]:
        """Return the vertical position of each line by its name."""
        heights = [float(each.get("y1", "")) for each in self.root.findall("line[@class='grid']")]
        return dict(zip(self.texts("before"), heights, strict=True))


def of_version(number: int, version: str, **changes: Any) -> Run:
    versions = Versions(version, "v1.4.5", 45, "c" * 40, "1.26")
    return ended(number, build=replace(build(), versions=versions), **changes)


def test_runs_stand_from_old_to_new_each_at_its_duration() -> None:
    hours = {3: 3600.0, 2: 7200.0, 1: 1800.0}
    found = Drawn(
        run=ended(3, duration_seconds=hours[3]),
        results=tuple(ended(number, duration_seconds=seconds) for number, seconds in hours.items()),
    )
    assert found.numbers() == ["1", "2", "3"]
    assert [mark.x for mark in found.marks] == sorted(mark.x for mark in found.marks)
    half, two, one = (ZERO - mark.y for mark in found.marks)
    assert two / one == pytest.approx(2, rel=0.01)
    assert half / one == pytest.approx(0.5, rel=0.01)
    assert found.lines()["1h"] == pytest.approx(found.marks[2].y, abs=0.1)


def test_what_a_run_came_to_is_a_shape_of_its_own_and_words() -> None:
    worked = {"duration_seconds": None, "tracking": RunTracking(active_seconds=600)}
    results = (
        ended(3, Outcome.FAILED, reason=Reason.CRASHED, **worked),
        ended(2, Outcome.SUPERSEDED, **worked),
        ended(1),
    )
    found = Drawn(run=run(number=4, tracking=RunTracking(active_seconds=300.0)), results=results)
    assert [(mark.kind, mark.title) for mark in found.marks] == [
        ("succeeded", "Run 1: succeeded, 1h30m, 1.14.2 (cccccccc)"),
        ("superseded", "Run 2: superseded, 10m, 1.14.2 (cccccccc)"),
        ("failed", "Run 3: failed: crashed, 10m, 1.14.2 (cccccccc)"),
        ("open", "Run 4: open, 5m, 1.14.2 (cccccccc)"),
    ]
    shapes = re.findall(r'<(circle|path) class="shape"[^>]*>', ET.tostring(found.root).decode())
    assert shapes == ["circle", "path", "path", "circle"]
    drawn = {
        ET.tostring(shape)
        for mark in found.root.findall("svg[title]")
        for shape in mark
        if shape.get("class") == "shape"
    }
    assert len(drawn) == len(found.marks), "no two are alike without their color"
    assert re.findall(r"</svg>(\w+)</span>", chart(full_status())) == [
        *("succeeded", "failed", "superseded", "open")
    ]


def test_the_band_reaches_from_what_is_usual_to_what_is_usual_at_most() -> None:
    found = Drawn(regressions=REGRESSIONS, results=(ended(1, duration_seconds=3600.0),))
    band, success = found.band(), found.marks[0]
    assert band is not None
    top, bottom = band
    assert bottom == pytest.approx(success.y, abs=0.2), "3600 s are usual"
    assert (ZERO - top) / (ZERO - bottom) == pytest.approx(4000 / 3600, rel=0.01)
    assert "</svg>usually 1h, at most 1h06m</span>" in chart(full_status(regressions=REGRESSIONS))


def test_without_a_baseline_there_is_no_band() -> None:
    assert Drawn().band() is None


def test_a_duration_that_is_unknown_says_so_at_the_bottom() -> None:
    (mark,) = Drawn(run=ended(1), results=(ended(1, recovered=True, duration_seconds=None),)).marks
    assert (mark.y, "duration unknown" in mark.title) == (ZERO, True)


def test_only_runs_of_what_is_tested_now_are_compared() -> None:
    results = (
        ended(4),
        ended(3, network="mainnet"),
        ended(2, sync_mode=SyncMode.C_CHAIN_STATE_SYNC),
        ended(1, testbed="other"),
    )
    assert Drawn(run=results[0], results=results).numbers() == ["4"]


def test_the_newest_twenty_are_shown_with_the_one_that_is_open() -> None:
    results = tuple(ended(number) for number in range(30, 10, -1))
    assert Drawn(run=run(number=31), results=results).numbers() == [str(n) for n in range(12, 32)]


def test_a_version_stands_under_the_first_run_of_it() -> None:
    results = (
        of_version(5, "avalanchego/1.14.3-with-a-long-name"),
        of_version(4, "avalanchego/1.14.2"),
        of_version(3, "avalanchego/1.14.2"),
        ended(2, build=replace(build(NEW), versions=None)),
        of_version(1, "odd"),
    )
    versions = ["odd", "bbbbbbbbbbb…", "1.14.2", "1.14.3-with…"]
    found = Drawn(run=results[0], results=results)
    assert found.texts("version") == versions
    assert found.texts("along") == versions


@pytest.mark.parametrize(
    ("versions", "crowded"),
    [(("1.14.2", "1.14.3"), False), (("1.14.2", "1.14.3-rc.1"), True), (("1.14.3-rc.1",), False)],
    ids=["short", "long", "only one"],
)
def test_versions_that_do_not_fit_beside_each_other_stand_upright(
    versions: tuple[str, ...], *, crowded: bool
) -> None:
    results = tuple(of_version(number, versions[number % len(versions)]) for number in range(20, 0, -1))
    found = Drawn(run=results[0], results=results)
    assert ("crowded" in found.root.get("class", "").split()) == crowded
    assert found.texts("other") == [str(number) for number in range(1, 21, 2)], "hidden where it is narrow"


@pytest.mark.parametrize(
    ("longest_seconds", "lines"),
    [
        (4.0, ["0s", "1s", "2s", "3s", "4s"]),
        (70.0, ["0s", "15s", "30s", "45s", "1m"]),
        (5400.0, ["0s", "30m", "1h", "1h30m"]),
        (14 * 86400.0, ["0s", "5d", "10d"]),
        (250 * 86400.0, ["0s", *(f"{days}d" for days in range(50, 251, 50))]),
        (400 * 86400.0, ["0s", *(f"{days}d" for days in range(100, 401, 100))]),
        (3000 * 86400.0, ["0s", *(f"{days}d" for days in range(600, 3001, 600))]),
    ],
)
def test_lines_are_few_and_round(longest_seconds: float, lines: list[str]) -> None:
    success = ended(1, duration_seconds=longest_seconds)
    assert list(Drawn(run=success, results=(success,)).lines()) == lines


def test_lines_are_few_however_long_a_run_took() -> None:
    """The number of lines is bounded, even for an impossible duration from a node's clock."""
    success = ended(1, duration_seconds=1e300)
    found = Drawn(run=success, results=(success,))
    assert len(found.lines()) == 6
    assert min(found.lines().values()) == pytest.approx(found.marks[0].y, abs=0.2)


@pytest.mark.parametrize("changes", [{"results": ()}, {"run": None}], ids=["only an open run", "no run"])
def test_before_the_first_run_has_ended_there_is_no_chart(changes: dict[str, Any]) -> None:
    assert chart(full_status(**changes)) == ""
