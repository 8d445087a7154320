"""Tests of the status page as HTML; tests/browser opens it in a browser."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jinja2 import nodes
from support.builders import (
    COMMIT,
    NEW,
    NOW,
    OLD,
    REGRESSIONS,
    REPOSITORY,
    VERDICTS,
    build,
    ended,
    full_status,
    run,
    status,
)

import monitor
from monitor.avalanchego.source_links import SOURCE_URL
from monitor.domain.baseline import Verdict
from monitor.domain.build import Versions
from monitor.domain.build_results import BuildResults
from monitor.domain.compared_pair import ComparedBuild, ComparedPair
from monitor.domain.observations import ChainActivity, ChainLog, Health
from monitor.domain.regression import Measure, Regression
from monitor.domain.run import Evidence, Outcome, Reason, Run
from monitor.domain.status import NodeStatus, Phase, ProgressStatus, Status
from monitor.domain.tracking import Count, HealthyStreak, RunTracking
from monitor.domain.workload import SyncMode
from monitor.output import format as formats
from monitor.output.web.page import TEMPLATES as LOADED
from monitor.output.web.page import page

VOID = {"meta", "link", "br", "input", "circle", "path", "line", "rect"}


class Page(HTMLParser):
    """A parsed page: its elements, its text, and the text of each element with an ID."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[tuple[str, str]] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.rows: list[list[str]] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if "href" in found else []
        if tag not in VOID:
            self.open.append((tag, found.get("id", "")))
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        assert tag in VOID

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        inside = {tag for tag, _ in self.open}
        if inside & {"style", "script"}:
            return
        self.texts.append((tuple(found for _, found in self.open if found), data))
        if inside & {"td", "th"}:
            self.rows[-1][-1] += data

    def text(self, part: str = "") -> str:
        """Return the text of the page, or of the element with the ID `part`."""
        words = [data for ids, data in self.texts if not part or part in ids]
        return " ".join(" ".join(words).split())


def page_of(shown: Status, evidence: Mapping[int, Evidence] | None = None) -> Page:
    found = Page(page(shown, evidence))
    assert found.open == [], "every element is closed"
    assert len(set(found.ids)) == len(found.ids), "no ID is there twice"
    return found


def test_it_shows_the_tester() -> None:
    found = page_of(full_status(notice="another pod holds the volume"))
    digest = "b" * 64
    parts = {
        "phase": "✗ run 5 failed: stalled P stood still bootstrapping "
        f"Run 6 · 1.14.2 {COMMIT} ⚠ another pod holds the volume",
        "chains": "Chain P fetched 1,234 · executed 200 blocks Chain C synced 12,005 leaves of the state",
        "run": f"Number 6 State open Tested fuji · full-sync Version 1.14.2 Commit {COMMIT} "
        f"Image {REPOSITORY}@sha256: {'a' * 64} Started 1970-01-12 11:00:00Z 2 h ago Node restarts 2",
        "node": "Process up Health unhealthy Bootstrapped no Peers 12 Last poll 1970-01-12 13:46:37Z just now",
        "volume": "Node's data 1.0 GiB Volume 10.0 GiB Measured 1970-01-12 13:45:40Z 1 min ago",
        "builds": "Last check 1970-01-12 13:46:10Z just now Next build 1.14.2 (dddddddd) "
        f"Commit {'d' * 40} Image {REPOSITORY}@sha256: {digest}",
        "as-of": "As of 1970-01-12 13:46:40Z",
    }
    assert {part: found.text(part) for part in parts} == parts
    assert "tester fuji · full-sync · testbed default As of" in found.text()
    assert set(found.links) >= {"/metrics", "/api/v1/status", "/api/v1/history"}


def test_commits_are_linked_to_their_source_where_they_are_commits() -> None:
    found = page_of(full_status())
    assert f"{SOURCE_URL}/commit/{COMMIT}" in found.links
    assert f"{SOURCE_URL}/commit/{'d' * 40}" in found.links
    odd = replace(build(), versions=Versions("avalanchego/1.14.2", "", 0, "../../evil", ""))
    found = page_of(full_status(run=run(of=odd), results=(), new_build=None))
    assert "../../evil" in found.text("run")
    assert [each for each in found.links if "commit" in each] == []


L1 = "2Z36RnQuk1hvsnFeGWzfZUfXNr7w1SjzmDQ78YxfTVNAkDq3nZ"
SKIPPED = ended(
    6, sync_mode=SyncMode.C_CHAIN_STATE_SYNC, tracking=RunTracking(state_synced=False, active_seconds=1.0)
)
ALL_EXECUTED = "fuji · c-chain-state-sync (state sync skipped, all blocks executed)"
PROGRESS = ProgressStatus(
    {
        "P": ChainLog(ChainActivity.EXECUTING, ratio=0.426, end_at=NOW.wall + 300),
        "C": ChainLog(ChainActivity.SYNCING_STATE),
    },
    stalled=False,
)
HEALTHY = NodeStatus(NOW.wall, up=True, health=Health.HEALTHY, bootstrapped=True, peers=1)
SOAKING = RunTracking(active_seconds=900.0, healthy=HealthyStreak(NOW.wall - 60, 0.0, 840.0))


@pytest.mark.parametrize(
    ("part", "changes", "words"),
    [
        pytest.param(
            "chains",
            {"progress": PROGRESS},
            "Chain P executing 43% fetched 1,234 · executed 200 blocks · done in 5m "
            "Chain C syncing state synced 12,005 leaves of the state",
            id="what each chain does",
        ),
        pytest.param(
            "chains",
            {"progress": replace(PROGRESS, stalled=True)},
            "Chain P executing 43% fetched 1,234 · executed 200 blocks Chain C",
            id="no end of a stage while stalled",
        ),
        pytest.param(
            "chains",
            {"progress": replace(PROGRESS, unknown=True)},
            "Chain P executing 43% fetched 1,234 · executed 200 blocks Chain C",
            id="no end of a stage with unknown progress",
        ),
        pytest.param(
            "chains",
            {"counts": {("C", "leaves_synced"): Count(5_000_000, 1, 1)}},
            "Chain C synced 5,000,001 leaves of the state",
            id="a state sync",
        ),
        pytest.param(
            "chains",
            {
                "counts": {},
                "progress": ProgressStatus({"X": ChainLog(ChainActivity.WAITING, ratio=1.0)}, stalled=False),
            },
            "Chain X waiting 100%",
            id="a chain that counts no blocks",
        ),
        pytest.param(
            "chains", {"counts": {}}, "No chain has reported progress yet.", id="no chain that has reported"
        ),
        pytest.param(
            "phase",
            {
                "progress": replace(PROGRESS, stalled=True),
                "run": run(number=6, tracking=RunTracking(idle_seconds=100_000)),
            },
            "⚠ stalled: no progress for 27h46m",
            id="stalled for how long",
        ),
        pytest.param(
            "phase",
            {
                "progress": replace(PROGRESS, stalled=True),
                "run": run(number=6, tracking=RunTracking(idle_seconds=7200, stalled_chain="C")),
            },
            "⚠ stalled: no progress of chain C for 2h",
            id="one chain stalled",
        ),
        pytest.param(
            "phase",
            {"progress": ProgressStatus({}, stalled=False, unknown=True)},
            "⚠ progress unknown: no metric or log line of the node shows progress; a stall would not be detected",
            id="unknown progress",
        ),
        pytest.param(
            "chains",
            {
                "counts": {(L1, "blocks_accepted"): Count(0, 7, 7)},
                "progress": ProgressStatus(
                    {
                        "C": ChainLog(ChainActivity.TRANSITIONING),
                        L1: ChainLog(ChainActivity.SYNCING_STATE, end_at=NOW.wall + 3720),
                    },
                    stalled=False,
                ),
            },
            "Chain C transitioning Chain 2Z36RnQuk1h… syncing state executed 7 blocks · done in 1h02m",
            id="a transition, and the state sync of an L1 with its end",
        ),
        pytest.param("run", {"run": SKIPPED}, f"Tested {ALL_EXECUTED}", id="a state sync that was skipped"),
        pytest.param(
            "phase",
            {
                "phase": Phase.BLOCKED,
                "message": "blocked: the node has no peers; timers are paused. Check outbound TCP 9651 and DNS.",
            },
            "blocked the node has no peers; timers are paused. Check outbound TCP 9651 and DNS. Run 6",
            id="what it is blocked by",
        ),
        pytest.param(
            "phase",
            {"phase": Phase.PAUSED, "message": "paused: no new build is taken until resume"},
            "paused no new build is taken until resume Run 6",
            id="paused",
        ),
        pytest.param(
            "phase",
            {"paused": True},
            "⚠ paused: no other run starts until resume",
            id="paused while a run is open",
        ),
        pytest.param(
            "builds",
            {"requested": build()},
            "To run again 1.14.2 (cccccccc), as requested",
            id="a rerun that was asked for",
        ),
        pytest.param(
            "phase",
            {"tick_at": NOW.wall - 121},
            "⚠ silent since 1970-01-12 13:44:39Z 2 min ago : the values below are from that time",
            id="silent",
        ),
        pytest.param(
            "phase",
            {"regressions": REGRESSIONS, "late": True},
            "⚠ late: the open run is over its limit "
            "⚠ duration: regression since run 3, last good run 2 (usually 1h, at most 1h06m) "
            "⚠ disk usage: regression suspected since run 3",
            id="late, and regressions",
        ),
        pytest.param(
            "run",
            {"run": ended(6, Outcome.FAILED, reason=Reason.CRASHED, message="exit code 2: no disk")},
            "State ✗ failed: crashed Tested fuji · full-sync Why exit code 2: no disk Version",
            id="why the last run failed",
        ),
        pytest.param(
            "compared",
            {"regressions": REGRESSIONS},
            "Duration regression since run 3, last good run 2 (usually 1h, at most 1h06m) · what changed Disk usage",
            id="a regression",
        ),
        pytest.param(
            "compared",
            {"regressions": REGRESSIONS, "baseline_begins": 7},
            "Marked baselines use run 7 and later runs",
            id="marked",
        ),
        pytest.param("compared", {}, "No runs to compare with yet.", id="nothing to compare with"),
        pytest.param("builds", {"new_build": None}, "Next build none", id="no new build"),
        pytest.param(
            "node",
            {
                "node": NodeStatus(
                    NOW.wall, up=True, health=Health.UNHEALTHY, failing_checks=("P", "bootstrapped")
                )
            },
            "Health unhealthy Failing checks P, bootstrapped Bootstrapped unknown Peers unknown",
            id="failing checks",
        ),
        pytest.param(
            "run",
            {"run": run(number=6, tracking=RunTracking(other_build="<node>@sha256:2"))},
            "Compared with no other run: another build ran on its data: <node>@sha256:2",
            id="another build ran on its data",
        ),
    ],
)
def test_it_shows_how_the_run_comes_along(part: str, changes: dict[str, Any], words: str) -> None:
    assert words in page_of(full_status(**changes)).text(part)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param(
            {"regressions": REGRESSIONS}, "Active 15m usually 1h, at most 1h06m", id="against what is usual"
        ),
        pytest.param(
            {"regressions": {Measure.DURATION: Regression(Verdict.INSUFFICIENT_DATA, compared=3)}},
            "Active 15m not enough runs yet (3 of 7)",
            id="without a baseline",
        ),
        pytest.param({}, "Expected end unknown no estimate in the node's log yet", id="no estimate"),
        pytest.param(
            {"progress": PROGRESS}, "Expected end in 5m 1970-01-12 13:51:40Z of this stage", id="an estimate"
        ),
        pytest.param({"progress": PROGRESS, "at": NOW.wall + 301}, "Expected end due", id="overdue"),
        pytest.param(
            {"progress": replace(PROGRESS, stalled=True)}, "Expected end unknown stalled Disk", id="stalled"
        ),
        pytest.param(
            {"progress": replace(PROGRESS, stalled=True), "at": NOW.wall + 301},
            "Expected end unknown stalled Disk",
            id="stalled and overdue",
        ),
        pytest.param(
            {"progress": replace(PROGRESS, unknown=True)},
            "Expected end unknown progress unknown Disk",
            id="unknown progress",
        ),
        pytest.param(
            {"phase": Phase.SOAKING, "run": run(number=6, tracking=SOAKING)},
            "Healthy for 1m since 1970-01-12 13:45:40Z",
            id="soaking",
        ),
        pytest.param({}, "Disk used 20% 8.0 GiB of 10.0 GiB free", id="disk"),
        pytest.param({"volume": None}, "Disk unknown not measured yet", id="not measured"),
    ],
)
def test_it_begins_with_the_figures_that_matter_most(changes: dict[str, Any], words: str) -> None:
    assert words in page_of(full_status(**changes)).text("tiles")


@pytest.mark.parametrize("run_now", [pytest.param(ended(6), id="ended"), pytest.param(None, id="no run")])
def test_without_an_open_run_only_the_disk_has_a_tile(run_now: Run | None) -> None:
    assert page_of(full_status(run=run_now)).text("tiles") == "Disk used 20% 8.0 GiB of 10.0 GiB free"


@pytest.mark.parametrize(
    ("phase", "process"),
    [
        (Phase.DISCOVERING, "<dd>down</dd>"),
        (Phase.CLEARING, "<dd>down</dd>"),
        (Phase.STARTING, "<dd>down</dd>"),
        (Phase.BOOTSTRAPPING, '<dd class="bad">✗ down</dd>'),
        (Phase.IDLE, '<dd class="bad">✗ down</dd>'),
    ],
)
def test_a_node_that_is_down_is_wrong_only_where_it_should_be_up(phase: Phase, process: str) -> None:
    assert process in page(full_status(phase=phase, node=replace(HEALTHY, up=False)))


@pytest.mark.parametrize(
    ("changes", "tone", "title", "dot"),
    [
        pytest.param({}, "bad", "✗ run 5 failed: stalled · tester", "d93025", id="failed"),
        pytest.param(
            {"results": (ended(3),)}, "good", "✓ 1.14.2 bootstrapped in 1h30m · tester", "22863a", id="good"
        ),
        pytest.param(
            {"results": (ended(3),), "regressions": REGRESSIONS},
            "warn",
            "⚠ slower since run 3 · tester",
            "e39b00",
            id="slower",
        ),
        pytest.param(
            {"results": ()}, "going", "… run 6 bootstrapping · tester", "1a73e8", id="the first run"
        ),
    ],
)
def test_title_and_icon_show_the_state_of_affairs(
    changes: dict[str, Any], tone: str, title: str, dot: str
) -> None:
    shown = page(full_status(**changes))

    assert f"<title>{title}</title>" in shown
    assert f'<div class="phase {tone}">' in shown
    assert f"fill='%23{dot}'" in shown


def test_a_slow_run_is_marked_in_chart_and_table() -> None:
    found = page_of(full_status(verdicts=VERDICTS))
    cells = {row[0]: row[3] for row in found.rows}

    assert (cells["3"], cells["1"]) == ("⚠ 1h30m limit 1h06m", "1h30m")
    assert "succeeded, over its limit" in found.text("chart")
    assert "Run 3: succeeded, 1h30m, over its limit of 1h06m" in found.text("chart")
    assert page(full_status(verdicts=VERDICTS)).count('<svg class="slower" x=') == 1


@pytest.mark.parametrize(
    ("first_bad", "commits"),
    [
        pytest.param(3, f"{COMMIT} changes since run 2", id="the first slower run, with a later result"),
        pytest.param(2, COMMIT, id="a slower run after the first one"),
    ],
)
def test_the_first_slower_run_keeps_its_commits_in_the_table(first_bad: int, commits: str) -> None:
    regression = REGRESSIONS[Measure.DURATION]
    bad = replace(regression, first_bad=ended(first_bad, build=build(NEW, "d" * 40)))
    judged = replace(VERDICTS[3][Measure.DURATION], regression=bad)
    shown = full_status(verdicts={3: {Measure.DURATION: judged}}, regressions={})
    cells = {row[0]: row[-2] for row in page_of(shown).rows}

    assert (cells["3"], cells["2"]) == (commits, COMMIT)
    assert (f"/compare/{COMMIT}...{'d' * 40}" in page(shown)) is (first_bad == 3)


def test_a_comparison_names_its_builds_and_shows_the_standing() -> None:
    pair = ComparedPair(
        {"OLD": ComparedBuild("./a", OLD, (3600.0, 3960.0)), "NEW": ComparedBuild("./b", NEW)}, 10
    )
    results = (ended(2, build=build(NEW)), ended(1))
    found = page_of(full_status(pair=pair, results=results, run=run(of=build(NEW), number=3)))

    assert "… comparing: OLD 2 of 10, NEW 0 of 10 runs" in found.text("phase")
    assert "OLD ./a · 2 of 10 runs · mean 1h02m NEW ./b · 0 of 10 runs" in found.text("phase")
    assert [row[:2] for row in found.rows] == [["Run", "Build"], ["2", "NEW"], ["1", "OLD"]]
    assert "Build NEW" in found.text("run")
    assert found.text("chart").count("NEW") == 2
    assert found.text("compared") == "A comparison of two builds has no baseline."


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="not watched"),
        pytest.param({"progress": PROGRESS}, id="running"),
        pytest.param({"run": ended(6, message="it succeeded")}, id="a success"),
        pytest.param({"tick_at": NOW.wall - 100}, id="a tick not long ago"),
    ],
)
def test_it_warns_of_nothing_that_is_not_so(changes: dict[str, Any]) -> None:
    found = page_of(full_status(**changes))
    assert "⚠" not in found.text()
    assert "Why" not in found.text("run")


def test_it_shows_the_results() -> None:
    heads, stalled, superseded, succeeded, recovered, nameless = page_of(full_status()).rows
    assert heads == [
        *("Run", "Outcome", "Version", "Duration", "Wall", "Disk", "Restarts", "Ended", "Commit", "Image")
    ]
    assert stalled[:4] == ["5", "✗ failed: stalled", "1.14.2", ""]
    assert superseded[:6] == ["4", "– superseded", "1.14.2", "", "1h31m", ""]  # noqa: RUF001
    assert succeeded == [
        *("3", "✓ succeeded", "1.14.2", "1h30m", "1h31m", "3.0 GiB", "0", "1970-01-12 13:30:03Z"),
        *(COMMIT, f"{REPOSITORY}@{OLD}"),
    ]
    assert recovered[3:6] == ["", "", ""]
    assert (nameless[2], nameless[8], nameless[9]) == ("unknown", "unknown", f"{REPOSITORY}@{NEW}")
    assert {len(row) for row in (stalled, superseded, succeeded, recovered, nameless)} == {len(heads)}


def test_it_shows_the_tested_configuration_if_runs_differ() -> None:
    results = (ended(2), ended(1, sync_mode=SyncMode.C_CHAIN_STATE_SYNC), SKIPPED)
    heads, *rows = page_of(full_status(results=results)).rows
    at = heads.index("Tested")
    assert [row[at] for row in rows] == ["fuji · full-sync", "fuji · c-chain-state-sync", ALL_EXECUTED]


KEPT = Evidence("FATAL\tno disk\x1b[31m\n", NOW.wall)


HISTORY = "bootstrap-monitor history --run 5"


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        pytest.param(None, f"log tail is not shown here; {HISTORY} prints it.", id="not served"),
        pytest.param({5: None}, "No log tail of the node was saved.", id="nothing kept"),
        pytest.param({}, "The node's log tail is unknown: the ledger does not answer.", id="not read"),
        pytest.param(
            {5: KEPT},
            f"saved 1970-01-12 13:46:40Z just now ( {HISTORY} prints all of it): FATAL no disk\ufffd[31m",
            id="kept",
        ),
        pytest.param({5: Evidence("a" * 9000 + "end", 0.0)}, " " + "a" * 8189 + "end", id="only its end"),
    ],
)
def test_each_failure_comes_with_what_was_kept_of_it(
    evidence: Mapping[int, Evidence] | None, words: str
) -> None:
    found = page_of(full_status(), evidence)
    summary = found.text("failure-5")
    assert summary.startswith(
        "Run 5 ✗ failed: stalled · 1.14.2 (cccccccc) Why P stood still Caused by the build"
    )
    assert summary.endswith(words)
    assert "#evidence-5" in found.links, "the table leads there"
    assert "failure-4" not in found.ids, "no failure"


def test_a_failure_of_the_testbed_blames_no_build() -> None:
    failed = ended(5, Outcome.FAILED, reason=Reason.DISK_FULL)
    assert "Caused by the testbed; inconclusive for the build" in page_of(
        full_status(results=(failed,))
    ).text("failure-5")


CHANGED = BuildResults(
    (
        ended(5, Outcome.FAILED, reason=Reason.CRASHED),
        ended(4, Outcome.FAILED, reason=Reason.CRASHED),
        ended(3),
    )
)


@pytest.mark.parametrize(
    ("newest", "builds"),
    [
        pytest.param(CHANGED, (), id="the newest build"),
        pytest.param(
            BuildResults(), (BuildResults((ended(6, build=build(NEW)),)), CHANGED), id="an older build"
        ),
    ],
)
def test_failures_since_the_history_changed_blame_no_build(
    newest: BuildResults, builds: Sequence[BuildResults]
) -> None:
    found = Page(page(full_status(results=CHANGED.runs, build_results=newest), None, builds))
    cause = "Caused by the network's history or the testbed, because the build succeeded in run 3 Commit"

    assert [cause in found.text(f"failure-{number}") for number in (5, 4)] == [True, True]


def test_the_page_of_a_tester_that_has_seen_nothing() -> None:
    found = page_of(status(tester="", network="", testbed=""))
    for words in (
        "bootstrap-monitor full-sync · testbed ?",
        "not started",
        "No run has started yet.",
        "Not polled yet.",
        "Not measured yet.",
        "No run has ended yet.",
        "No failures among these runs.",
    ):
        assert words in found.text()


EVIL = "<script>alert(1)</script>\"'&"


@pytest.mark.parametrize("failed", [False, True], ids=["an open run", "a failed run"])
def test_nothing_that_is_shown_becomes_markup(*, failed: bool) -> None:
    """Values never become markup.

    Messages contain the output of programs, and images are set by users.
    """
    evil = replace(build(), image=f"{EVIL}@{EVIL}:{EVIL}", versions=Versions(EVIL, EVIL, 0, EVIL, EVIL))
    crash = ended(
        1, Outcome.FAILED, reason=Reason.CRASHED, message=EVIL, build=evil, network=EVIL, testbed=EVIL
    )
    tested: dict[str, Any] = {"build": evil, "network": EVIL, "testbed": EVIL}
    shown = full_status(
        tester=EVIL,
        network=EVIL,
        testbed=EVIL,
        message=EVIL,
        notice=EVIL,
        run=crash if failed else run(number=2, **tested),
        results=(crash, ended(3)),
        counts={(EVIL, "blocks_fetched"): Count(1, 1, 1)},
        progress=ProgressStatus({EVIL: ChainLog(ChainActivity.EXECUTING, ratio=0.5)}, stalled=False),
        node=NodeStatus(0.0, up=True, health=Health.UNHEALTHY, failing_checks=(EVIL,)),
        new_build=evil,
    )
    found = page_of(shown, {1: Evidence(EVIL, 0.0)})
    assert found.tags.count("script") == 1, "the page's own"
    assert "Chain <script>ale…" in found.text("chains"), "a long name is shortened"
    for part in ("phase", "run", "node", "builds", "chart", "results", "failure-1", "words-1"):
        assert "alert(1)" in found.text(part), part


MONITOR = Path(monitor.__file__).parent
TEMPLATES = sorted((MONITOR / "output" / "web" / "templates").iterdir())


def test_no_markup_is_written_in_python() -> None:
    """Python code contains no markup, because only templates escape their values."""
    modules = {path: ast.parse(path.read_text()) for path in MONITOR.rglob("*.py")}
    written = [
        f"{path.relative_to(MONITOR)}:{each.lineno}"
        for path, module in modules.items()
        for each in ast.walk(module)
        if isinstance(each, ast.Constant)
        and isinstance(each.value, str)
        and re.search(r"</\w|(?<!P)<[a-z]\w*( [\w-]+=|>.*<)", each.value)
    ]
    assert written == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_escapes_all_and_uses_only_names_that_exist(path: Path) -> None:
    """Each template escapes all values and uses only names that exist.

    A test of a page would not find a misspelled name in an unused branch.
    """
    text = path.read_text()
    template = LOADED.parse(text)
    names = list(template.find_all(nodes.Name))
    own = {each.name for each in names if each.ctx != "load"} | {
        *(each.name for each in template.find_all(nodes.Macro)),
        *(str(name) for each in template.find_all(nodes.FromImport) for name in each.names),
    }
    given = {
        "status",
        "evidence",
        "builds",
        "are_known",
        "history_command",
        "headline",
        "part",
        "loop",
        *LOADED.globals,
    }
    attributes = [each for each in template.find_all(nodes.Getattr) if isinstance(each.node, nodes.Name)]

    assert not re.search(r"\|\s*safe|autoescape|Markup", text)
    assert {each.name for each in names} <= own | given
    assert {each.attr for each in attributes if vars(each.node)["name"] == "formats"} <= set(vars(formats))


def test_a_monitor_whose_page_nobody_opened_has_not_loaded_jinja2() -> None:
    program = "import sys, monitor.cli, monitor.commands.pod, monitor.commands.assembly; print('jinja2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_what_the_page_reads_is_part_of_the_package() -> None:
    settings = tomllib.loads((MONITOR.parent / "pyproject.toml").read_text())
    patterns = settings["tool"]["setuptools"]["package-data"]["monitor.output.web"]
    web = MONITOR / "output" / "web"
    read = {path for path in web.rglob("*") if path.suffix in {".css", ".html", ".js"}}
    assert read == {path for pattern in patterns for path in web.glob(pattern)}
