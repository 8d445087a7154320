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
class Poll:
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


def kept(*polls: Poll, tracking: RunTracking | None = None) -> RunTracking:
    """Return the tracking values of a run that started at `NOW`, after these ticks.

    The node's metrics follow the wall clock, and so does the start time in them.
    """
    tracking, previous = tracking or opened(NOW), None
    for poll in polls:
        now = later(poll.seconds, poll.wall_shift, poll.boot_id)
        interval = observed_interval_seconds(None if poll.new_monitor else previous, now, TICK)
        started_at = None if poll.process is None else NOW.wall + poll.process + poll.wall_shift
        tracking = advanced(
            tracking,
            now,
            0.0 if poll.blocked else interval,
            started_at,
            poll.uid,
            poll.health,
            restarts=poll.restarts,
            blocked=poll.blocked,
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
    ("polls", "observed_seconds"),
    [
        pytest.param([Poll(0), Poll(10), Poll(20)], 20, id="three ticks"),
        pytest.param([Poll(0), Poll(10), Poll(50_000), Poll(50_010)], 40, id="a gap is not observed"),
        pytest.param(
            [Poll(0), Poll(10), Poll(20, new_monitor=True), Poll(30)],
            20,
            id="a restarted monitor starts again",
        ),
        pytest.param(
            [Poll(0), Poll(10, wall_shift=-3600), Poll(20, wall_shift=7200)], 20, id="the wall clock jumps"
        ),
        pytest.param(
            [Poll(0), Poll(10), Poll(20, boot_id="other"), Poll(30, boot_id="other")],
            20,
            id="a machine restarted in between",
        ),
    ],
)
def test_observed_time_is_the_sum_of_what_the_ticks_observed(
    polls: list[Poll], observed_seconds: float
) -> None:
    assert kept(*polls).observed_seconds == observed_seconds


@pytest.mark.parametrize(
    ("polls", "active_seconds"),
    [
        pytest.param([Poll(0), Poll(100)], 0, id="a node that was never seen"),
        pytest.param([Poll(100, process=0)], 100, id="running since the start, seen once"),
        pytest.param([Poll(100, process=40)], 60, id="it began under way"),
        pytest.param(
            [Poll(100, process=-500)], 100, id="it is older than the run: only the run's time counts"
        ),
        pytest.param([Poll(100, process=200)], 0, id="a start in the future adds no time"),
        pytest.param(
            [Poll(100, process=0), Poll(110, process=0), Poll(120, process=0)], 120, id="every interval once"
        ),
        pytest.param(
            [Poll(100, process=0), Poll(110), Poll(120), Poll(130, process=0)], 130, id="answers were missing"
        ),
        pytest.param(
            [Poll(100, process=0), Poll(50_000, process=0, new_monitor=True)],
            50_000,
            id="the monitor was away, the process continued",
        ),
        pytest.param(
            [Poll(100, process=0), Poll(50_000, process=49_000, new_monitor=True)],
            1100,
            id="the monitor was away, another process is there: of the gap only its life counts",
        ),
        pytest.param([Poll(100, process=0), Poll(200), Poll(300)], 100, id="the node is gone"),
        pytest.param(
            [Poll(100, process=0), Poll(200), Poll(300, process=290)], 110, id="the node was down in between"
        ),
        pytest.param(
            [Poll(100, process=0), Poll(200, process=150, boot_id="other")],
            150,
            id="on another machine the whole life of its process is new",
        ),
        pytest.param(
            [Poll(100, process=0), Poll(110, process=0, wall_shift=-3600)],
            110,
            id="the wall clock was set back",
        ),
        pytest.param(
            [Poll(100, process=0), Poll(110, process=0, wall_shift=86400)],
            110,
            id="the wall clock was set ahead",
        ),
    ],
)
def test_active_time_is_the_time_in_which_the_process_ran(polls: list[Poll], active_seconds: float) -> None:
    assert kept(*polls).active_seconds == active_seconds


@pytest.mark.parametrize(
    ("polls", "node_restarts"),
    [
        pytest.param([Poll(10)], 0, id="never seen"),
        pytest.param([Poll(10, process=0)], 0, id="the first process is not a restart"),
        pytest.param([Poll(10, process=0), Poll(20, process=0)], 0, id="the same"),
        pytest.param(
            [Poll(10, process=0), Poll(20, process=SAME_PROCESS_SECONDS)],
            0,
            id="its start drifts with the clock",
        ),
        pytest.param(
            [Poll(10, process=0), Poll(20, process=SAME_PROCESS_SECONDS + 0.1)],
            1,
            id="it began later: another one",
        ),
        pytest.param([Poll(10, process=0), Poll(20), Poll(30, process=25)], 1, id="it was down in between"),
        pytest.param(
            [Poll(10, process=0), Poll(20, process=15, uid="pod-2")],
            0,
            id="a moved pod is not a node restart",
        ),
        pytest.param(
            [Poll(10, process=0), Poll(20, process=15, uid="pod-2"), Poll(30, process=25, uid="pod-2")],
            1,
            id="a restart in the moved pod is one",
        ),
        pytest.param(
            [Poll(10, process=0), Poll(20, process=15, boot_id="other")],
            1,
            id="the machine restarted under it",
        ),
        pytest.param(
            [Poll(10, process=0), Poll(20, process=15), Poll(30, process=25), Poll(40, process=35)],
            3,
            id="three",
        ),
        pytest.param(
            [Poll(10, process=0), Poll(20, process=0, wall_shift=-3600)], 0, id="the wall clock was set back"
        ),
    ],
)
def test_node_restarts_are_counted(polls: list[Poll], node_restarts: int) -> None:
    assert kept(*polls).node_restarts == node_restarts


@pytest.mark.parametrize(
    ("polls", "node_restarts"),
    [
        pytest.param([Poll(10, 0, restarts=3)], 0, id="what was before the run was seen is not of it"),
        pytest.param([Poll(10, 0, restarts=0), Poll(20, 15, restarts=1)], 1, id="both see it: once"),
        pytest.param(
            [Poll(10, 0, restarts=0), Poll(20, 15, restarts=0), Poll(30, 15, restarts=1)],
            1,
            id="the platform reports it later",
        ),
        pytest.param(
            [Poll(10, 0, restarts=0), Poll(20, restarts=1), Poll(30, 25, restarts=1)],
            1,
            id="the platform reports it first",
        ),
        pytest.param(
            [Poll(10, 0, restarts=0), Poll(20, restarts=4)], 4, id="several between two polls, none seen"
        ),
        pytest.param(
            [Poll(10, 0, restarts=0), Poll(20, 15, uid=None), Poll(30, 15, restarts=1)],
            1,
            id="the platform was away while the monitor was replaced: once",
        ),
        pytest.param(
            [
                Poll(10, 0, restarts=0),
                Poll(20, 15, uid=None),
                Poll(30, 25, uid=None),
                Poll(40, 35, restarts=3),
            ],
            3,
            id="it was away for three",
        ),
        pytest.param(
            [Poll(10, 0, restarts=2), Poll(20, 15, uid="pod-2", restarts=0)], 0, id="a moved pod is none"
        ),
        pytest.param(
            [
                Poll(10, 0, restarts=2),
                Poll(20, 15, uid=None),
                Poll(30, 15, uid="pod-2", restarts=0),
                Poll(40, 35, uid="pod-2", restarts=1),
            ],
            1,
            id="nor one that moved while the platform was away",
        ),
        pytest.param(
            [Poll(10, 0, restarts=2), Poll(20, 15, uid="pod-2", restarts=5)],
            0,
            id="what a moved pod did before it was seen says nothing of the run",
        ),
        pytest.param(
            [Poll(10, 0, restarts=2), Poll(20, 0, restarts=1), Poll(30, 0, restarts=2)],
            1,
            id="a platform that counts back takes none away",
        ),
        pytest.param([Poll(10, restarts=0), Poll(20, restarts=3)], 3, id="a process that was never seen"),
    ],
)
def test_restarts_that_the_platform_reports_count_once(polls: list[Poll], node_restarts: int) -> None:
    assert kept(*polls).node_restarts == node_restarts


@pytest.mark.parametrize(
    ("polls", "observed_seconds", "active_seconds"),
    [
        pytest.param(
            [Poll(10, 0), Poll(20, 0, blocked=True), Poll(30, 0, blocked=True), Poll(40, 0)],
            10,
            20,
            id="blocked time is neither",
        ),
        pytest.param(
            [Poll(10, 0), Poll(20, None, blocked=True), Poll(30, None, blocked=True), Poll(40, 0)],
            10,
            20,
            id="the process was not observed in that time: it is not added afterwards",
        ),
        pytest.param(
            [Poll(10, 0), Poll(20, 15, blocked=True), Poll(30, 15)], 10, 20, id="another process, blocked"
        ),
        pytest.param([Poll(10, 0, blocked=True), Poll(20, 0)], 10, 10, id="blocked from the start"),
        pytest.param(
            [Poll(10, 0), Poll(20, 15, boot_id="other", blocked=True), Poll(30, 15, boot_id="other")],
            10,
            20,
            id="on another machine",
        ),
    ],
)
def test_blocked_time_is_nobodys(polls: list[Poll], observed_seconds: float, active_seconds: float) -> None:
    tracking = kept(*polls)

    assert (tracking.observed_seconds, tracking.active_seconds) == (observed_seconds, active_seconds)


def test_a_healthy_streak_does_not_grow_while_blocked() -> None:
    tracking = kept(Poll(10, 0, Health.HEALTHY), Poll(20, 0, Health.HEALTHY, blocked=True))

    assert tracking.healthy is not None
    assert tracking.healthy.observed_seconds == 0


HEALTHY, UNHEALTHY, STALE, UNKNOWN = Health.HEALTHY, Health.UNHEALTHY, Health.STALE, Health.UNKNOWN


@pytest.mark.parametrize(
    ("polls", "since_and_seconds"),
    [
        pytest.param([Poll(0, 0, UNKNOWN)], None, id="no report"),
        pytest.param([Poll(0, 0, UNHEALTHY)], None, id="unhealthy"),
        pytest.param([Poll(10, 0, HEALTHY)], (10, 0), id="it begins with nothing watched yet"),
        pytest.param([Poll(10, 0, HEALTHY), Poll(20, 0, HEALTHY)], (10, 10), id="it grows"),
        pytest.param(
            [Poll(10, 0, HEALTHY), Poll(20, 0, STALE), Poll(30, 0, UNKNOWN), Poll(40, 0, HEALTHY)],
            (10, 10),
            id="stale and missing answers neither lengthen nor break it",
        ),
        pytest.param([Poll(10, 0, HEALTHY), Poll(20, 0, UNHEALTHY)], None, id="unhealthy breaks it"),
        pytest.param(
            [Poll(10, 0, HEALTHY), Poll(20, 0, UNHEALTHY), Poll(30, 0, HEALTHY), Poll(40, 0, HEALTHY)],
            (30, 10),
            id="after a break it starts again",
        ),
        pytest.param(
            [Poll(10, 0, HEALTHY), Poll(20, 0, HEALTHY), Poll(30, 25, HEALTHY)], (30, 0), id="another process"
        ),
        pytest.param(
            [Poll(10, 0, HEALTHY), Poll(20, 15, STALE)], None, id="another process, not healthy yet"
        ),
        pytest.param(
            [Poll(10, 0, HEALTHY), Poll(20, None, UNKNOWN), Poll(30, 0, HEALTHY)],
            (10, 10),
            id="a process that was not seen for a while is still the same",
        ),
        pytest.param(
            [Poll(10, 0, HEALTHY), Poll(50_000, 0, HEALTHY)],
            (10, 20),
            id="a gap in watching is not watched health",
        ),
        pytest.param(
            [Poll(10, 0, HEALTHY), Poll(20, 0, HEALTHY, wall_shift=-3600)],
            (10, 10),
            id="the wall clock was set back",
        ),
    ],
)
def test_the_healthy_streak_is_unbroken_health_that_was_watched(
    polls: list[Poll], since_and_seconds: tuple[float, float] | None
) -> None:
    streak = kept(*polls).healthy
    if since_and_seconds is None:
        assert streak is None
    else:
        assert streak is not None
        since = streak.since_boot_seconds - NOW.boot_seconds
        assert (since, streak.observed_seconds) == since_and_seconds


def test_the_streak_remembers_the_moment_and_the_active_time_of_the_first_healthy_answer() -> None:
    tracking = kept(Poll(100, 40, UNHEALTHY), Poll(110, 40, HEALTHY), Poll(120, 40, HEALTHY))

    assert tracking.healthy == HealthyStreak(
        since_wall=NOW.wall + 110,
        since_boot_seconds=NOW.boot_seconds + 110,
        active_seconds_at_start=70,
        observed_seconds=10,
    )


@pytest.mark.parametrize(
    ("polls", "bootstrap_seconds"),
    [
        pytest.param(
            [Poll(70, 0, HEALTHY), Poll(300, 0, HEALTHY), Poll(420, 400, UNHEALTHY), Poll(430, 400, HEALTHY)],
            330,
            id="a restart in the same pod: it had not stayed healthy",
        ),
        pytest.param(
            [
                Poll(70, 0, HEALTHY),
                Poll(300, 0, HEALTHY),
                Poll(420, 400, uid="pod-2"),
                Poll(430, 400, uid="pod-2"),
            ],
            100,
            id="the pod was replaced, and the node is not healthy yet",
        ),
        pytest.param(
            [Poll(70, 0, HEALTHY), Poll(300, 0, HEALTHY), Poll(420, 400, HEALTHY, uid="pod-2")],
            90,
            id="the pod was replaced, and the node is healthy immediately",
        ),
        pytest.param(
            [
                Poll(70, 0, HEALTHY),
                Poll(290, 0, HEALTHY),
                Poll(300, 0, UNHEALTHY),
                Poll(310),
                Poll(420, 400, HEALTHY, uid="pod-2"),
            ],
            100,
            id="the node reported its shutdown before its pod was replaced",
        ),
        pytest.param(
            [
                Poll(70, 0, HEALTHY),
                Poll(300, 0, HEALTHY),
                Poll(310, uid="pod-2", restarts=0),
                Poll(420, 400, HEALTHY, uid="pod-2"),
            ],
            90,
            id="the platform reported the pod before its node ran",
        ),
        pytest.param(
            [
                Poll(70, 0, HEALTHY),
                Poll(300, 0, HEALTHY),
                Poll(420, 400, HEALTHY, uid="pod-2"),
                Poll(500, 400, HEALTHY, uid="pod-2"),
                Poll(620, 600, HEALTHY, uid="pod-3"),
            ],
            110,
            id="two pods were replaced",
        ),
    ],
)
def test_healthy_time_before_a_pod_was_replaced_is_not_bootstrap_time(
    polls: list[Poll], bootstrap_seconds: float
) -> None:
    assert kept(*polls).bootstrap_seconds == bootstrap_seconds


@pytest.mark.parametrize(
    ("poll", "agreed"),
    [
        pytest.param(Poll(20, process=0), True, id="the same process need not say again who it is"),
        pytest.param(Poll(20), True, id="not seen"),
        pytest.param(Poll(20, process=15), False, id="another process must"),
        pytest.param(Poll(20, process=0, boot_id="other"), False, id="so must one on another machine"),
    ],
)
def test_an_identity_is_agreed_on_for_one_process(poll: Poll, *, agreed: bool) -> None:
    tracking = replace(kept(Poll(10, process=0)), identity_agreed=True)

    assert kept(poll, tracking=tracking).identity_agreed is agreed


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
def watched(draw: st.DrawFn) -> list[Poll]:
    """Draw ticks with node restarts, outages of node and monitor, and changes of the wall clock."""
    seconds, process = 0, 0
    polls = []
    for _ in range(draw(st.integers(1, 12))):
        gap = draw(GAPS)
        if draw(st.booleans()):
            process = seconds + draw(st.integers(0, gap))
        seconds += gap
        polls.append(
            Poll(
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
    return polls


@given(watched())
def test_observed_time_is_never_negative_and_no_tick_adds_more_than_two_intervals(polls: list[Poll]) -> None:
    before = 0.0
    for end in range(1, len(polls) + 1):
        observed = kept(*polls[:end]).observed_seconds
        assert 0.0 <= observed - before <= 2 * TICK
        before = observed


@given(watched())
def test_neither_time_is_more_than_has_passed(polls: list[Poll]) -> None:
    tracking, passed = kept(*polls), polls[-1].seconds

    assert 0.0 <= tracking.observed_seconds <= passed
    assert 0.0 <= tracking.active_seconds <= passed


@given(watched())
def test_bootstrap_time_is_never_negative(polls: list[Poll]) -> None:
    assert kept(*polls).bootstrap_seconds >= 0.0


@given(watched())
def test_active_time_never_falls(polls: list[Poll]) -> None:
    times = [kept(*polls[:end]).active_seconds for end in range(len(polls) + 1)]

    assert times == sorted(times)


@given(watched())
def test_a_wall_clock_that_is_set_changes_no_length_and_no_count(polls: list[Poll]) -> None:
    tracking, steady = kept(*polls), kept(*(replace(poll, wall_shift=0) for poll in polls))
    if tracking.healthy is not None and steady.healthy is not None:
        tracking = replace(tracking, healthy=replace(tracking.healthy, since_wall=steady.healthy.since_wall))

    assert tracking == steady


@given(st.lists(GAPS, min_size=1, max_size=12))
def test_a_process_that_never_stops_is_always_active_however_rare_the_polls(
    gaps: list[int],
) -> None:
    seconds, polls = 0, []
    for gap in gaps:
        seconds += gap
        polls.append(Poll(seconds, process=0, new_monitor=True))
    tracking = kept(*polls)

    assert tracking.active_seconds == seconds
    assert tracking.observed_seconds == 0.0
    assert tracking.node_restarts == 0


@given(watched())
def test_the_streak_was_never_watched_longer_than_the_run_was(polls: list[Poll]) -> None:
    tracking = kept(*polls)

    assert tracking.healthy is None or 0.0 <= tracking.healthy.observed_seconds <= tracking.observed_seconds
