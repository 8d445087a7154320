"""Tests of regressions: the compared runs, the measures, and the builds between which a measure got worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from support.builders import NEW, OLD, build, ended, healthy_books, run

from monitor.avalanchego.source_links import compare_link
from monitor.domain.baseline import LAG, MIN_SAMPLES, Limit, Verdict, limit_for_next
from monitor.domain.regression import (
    Measure,
    Success,
    comparable,
    is_late,
    left_out,
    measures,
    regressions,
    run_verdicts,
    usual_duration_seconds,
    verdict_changes,
)
from monitor.domain.run import Outcome, Reason, Run
from monitor.domain.tracking import RunTracking
from monitor.domain.workload import SyncMode

HOUR = 3600.0
STEADY = tuple(HOUR + step for step in (0, 40, -30, 10, -20, 30, 0, -10, 20, 0, -40, 30))
SLOW = 1.5 * HOUR


def success(number: int, seconds: float, **changes: Any) -> Success:
    """Return a run with the duration and a commit of its own.

    The run used as many bytes as seconds, and took 10 ms for each block.
    """
    of = build(f"sha256:{number:064x}", f"{number:040x}")
    measured = {"duration_seconds": seconds, "wall_seconds": seconds + 1, "disk_usage_bytes": int(seconds)}
    return Success(ended(number, build=of, **{**measured, **changes}), blocks_accepted=seconds * 100)


def successes(*durations: float) -> Sequence[Success]:
    """Return runs of these durations, oldest first, numbered from 1."""
    return [success(number, seconds) for number, seconds in enumerate(durations, 1)]


@pytest.mark.parametrize(
    ("changes", "counted", "expected"),
    [
        pytest.param({}, {}, True, id="a clean success"),
        pytest.param({"outcome": Outcome.FAILED, "reason": Reason.STALLED}, {}, False, id="a failure"),
        pytest.param({"outcome": Outcome.SUPERSEDED}, {}, False, id="superseded"),
        pytest.param({"outcome": None}, {}, False, id="open"),
        pytest.param({"recovered": True}, {}, False, id="recovered from the details file"),
        pytest.param({"settings_changed": True}, {}, False, id="settings changed under way"),
        pytest.param({"duration_seconds": None}, {}, False, id="no duration"),
        pytest.param({"wall_seconds": None}, {}, False, id="no wall time"),
        pytest.param({"wall_seconds": HOUR / 0.95}, {}, True, id="active for 95 percent of its time"),
        pytest.param({"wall_seconds": HOUR / 0.94}, {}, False, id="down for more than that"),
        pytest.param({}, {"state_synced_again": True}, False, id="state sync redone"),
        pytest.param(
            {"tracking": RunTracking(other_build="node@sha256:2")},
            {},
            False,
            id="another build ran on its data",
        ),
    ],
)
def test_a_run_is_compared_where_its_numbers_speak_of_the_build(
    changes: dict[str, Any], counted: dict[str, Any], *, expected: bool
) -> None:
    found = replace(success(1, HOUR, **changes), **counted)
    reason = left_out(found.run, state_synced_again=found.state_synced_again)

    assert comparable(found) is expected
    assert (reason == "") is (expected or found.run.outcome is not Outcome.SUCCEEDED)


@pytest.mark.parametrize(
    ("sync_mode", "expected"),
    [
        (SyncMode.FULL_SYNC, {*Measure} - {Measure.LEAF_TIME}),
        (SyncMode.ONLY_P_CHAIN_FULL_SYNC, {*Measure} - {Measure.LEAF_TIME}),
        (SyncMode.C_CHAIN_STATE_SYNC, {*Measure} - {Measure.BLOCK_TIME}),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_the_time_per_unit_of_work_is_judged_where_the_work_is_done(
    sync_mode: SyncMode, expected: set[Measure]
) -> None:
    assert {*measures(sync_mode)} == {*regressions(successes(*STEADY), sync_mode)} == expected


@pytest.mark.parametrize(
    ("leaves", "verdict"),
    [
        pytest.param(SLOW * 1000, Verdict.NONE, id="a state that has grown as much as the duration"),
        pytest.param(HOUR * 1000, Verdict.SUSPECTED, id="a slower sync of the same state"),
        pytest.param(0.0, Verdict.NONE, id="leaves that are not counted"),
    ],
)
def test_the_time_per_leaf_does_not_depend_on_the_growth_of_the_state(
    leaves: float, verdict: Verdict
) -> None:
    synced = [
        replace(each, leaves_synced=(each.run.duration_seconds or 0.0) * 1000) for each in successes(*STEADY)
    ]
    slow = replace(success(len(synced) + 1, SLOW), leaves_synced=leaves)
    found = regressions([*synced, slow], SyncMode.C_CHAIN_STATE_SYNC)

    assert found[Measure.DURATION].verdict is Verdict.SUSPECTED
    assert found[Measure.LEAF_TIME].verdict is verdict


@pytest.mark.parametrize(
    ("durations", "verdict"),
    [
        pytest.param((), Verdict.INSUFFICIENT_DATA, id="no run"),
        pytest.param(STEADY[: MIN_SAMPLES + LAG], Verdict.INSUFFICIENT_DATA, id="too few runs"),
        pytest.param(STEADY, Verdict.NONE, id="all as usual"),
        pytest.param((*STEADY, SLOW), Verdict.SUSPECTED, id="one slow run"),
        pytest.param((*STEADY, SLOW, SLOW), Verdict.CONFIRMED, id="two slow runs"),
        pytest.param((*STEADY, SLOW, HOUR), Verdict.NONE, id="one slow run, and a usual one"),
    ],
)
def test_the_verdict_is_that_of_the_baseline(durations: Sequence[float], verdict: Verdict) -> None:
    found = regressions(successes(*durations), SyncMode.FULL_SYNC)

    assert found[Measure.DURATION].verdict is found[Measure.DISK_USAGE].verdict is verdict
    assert found[Measure.DURATION].limit == limit_for_next(durations)


def test_each_measure_is_judged_separately() -> None:
    usual = successes(*STEADY)
    bigger = [success(number, HOUR, disk_usage_bytes=int(2 * HOUR)) for number in (13, 14)]
    found = regressions([*usual, *bigger], SyncMode.FULL_SYNC)

    assert {measure: each.verdict for measure, each in found.items()} == {
        Measure.DURATION: Verdict.NONE,
        Measure.DISK_USAGE: Verdict.CONFIRMED,
        Measure.BLOCK_TIME: Verdict.NONE,
    }


def test_a_longer_chain_is_not_a_slower_block() -> None:
    """A longer chain does not slow down a block.

    With twice the blocks in twice the time, the duration regressed but the block time did not.
    """
    found = regressions(successes(*STEADY, 2 * HOUR, 2 * HOUR), SyncMode.FULL_SYNC)

    assert found[Measure.DURATION].verdict is Verdict.CONFIRMED
    assert found[Measure.BLOCK_TIME].verdict is Verdict.NONE


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(success(7, SLOW, recovered=True), id="not comparable"),
        pytest.param(success(7, SLOW, wall_seconds=2 * SLOW), id="down for long"),
    ],
)
def test_a_run_that_is_not_compared_changes_nothing(odd: Success) -> None:
    usual = successes(*STEADY)

    assert regressions([*usual[:6], odd, *usual[6:], odd], SyncMode.FULL_SYNC) == regressions(
        usual, SyncMode.FULL_SYNC
    )


def test_a_measure_that_a_run_lacks_is_judged_by_the_others() -> None:
    found = regressions(
        [*successes(*STEADY), success(13, SLOW, disk_usage_bytes=None)], SyncMode.C_CHAIN_STATE_SYNC
    )

    assert found[Measure.DURATION].verdict is Verdict.SUSPECTED
    assert (
        found[Measure.DISK_USAGE] == regressions(successes(*STEADY), SyncMode.FULL_SYNC)[Measure.DISK_USAGE]
    )


def test_no_block_was_counted_in_a_run_without_counters() -> None:
    without = [replace(each, blocks_accepted=0.0) for each in successes(*STEADY)]
    found = regressions(without, SyncMode.FULL_SYNC)[Measure.BLOCK_TIME]

    assert (found.verdict, found.samples, found.limit) == (Verdict.INSUFFICIENT_DATA, 0, None)


def test_a_regression_names_the_builds_between_which_it_came() -> None:
    found = regressions(successes(*STEADY, SLOW, SLOW), SyncMode.FULL_SYNC)[Measure.DURATION]

    assert found.last_good is not None
    assert found.first_bad is not None
    assert (found.last_good.number, found.first_bad.number) == (12, 13)
    assert compare_link(found) == f"https://github.com/ava-labs/avalanchego/compare/{12:040x}...{13:040x}"


def test_a_build_that_ran_before_came_after_no_good_run() -> None:
    """Nothing changed between another build and a build that was already tested before it."""
    runs = [*successes(*STEADY, HOUR), success(14, SLOW)]
    for index in (4, 13):
        runs[index] = replace(runs[index], run=replace(runs[index].run, build=build(NEW, "b" * 40)))
    found = regressions(runs, SyncMode.FULL_SYNC)[Measure.DURATION]

    assert found.first_bad is not None
    assert (found.first_bad.number, found.last_good, compare_link(found)) == (14, None, "")


@pytest.mark.parametrize(
    ("good", "bad"),
    [("", "b" * 40), ("a" * 40, ""), ("a" * 40, "a" * 40), ("../../evil", "b" * 40), ("a" * 40, "../x")],
    ids=[
        "good is unknown",
        "bad is unknown",
        "the same build",
        "good is not a commit",
        "bad is not a commit",
    ],
)
def test_there_is_no_link_without_two_commits(good: str, bad: str) -> None:
    found = regressions(successes(*STEADY, SLOW), SyncMode.FULL_SYNC)[Measure.DURATION]

    assert compare_link(replace(found, last_good=_of(good), first_bad=_of(bad))) == ""


def _of(commit: str) -> Run:
    return ended(1, build=build(OLD, commit))


def test_what_is_usual_is_the_baseline_of_the_comparable_runs() -> None:
    odd = success(99, SLOW, recovered=True)

    assert usual_duration_seconds([*successes(*STEADY), odd]) == pytest.approx(HOUR, rel=0.05)
    assert usual_duration_seconds([*successes(*STEADY[:MIN_SAMPLES]), odd]) is None


LIMIT = Limit(baseline=HOUR, limit=1.2 * HOUR, samples=9)


@pytest.mark.parametrize(
    ("watched", "limit", "late"),
    [
        pytest.param(run(tracking=RunTracking(active_seconds=1.1 * HOUR)), LIMIT, False, id="in time"),
        pytest.param(run(tracking=RunTracking(active_seconds=1.3 * HOUR)), LIMIT, True, id="late"),
        pytest.param(run(tracking=RunTracking(active_seconds=9 * HOUR)), None, None, id="no baseline"),
        pytest.param(ended(1), LIMIT, None, id="ended"),
        pytest.param(
            run(tracking=healthy_books(60, active_seconds=2 * HOUR)), LIMIT, False, id="healthy in time"
        ),
    ],
)
def test_an_open_run_is_late_once_it_is_active_for_longer_than_the_limit(
    watched: Run, limit: Limit | None, *, late: bool | None
) -> None:
    assert is_late(watched, limit) is late


SYNCED: dict[str, Any] = {"network": "fuji", "sync_mode": SyncMode.C_CHAIN_STATE_SYNC}


def duration_verdicts(found: Sequence[Success], begins: int = 0) -> dict[int, Verdict]:
    """Return the verdicts on the durations of the runs, by number."""
    judged = run_verdicts(found, len(found), begins)
    return {number: verdicts[Measure.DURATION].verdict for number, verdicts in sorted(judged.items())}


def test_each_run_is_judged_by_the_runs_before_it() -> None:
    """A slow run stays marked when a good one follows, and the good one is not."""
    usual = [100.0] * (MIN_SAMPLES + LAG)
    found = duration_verdicts(successes(*usual, 150.0, 100.0, 150.0, 100.0))

    few, count = Verdict.INSUFFICIENT_DATA, len(usual)
    expected = [*[few] * count, Verdict.SUSPECTED, Verdict.NONE, Verdict.CONFIRMED, Verdict.NONE]
    assert list(found.values()) == expected


@pytest.mark.parametrize("number", range(1, 13))
def test_a_run_that_is_worse_has_the_regression_of_when_it_was_the_newest_run(number: int) -> None:
    found = successes(*[100.0] * 8, 150.0, 150.0, 100.0, 150.0)
    judged = run_verdicts(found, 20)[number][Measure.DURATION]

    then = regressions(found[:number], SyncMode.FULL_SYNC)[Measure.DURATION]
    assert judged.verdict.is_worse == (number in {9, 10, 12})
    assert judged.regression == (then if judged.verdict.is_worse else None)


def test_only_the_newest_runs_are_judged_by_all_runs_before_them() -> None:
    found = successes(*[100.0] * 9, 150.0, 100.0, 150.0)
    every = run_verdicts(found, 20)

    assert run_verdicts(found, 2) == {number: every[number] for number in (11, 12)}


def test_three_runs_near_their_limit_are_confirmed_together() -> None:
    found = duration_verdicts(successes(*[100.0] * 9, 112.0, 112.0, 112.0))

    assert list(found.values())[-3:] == [Verdict.NONE, Verdict.NONE, Verdict.CONFIRMED]


@pytest.mark.parametrize(
    ("changes", "begins"),
    [
        pytest.param({"network": "mainnet"}, 0, id="another network"),
        pytest.param({"testbed": "laptop"}, 0, id="another testbed"),
        pytest.param({"sync_mode": SyncMode.ONLY_P_CHAIN_FULL_SYNC}, 0, id="another mode"),
        pytest.param({}, 8, id="a marked baseline"),
    ],
)
def test_runs_of_another_test_are_not_a_baseline(changes: dict[str, Any], begins: int) -> None:
    slow = [replace(each, run=replace(each.run, **changes)) for each in successes(*[100.0] * 7, 150.0)[7:]]
    found = [*successes(*[100.0] * 7), *slow]

    assert duration_verdicts(found, begins)[8] is Verdict.INSUFFICIENT_DATA


def test_runs_that_skipped_the_state_sync_are_judged_apart() -> None:
    found = [
        replace(each, run=replace(each.run, **SYNCED), state_synced=each.run.number < 8)
        for each in successes(*[100.0] * 7, 150.0)
    ]

    assert duration_verdicts(found)[8] is Verdict.INSUFFICIENT_DATA


def test_imported_runs_before_the_first_one_are_in_the_baseline() -> None:
    """Imported runs that are older than all others have numbers below 1."""
    older = [
        replace(each, run=replace(each.run, number=each.run.number - 6)) for each in successes(*[100.0] * 7)
    ]

    assert duration_verdicts(older)[1] is Verdict.NONE


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        pytest.param(None, "the ledger was lost while it was open", id="open: once it succeeds"),
        pytest.param(Outcome.SUCCEEDED, "the ledger was lost while it was open", id="a success"),
        pytest.param(Outcome.SUPERSEDED, "", id="no success is expected"),
    ],
)
def test_the_reason_why_a_success_is_not_compared(outcome: Outcome | None, reason: str) -> None:
    assert left_out(success(1, HOUR, outcome=outcome, recovered=True).run) == reason


def test_a_run_that_is_not_compared_has_no_verdict() -> None:
    found = [*successes(*[100.0] * 7), success(8, 100.0, settings_changed=True)]

    assert 8 not in run_verdicts(found, 20)


def test_an_outlier_that_its_own_build_cleared_confirms_nothing() -> None:
    """The next slow build is suspected, and the regression lies between the cleared build and the slow one."""
    slow, usual = build(OLD, "1" * 40), [success(number, HOUR) for number in range(1, 10)]
    cleared = [
        replace(each, run=replace(each.run, build=build(NEW)))
        for each in (success(10, SLOW), success(11, HOUR))
    ]
    newest = replace(
        success(12, SLOW), run=replace(success(12, SLOW).run, build=replace(slow, digests=frozenset("x")))
    )
    of_duration = regressions([*usual, *cleared, newest], SyncMode.FULL_SYNC)[Measure.DURATION]

    assert regressions([*usual, *cleared], SyncMode.FULL_SYNC)[Measure.DURATION].verdict is Verdict.NONE
    assert of_duration.verdict is Verdict.SUSPECTED
    assert (of_duration.last_good, of_duration.first_bad) == (cleared[1].run, newest.run)
    again = replace(newest, run=replace(newest.run, number=13))
    confirmed = regressions([*usual, *cleared, newest, again], SyncMode.FULL_SYNC)[Measure.DURATION]
    assert (confirmed.verdict, confirmed.first_bad) == (Verdict.CONFIRMED, newest.run)


def test_a_run_is_worse_by_its_verdict() -> None:
    worse = {verdict for verdict in Verdict if verdict.is_worse}
    assert worse == {Verdict.SUSPECTED, Verdict.CONFIRMED}


DURATION_CHANGE = [(Measure.DURATION, Verdict.NONE, Verdict.SUSPECTED)]
USUAL = [success(number, HOUR) for number in range(1, 9)]


def slower(number: int, seconds: float, **changes: Any) -> Success:
    """Return a success of this duration that used the usual disk space."""
    return success(number, seconds, disk_usage_bytes=int(HOUR), **changes)


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        pytest.param([], [], id="no success"),
        pytest.param(USUAL[:3], [], id="too few runs"),
        pytest.param(USUAL, [], id="as usual"),
        pytest.param([*USUAL, slower(9, SLOW)], DURATION_CHANGE, id="suspected"),
        pytest.param(
            [*USUAL, slower(9, SLOW), slower(10, SLOW)],
            [(Measure.DURATION, Verdict.SUSPECTED, Verdict.CONFIRMED)],
            id="confirmed",
        ),
        pytest.param([*USUAL, *(slower(number, SLOW) for number in (9, 10, 11))], [], id="still confirmed"),
        pytest.param(
            [*USUAL, slower(9, SLOW), slower(10, HOUR)],
            [(Measure.DURATION, Verdict.SUSPECTED, Verdict.NONE)],
            id="a suspicion is cleared",
        ),
        pytest.param(
            [
                *USUAL,
                slower(9, SLOW),
                slower(10, SLOW),
                slower(11, HOUR),
                slower(12, HOUR),
            ],
            [(Measure.DURATION, Verdict.CONFIRMED, Verdict.NONE)],
            id="a confirmed regression is cleared",
        ),
        pytest.param(
            [*USUAL, success(9, SLOW)],
            [
                *DURATION_CHANGE,
                (Measure.DISK_USAGE, Verdict.NONE, Verdict.SUSPECTED),
            ],
            id="two measures",
        ),
        pytest.param(
            [*USUAL, slower(9, SLOW), slower(10, HOUR, settings_changed=True)],
            [],
            id="the newest success is not compared",
        ),
        pytest.param(
            [
                *USUAL,
                slower(9, SLOW, settings_changed=True),
                slower(10, HOUR),
            ],
            [],
            id="the one before it is not compared",
        ),
    ],
)
def test_the_newest_success_changes_a_verdict(
    runs: Sequence[Success], expected: Sequence[tuple[Measure, Verdict, Verdict]]
) -> None:
    changes = [
        (change.measure, change.before.verdict, change.after.verdict) for change in verdict_changes(runs)
    ]

    assert changes == expected


def test_a_success_with_state_sync_changes_no_verdict_of_successes_without() -> None:
    """The node skipped the state sync in the slow run, so neither run before it is compared with it."""
    synced = [
        replace(success(number, HOUR, sync_mode=SyncMode.C_CHAIN_STATE_SYNC), state_synced=True)
        for number in range(1, 9)
    ]
    skipped = replace(success(9, SLOW, sync_mode=SyncMode.C_CHAIN_STATE_SYNC), state_synced=False)
    again = replace(success(10, HOUR, sync_mode=SyncMode.C_CHAIN_STATE_SYNC), state_synced=True)

    assert list(verdict_changes([*synced, skipped])) == []
    assert list(verdict_changes([*synced, skipped, again])) == []
