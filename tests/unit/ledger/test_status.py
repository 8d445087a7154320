"""Tests of the Status, which is made from the ledger alone and shows all its data."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.builders import NEW, NOW, OLD, REPOSITORY, build, ended, run, status, volume, workload

from monitor.decide.decisions import BeginClearing, BeginRun, EndRun, Intervention, RecordIntervention
from monitor.domain.baseline import Verdict
from monitor.domain.build import Build
from monitor.domain.compared_pair import pair_json
from monitor.domain.instant import Instant
from monitor.domain.observations import ChainActivity, ChainLog, Health
from monitor.domain.regression import Measure, Success, regressions
from monitor.domain.run import Outcome, Reason, Run
from monitor.domain.status import RESULTS_SHOWN, NodeStatus, Phase, ProgressStatus, Status, VolumeStatus
from monitor.domain.tracking import Count, RunTracking
from monitor.domain.workload import SyncMode
from monitor.ledger import open_ledger, open_read_only
from monitor.ledger.codecs import (
    COMPARISON,
    Reading,
    build_reading,
    configuration_reading,
    node_reading,
    phase_reading,
    progress_reading,
    volume_reading,
)
from monitor.ledger.status import Snapshot, status_of

READ_AT = NOW.wall - 5


def snapshot(**changes: Any) -> Snapshot:
    """Return the snapshot of an empty ledger."""
    empty = Snapshot(
        runs=(),
        totals={},
        counts={},
        readings={},
        interventions={},
        first_run_at=None,
        last_success=None,
    )
    return replace(empty, **changes)


def with_reading(name: str, value: dict[str, Any]) -> Status:
    """Return the Status of a ledger with one reading, which is encoded as JSON as in the ledger."""
    readings = {name: Reading(json.loads(json.dumps(value)), READ_AT)}
    return status_of(snapshot(readings=readings), NOW.wall)


def test_an_empty_ledger_shows_that_nothing_is_known() -> None:
    expected = status(tester="named", network="", sync_mode="c-chain-state-sync", testbed="")

    assert status_of(snapshot(), NOW.wall, "named") == expected


def test_what_the_tester_is_comes_from_its_configuration() -> None:
    reading = configuration_reading("tester-of-fuji", "big-disk", workload(build()))
    shown = status_of(snapshot(readings={"configuration": Reading(reading, READ_AT)}), NOW.wall, "another")

    assert (shown.tester, shown.testbed) == ("tester-of-fuji", "big-disk")
    assert (shown.network, shown.sync_mode) == ("fuji", "full-sync")


def test_what_the_tester_is_comes_from_its_run_where_no_configuration_was_kept() -> None:
    one = run(network="mainnet", sync_mode=SyncMode.ONLY_P_CHAIN_FULL_SYNC, testbed="small")
    shown = status_of(snapshot(runs=(one,)), NOW.wall, "named")

    assert (shown.tester, shown.testbed) == ("named", "small")
    assert (shown.network, shown.sync_mode) == ("mainnet", "only-p-chain-full-sync")


@pytest.mark.parametrize("phase", [pytest.param(phase, id=phase) for phase in Phase])
def test_the_phase_and_its_sentence_are_shown(phase: Phase) -> None:
    shown = with_reading("phase", phase_reading(phase, "a sentence"))

    assert (shown.phase, shown.message) == (phase, "a sentence")


@pytest.mark.parametrize(
    "node",
    [
        pytest.param(NodeStatus(READ_AT, up=False, health=Health.UNKNOWN), id="down"),
        pytest.param(
            NodeStatus(READ_AT, up=True, health=Health.UNHEALTHY, bootstrapped=False, peers=0),
            id="zero is not unknown",
        ),
        pytest.param(
            NodeStatus(READ_AT, True, Health.STALE, True, ("network", "diskspace"), 12),
            id="everything known",
        ),
    ],
)
def test_the_node_is_shown_as_it_was_kept(node: NodeStatus) -> None:
    shown = with_reading("node", node_reading(node))

    assert shown.node == node
    assert shown.tick_at == READ_AT


@pytest.mark.parametrize(
    "usage_bytes", [pytest.param(4096, id="measured"), pytest.param(None, id="not readable")]
)
def test_the_volume_is_shown_as_it_was_measured(usage_bytes: int | None) -> None:
    shown = with_reading("volume", volume_reading(volume(60, usage_bytes)))

    assert shown.volume == VolumeStatus(NOW.wall - 60, usage_bytes, 10**12, 10**11)


def test_what_a_newer_monitor_measured_besides_is_left_out() -> None:
    shown = with_reading("volume", volume_reading(volume()) | {"inodes": 5})

    assert shown.volume == VolumeStatus(NOW.wall, 4096, 10**12, 10**11)


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(build(NEW), id="with versions"),
        pytest.param(replace(build(NEW), versions=None), id="of unknown versions"),
        pytest.param(Build(f"{REPOSITORY}@{OLD}", frozenset({OLD, NEW})), id="with several digests"),
        pytest.param(None, id="none found"),
    ],
)
def test_a_new_build_is_shown_as_it_was_found(found: Build | None) -> None:
    assert with_reading("new_build", build_reading(found)).new_build == found


def test_a_build_is_no_longer_new_once_its_run_has_started() -> None:
    readings = {"new_build": Reading(build_reading(build(NEW)), READ_AT)}
    shown = [
        status_of(snapshot(readings=readings, runs=(run(build=of),)), NOW.wall).new_build
        for of in (build(OLD), build(NEW))
    ]

    assert shown == [build(NEW), None]


def test_a_notice_and_the_last_lookup_of_a_build_are_shown() -> None:
    assert with_reading("notice", {"message": "pod-0 holds the volume"}).notice == "pod-0 holds the volume"
    assert with_reading("image_check", {"succeeded_at": 990_000.0}).last_image_check_at == 990_000.0
    assert with_reading("image_check", {}).last_image_check_at is None


def test_the_run_is_the_newest_and_the_results_are_those_that_ended() -> None:
    runs = (run(number=4), ended(3), ended(2, Outcome.SUPERSEDED), ended(1))
    shown = status_of(snapshot(runs=runs), NOW.wall)

    assert shown.run is not None
    assert shown.run.number == 4
    assert [each.number for each in shown.results] == [3, 2, 1]


def test_a_finished_run_is_both_the_run_and_the_newest_result() -> None:
    shown = status_of(snapshot(runs=(ended(2), ended(1))), NOW.wall)

    assert shown.run == shown.results[0] == ended(2)


@pytest.mark.parametrize(
    "newest", [pytest.param((run(number=99),), id="one is open"), pytest.param((), id="none is open")]
)
def test_no_more_than_the_newest_results_are_shown(newest: tuple[Run, ...]) -> None:
    runs = (*newest, *(ended(number) for number in range(50, 0, -1)))
    shown = status_of(snapshot(runs=runs), NOW.wall)

    assert [each.number for each in shown.results] == list(range(50, 50 - RESULTS_SHOWN, -1))


def test_what_was_done_on_the_platform_is_counted() -> None:
    shown = status_of(snapshot(interventions={"pin_revert": 2, "recreate_stray": 3, "pin": 9}), NOW.wall)

    assert (shown.pin_reverts, shown.stray_recreations) == (2, 3)


def test_a_whole_ledger_is_shown_alike_by_its_monitor_and_by_a_command_beside_it(tmp_path: Path) -> None:
    ledger, pod, next_pod = open_ledger(tmp_path), workload(build()), workload(build(NEW), uid="pod-2")
    start, end = NOW, Instant(NOW.wall + 5000, NOW.boot_seconds + 5000, NOW.boot_id)
    ledger.record(start, "big-disk", (BeginClearing(pod, "clearing"),))
    ledger.record(start, "big-disk", (BeginRun(pod),))
    first = ledger.last()
    assert first is not None
    ledger.record(
        end, "big-disk", (EndRun(first, Outcome.SUCCEEDED, None, "healthy", 4000.0, 4500.0, 2**30),)
    )
    ledger.record(end, "big-disk", (RecordIntervention(Intervention.PIN_REVERT, "pod-2"),))
    ledger.record(end, "big-disk", (BeginClearing(next_pod, "clearing"),))
    ledger.record(
        end,
        "big-disk",
        (BeginRun(next_pod),),
        {"configuration": configuration_reading("tester", "big-disk", next_pod)},
    )
    second = ledger.last()
    assert second is not None
    counts = {("P", "blocks_accepted"): Count(100, 7, 100)}
    ledger.record(
        end, "big-disk", tracking=replace(second, tracking=RunTracking(active_seconds=30)), counts=counts
    )
    shown = status_of(ledger.snapshot(RESULTS_SHOWN + 1), NOW.wall + 6000)
    beside = open_read_only(tmp_path)
    shown_beside = status_of(beside.snapshot(RESULTS_SHOWN + 1), NOW.wall + 6000)
    for each in (beside, ledger):
        each.close()

    assert shown_beside == shown
    assert (shown.tester, shown.testbed, shown.pin_reverts) == ("tester", "big-disk", 1)
    assert shown.run is not None
    assert (shown.run.number, shown.run.open, shown.run.tracking.active_seconds) == (2, True, 30)
    assert [(each.number, each.outcome, each.duration_seconds) for each in shown.results] == [
        (1, Outcome.SUCCEEDED, 4000.0)
    ]
    assert shown.counts == counts
    assert shown.totals == {("succeeded", ""): 1}
    assert shown.last_success == shown.results[0]
    assert (shown.tester_since, shown.consecutive_failures) == (NOW.wall, 0)


PROGRESS = ProgressStatus(
    {
        "P": ChainLog(ChainActivity.WAITING, ratio=1.0),
        "C": ChainLog(ChainActivity.SYNCING_STATE),
        "X": ChainLog(ChainActivity.EXECUTING, ratio=0.5, end_at=NOW.wall + 60),
    },
    stalled=True,
)


def progress_of(shown: Run | None, reading: dict[str, Any] | None) -> ProgressStatus | None:
    """Return the progress in a ledger with this run and reading, encoded as JSON as in the ledger."""
    readings = {"progress": Reading(json.loads(json.dumps(reading)), READ_AT)} if reading else {}
    return status_of(snapshot(runs=(shown,) if shown else (), readings=readings), NOW.wall).progress


@pytest.mark.parametrize(
    "progress",
    [
        pytest.param(PROGRESS, id="chains"),
        pytest.param(ProgressStatus({}, stalled=False, unknown=True), id="no logs"),
    ],
)
def test_the_progress_of_an_open_run_is_shown_as_it_was_read(progress: ProgressStatus) -> None:
    assert progress_of(run(number=6), progress_reading(6, progress)) == progress


@pytest.mark.parametrize(
    ("shown", "reading"),
    [
        pytest.param(run(number=6), None, id="not read yet"),
        pytest.param(ended(6), progress_reading(6, PROGRESS), id="the run ended"),
        pytest.param(run(number=7), progress_reading(6, PROGRESS), id="it is of the run before"),
        pytest.param(None, progress_reading(6, PROGRESS), id="no run"),
    ],
)
def test_progress_that_is_not_the_open_run_s_is_not_shown(
    shown: Run | None, reading: dict[str, Any] | None
) -> None:
    """Progress of another run is not shown.

    Otherwise a run would start with the stall of the previous one.
    """
    assert progress_of(shown, reading) is None


SLOWER_AND_LATE = snapshot(
    runs=(run(number=12, tracking=RunTracking(active_seconds=9000.0)),),
    compared=tuple(
        Success(ended(number, duration_seconds=seconds, wall_seconds=seconds), blocks_accepted=1e6)
        for number, seconds in enumerate((3600.0,) * 9 + (7200.0,) * 2, 1)
    ),
)


def test_builds_that_are_compared_in_turns_have_no_baseline() -> None:
    readings = {COMPARISON: Reading({"told_runs": None}, READ_AT)}
    shown = status_of(replace(SLOWER_AND_LATE, readings=readings), NOW.wall)

    assert (shown.regressions, shown.late, shown.verdicts, shown.pair) == ({}, None, {}, None)


def test_the_builds_of_a_comparison_are_named() -> None:
    stored = {"told_runs": None, **pair_json(("./old", OLD), ("./new", NEW), 20, "settings", "default")}
    shown = status_of(replace(SLOWER_AND_LATE, readings={COMPARISON: Reading(stored, READ_AT)}), NOW.wall)

    assert shown.pair is not None
    assert {name: len(each.durations) for name, each in shown.pair.builds.items()} == {"OLD": 11, "NEW": 0}


@pytest.mark.parametrize(
    ("phase", "message"),
    [
        pytest.param(Phase.IDLE, "next: NEW 12/20", id="between two runs"),
        pytest.param(Phase.STARTING, "of the ledger", id="during a run"),
    ],
)
def test_a_comparison_waits_for_its_own_next_run(phase: Phase, message: str) -> None:
    readings = {
        COMPARISON: Reading(pair_json(("./old", OLD), ("./new", NEW), 20, "settings", "default"), READ_AT),
        "phase": Reading(phase_reading(phase, "of the ledger"), READ_AT),
    }
    runs = [replace(success, run=replace(success.run, build=build())) for success in SLOWER_AND_LATE.compared]
    new = replace(runs[0], run=replace(runs[0].run, number=99, build=build(NEW)))
    shown = replace(SLOWER_AND_LATE, readings=readings, compared=(*runs, *[new] * 11))

    assert status_of(shown, NOW.wall).message == message


def test_the_newest_run_is_held_against_those_before_it() -> None:
    shown = status_of(SLOWER_AND_LATE, NOW.wall)

    assert shown.regressions == regressions(SLOWER_AND_LATE.compared, SyncMode.FULL_SYNC)
    assert shown.regressions[Measure.DURATION].verdict is Verdict.CONFIRMED
    assert shown.late is True
    slow = {number for number, judged in shown.verdicts.items() if judged[Measure.DURATION].verdict.is_worse}
    assert slow == {10, 11}


@pytest.mark.parametrize(
    ("name", "readings", "expected"),
    [
        pytest.param("phase", [("idle", 10)], ("since", 10), id="the first phase"),
        pytest.param("phase", [("idle", 10), ("idle", 20)], ("since", 10), id="the same phase"),
        pytest.param(
            "phase", [("idle", 10), ("paused", 20), ("idle", 30)], ("since", 30), id="another phase"
        ),
        pytest.param("node", [("healthy", 10)], ("not_healthy_since", None), id="healthy"),
        pytest.param(
            "node",
            [("healthy", 10), ("unhealthy", 20), ("unknown", 30), ("stale", 40)],
            ("not_healthy_since", 20),
            id="not healthy in several ways",
        ),
        pytest.param(
            "node",
            [("unhealthy", 10), ("healthy", 20), ("unknown", 30)],
            ("not_healthy_since", 30),
            id="healthy in between",
        ),
    ],
)
def test_the_ledger_keeps_since_when_a_state_lasts(
    tmp_path: Path, name: str, readings: list[tuple[str, float]], expected: tuple[str, float | None]
) -> None:
    kept = None
    for state, at in readings:  # a restart of the monitor between the readings changes nothing
        with closing(open_ledger(tmp_path)) as ledger:
            node = node_reading(NodeStatus(at, up=True, health=Health(state))) if name == "node" else None
            value = node or phase_reading(Phase(state), "")
            ledger.record(Instant(at, at, "boot"), "default", readings={name: value})
            kept = ledger.reading(name)

    assert kept is not None
    assert kept.value[expected[0]] == expected[1]


def test_what_was_stored_by_an_earlier_monitor_has_no_beginning() -> None:
    assert with_reading("phase", {"phase": "idle", "message": ""}).phase_since is None


FAILURES = (
    (Outcome.FAILED, Reason.CRASHED),
    (Outcome.SUPERSEDED, None),
    (Outcome.FAILED, Reason.DISK_FULL),
    (Outcome.SUPERSEDED, None),
)


@pytest.mark.parametrize(
    ("ends", "failure", "numbers", "trying_since"),
    [
        pytest.param((), None, (0, 0), None, id="no run"),
        pytest.param(((Outcome.SUCCEEDED, None),), None, (0, 0), None, id="a success"),
        pytest.param(FAILURES, 3, (2, 1), NOW.wall + 100, id="failures"),
        pytest.param((*FAILURES, (Outcome.SUCCEEDED, None)), None, (0, 0), None, id="a success after them"),
        pytest.param(
            (
                *FAILURES,
                (Outcome.SUCCEEDED, None),
                (Outcome.SUPERSEDED, None),
                (Outcome.FAILED, Reason.STALLED),
            ),
            *(7, (1, 1), NOW.wall + 600),
            id="a failure after a success",
        ),
        pytest.param(
            ((Outcome.FAILED, Reason.CRASHED), *((Outcome.SUPERSEDED, None),) * 30),
            *(1, (1, 1), NOW.wall + 100),
            id="a failure that is no longer among the results",
        ),
    ],
)
@pytest.mark.parametrize("is_open", [False, True], ids=["idle", "a run is open"])
def test_the_ledger_shows_failures_since_the_last_success(
    tmp_path: Path,
    ends: tuple[tuple[Outcome, Reason | None], ...],
    failure: int | None,
    numbers: tuple[int, int],
    trying_since: float | None,
    *,
    is_open: bool,
) -> None:
    pod, at = workload(build()), NOW.wall
    with closing(open_ledger(tmp_path)) as ledger:
        for outcome, reason in ends:
            ledger.record(Instant(at, at, "boot"), "default", (BeginClearing(pod, ""),))
            ledger.record(Instant(at, at, "boot"), "default", (BeginRun(pod),))
            opened, at = ledger.last(), at + 100
            assert opened is not None
            ended_run = EndRun(opened, outcome, reason, "why", 50.0, 50.0, 2**30)
            ledger.record(Instant(at, at, "boot"), "default", (ended_run,))
        if is_open:
            ledger.record(Instant(at, at, "boot"), "default", (BeginClearing(pod, ""),))
            ledger.record(Instant(at, at, "boot"), "default", (BeginRun(pod),))
        shown = status_of(ledger.snapshot(RESULTS_SHOWN + 1), at)

    assert (shown.last_failure.number if shown.last_failure else None) == failure
    assert (shown.consecutive_failures, shown.build_failures) == numbers
    assert shown.trying_since == (trying_since or (at if is_open else None))


def test_an_open_run_on_another_network_is_not_what_is_tried() -> None:
    reading = configuration_reading("tester", "default", workload(build()))
    readings = {"configuration": Reading(reading, READ_AT)}
    runs = (run(network="mainnet"),)

    assert status_of(snapshot(runs=runs, readings=readings), NOW.wall).trying_since is None


@pytest.mark.parametrize(
    ("problem", "succeeded_at", "since"),
    [
        pytest.param({}, 5.0, None, id="no problem"),
        pytest.param({"since": 7.0}, None, 7.0, id="never succeeded"),
        pytest.param({"since": 7.0}, 5.0, 7.0, id="failing"),
        pytest.param({"since": 7.0}, 9.0, 9.0, id="a success since the problem began"),
    ],
)
def test_lookups_fail_since_the_last_success_at_the_earliest(
    problem: dict[str, float], succeeded_at: float | None, since: float | None
) -> None:
    value = {"cause": "registry_unavailable", "message": "no answer", **problem} if problem else {}
    check = {"succeeded_at": succeeded_at} if succeeded_at else {}
    readings = {"problem.image": Reading(value, 0), "image_check": Reading(check, 0)}

    assert status_of(snapshot(readings=readings), NOW.wall).lookups_failing_since == since


def test_pin_reverts_within_a_day_and_replaced_ledgers_are_dated(tmp_path: Path) -> None:
    with closing(open_ledger(tmp_path)) as ledger:
        for uid, ago in (("a", 90_000), ("b", 80_000), ("b", 70_000), ("c", 10)):
            at = Instant(NOW.wall - ago, 0, "boot")
            ledger.record(at, "default", (RecordIntervention(Intervention.PIN_REVERT, uid),))
        for suffix in ("1000", "2000", "odd"):
            (tmp_path / f"bootstrap-monitor.sqlite3.corrupt-{suffix}").touch()
        shown = status_of(ledger.snapshot(1), NOW.wall)

    assert (shown.pin_reverts, shown.recent_pin_reverts) == (3, 2)
    assert (shown.recoveries, shown.recovered_at) == (3, 2000)
