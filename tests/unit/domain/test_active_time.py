"""Tests of observed time, active time and the time since the node became healthy.

Neither outages nor drains nor clock changes are attributed to the node.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import NOW

from monitor.domain.active_time import SAME_PROCESS_SECONDS, advanced, observed_interval_seconds, opened
from monitor.domain.instant import Instant
from monitor.domain.observations import Health
from monitor.domain.tracking import HealthyStreak, RunTracking

TICK = 10.0


def later(seconds: float, wall_shift: float = 0.0, boot_id: str = NOW.boot_id) -> Instant:
    """Return the instant `seconds` after the start, with a wall clock shifted by `wall_shift` seconds."""
    return Instant(NOW.wall + seconds + wall_shift, NOW.boot_seconds + seconds, boot_id)


@dataclass(frozen=True, slots=True)
class Look:
    """One tick: its time in seconds after the start, and the observations.

    `process` is the start of the node's process in seconds after the start of the run. `restarts` is the
    number that the platform reports. `uid` is `None` while the platform has not reported the pod.
    """

    seconds: float
    process: float | None = None
    health: Health = Health.UNKNOWN
    uid: str | None = "pod-1"
    wall_shift: float = 0.0
    boot_id: str = NOW.boot_id
    new_monitor: bool = False
    restarts: int | None = None
    blocked: bool = False


def kept(*looks: Look, tracking: RunTracking | None = None) -> RunTracking:
    """Return the tracking values of a run that started at `NOW`, after these ticks.

    The node's metrics follow the wall clock, and so does the start time in them.
    """
    tracking, previous = tracking or opened(NOW), None
    for look in looks:
        now = later(look.seconds, look.wall_shift, look.boot_id)
        interval = observed_interval_seconds(None if look.new_monitor else previous, now, TICK)
        started_at = None if look.process is None else NOW.wall + look.process + look.wall_shift
        tracking = advanced(
            tracking,
            now,
            0.0 if look.blocked else interval,
            started_at,
            look.uid,
            look.health,
            restarts=look.restarts,
            blocked=look.blocked,
        )
        previous = now
    return tracking


@pytest.mark.parametrize(
    ("previous", "now", "expected"),
    [
        pytest.param(None, later(0), 0.0, id="the first tick of a monitor"),
        pytest.param(later(0), later(10), 10.0, id="a tick"),
        pytest.param(later(0), later(3), 3.0, id="an early tick"),
        pytest.param(later(0), later(20), 20.0, id="a late tick counts in full"),
        pytest.param(later(0), later(20.5), 20.0, id="beyond two intervals nothing counts"),
        pytest.param(later(0), later(13 * 3600), 20.0, id="13 hours away count as two intervals"),
        pytest.param(later(0), later(0), 0.0, id="no time between"),
        pytest.param(later(10), later(0), 0.0, id="a boot clock that went back adds no time"),
        pytest.param(later(0), later(10, boot_id="other"), 0.0, id="another boot says nothing of this one"),
        pytest.param(later(0), later(10, wall_shift=-3600), 10.0, id="the wall clock was set back"),
        pytest.param(later(0), later(10, wall_shift=86400), 10.0, id="the wall clock was set ahead"),
    ],
)
def test_a_tick_observes_the_interval_since_the_one_before(
    previous: Instant | None, now: Instant, expected: float
) -> None:
    assert observed_interval_seconds(previous, now, TICK) == expected


def test_the_cap_follows_the_interval_of_the_ticks() -> None:
    assert observed_interval_seconds(later(0), later(1000), 30.0) == 60.0


@pytest.mark.parametrize(
    ("looks", "observed_seconds"),
    [
        pytest.param([Look(0), Look(10), Look(20)], 20, id="three ticks"),
        pytest.param([Look(0), Look(10), Look(50_000), Look(50_010)], 40, id="a gap is not observed"),
        pytest.param(
            [Look(0), Look(10), Look(20, new_monitor=True), Look(30)],
            20,
            id="a restarted monitor starts again",
        ),
        pytest.param(
            [Look(0), Look(10, wall_shift=-3600), Look(20, wall_shift=7200)], 20, id="the wall clock jumps"
        ),
        pytest.param(
            [Look(0), Look(10), Look(20, boot_id="other"), Look(30, boot_id="other")],
            20,
            id="a machine restarted in between",
        ),
    ],
)
def test_observed_time_is_the_sum_of_what_the_ticks_observed(
    looks: list[Look], observed_seconds: float
) -> None:
    assert kept(*looks).observed_seconds == observed_seconds


@pytest.mark.parametrize(
    ("looks", "active_seconds"),
    [
        pytest.param([Look(0), Look(100)], 0, id="a node that was never seen"),
        pytest.param([Look(100, process=0)], 100, id="running since the start, seen once"),
        pytest.param([Look(100, process=40)], 60, id="it began under way"),
        pytest.param(
            [Look(100, process=-500)], 100, id="it is older than the run: only the run's time counts"
        ),
        pytest.param([Look(100, process=200)], 0, id="a start in the future adds no time"),
        pytest.param(
            [Look(100, process=0), Look(110, process=0), Look(120, process=0)], 120, id="every interval once"
        ),
        pytest.param(
            [Look(100, process=0), Look(110), Look(120), Look(130, process=0)], 130, id="answers were missing"
        ),
        pytest.param(
            [Look(100, process=0), Look(50_000, process=0, new_monitor=True)],
            50_000,
            id="the monitor was away, the process continued",
        ),
        pytest.param(
            [Look(100, process=0), Look(50_000, process=49_000, new_monitor=True)],
            1100,
            id="the monitor was away, another process is there: of the gap only its life counts",
        ),
        pytest.param([Look(100, process=0), Look(200), Look(300)], 100, id="the node is gone"),
        pytest.param(
            [Look(100, process=0), Look(200), Look(300, process=290)], 110, id="the node was down in between"
        ),
        pytest.param(
            [Look(100, process=0), Look(200, process=150, boot_id="other")],
            150,
            id="on another machine the whole life of its process is new",
        ),
        pytest.param(
            [Look(100, process=0), Look(110, process=0, wall_shift=-3600)],
            110,
            id="the wall clock was set back",
        ),
        pytest.param(
            [Look(100, process=0), Look(110, process=0, wall_shift=86400)],
            110,
            id="the wall clock was set ahead",
        ),
    ],
)
def test_active_time_is_the_time_in_which_the_process_ran(looks: list[Look], active_seconds: float) -> None:
    assert kept(*looks).active_seconds == active_seconds


@pytest.mark.parametrize(
    ("looks", "node_restarts"),
    [
        pytest.param([Look(10)], 0, id="never seen"),
        pytest.param([Look(10, process=0)], 0, id="the first process is not a restart"),
        pytest.param([Look(10, process=0), Look(20, process=0)], 0, id="the same"),
        pytest.param(
            [Look(10, process=0), Look(20, process=SAME_PROCESS_SECONDS)],
            0,
            id="its start drifts with the clock",
        ),
        pytest.param(
            [Look(10, process=0), Look(20, process=SAME_PROCESS_SECONDS + 0.1)],
            1,
            id="it began later: another one",
        ),
        pytest.param([Look(10, process=0), Look(20), Look(30, process=25)], 1, id="it was down in between"),
        pytest.param(
            [Look(10, process=0), Look(20, process=15, uid="pod-2")],
            0,
            id="a moved pod is not a node restart",
        ),
        pytest.param(
            [Look(10, process=0), Look(20, process=15, uid="pod-2"), Look(30, process=25, uid="pod-2")],
            1,
            id="a restart in the moved pod is one",
        ),
        pytest.param(
            [Look(10, process=0), Look(20, process=15, boot_id="other")],
            1,
            id="the machine restarted under it",
        ),
        pytest.param(
            [Look(10, process=0), Look(20, process=15), Look(30, process=25), Look(40, process=35)],
            3,
            id="three",
        ),
        pytest.param(
            [Look(10, process=0), Look(20, process=0, wall_shift=-3600)], 0, id="the wall clock was set back"
        ),
    ],
)
def test_node_restarts_are_counted(looks: list[Look], node_restarts: int) -> None:
    assert kept(*looks).node_restarts == node_restarts


@pytest.mark.parametrize(
    ("looks", "node_restarts"),
    [
        pytest.param([Look(10, 0, restarts=3)], 0, id="what was before the run was seen is not of it"),
        pytest.param([Look(10, 0, restarts=0), Look(20, 15, restarts=1)], 1, id="both see it: once"),
        pytest.param(
            [Look(10, 0, restarts=0), Look(20, 15, restarts=0), Look(30, 15, restarts=1)],
            1,
            id="the platform reports it later",
        ),
        pytest.param(
            [Look(10, 0, restarts=0), Look(20, restarts=1), Look(30, 25, restarts=1)],
            1,
            id="the platform reports it first",
        ),
        pytest.param(
            [Look(10, 0, restarts=0), Look(20, restarts=4)], 4, id="several between two polls, none seen"
        ),
        pytest.param(
            [Look(10, 0, restarts=0), Look(20, 15, uid=None), Look(30, 15, restarts=1)],
            1,
            id="the platform was away while the monitor was replaced: once",
        ),
        pytest.param(
            [
                Look(10, 0, restarts=0),
                Look(20, 15, uid=None),
                Look(30, 25, uid=None),
                Look(40, 35, restarts=3),
            ],
            3,
            id="it was away for three",
        ),
        pytest.param(
            [Look(10, 0, restarts=2), Look(20, 15, uid="pod-2", restarts=0)], 0, id="a moved pod is none"
        ),
        pytest.param(
            [
                Look(10, 0, restarts=2),
                Look(20, 15, uid=None),
                Look(30, 15, uid="pod-2", restarts=0),
                Look(40, 35, uid="pod-2", restarts=1),
            ],
            1,
            id="nor one that moved while the platform was away",
        ),
        pytest.param(
            [Look(10, 0, restarts=2), Look(20, 15, uid="pod-2", restarts=5)],
            0,
            id="what a moved pod did before it was seen says nothing of the run",
        ),
        pytest.param(
            [Look(10, 0, restarts=2), Look(20, 0, restarts=1), Look(30, 0, restarts=2)],
            1,
            id="a platform that counts back takes none away",
        ),
        pytest.param([Look(10, restarts=0), Look(20, restarts=3)], 3, id="a process that was never seen"),
    ],
)
def test_restarts_that_the_platform_tells_count_once(looks: list[Look], node_restarts: int) -> None:
    assert kept(*looks).node_restarts == node_restarts


@pytest.mark.parametrize(
    ("looks", "observed_seconds", "active_seconds"),
    [
        pytest.param(
            [Look(10, 0), Look(20, 0, blocked=True), Look(30, 0, blocked=True), Look(40, 0)],
            10,
            20,
            id="blocked time is neither",
        ),
        pytest.param(
            [Look(10, 0), Look(20, None, blocked=True), Look(30, None, blocked=True), Look(40, 0)],
            10,
            20,
            id="the process was not observed in that time: it is not added afterwards",
        ),
        pytest.param(
            [Look(10, 0), Look(20, 15, blocked=True), Look(30, 15)], 10, 20, id="another process, blocked"
        ),
        pytest.param([Look(10, 0, blocked=True), Look(20, 0)], 10, 10, id="blocked from the start"),
        pytest.param(
            [Look(10, 0), Look(20, 15, boot_id="other", blocked=True), Look(30, 15, boot_id="other")],
            10,
            20,
            id="on another machine",
        ),
    ],
)
def test_blocked_time_is_nobodys(looks: list[Look], observed_seconds: float, active_seconds: float) -> None:
    tracking = kept(*looks)

    assert (tracking.observed_seconds, tracking.active_seconds) == (observed_seconds, active_seconds)


def test_a_healthy_streak_does_not_grow_while_blocked() -> None:
    tracking = kept(Look(10, 0, Health.HEALTHY), Look(20, 0, Health.HEALTHY, blocked=True))

    assert tracking.healthy is not None
    assert tracking.healthy.observed_seconds == 0


HEALTHY, UNHEALTHY, STALE, UNKNOWN = Health.HEALTHY, Health.UNHEALTHY, Health.STALE, Health.UNKNOWN


@pytest.mark.parametrize(
    ("looks", "since_and_seconds"),
    [
        pytest.param([Look(0, 0, UNKNOWN)], None, id="no report"),
        pytest.param([Look(0, 0, UNHEALTHY)], None, id="unhealthy"),
        pytest.param([Look(10, 0, HEALTHY)], (10, 0), id="it begins with nothing watched yet"),
        pytest.param([Look(10, 0, HEALTHY), Look(20, 0, HEALTHY)], (10, 10), id="it grows"),
        pytest.param(
            [Look(10, 0, HEALTHY), Look(20, 0, STALE), Look(30, 0, UNKNOWN), Look(40, 0, HEALTHY)],
            (10, 10),
            id="stale and missing answers neither lengthen nor break it",
        ),
        pytest.param([Look(10, 0, HEALTHY), Look(20, 0, UNHEALTHY)], None, id="unhealthy breaks it"),
        pytest.param(
            [Look(10, 0, HEALTHY), Look(20, 0, UNHEALTHY), Look(30, 0, HEALTHY), Look(40, 0, HEALTHY)],
            (30, 10),
            id="after a break it starts again",
        ),
        pytest.param(
            [Look(10, 0, HEALTHY), Look(20, 0, HEALTHY), Look(30, 25, HEALTHY)], (30, 0), id="another process"
        ),
        pytest.param(
            [Look(10, 0, HEALTHY), Look(20, 15, STALE)], None, id="another process, not healthy yet"
        ),
        pytest.param(
            [Look(10, 0, HEALTHY), Look(20, None, UNKNOWN), Look(30, 0, HEALTHY)],
            (10, 10),
            id="a process that was not seen for a while is still the same",
        ),
        pytest.param(
            [Look(10, 0, HEALTHY), Look(50_000, 0, HEALTHY)],
            (10, 20),
            id="a gap in watching is not watched health",
        ),
        pytest.param(
            [Look(10, 0, HEALTHY), Look(20, 0, HEALTHY, wall_shift=-3600)],
            (10, 10),
            id="the wall clock was set back",
        ),
    ],
)
def test_the_healthy_streak_is_unbroken_health_that_was_watched(
    looks: list[Look], since_and_seconds: tuple[float, float] | None
) -> None:
    streak = kept(*looks).healthy
    if since_and_seconds is None:
        assert streak is None
    else:
        assert streak is not None
        since = streak.since_boot_seconds - NOW.boot_seconds
        assert (since, streak.observed_seconds) == since_and_seconds


def test_the_streak_remembers_the_moment_and_the_active_time_of_the_first_healthy_answer() -> None:
    tracking = kept(Look(100, 40, UNHEALTHY), Look(110, 40, HEALTHY), Look(120, 40, HEALTHY))

    assert tracking.healthy == HealthyStreak(
        since_wall=NOW.wall + 110,
        since_boot_seconds=NOW.boot_seconds + 110,
        active_seconds_at_start=70,
        observed_seconds=10,
    )


@pytest.mark.parametrize(
    ("looks", "bootstrap_seconds"),
    [
        pytest.param(
            [Look(70, 0, HEALTHY), Look(300, 0, HEALTHY), Look(420, 400, UNHEALTHY), Look(430, 400, HEALTHY)],
            330,
            id="a restart in the same pod: it had not stayed healthy",
        ),
        pytest.param(
            [
                Look(70, 0, HEALTHY),
                Look(300, 0, HEALTHY),
                Look(420, 400, uid="pod-2"),
                Look(430, 400, uid="pod-2"),
            ],
            100,
            id="the pod was replaced, and the node is not healthy yet",
        ),
        pytest.param(
            [Look(70, 0, HEALTHY), Look(300, 0, HEALTHY), Look(420, 400, HEALTHY, uid="pod-2")],
            90,
            id="the pod was replaced, and the node is healthy immediately",
        ),
        pytest.param(
            [
                Look(70, 0, HEALTHY),
                Look(290, 0, HEALTHY),
                Look(300, 0, UNHEALTHY),
                Look(310),
                Look(420, 400, HEALTHY, uid="pod-2"),
            ],
            100,
            id="the node reported its shutdown before its pod was replaced",
        ),
        pytest.param(
            [
                Look(70, 0, HEALTHY),
                Look(300, 0, HEALTHY),
                Look(310, uid="pod-2", restarts=0),
                Look(420, 400, HEALTHY, uid="pod-2"),
            ],
            90,
            id="the platform reported the pod before its node ran",
        ),
        pytest.param(
            [
                Look(70, 0, HEALTHY),
                Look(300, 0, HEALTHY),
                Look(420, 400, HEALTHY, uid="pod-2"),
                Look(500, 400, HEALTHY, uid="pod-2"),
                Look(620, 600, HEALTHY, uid="pod-3"),
            ],
            110,
            id="two pods were replaced",
        ),
    ],
)
def test_time_healthy_before_a_pod_was_replaced_is_no_bootstrap_time(
    looks: list[Look], bootstrap_seconds: float
) -> None:
    assert kept(*looks).bootstrap_seconds == bootstrap_seconds


@pytest.mark.parametrize(
    ("look", "agreed"),
    [
        pytest.param(Look(20, process=0), True, id="the same process need not say again who it is"),
        pytest.param(Look(20), True, id="not seen"),
        pytest.param(Look(20, process=15), False, id="another process must"),
        pytest.param(Look(20, process=0, boot_id="other"), False, id="so must one on another machine"),
    ],
)
def test_an_identity_is_agreed_on_for_one_process(look: Look, *, agreed: bool) -> None:
    tracking = replace(kept(Look(10, process=0)), identity_agreed=True)

    assert kept(look, tracking=tracking).identity_agreed is agreed


def test_the_books_of_a_run_begin_where_it_starts() -> None:
    assert opened(NOW) == RunTracking(
        started_boot_id=NOW.boot_id,
        started_boot_seconds=NOW.boot_seconds,
        boot_id=NOW.boot_id,
        accounted_boot_seconds=NOW.boot_seconds,
    )


# Whole seconds, so that sums are exact.
GAPS = st.integers(0, 10**6)
SHIFTS = st.integers(-(10**6), 10**6)


@st.composite
def watched(draw: st.DrawFn) -> list[Look]:
    """Draw ticks with node restarts, outages of node and monitor, and changes of the wall clock."""
    seconds, process = 0, 0
    looks = []
    for _ in range(draw(st.integers(1, 12))):
        gap = draw(GAPS)
        if draw(st.booleans()):
            process = seconds + draw(st.integers(0, gap))
        seconds += gap
        looks.append(
            Look(
                seconds,
                process if draw(st.booleans()) else None,
                draw(st.sampled_from(list(Health))),
                draw(st.sampled_from(["pod-1", "pod-2", None])),
                draw(SHIFTS),
                new_monitor=draw(st.booleans()),
                restarts=draw(st.none() | st.integers(0, 5)),
                blocked=draw(st.booleans()),
            )
        )
    return looks


@given(watched())
def test_observed_time_is_never_negative_and_no_tick_adds_more_than_two_intervals(looks: list[Look]) -> None:
    before = 0.0
    for end in range(1, len(looks) + 1):
        observed = kept(*looks[:end]).observed_seconds
        assert 0.0 <= observed - before <= 2 * TICK
        before = observed


@given(watched())
def test_neither_time_is_more_than_has_passed(looks: list[Look]) -> None:
    tracking, passed = kept(*looks), looks[-1].seconds

    assert 0.0 <= tracking.observed_seconds <= passed
    assert 0.0 <= tracking.active_seconds <= passed


@given(watched())
def test_bootstrap_time_is_never_negative(looks: list[Look]) -> None:
    assert kept(*looks).bootstrap_seconds >= 0.0


@given(watched())
def test_active_time_never_falls(looks: list[Look]) -> None:
    times = [kept(*looks[:end]).active_seconds for end in range(len(looks) + 1)]

    assert times == sorted(times)


@given(watched())
def test_a_wall_clock_that_is_set_changes_no_length_and_no_count(looks: list[Look]) -> None:
    tracking, steady = kept(*looks), kept(*(replace(look, wall_shift=0) for look in looks))
    if tracking.healthy is not None and steady.healthy is not None:
        tracking = replace(tracking, healthy=replace(tracking.healthy, since_wall=steady.healthy.since_wall))

    assert tracking == steady


@given(st.lists(GAPS, min_size=1, max_size=12))
def test_a_process_that_never_stops_is_active_all_the_time_however_seldom_one_looks(
    gaps: list[int],
) -> None:
    seconds, looks = 0, []
    for gap in gaps:
        seconds += gap
        looks.append(Look(seconds, process=0, new_monitor=True))
    tracking = kept(*looks)

    assert tracking.active_seconds == seconds
    assert tracking.observed_seconds == 0.0
    assert tracking.node_restarts == 0


@given(watched())
def test_the_streak_was_never_watched_longer_than_the_run_was(looks: list[Look]) -> None:
    tracking = kept(*looks)

    assert tracking.healthy is None or 0.0 <= tracking.healthy.observed_seconds <= tracking.observed_seconds
