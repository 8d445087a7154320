"""Tests of Status and run as lines of text, in which unknown values are left out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.builders import NEW, NOW, OLD, build, run
from support.shown_runs import FAILED, SUCCEEDED, status

from monitor.domain.baseline import Limit, Verdict
from monitor.domain.compared_pair import ComparedBuild, ComparedPair
from monitor.domain.observations import ChainActivity, ChainLog, Health
from monitor.domain.regression import Measure, RunVerdict
from monitor.domain.run import Evidence, Reason, Run
from monitor.domain.status import NodeStatus, Phase, ProgressStatus, Status, VolumeStatus
from monitor.domain.tracking import Count, RunTracking
from monitor.domain.workload import SyncMode
from monitor.output.status_text import run_lines, status_lines


def test_status_shows_known_values_and_omits_unknown_ones() -> None:
    bare = list(status_lines(status(phase=None)))
    full = list(
        status_lines(
            replace(
                status(run()),
                notice="the API server does not answer",
                node=NodeStatus(NOW.wall, up=True, health=Health.UNHEALTHY),
                volume=VolumeStatus(NOW.wall, 2**20, 2**30, 2**29),
                new_build=build(),
            )
        )
    )

    assert [line.split()[0] for line in bare] == ["tester", "phase"]
    assert [line.split()[0] for line in full] == [
        *("tester", "phase", "notice", "run", "image", "active", "chain", "node", "disk"),
        *("baseline", "baseline", "baseline", "new"),
    ]


@pytest.mark.parametrize(
    ("newest", "words"),
    [
        pytest.param(run(), ["run", "repeated", "image"], id="while a run is open"),
        pytest.param(FAILED, ["run", "why", "repeated", "image"], id="after a failure"),
    ],
)
def test_what_a_repetition_shows_is_below_its_run(newest: Run, words: list[str]) -> None:
    lines = [line.split()[0] for line in status_lines(replace(status(newest), confirming=FAILED))]

    assert lines[2 : 2 + len(words)] == words


def test_the_phase_is_not_repeated() -> None:
    waiting = status(run(), phase=Phase.BOOTSTRAPPING, message="bootstrapping; less than 10% is free")

    assert list(status_lines(waiting))[1] == "phase     bootstrapping: less than 10% is free"


def test_a_comparison_shows_its_runs_so_far_and_which_build_runs() -> None:
    pair = ComparedPair({"OLD": ComparedBuild("./old", OLD, (1.0,)), "NEW": ComparedBuild("./new", NEW)}, 4)

    assert list(status_lines(replace(status(run()), pair=pair)))[3] == (
        "compared  OLD 1 of 4, NEW 0 of 4 runs; run 1 is of OLD"
    )


def test_a_failed_run_says_why() -> None:
    assert f"why       {FAILED.message}" in list(status_lines(status(FAILED)))


@pytest.mark.parametrize(("first", "is_marked"), [(0, False), (7, True)], ids=["not marked", "marked"])
def test_a_mark_is_shown(first: int, *, is_marked: bool) -> None:
    lines = list(status_lines(replace(status(run()), baseline_begins=first)))

    assert ("baseline  marked: run 7 and later runs" in lines) is is_marked


@pytest.mark.parametrize(
    ("shown", "lines"),
    [
        pytest.param(status(run()), [], id="nothing"),
        pytest.param(
            replace(status(run()), paused=True),
            ["paused    no other run starts until resume"],
            id="a pause",
        ),
        pytest.param(
            replace(status(SUCCEEDED, phase=Phase.PAUSED), paused=True), [], id="the phase reports it"
        ),
        pytest.param(
            replace(status(run()), requested=build()),
            ["rerun     of 1.14.2 (cccccccc), as requested"],
            id="a rerun while a run is open",
        ),
        pytest.param(
            replace(status(SUCCEEDED), requested=build()),
            ["rerun     of 1.14.2 (cccccccc), as requested"],
            id="a rerun while none is open",
        ),
        pytest.param(
            replace(status(SUCCEEDED, phase=Phase.PAUSED), requested=build(), paused=True),
            ["rerun     of 1.14.2 (cccccccc), as requested: starts after resume at the earliest"],
            id="a rerun while it is paused",
        ),
        pytest.param(
            replace(status(run()), requested=build(), paused=True),
            [
                "paused    no other run starts until resume",
                "rerun     of 1.14.2 (cccccccc), as requested: starts after resume at the earliest",
            ],
            id="a rerun while a run is open, and a pause",
        ),
    ],
)
def test_requests_are_shown_before_a_monitor_reads_them(shown: Status, lines: list[str]) -> None:
    assert [line for line in status_lines(shown) if line.startswith(("paused", "rerun"))] == lines


@pytest.mark.parametrize(
    ("seconds", "is_left", "lines"),
    [
        pytest.param(100, False, [], id="a tick not long ago"),
        pytest.param(
            121,
            False,
            ["monitor   silent since 1970-01-12 13:44:39Z: the values below are from that time"],
            id="silent",
        ),
        pytest.param(
            10,
            True,
            ["monitor   is not running: the values below are from 1970-01-12 13:46:30Z"],
            id="it has ended",
        ),
    ],
)
def test_outdated_values_are_marked(seconds: float, lines: list[str], *, is_left: bool) -> None:
    shown = replace(status(run()), tick_at=NOW.wall - seconds)

    assert [line for line in status_lines(shown, is_left=is_left) if line.startswith("monitor")] == lines


@pytest.mark.parametrize("late", [True, False, None], ids=["late", "in time", "no limit"])
def test_a_late_run_is_shown(*, late: bool | None) -> None:
    lines = list(status_lines(replace(status(run()), late=late)))

    assert ("late      the open run is over its limit" in lines) is bool(late)


PROGRESS = ProgressStatus(
    {
        "P": ChainLog(ChainActivity.EXECUTING, ratio=0.426),
        "C": ChainLog(ChainActivity.SYNCING_STATE),
    },
    stalled=False,
)
STALLED = replace(PROGRESS, stalled=True)
L1 = "2Z36RnQuk1hvsnFeGWzfZUfXNr7w1SjzmDQ78YxfTVNAkDq3nZ"


def watched(progress: ProgressStatus | None, **tracking: Any) -> list[str]:
    """Return the lines about chains, progress and stalls in the status of an open run."""
    shown = replace(status(run(tracking=RunTracking(**tracking))), progress=progress)
    return [line for line in status_lines(shown) if line.startswith(("chain", "progress", "stalled"))]


@pytest.mark.parametrize(
    ("progress", "tracking", "lines"),
    [
        pytest.param(None, {}, ["chain P   fetched 5,678 · executed 1,234 blocks"], id="not watched"),
        pytest.param(
            PROGRESS,
            {},
            [
                "chain C   syncing state",
                "chain P   fetched 5,678 · executed 1,234 blocks · executing 43%",
            ],
            id="activity and percent",
        ),
        pytest.param(
            replace(STALLED, chains={}),
            {"idle_seconds": 100_000},
            [
                "chain P   fetched 5,678 · executed 1,234 blocks",
                "stalled   no progress for 27h46m",
            ],
            id="stalled",
        ),
        pytest.param(
            replace(STALLED, chains={}),
            {"idle_seconds": 7200, "stalled_chain": L1},
            [
                "chain P   fetched 5,678 · executed 1,234 blocks",
                "stalled   no progress of chain 2Z36RnQuk1h… for 2h",
            ],
            id="one chain stalled",
        ),
        pytest.param(
            replace(PROGRESS, chains={}, unknown=True),
            {},
            [
                "chain P   fetched 5,678 · executed 1,234 blocks",
                "progress  unknown: no metric or log line of the node shows progress; a stall would not be detected",
            ],
            id="unknown progress",
        ),
        pytest.param(
            ProgressStatus(
                {"C": ChainLog(ChainActivity.EXECUTING, end_at=NOW.wall + 60)}, stalled=False, unknown=True
            ),
            {},
            [
                "chain C   executing",
                "chain P   fetched 5,678 · executed 1,234 blocks",
                "progress  unknown: no metric or log line of the node shows progress; a stall would not be detected",
            ],
            id="no end of a stage with unknown progress",
        ),
        pytest.param(
            replace(
                PROGRESS,
                chains={
                    "C": ChainLog(ChainActivity.TRANSITIONING),
                    L1: ChainLog(ChainActivity.SYNCING_STATE, end_at=NOW.wall + 3720),
                },
            ),
            {},
            [
                "chain 2Z36RnQuk1h…   syncing state · done in 1h02m",
                "chain C   transitioning",
                "chain P   fetched 5,678 · executed 1,234 blocks",
            ],
            id="a transition, and the state sync of an L1 with its end",
        ),
    ],
)
def test_status_shows_the_activity_of_each_chain(
    progress: ProgressStatus | None, tracking: dict[str, Any], lines: list[str]
) -> None:
    assert watched(progress, **tracking) == lines


def test_a_state_sync_shows_its_leaves() -> None:
    counts = {("C", "leaves_synced"): Count(17_209, 23_817, 23_817), ("C", "blocks_fetched"): Count(0, 0, 0)}
    shown = replace(status(run()), counts=counts, progress=PROGRESS)

    assert "chain C   synced 41,026 leaves of the state · syncing state" in status_lines(shown)


@pytest.mark.parametrize(
    ("mode", "synced", "tested"),
    [
        pytest.param(
            SyncMode.C_CHAIN_STATE_SYNC,
            False,
            "fuji · c-chain-state-sync (state sync skipped, all blocks executed)",
            id="skipped",
        ),
        pytest.param(SyncMode.C_CHAIN_STATE_SYNC, True, "fuji · c-chain-state-sync", id="synced"),
        pytest.param(SyncMode.C_CHAIN_STATE_SYNC, None, "fuji · c-chain-state-sync", id="unknown"),
        pytest.param(SyncMode.FULL_SYNC, False, "fuji · full-sync", id="no state sync was configured"),
    ],
)
def test_a_run_whose_state_sync_was_skipped_says_so(
    mode: SyncMode, tested: str, *, synced: bool | None
) -> None:
    lines = list(run_lines(run(sync_mode=mode, tracking=RunTracking(state_synced=synced)), None))

    assert f"tested    {tested} · testbed default" in lines


def test_an_open_run_line_by_line() -> None:
    assert list(run_lines(run(), None)) == [
        "run       1 · open",
        f"image     {build().image}",
        f"version   avalanchego/1.14.2 · commit {'c' * 40}",
        "tested    fuji · full-sync · testbed default",
        "started   1970-01-12 11:00:00Z",
        "restarts  0",
    ]


def test_a_run_that_succeeded_has_what_was_measured() -> None:
    assert list(run_lines(SUCCEEDED, None))[5:] == [
        "ended     1970-01-12 13:46:40Z",
        "duration  1h30m active",
        "wall      1h31m",
        "disk      3.0 GiB",
        "restarts  0",
    ]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param(
            {"tracking": RunTracking(other_build="node@sha256:2")},
            "another build ran on its data: node@sha256:2",
            id="another build",
        ),
        pytest.param(
            {"settings_changed": True}, "the node's arguments changed while it was open", id="other settings"
        ),
        pytest.param({"recovered": True}, "the ledger was lost while it was open", id="recovered"),
        pytest.param(
            {"tracking": RunTracking(state_sync_restarted=True)},
            "a restart of the node restarted its state sync",
            id="state sync redone",
        ),
        pytest.param(
            {"wall_seconds": 86400.0}, "it was active for less than 95% of its wall time", id="down for long"
        ),
    ],
)
def test_a_run_that_is_compared_with_none_says_why(changes: dict[str, Any], reason: str) -> None:
    assert f"compared  with no other run: {reason}" in run_lines(replace(SUCCEEDED, **changes), None)
    failed = run_lines(replace(FAILED, **changes), None)
    assert not any("compared" in line for line in failed), "no failure is"


def test_a_run_names_what_it_was_compared_with() -> None:
    limit = Limit(3600.0, 4000.0, 9)
    verdicts = {
        Measure.DURATION: RunVerdict(Verdict.SUSPECTED, limit, 5400.0, 9),
        Measure.DISK_USAGE: RunVerdict(Verdict.NONE, Limit(2e9, 3e9, 9), 2e9, 9),
        Measure.BLOCK_TIME: RunVerdict(Verdict.INSUFFICIENT_DATA, None, 0.01, 3),
    }

    assert [line for line in run_lines(SUCCEEDED, None, verdicts) if line.startswith("compared")] == [
        "compared  duration: 1h30m, usually 1h (limit 1h06m): suspected",
        "compared  disk usage: 1.9 GiB, usually 1.9 GiB (limit 2.8 GiB): as usual",
        "compared  time per block: not enough runs yet (3 of 7)",
    ]


def test_a_run_that_failed_has_its_reason_and_the_log_tail_of_its_node() -> None:
    nameless = replace(FAILED, build=replace(build(), versions=None), tracking=RunTracking(node_restarts=5))
    lines = list(run_lines(nameless, Evidence("first\nlast\n\n", NOW.wall)))

    assert lines[0] == "run       2 · failed: stalled"
    assert lines[2] == "version   unknown · commit unknown"
    assert lines[5:] == [
        "restarts  5",
        "message   P stood still",
        "cause     the build",
        "evidence  log tail of the node, saved 1970-01-12 13:46:40Z:",
        "first\nlast",
    ]


def test_a_failure_of_the_testbed_is_not_attributed_to_the_build() -> None:
    lines = list(run_lines(replace(FAILED, reason=Reason.DISK_FULL), None))

    assert lines[-1] == "cause     the testbed; inconclusive for the build"
