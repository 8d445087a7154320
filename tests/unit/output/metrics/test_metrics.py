"""Tests of the metrics, which are parsed again after a scrape, as by Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parsed_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parsed
from support.builders import (
    COMMIT,
    FAILING_SINCE,
    NEW,
    NOW,
    OLD,
    PROBLEMS,
    REGRESSIONS,
    REPOSITORY,
    build,
    ended,
    run,
    status,
)
from support.builders import full_status as full_status_before_it_was_watched

from monitor import __version__
from monitor.domain.baseline import Limit, Verdict
from monitor.domain.build import Build, Versions
from monitor.domain.observations import ChainActivity, ChainLog, Health
from monitor.domain.regression import Measure, Regression, RunVerdict, Success
from monitor.domain.run import Outcome, Reason, Run
from monitor.domain.status import NodeStatus, Phase, ProgressStatus, Status, VolumeStatus
from monitor.domain.tracking import Count, RunTracking
from monitor.domain.workload import SyncMode
from monitor.engine.activity import ERRORS, Activity
from monitor.errors import TemporaryError
from monitor.ledger.codecs import Reading, progress_reading
from monitor.ledger.status import Snapshot, status_of
from monitor.output.metrics import StatusCollector
from monitor.output.metrics.families import FAMILIES, Family
from monitor.output.metrics.samples import Sample

PREFIX = "bootstrap_monitor_"
TESTER = ("tester", "network", "sync_mode")
BUILD, RESULT, CHAIN = ("run", "version", "commit"), ("run", "version"), ("run", "chain")
RUN_6 = {"run": "6", "version": "avalanchego/1.14.2", "commit": COMMIT}

# Metric names and their own labels, as in the design; those of a new tester follow.
OF_A_FULL_STATUS = {
    "run_info": (*BUILD, "image", "build", "testbed"),
    "run_phase": ("phase",),
    "phase_number": (),
    "phase_since_timestamp_seconds": ("phase",),
    "run_start_timestamp_seconds": (*BUILD, "build"),
    "run_active_seconds": BUILD,
    "run_last_progress_timestamp_seconds": BUILD,
    "run_no_progress_seconds": BUILD,
    "run_stalled_seconds": BUILD,
    "run_progress_unknown_seconds": BUILD,
    "run_late_seconds": BUILD,
    "run_node_down_seconds": BUILD,
    "run_recent_node_restarts": BUILD,
    "run_expected_free_ratio": BUILD,
    "run_eta_timestamp_seconds": BUILD,
    "run_progress_ratio": CHAIN,
    "run_blocks_fetched": CHAIN,
    "run_blocks_accepted": CHAIN,
    "run_state_sync_leaves": CHAIN,
    "node_up": (),
    "node_healthy": (),
    "node_restarts_total": BUILD,
    "disk_usage_bytes": (),
    "volume_size_bytes": (),
    "volume_available_bytes": (),
    "result_success": RESULT,
    "result_duration_seconds": RESULT,
    "result_wall_seconds": RESULT,
    "result_disk_usage_bytes": RESULT,
    "result_end_timestamp_seconds": (*RESULT, "build", "outcome", "reason"),
    "result_info": (*BUILD, "image", "outcome", "reason"),
    "last_run_info": (*BUILD, "outcome", "reason"),
    "last_failure_timestamp_seconds": (*BUILD, "reason", "message"),
    "trying_since_timestamp_seconds": (),
    "trying_limit_seconds": (),
    "last_success_timestamp_seconds": (),
    "last_duration_seconds": (),
    "last_disk_usage_bytes": (),
    "tester_since_timestamp_seconds": (),
    "duration_baseline_seconds": (),
    "duration_limit_seconds": (),
    "disk_usage_baseline_bytes": (),
    "disk_usage_limit_bytes": (),
    "block_time_baseline_seconds": (),
    "block_time_limit_seconds": (),
    "leaf_time_baseline_seconds": (),
    "leaf_time_limit_seconds": (),
    "last_success_excess_ratio": ("measure", "newest", "baseline", "limit"),
    "baseline_samples": ("measure",),
    "regression": ("measure", "verdict"),
    "regression_info": ("measure", "verdict", "version", "commit_good", "commit_bad"),
    "confirming_run_info": BUILD,
    "build_failure_ratio": ("version", "commit", "verdict"),
    "history_changed_timestamp_seconds": (*BUILD, "run_good"),
    "new_build_info": ("image", "version", "commit", "build"),
    "last_image_check_success_timestamp_seconds": (),
    "image_checks_failing_since_timestamp_seconds": (),
    "recent_pin_reverts": (),
    "ledger_recovered_timestamp_seconds": (),
    "problem_since_timestamp_seconds": ("cause",),
}
OF_ANY_STATUS = {
    "attention": ("reason",),
    "runs_total": ("outcome",),
    "run_failures_total": ("reason",),
    "consecutive_failures": (),
    "consecutive_build_failures": (),
    "consecutive_failed_builds": (),
    "pin_reverts_total": (),
    "ledger_recoveries_total": (),
}
OF_A_BUSY_MONITOR = {
    "image_checks_total": ("source", "result"),
    "task_last_success_timestamp_seconds": ("operation",),
    "task_duration_seconds": ("operation",),
}
OF_ANY_MONITOR = {"errors_total": ("operation",)}

FETCHING = ChainLog(ChainActivity.FETCHING)
PROGRESS = ProgressStatus(
    {
        "P": ChainLog(ChainActivity.WAITING, ratio=1.0),
        "X": FETCHING,
        "C": ChainLog(ChainActivity.EXECUTING, ratio=0.25, end_at=NOW.wall + 7200),
    },
    stalled=False,
)


def full_status(**changes: Any) -> Status:
    """Return the Status of a tester with all values and an open run."""
    tracking = RunTracking(
        active_seconds=4900.0,
        node_restarts=3,
        restarted_at=(NOW.wall - 30_000, NOW.wall - 100, NOW.wall - 50),
        progress_at=NOW.wall - 40,
        idle_seconds=3000.0,
        unknown_seconds=2000.0,
        down_seconds=70.0,
    )
    watched = {
        "run": run(number=6, tracking=tracking),
        "progress": replace(PROGRESS, stalled=True, unknown=True),
        "late": True,
        "phase_since": NOW.wall - 5000,
        "last_failure": ended(5, Outcome.FAILED, reason=Reason.STALLED, message="P stood still"),
        "build_failures": 2,
        "failed_builds": 1,
        "trying_since": NOW.wall - 995,
        "lookups_failing_since": NOW.wall - 30,
        "recent_pin_reverts": 1,
        "recovered_at": NOW.wall - 10**5,
        "regressions": REGRESSIONS,
        "verdicts": {
            3: {
                Measure.DURATION: RunVerdict(Verdict.CONFIRMED, Limit(3600.0, 4000.0, 9), 7056.0),
                Measure.BLOCK_TIME: RunVerdict(Verdict.INSUFFICIENT_DATA, value=0.01),
            }
        },
        "problems": PROBLEMS,
        "confirming": ended(5),
        "build_results": FAILING_SINCE,
    }
    return full_status_before_it_was_watched(**watched | changes)


NO_BASELINE = {Measure.DURATION: Regression(Verdict.INSUFFICIENT_DATA, 3)}
Series = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def busy() -> Activity:
    """Return the activity of a monitor that has done everything once."""
    activity = Activity()
    activity.error("tick")
    activity.image_check("pod", "success")
    activity.task_finished("disk", 1.5, NOW.wall)
    return activity


def scraped(load: Callable[[], Status], activity: Activity | None = None) -> list[Metric]:
    """Return the metric families of one scrape."""
    registry = CollectorRegistry()
    registry.register(StatusCollector(load, activity or Activity()))
    return list(parsed(generate_latest(registry).decode()))


def series(families: list[Metric]) -> Series:
    """Return the value of each series by its short name and own labels, and check that none is repeated."""
    found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for family in families:
        for sample in family.samples:
            own = frozenset((key, value) for key, value in sample.labels.items() if key not in TESTER)
            key = (sample.name.removeprefix(PREFIX), own)
            assert key not in found
            found[key] = sample.value
    return found


def of(status_now: Status, name: str, **labels: str) -> float | None:
    """Return the value of one series in a scrape."""
    return series(scraped(lambda: status_now)).get((name, frozenset(labels.items())))


def names(found: Series) -> set[str]:
    return {name for name, _ in found}


def test_a_tester_that_has_seen_everything_shows_every_metric_with_its_labels() -> None:
    expected = OF_A_FULL_STATUS | OF_ANY_STATUS | OF_A_BUSY_MONITOR | OF_ANY_MONITOR
    shown = {
        sample.name.removeprefix(PREFIX): set(sample.labels)
        for family in scraped(full_status, busy())
        for sample in family.samples
    }
    about = shown.pop("build_info")
    assert about == {"version", "python"}
    assert shown == {name: {*TESTER, *labels} for name, labels in expected.items()}


def test_what_is_unknown_is_absent() -> None:
    found = series(scraped(status))
    assert names(found) == {*OF_ANY_STATUS, *OF_ANY_MONITOR, "build_info"}
    assert sum(found.values()) == 1  # all values are 0 except build_info


@pytest.mark.parametrize(
    "status_now",
    [
        status(),
        full_status(),
        full_status(results=tuple(ended(number) for number in range(20, 0, -1))),
        full_status(results=(ended(2), ended(1)), run=run(number=3)),
        full_status(results=(ended(7, Outcome.FAILED, recovered=True),), totals={("failed", ""): 1}),
        full_status(run=ended(5), results=(ended(5),)),
    ],
    ids=["empty", "full", "20_runs_of_one_image", "rerun", "recovered_failure", "idle"],
)
def test_a_scrape_is_well_formed(status_now: Status) -> None:
    families = scraped(lambda: status_now, busy())
    series(families)
    assert max(Counter(family.name for family in families).values()) == 1
    for family in families:
        assert family.name.startswith(PREFIX)
        assert family.documentation.endswith(".")
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter")
            assert (sample.value == 1) or not sample.name.endswith("_info")


def test_openmetrics_is_well_formed_too() -> None:
    registry = CollectorRegistry()
    registry.register(StatusCollector(full_status, busy()))
    text = openmetrics.generate_latest(registry).decode()  # type: ignore[no-untyped-call]
    found = list(parsed_openmetrics(text))  # type: ignore[no-untyped-call]
    assert series(found) == series(scraped(full_status, busy()))


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        (
            "run_info",
            {"run": "6", "commit": COMMIT, "build": f"1.14.2 ({COMMIT[:8]})", "testbed": "default"},
            1,
        ),
        ("attention", {"reason": "failed"}, 12),
        ("phase_number", {}, 4),
        ("run_start_timestamp_seconds", {}, NOW.wall - 10_000),
        ("run_active_seconds", RUN_6, 4900),
        ("run_last_progress_timestamp_seconds", {}, NOW.wall - 40),
        ("run_no_progress_seconds", {"run": "6"}, 3000),
        ("run_stalled_seconds", RUN_6, 3000),
        ("run_progress_unknown_seconds", {"run": "6"}, 2000),
        ("run_late_seconds", {"run": "6"}, 900),
        ("run_node_down_seconds", {"run": "6"}, 70),
        ("run_recent_node_restarts", {"run": "6"}, 2),
        ("run_expected_free_ratio", {"run": "6"}, 0.6),
        ("phase_since_timestamp_seconds", {"phase": "bootstrapping"}, NOW.wall - 5000),
        ("duration_baseline_seconds", {}, 3600),
        ("duration_limit_seconds", {}, 4000),
        ("disk_usage_baseline_bytes", {}, 2e9),
        ("disk_usage_limit_bytes", {}, 3e9),
        ("block_time_baseline_seconds", {}, 0.01),
        ("block_time_limit_seconds", {}, 0.0125),
        (
            "last_success_excess_ratio",
            {"measure": "duration", "newest": "1h57m", "baseline": "1h", "limit": "1h06m"},
            0.96,
        ),
        ("last_success_excess_ratio", {"measure": "block_time"}, None),
        ("last_success_excess_ratio", {"measure": "disk_usage"}, None),
        ("baseline_samples", {"measure": "disk_usage"}, 8),
        ("regression", {"measure": "duration", "verdict": "confirmed"}, 1),
        ("regression", {"measure": "duration", "verdict": "suspected"}, 0),
        ("regression", {"measure": "block_time", "verdict": "none"}, 1),
        (
            "regression_info",
            {"measure": "duration", "verdict": "confirmed", "commit_good": COMMIT, "commit_bad": "d" * 40},
            1,
        ),
        (
            "regression_info",
            {"measure": "disk_usage", "verdict": "suspected", "version": "", "commit_good": ""},
            1,
        ),
        ("regression_info", {"measure": "block_time"}, None),
        ("run_eta_timestamp_seconds", {}, NOW.wall + 7200),
        ("run_progress_ratio", {"chain": "P"}, 1),
        ("run_progress_ratio", {"chain": "C"}, 0.25),
        ("run_progress_ratio", {"chain": "X"}, None),
        ("run_blocks_fetched", {"chain": "P"}, 1234),
        ("run_blocks_accepted", {"chain": "P"}, 200),
        ("run_state_sync_leaves", {"chain": "C"}, 12_005),
        ("run_state_sync_leaves", {"chain": "P"}, None),
        ("node_up", {}, 1),
        ("node_healthy", {}, 0),
        ("node_restarts_total", {"run": "6"}, 3),
        ("disk_usage_bytes", {}, 2**30),
        ("volume_size_bytes", {}, 10 * 2**30),
        ("volume_available_bytes", {}, 8 * 2**30),
        ("result_success", {"run": "3"}, 1),
        ("result_success", {"run": "5"}, 0),
        ("result_success", {"run": "4"}, None),
        ("result_duration_seconds", {"run": "3"}, 5400),
        ("result_duration_seconds", {"run": "2"}, None),
        ("result_wall_seconds", {"run": "3"}, 5460),
        ("result_disk_usage_bytes", {"run": "3"}, 3 * 2**30),
        ("result_end_timestamp_seconds", {"run": "2"}, NOW.wall - 998),
        (
            "result_end_timestamp_seconds",
            {"run": "5", "build": f"1.14.2 ({COMMIT[:8]})", "outcome": "failed", "reason": "stalled"},
            NOW.wall - 995,
        ),
        ("result_info", {"run": "5", "outcome": "failed", "reason": "stalled"}, 1),
        ("result_info", {"run": "1", "image": f"{REPOSITORY}@{NEW}", "version": "", "commit": ""}, 1),
        ("last_run_info", {"run": "5", "commit": COMMIT, "outcome": "failed", "reason": "stalled"}, 1),
        (
            "last_failure_timestamp_seconds",
            {"run": "5", "commit": COMMIT, "reason": "stalled", "message": "P stood still"},
            NOW.wall - 995,
        ),
        ("consecutive_build_failures", {}, 2),
        ("consecutive_failed_builds", {}, 1),
        ("trying_since_timestamp_seconds", {}, NOW.wall - 995),
        ("trying_limit_seconds", {}, 3 * 86400),
        ("image_checks_failing_since_timestamp_seconds", {}, NOW.wall - 30),
        ("recent_pin_reverts", {}, 1),
        ("ledger_recovered_timestamp_seconds", {}, NOW.wall - 10**5),
        ("runs_total", {"outcome": "succeeded"}, 3),
        ("runs_total", {"outcome": "failed"}, 3),
        ("run_failures_total", {"reason": "crashed"}, 2),
        ("run_failures_total", {"reason": "deadline"}, 0),
        ("consecutive_failures", {}, 1),
        ("last_success_timestamp_seconds", {}, NOW.wall - 997),
        ("last_duration_seconds", {}, 5400),
        ("last_disk_usage_bytes", {}, 3 * 2**30),
        ("tester_since_timestamp_seconds", {}, NOW.wall - 10**6),
        ("confirming_run_info", {"run": "5", "version": "avalanchego/1.14.2", "commit": COMMIT}, 1),
        ("build_failure_ratio", {"version": "avalanchego/1.14.2", "verdict": "failed"}, 2 / 3),
        ("history_changed_timestamp_seconds", {"run": "4", "run_good": "3"}, NOW.wall - 996),
        ("new_build_info", {"image": f"{REPOSITORY}@{NEW}", "commit": "d" * 40}, 1),
        ("last_image_check_success_timestamp_seconds", {}, NOW.wall - 30),
        ("pin_reverts_total", {}, 1),
        ("ledger_recoveries_total", {}, 2),
        ("errors_total", {"operation": "tick"}, 1),
        ("errors_total", {"operation": "disk"}, 0),
        ("image_checks_total", {"source": "pod", "result": "success"}, 1),
        ("image_checks_total", {"source": "pod", "result": "error"}, 0),
        ("task_last_success_timestamp_seconds", {"operation": "disk"}, NOW.wall),
        ("task_duration_seconds", {"operation": "disk"}, 1.5),
        ("build_info", {"version": __version__}, 1),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_value_comes_from_the_status(name: str, labels: dict[str, str], value: float | None) -> None:
    found = [
        value
        for (each, own), value in series(scraped(full_status, busy())).items()
        if each == name and labels.items() <= dict(own).items()
    ]
    assert found == ([] if value is None else [value])


@pytest.mark.parametrize("phase", Phase)
def test_one_phase_is_1(phase: Phase) -> None:
    found = series(scraped(lambda: status(phase=phase)))
    phases = {dict(own)["phase"]: value for (name, own), value in found.items() if name == "run_phase"}
    assert phases == {each: float(each is phase) for each in Phase}


def idle(node: NodeStatus, **changes: Any) -> Status:
    """Return the status of a tester whose last run succeeded, with this node."""
    success = ended(6)
    return full_status(run=success, last_success=success, node=node, consecutive_failures=0, **changes)


@pytest.mark.parametrize(
    ("status_now", "unhealthy", "silent"),
    [
        pytest.param(idle(NodeStatus(0, False, Health.UNKNOWN, not_healthy_since=7)), 7, None, id="down"),
        pytest.param(
            idle(NodeStatus(0, True, Health.UNHEALTHY, not_healthy_since=7)), 7, None, id="unhealthy"
        ),
        pytest.param(idle(NodeStatus(0, True, Health.STALE, not_healthy_since=7)), None, 7, id="stale"),
        pytest.param(idle(NodeStatus(0, True, Health.UNKNOWN, not_healthy_since=7)), None, 7, id="silent"),
        pytest.param(idle(NodeStatus(0, True, Health.HEALTHY)), None, None, id="healthy"),
        pytest.param(
            replace(idle(NodeStatus(0, False, Health.UNKNOWN, not_healthy_since=7)), run=run(number=7)),
            *(None, None),
            id="a run is open",
        ),
        pytest.param(
            replace(idle(NodeStatus(0, False, Health.UNKNOWN, not_healthy_since=7)), consecutive_failures=1),
            *(None, None),
            id="a run failed since",
        ),
    ],
)
def test_a_node_that_had_succeeded_shows_since_when_it_is_not_healthy(
    status_now: Status, unhealthy: float | None, silent: float | None
) -> None:
    assert of(status_now, "node_unhealthy_since_timestamp_seconds", **RUN_6) == unhealthy
    assert of(status_now, "node_silent_since_timestamp_seconds", **RUN_6) == silent


@pytest.mark.parametrize(
    ("changes", "days"),
    [
        pytest.param({}, 60, id="full-sync without a limit"),
        pytest.param({"sync_mode": "c-chain-state-sync"}, 14, id="state sync without a limit"),
        pytest.param({"regressions": {Measure.DURATION: Regression(Verdict.NONE, 6)}}, 60, id="too few runs"),
        *(
            pytest.param(
                {"regressions": {Measure.DURATION: Regression(Verdict.NONE, 6, Limit(1, days * 86400, 6))}},
                *(expected,),
                id=f"a limit of {days} days",
            )
            for days, expected in ((0.5, 3), (2, 6), (30, 60))
        ),
    ],
)
def test_trying_may_take_three_times_the_limit(changes: dict[str, Any], days: float) -> None:
    assert of(status(trying_since=NOW.wall, **changes), "trying_limit_seconds") == days * 86400


@pytest.mark.parametrize(
    ("last_bytes", "usage_bytes", "expected"),
    [
        pytest.param(30, 10, 0.3, id="20 more of 50 free"),
        pytest.param(90, 10, -0.3, id="more than is free"),
        pytest.param(10, 30, 0.5, id="used more than the last success"),
        pytest.param(None, 10, 0.5, id="no success"),
        pytest.param(30, None, 0.5, id="not measured yet"),
    ],
)
def test_the_expected_free_space_is_judged_by_the_last_success(
    last_bytes: int | None, usage_bytes: int | None, expected: float
) -> None:
    volume = VolumeStatus(0, usage_bytes, 100, 50)
    shown = full_status(volume=volume, last_success=ended(3, disk_usage_bytes=last_bytes))

    assert of(shown, "run_expected_free_ratio", **RUN_6) == pytest.approx(expected)


def test_a_long_message_is_cut_to_one_line() -> None:
    failure = ended(5, Outcome.FAILED, reason=Reason.CRASHED, message="a\nb" + "c" * 1000)
    (labels,) = (
        dict(own)
        for name, own in series(scraped(lambda: full_status(last_failure=failure)))
        if name == "last_failure_timestamp_seconds"
    )

    assert labels["message"].startswith("a bccc")
    assert len(labels["message"]) == 300


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"run": ended(6)}, "run_start_timestamp_seconds"),
        ({"run": ended(6)}, "run_active_seconds"),
        ({"node": NodeStatus(0, up=True, health=Health.STALE)}, "node_healthy"),
        ({"node": NodeStatus(0, up=False, health=Health.UNKNOWN)}, "node_healthy"),
        ({"volume": VolumeStatus(0, None, 10, 5)}, "disk_usage_bytes"),
        ({"last_success": ended(3, disk_usage_bytes=None)}, "last_disk_usage_bytes"),
        ({"last_success": ended(3, duration_seconds=None)}, "last_duration_seconds"),
        ({"last_success": ended(2)}, "last_success_excess_ratio"),
        ({"last_success": None}, "last_success_excess_ratio"),
        ({"phase": None}, "phase_number"),
        ({"results": ()}, "last_run_info"),
        ({"run": ended(6)}, "run_last_progress_timestamp_seconds"),
        ({"run": run(number=6)}, "run_last_progress_timestamp_seconds"),
        ({"run": ended(6)}, "run_no_progress_seconds"),
        ({"progress": None}, "run_stalled_seconds"),
        ({"progress": None}, "run_progress_unknown_seconds"),
        ({"counts": {}}, "run_state_sync_leaves"),
        ({"late": None}, "run_late_seconds"),
        ({"regressions": {}}, "regression"),
        ({"regressions": {}}, "regression_info"),
        ({"regressions": NO_BASELINE}, "duration_baseline_seconds"),
        ({"regressions": NO_BASELINE}, "duration_limit_seconds"),
        ({"regressions": NO_BASELINE}, "regression_info"),
        ({"run": None}, "baseline_samples"),
        ({"progress": None}, "run_eta_timestamp_seconds"),
        ({"progress": None}, "run_progress_ratio"),
        ({"run": None}, "run_stalled_seconds"),
        ({"run": None}, "run_eta_timestamp_seconds"),
        ({"run": None}, "run_progress_ratio"),
        ({"progress": ProgressStatus({}, stalled=False)}, "run_progress_ratio"),
        ({"progress": ProgressStatus({"P": FETCHING}, stalled=False)}, "run_eta_timestamp_seconds"),
        ({"progress": ProgressStatus({"P": FETCHING}, stalled=False)}, "run_progress_ratio"),
        *(
            ({"phase": Phase.BLOCKED}, name)
            for name in ("run_stalled_seconds", "run_progress_unknown_seconds")
        ),
        ({"progress": PROGRESS}, "run_stalled_seconds"),
        ({"progress": PROGRESS}, "run_progress_unknown_seconds"),
        ({"late": False}, "run_late_seconds"),
        ({"run": run(number=6)}, "run_node_down_seconds"),
        ({"run": run(number=6)}, "run_recent_node_restarts"),
        ({"volume": None}, "run_expected_free_ratio"),
        ({"trying_since": None}, "trying_limit_seconds"),
        ({"last_failure": None}, "last_failure_timestamp_seconds"),
        ({"recent_pin_reverts": 0}, "recent_pin_reverts"),
    ],
    ids=[
        *("no_open_run", "no_open_run_active", "stale", "unknown", "not_measured", "no_usage", "no_duration"),
        *("not_compared", "no_success", "no_phase", "no_result"),
        *("no_open_run_progress", "no_progress_yet", "no_open_run_idle", "no_watch", "no_watch_unknown"),
        *("no_leaves", "no_limit", "not_judged", "not_judged_info"),
        *("few_samples", "few_samples_limit", "no_regression", "no_run_samples"),
        *("no_watch_eta", "no_watch_ratio"),
        *("no_run_stalled", "no_run_eta", "no_run_ratio", "no_log", "log_without_eta", "log_without_ratio"),
        *("blocked_stalled", "blocked_unknown", "moving", "known", "in_time", "up", "no_restart"),
        *("no_volume", "not_trying", "no_failure", "no_revert"),
    ],
)
def test_a_single_unknown_is_absent(changes: dict[str, Any], name: str) -> None:
    assert name in names(series(scraped(full_status)))
    assert name not in names(series(scraped(lambda: full_status(**changes))))


L1 = "2Z36RnQuk1hvsnFeGWzfZUfXNr7w1SjzmDQ78YxfTVNAkDq3nZ"


@pytest.mark.parametrize(
    ("chains", "labels"),
    [
        pytest.param(["C", L1], [L1, "C"], id="a blockchain ID in full"),
        pytest.param(
            ["P", 'x"} 1', "a b", "", "n" * 65, "x\n"], ["P"], id="only names that a chain can have"
        ),
        pytest.param(
            [*(f"L{number:03}" for number in range(100)), "X", "P", "C"],
            ["C", *(f"L{number:03}" for number in range(13)), "P", "X"],
            id="sixteen, with P, X and C",
        ),
    ],
)
def test_a_node_cannot_add_chain_labels_without_bound(chains: list[str], labels: list[str]) -> None:
    """The number of chain labels is bounded, although chain names come from the node's metrics page."""
    progress = ProgressStatus(dict.fromkeys(chains, replace(FETCHING, ratio=0.5)), stalled=False)
    newest = run(number=6)
    shown = Snapshot(
        runs=(newest,),
        totals={},
        counts={(chain, "leaves_synced"): Count(0, 5, 5) for chain in chains},
        readings={"progress": Reading(progress_reading(6, progress), NOW.wall)},
        interventions={},
        first_run_at=None,
        last_success=None,
    )
    found = series(scraped(lambda: status_of(shown, NOW.wall)))

    for name in ("run_state_sync_leaves", "run_progress_ratio"):
        assert sorted(dict(own)["chain"] for each, own in found if each == name) == labels


@pytest.mark.parametrize(
    ("ends", "last"),
    [([5.0, 9.0, 7.0], 9.0), ([5.0, None], 5.0), ([None], None), ([], None)],
    ids=["the_slowest", "one_says", "none_says", "no_chain"],
)
def test_the_end_is_that_of_the_slowest_chain(ends: list[float | None], last: float | None) -> None:
    chains = {f"chain {number}": replace(FETCHING, end_at=end) for number, end in enumerate(ends)}

    shown = full_status(progress=ProgressStatus(chains, stalled=False))

    assert of(shown, "run_eta_timestamp_seconds", **RUN_6) == last


@pytest.mark.parametrize(
    ("newest", "shown"),
    [(ended(5), False), (run(number=6), True), (run(number=7), False)],
    ids=["it_ended", "it_is_open", "the_next_one_is_open"],
)
def test_progress_is_shown_of_the_open_run_that_it_was_read_of(newest: Run, *, shown: bool) -> None:
    """Progress is shown only with the open run that it belongs to; the ledger keeps it after the run."""
    empty = Snapshot(
        runs=(newest,),
        totals={},
        counts={},
        readings={"progress": Reading(progress_reading(newest.number if shown else 5, PROGRESS), NOW.wall)},
        interventions={},
        first_run_at=None,
        last_success=None,
    )
    found = names(series(scraped(lambda: status_of(empty, NOW.wall))))
    of_progress = {"run_eta_timestamp_seconds", "run_progress_ratio"}

    assert found & of_progress == (of_progress if shown else set())


def test_a_run_keeps_the_network_and_mode_it_was_of() -> None:
    """A run keeps its network and sync mode, even if the tester has another network now."""
    before = ended(1, network="mainnet", sync_mode=SyncMode.C_CHAIN_STATE_SYNC)
    now = full_status(results=(ended(2), before), last_success=before)
    found = {
        (sample.name.removeprefix(PREFIX), sample.labels.get("run")): (
            sample.labels["tester"],
            sample.labels["network"],
            sample.labels["sync_mode"],
        )
        for family in scraped(lambda: now)
        for sample in family.samples
        if "network" in sample.labels
    }
    assert found["result_success", "2"] == found["node_up", None] == ("tester", "fuji", "full-sync")
    assert found["result_success", "1"] == ("tester", "mainnet", "c-chain-state-sync")
    assert found["last_success_timestamp_seconds", None] == ("tester", "mainnet", "c-chain-state-sync")


@pytest.mark.parametrize(
    ("text", "shown"),
    [('a"b\\c\nd', 'a"b\\c\nd'), ("über", "über"), ("\ud800x", "?x")],
    ids=["quoted", "unicode", "half_a_character"],
)
def test_a_version_may_be_any_text(text: str, shown: str) -> None:
    odd = replace(build(OLD), versions=Versions(text, "", 0, COMMIT, ""))
    labels = {"image": f"{REPOSITORY}@{OLD}", "commit": COMMIT, "build": f"{shown} ({COMMIT[:8]})"}
    assert of(status(new_build=odd), "new_build_info", version=shown, **labels) == 1


@pytest.mark.parametrize(
    "error", [TemporaryError("the ledger is busy"), KeyError("a fault")], ids=["expected", "fault"]
)
def test_a_status_that_cannot_be_loaded_costs_only_what_is_made_of_it(error: Exception) -> None:
    answers: list[Status | Exception] = [full_status(), error, error]

    def load() -> Status:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    registry, activity = CollectorRegistry(), busy()
    registry.register(StatusCollector(load, activity))
    scrapes = [list(parsed(generate_latest(registry).decode())) for _ in range(3)]
    failures = [series(scrape)["errors_total", frozenset({("operation", "metrics")})] for scrape in scrapes]
    assert failures == [0, 1, 2]
    assert names(series(scrapes[1])) == {*OF_A_BUSY_MONITOR, *OF_ANY_MONITOR, "build_info"}
    testers = {sample.labels.get("tester") for family in scrapes[2] for sample in family.samples}
    assert testers == {"tester", None}  # the tester of the Status; build_info has no tester


@pytest.fixture(scope="module")
def all_names() -> set[str]:
    """Return the names of the series of a tester that has everything."""
    return names(series(scraped(full_status, busy())))


OF_AN_IDLE_NODE = {f"{PREFIX}node_{state}_since_timestamp_seconds" for state in ("unhealthy", "silent")}


@pytest.mark.parametrize(
    "broken",
    [family for family in FAMILIES if family.name not in OF_AN_IDLE_NODE],
    ids=lambda family: family.name.removeprefix(PREFIX),
)
def test_a_family_that_cannot_be_made_costs_its_own_series(broken: Family, all_names: set[str]) -> None:
    def fails(_: Status) -> list[Sample]:
        raise KeyError("a fault")

    activity = busy()
    families = [replace(each, samples=fails) if each is broken else each for each in FAMILIES]
    registry = CollectorRegistry()
    registry.register(StatusCollector(full_status, activity, families))
    found = names(series(list(parsed(generate_latest(registry).decode()))))

    assert all_names - found == {broken.name.removeprefix(PREFIX)}
    assert activity.values(ERRORS)["metrics",] == 1


BUILDS = [build(), build(NEW), replace(build(), versions=None), replace(build(NEW), versions=None)]


@given(
    ends=st.lists(st.tuples(st.sampled_from(BUILDS), st.sampled_from(Outcome), st.booleans()), max_size=25),
    is_open=st.booleans(),
)
def test_no_two_series_of_a_scrape_are_alike(
    ends: list[tuple[Build, Outcome, bool]], *, is_open: bool
) -> None:
    """No two series of a scrape are equal.

    Prometheus would silently drop one of them, and promtool accepts such a page.
    """
    runs = [
        ended(number, outcome, build=of, duration_seconds=3600.0 + 900 * slow, wall_seconds=4500.0)
        for number, (of, outcome, slow) in enumerate(ends, 1)
    ]
    newest = [run(number=len(runs) + 1)] if is_open else []
    shown = Snapshot(
        runs=(*newest, *reversed(runs)),
        totals=Counter((each.outcome or "", "") for each in runs),
        counts={("P", "blocks_fetched"): Count(0, 5, 5), ("C", "blocks_fetched"): Count(0, 6, 6)},
        readings={},
        interventions={},
        first_run_at=None,
        last_success=runs[-1] if runs else None,
        compared=tuple(Success(each, 1e6) for each in runs),
    )

    series(scraped(lambda: status_of(shown, NOW.wall)))


def test_registering_it_loads_nothing() -> None:
    def load() -> Status:
        raise AssertionError

    CollectorRegistry().register(StatusCollector(load, Activity()))


def test_one_metric_can_be_asked_for_by_name() -> None:
    registry = CollectorRegistry()
    registry.register(StatusCollector(full_status, busy()))
    text = generate_latest(registry.restricted_registry([f"{PREFIX}errors_total"])).decode()
    assert names(series(list(parsed(text)))) == {"errors_total"}
