"""Tests of Run and Status as JSON, in which unknown values are null."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
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

from monitor.domain.observations import ChainActivity, ChainLog
from monitor.domain.run import Outcome, Reason
from monitor.domain.status import ProgressStatus, Status
from monitor.domain.tracking import RunTracking
from monitor.output.status_json import history_json, run_json, status_json

PROGRESS = ProgressStatus(
    {
        "P": ChainLog(ChainActivity.WAITING, ratio=1.0),
        "C": ChainLog(ChainActivity.SYNCING_STATE),
        "X": ChainLog(ChainActivity.EXECUTING, ratio=0.5, end_at=NOW.wall + 60),
    },
    stalled=True,
)


def test_progress_in_json() -> None:
    shown = status_json(full_status(progress=PROGRESS))

    assert shown["stalled"] is True
    assert list(shown["chains"]) == ["C", "P", "X"]
    assert shown["chains"]["C"] == {
        "activity": "syncing_state",
        "ratio": None,
        "endAt": None,
        "endAtRfc3339": None,
    }
    assert shown["chains"]["X"] == {
        "activity": "executing",
        "ratio": 0.5,
        "endAt": NOW.wall + 60,
        "endAtRfc3339": "1970-01-12T13:47:40.000Z",
    }


@pytest.mark.parametrize(
    ("tracking", "progress", "expected"),
    [
        pytest.param(RunTracking(), PROGRESS, (True, None, False), id="the node as a whole"),
        pytest.param(RunTracking(stalled_chain="C"), PROGRESS, (True, "C", False), id="one chain"),
        pytest.param(
            RunTracking(), replace(PROGRESS, stalled=False, unknown=True), (False, None, True), id="unknown"
        ),
    ],
)
def test_a_stall_and_unknown_progress_in_json(
    tracking: RunTracking, progress: ProgressStatus, expected: tuple[bool, str | None, bool]
) -> None:
    shown = status_json(full_status(run=run(number=6, tracking=tracking), progress=progress))

    assert (shown["stalled"], shown["stalledChain"], shown["progressUnknown"]) == expected


@pytest.mark.parametrize("synced", [True, False, None], ids=["synced", "executed all", "unknown"])
def test_whether_the_state_was_synced_in_json(*, synced: bool | None) -> None:
    assert run_json(run(tracking=RunTracking(state_synced=synced)))["stateSynced"] is synced


def test_another_build_that_ran_on_its_data_is_named_in_json() -> None:
    assert run_json(run(tracking=RunTracking(other_build="a@b")))["otherBuild"] == "a@b"


def test_a_run_in_json() -> None:
    tracking = RunTracking(active_seconds=5500.0, node_restarts=2, progress_at=NOW.wall - 3000)
    failed = ended(7, Outcome.FAILED, reason=Reason.STALLED, message="P stood still", tracking=tracking)

    assert run_json(failed) == {
        "run": 7,
        "image": f"{REPOSITORY}@{OLD}",
        "version": "avalanchego/1.14.2",
        "commit": COMMIT,
        "network": "fuji",
        "syncMode": "full-sync",
        "testbed": "default",
        "startedAt": NOW.wall - 10_000,
        "startedAtRfc3339": "1970-01-12T11:00:00.000Z",
        "endedAt": NOW.wall - 993,
        "endedAtRfc3339": "1970-01-12T13:30:07.000Z",
        "outcome": "failed",
        "reason": "stalled",
        "message": "P stood still",
        "durationSeconds": 5400.0,
        "wallSeconds": 5460.0,
        "diskUsageBytes": 3 * 2**30,
        "activeSeconds": 5500.0,
        "nodeRestarts": 2,
        "lastProgressAt": NOW.wall - 3000,
        "lastProgressAtRfc3339": "1970-01-12T12:56:40.000Z",
        "recovered": False,
        "settingsChanged": False,
        "stateSynced": None,
        "otherBuild": None,
    }


def test_what_an_open_run_does_not_have_yet_is_null_in_json() -> None:
    shown = run_json(run(build=replace(build(), versions=None)))
    absent = {key for key, value in shown.items() if value is None}

    assert absent == {
        *("endedAt", "endedAtRfc3339", "outcome", "reason", "durationSeconds", "wallSeconds"),
        *("diskUsageBytes", "lastProgressAt", "lastProgressAtRfc3339", "stateSynced", "otherBuild"),
    }
    assert (shown["version"], shown["commit"]) == ("", "")


def test_the_status_in_json_of_a_tester_of_which_nothing_is_known() -> None:
    assert status_json(status()) == {
        "at": NOW.wall,
        "atRfc3339": "1970-01-12T13:46:40.000Z",
        "tester": "tester",
        "network": "fuji",
        "syncMode": "full-sync",
        "testbed": "default",
        "phase": None,
        "message": "",
        "notice": "",
        "problems": [],
        "run": None,
        "progress": [],
        "node": None,
        "stalled": None,
        "stalledChain": None,
        "progressUnknown": None,
        "late": None,
        "baselineBeginsWithRun": None,
        "regressions": {},
        "chains": {},
        "volume": None,
        "newBuild": None,
        "confirmingRun": None,
        "buildResults": None,
        "paused": False,
        "requestedBuild": None,
        "lastImageCheckAt": None,
        "lastImageCheckAtRfc3339": None,
        "runsTotal": {"succeeded": 0, "failed": 0, "superseded": 0},
        "consecutiveFailures": 0,
        "lastSuccessAt": None,
        "lastSuccessAtRfc3339": None,
        "testerSince": None,
        "testerSinceRfc3339": None,
        "tickAt": None,
        "tickAtRfc3339": None,
    }


def test_the_status_in_json_of_a_tester_that_has_seen_everything() -> None:
    shown = status_json(full_status())

    assert (shown["phase"], shown["message"]) == ("bootstrapping", "bootstrapping")
    assert shown["run"] == run_json(
        run(number=6, tracking=RunTracking(active_seconds=900.0, node_restarts=2))
    )
    assert shown["progress"] == [
        {"chain": "C", "signal": "leaves_synced", "value": 12_005, "maximum": 12_000},
        {"chain": "P", "signal": "blocks_accepted", "value": 200, "maximum": 200},
        {"chain": "P", "signal": "blocks_fetched", "value": 1234, "maximum": 1000},
    ]
    assert shown["node"] == {
        "seenAt": NOW.wall - 3,
        "seenAtRfc3339": "1970-01-12T13:46:37.000Z",
        "up": True,
        "health": "unhealthy",
        "bootstrapped": False,
        "failingChecks": [],
        "peers": 12,
    }
    assert shown["volume"] == {
        "measuredAt": NOW.wall - 60,
        "measuredAtRfc3339": "1970-01-12T13:45:40.000Z",
        "usageBytes": 2**30,
        "sizeBytes": 10 * 2**30,
        "availableBytes": 8 * 2**30,
    }
    assert shown["newBuild"] == {
        "image": f"{REPOSITORY}@{NEW}",
        "version": "avalanchego/1.14.2",
        "commit": "d" * 40,
    }
    assert shown["runsTotal"] == {"succeeded": 3, "failed": 3, "superseded": 1}
    assert (shown["consecutiveFailures"], shown["lastSuccessAt"]) == (1, NOW.wall - 997)


@pytest.mark.parametrize(
    "shown", [pytest.param(status(), id="nothing known"), pytest.param(full_status(), id="everything seen")]
)
def test_the_status_is_json_that_any_reader_understands(shown: Status) -> None:
    made = status_json(shown)

    assert json.loads(json.dumps(made, allow_nan=False)) == made


def test_a_regression_in_json_names_its_runs_and_commits() -> None:
    shown = status_json(full_status(regressions=REGRESSIONS, late=True))

    assert shown["late"] is True
    assert shown["regressions"]["duration"] == {
        "verdict": "confirmed",
        "samples": 9,
        "baseline": 3600.0,
        "limit": 4000.0,
        "lastGoodRun": 2,
        "lastGoodCommit": COMMIT,
        "firstBadRun": 3,
        "firstBadCommit": "d" * 40,
        "compareUrl": f"https://github.com/ava-labs/avalanchego/compare/{COMMIT}...{'d' * 40}",
    }
    assert shown["regressions"]["disk_usage"]["compareUrl"] is None


def test_a_run_that_is_slower_names_the_last_good_build_in_json() -> None:
    shown = history_json(ended(3), VERDICTS[3], None)

    assert shown["verdict"] == "confirmed"
    assert shown["regressions"]["duration"] == {
        "verdict": "confirmed",
        "baseline": 3600.0,
        "limit": 4000.0,
        "lastGoodRun": 2,
        "lastGoodCommit": COMMIT,
        "firstBadRun": 3,
        "firstBadCommit": "d" * 40,
        "compareUrl": f"https://github.com/ava-labs/avalanchego/compare/{COMMIT}...{'d' * 40}",
    }
    assert shown["regressions"]["disk_usage"] == {
        "verdict": "none",
        "baseline": 2e9,
        "limit": 4e9,
        "lastGoodRun": None,
        "lastGoodCommit": None,
        "firstBadRun": None,
        "firstBadCommit": None,
        "compareUrl": None,
    }
