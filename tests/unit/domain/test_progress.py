"""Tests of progress: counters across processes, movement, the stalled chain, and unknown progress."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.observations import ChainActivity, ChainLog, NodeLog
from monitor.domain.progress import Movement, Poll, added_up, movement, works
from monitor.domain.signals import COUNTERS, GROWTH_BYTES
from monitor.domain.tracking import Count, Counts, RunTracking

BLOCKS = ("C", "blocks_accepted")
LEAVES = ("C", "leaves")


def read(values: Sequence[float]) -> Count:
    """Return the count of one signal after these readings of its counter."""
    counts: Counts = {}
    for value in values:
        counts = added_up(counts, {BLOCKS: value})
    return counts[BLOCKS]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([5], Count(0, 5, 5), id="the first reading"),
        pytest.param([0], Count(0, 0, 0), id="nothing yet"),
        pytest.param([5, 9], Count(0, 9, 9), id="it grew"),
        pytest.param([9, 9], Count(0, 9, 9), id="it stands still"),
        pytest.param([100, 0], Count(100, 0, 100), id="a new process that did nothing yet"),
        pytest.param([100, 7], Count(100, 7, 100), id="a new process: added up, and no new maximum"),
        pytest.param([100, 7, 100], Count(100, 100, 100), id="repeated work is not a new maximum"),
        pytest.param([100, 7, 101], Count(100, 101, 101), id="a new process that came further"),
        pytest.param([10, 3, 8, 2], Count(18, 2, 10), id="three processes"),
    ],
)
def test_a_counter_is_added_up_over_processes(values: list[float], expected: Count) -> None:
    assert read(values) == expected


def test_the_sum_is_what_is_shown() -> None:
    assert Count(before=100, last=7, maximum=100).value == 107


def test_a_signal_that_is_missing_from_an_answer_keeps_its_count() -> None:
    before = added_up({}, {BLOCKS: 10, LEAVES: 20})
    after = added_up(before, {BLOCKS: 12})

    assert after == {BLOCKS: Count(0, 12, 12), LEAVES: Count(0, 20, 20)}


def test_chains_and_signals_are_counted_apart() -> None:
    counts = added_up(added_up({}, {BLOCKS: 10, ("P", "blocks_accepted"): 50}), {BLOCKS: 11, LEAVES: 1})

    assert {key: count.value for key, count in counts.items()} == {
        BLOCKS: 11,
        ("P", "blocks_accepted"): 50,
        LEAVES: 1,
    }


def test_an_answer_without_counters_changes_nothing() -> None:
    counts = {BLOCKS: Count(3, 4, 5)}

    assert added_up(counts, {}) == counts


def test_what_was_counted_before_is_not_changed_in_place() -> None:
    before = added_up({}, {BLOCKS: 10})
    added_up(before, {BLOCKS: 11})

    assert before == {BLOCKS: Count(0, 10, 10)}


@st.composite
def lives(draw: st.DrawFn) -> list[list[int]]:
    """Draw readings of one counter in several processes, each starting below the previous one's end."""
    found: list[list[int]] = []
    for _ in range(draw(st.integers(1, 6))):
        first = draw(st.integers(0, found[-1][-1] - 1) if found else st.integers(0, 1000))
        steps = draw(st.lists(st.integers(0, 1000), max_size=5))
        life = [first]
        for step in steps:
            life.append(life[-1] + step)
        found.append(life)
        if life[-1] == 0:
            break
    return found


@given(lives())
def test_every_process_counts_with_its_last_reading(processes: list[list[int]]) -> None:
    count = read([value for life in processes for value in life])

    assert count.value == sum(life[-1] for life in processes)
    assert count.maximum == max(life[-1] for life in processes)
    assert count.last == processes[-1][-1]


@given(st.lists(st.integers(0, 10**12), min_size=1))
def test_neither_the_sum_nor_the_maximum_ever_falls(values: list[int]) -> None:
    counts = [read(values[: end + 1]) for end in range(len(values))]
    sums, maxima = [count.value for count in counts], [count.maximum for count in counts]

    assert sums == sorted(sums)
    assert maxima == sorted(maxima)
    assert maxima[-1] == max(values) <= sums[-1]


@given(lives(), st.data())
def test_reading_more_often_does_not_change_the_count(
    processes: list[list[int]], data: st.DataObject
) -> None:
    values = [value for life in processes for value in life]
    twice = [value for value in values for _ in range(data.draw(st.integers(1, 3)))]

    assert read(twice) == read(values)


# ---- Counts after a process has ended --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signal", "after"),
    [
        pytest.param("leaves_synced", Count(100, 0, 100), id="a counter that is gone begins at 0 again"),
        pytest.param("chain_time", Count(0, 100, 100), id="a height or a time outlives the process"),
    ],
)
def test_a_signal_that_a_new_process_does_not_show(signal: str, after: Count) -> None:
    before = added_up({}, {("C", signal): 100.0})

    assert added_up(before, {}, new_process=True) == {("C", signal): after}
    assert added_up(before, {}) == before


@pytest.mark.parametrize("signal", [counter.signal for counter in COUNTERS if counter.outlives_process])
def test_a_position_that_outlives_the_process_is_not_added_up(signal: str) -> None:
    counts: Counts = {}
    for value in (100.0, 0.0, 90.0, 110.0):
        counts = added_up(counts, {("C", signal): value})

    assert counts == {("C", signal): Count(0, 110, 110)}


# ---- Movement --------------------------------------------------------------------------------------------

AT = 1_000_000.0
TICK = 10.0
FETCHING, EXECUTING = ChainActivity.FETCHING, ChainActivity.EXECUTING
SYNCING, WAITING = ChainActivity.SYNCING_STATE, ChainActivity.WAITING
Reading = dict[tuple[str, str], float]


def at(**values: float) -> Reading:
    """Return counters by names such as `C_blocks_accepted`."""
    return {(name[0], name[2:]): value for name, value in values.items()}


def logs(**chains: ChainLog | ChainActivity) -> NodeLog:
    """Return the logs of chains by their names."""
    return NodeLog(
        {name: log if isinstance(log, ChainLog) else ChainLog(log) for name, log in chains.items()}
    )


@dataclass
class Watched:
    """A run that is observed poll by poll."""

    tracking: RunTracking = field(default_factory=RunTracking)
    counts: Counts = field(default_factory=dict)

    def poll(
        self,
        reading: Reading | None = None,
        log: NodeLog | None = None,
        *,
        answers: bool = True,
        seconds: float = TICK,
        new_process: bool = False,
        usage_bytes: int | None = None,
    ) -> Movement:
        """Return the movement that one poll shows, `seconds` after the previous poll."""
        before, self.counts = self.counts, added_up(self.counts, reading or {}, new_process=new_process)
        poll = Poll(AT, answers, reading or {}, log or NodeLog(), new_process, usage_bytes)
        found = movement(self.tracking, before, self.counts, poll, seconds)
        self.tracking = replace(
            self.tracking,
            chains=found.chains,
            idle_seconds=found.idle_seconds,
            usage_mark_bytes=found.usage_mark_bytes,
        )
        return found

    def stands(self, *polls: tuple[Reading, NodeLog]) -> list[tuple[str, float]]:
        """Return the chain without progress for longest after each poll, with its idle time in seconds."""
        return [(found.stalled_chain, found.idle_seconds) for found in (self.poll(*each) for each in polls)]


P_ONLY = at(P_blocks_fetched=100, P_blocks_accepted=50, P_chain_time=5000)
ALL = P_ONLY | at(C_blocks_fetched=10, C_blocks_accepted=5, X_vertices_fetched=3, C_chain_time=4000)


@pytest.mark.parametrize(
    ("readings", "progressed", "reached"),
    [
        pytest.param([{}], [False], [False], id="nothing shown"),
        pytest.param([at(P_blocks_accepted=0)], [False], [False], id="nothing done yet"),
        pytest.param([at(P_blocks_accepted=1)], [True], [True], id="the first block"),
        pytest.param([P_ONLY, P_ONLY], [True, False], [True, False], id="it stands still"),
        pytest.param([P_ONLY, {}, P_ONLY], [True, False, False], [True, False, False], id="it was silent"),
        pytest.param(
            [P_ONLY, ALL, ALL], [True, True, False], [True, True, False], id="X and C: at work from now on"
        ),
        pytest.param(
            [ALL, ALL | at(P_blocks_accepted=90, P_blocks_fetched=900, P_chain_time=9000)],
            [True, False],
            [True, False],
            id="P that waits for X and C only keeps up",
        ),
        pytest.param(
            [ALL, at(C_blocks_accepted=0, C_blocks_fetched=0), at(C_blocks_accepted=5, C_blocks_fetched=10)],
            [True, False, True],
            [True, False, False],
            id="a restart, and the same work again: progress, and no new position",
        ),
        pytest.param(
            [ALL, at(C_blocks_accepted=0), at(C_blocks_accepted=5), at(C_blocks_accepted=6)],
            [True, False, True, True],
            [True, False, False, True],
            id="a restart, and further than before",
        ),
        pytest.param(
            [at(C_leaves_synced=21920), at(C_leaves_synced=22), at(C_leaves_synced=8912)],
            [True, False, True],
            [True, False, False],
            id="a state sync that is resumed counts the rest only",
        ),
        pytest.param(
            [ALL, P_ONLY | at(P_blocks_accepted=60, P_chain_time=6000), P_ONLY | at(P_chain_time=7000)],
            [True, False, False],
            [True, False, False],
            id="after a restart P catches up before X and C are there: the run is past P",
        ),
        pytest.param(
            [ALL, at(C_chain_time=0), at(C_chain_time=3000), at(C_chain_time=4002)],
            [True, False, True, True],
            [True, False, False, True],
            id="chain time outlives a process",
        ),
        pytest.param(
            [at(Q_blocks_fetched=1), at(Q_blocks_fetched=2)],
            [True, True],
            [True, True],
            id="a chain of an L1",
        ),
        pytest.param(
            [ALL, ALL | at(C_of_something=11)], [True, False], [True, False], id="an unknown signal"
        ),
    ],
)
def test_progress_is_a_rise_within_the_process(
    readings: list[Reading], progressed: list[bool], reached: list[bool]
) -> None:
    run = Watched()
    found = [run.poll(reading) for reading in readings]

    assert [each.progressed for each in found] == progressed
    assert [each.reached for each in found] == reached


@pytest.mark.parametrize("signal", [counter.signal for counter in COUNTERS])
@pytest.mark.parametrize("chain", ["X", "C", "2q9e4r6Mu3U68nU1fYjgbR6JvwrRx36CohpAX5UQxse55x1Q5"])
def test_each_counter_of_each_chain_is_progress(chain: str, signal: str) -> None:
    run = Watched()
    first, second = ({**ALL, (chain, signal): value} for value in (5001.0, 5002.0))

    assert [run.poll(each).progressed for each in (first, second, second)] == [True, True, False]


MINUTES = [
    ChainLog(SYNCING, progress=f'[11-29|20:0{minute}:00.000] syncing storage tries {{"triesRemaining": 12}}')
    for minute in range(3)
]


def test_a_new_line_that_shows_progress_is_progress() -> None:
    """A new log line that shows progress counts as progress.

    AvalancheGo 1.15 exposes no counter of a state sync, but logs a line every minute.
    """
    run = Watched()
    lines = [MINUTES[0], MINUTES[0], MINUTES[1], ChainLog(SYNCING), MINUTES[2]]

    assert [run.poll(ALL, logs(C=line)).progressed for line in lines] == [True, False, True, False, True]


def test_growing_data_is_progress_of_a_chain_that_syncs_its_state() -> None:
    run = Watched()
    usages = [10, GROWTH_BYTES, GROWTH_BYTES + 10, 5, GROWTH_BYTES, GROWTH_BYTES + 5]
    run.poll(ALL)

    found = [run.poll(ALL, logs(C=SYNCING, X=WAITING), usage_bytes=usage) for usage in usages]
    assert [each.progressed for each in found] == [False, False, True, False, False, False], (
        "compacted between"
    )
    restarted = [
        run.poll(ALL, logs(C=SYNCING, X=WAITING), usage_bytes=usage, new_process=usage == 5)
        for usage in (5, GROWTH_BYTES, GROWTH_BYTES + 5)
    ]
    assert [each.usage_mark_bytes for each in restarted] == [5, 5, GROWTH_BYTES + 5], (
        "a new process begins again"
    )
    assert not run.poll(ALL, logs(C=EXECUTING, X=WAITING), usage_bytes=9 * GROWTH_BYTES).progressed


# ---- The stalled chain -----------------------------------------------------------------------------------


def test_each_chain_has_a_clock_of_its_own() -> None:
    """Each chain has its own idle time.

    C hangs while X makes slow progress; the line with which X's log reported waiting is no longer in the
    log.
    """
    run = Watched()
    start = at(P_blocks_accepted=1, X_blocks_accepted=1, C_leaves_synced=5)
    run.poll(start, logs(X=WAITING, C=SYNCING))

    polls = [(start | at(X_blocks_accepted=2.0 + tick), logs(C=SYNCING)) for tick in range(3)]
    assert run.stands(*polls) == [("C", 10), ("C", 20), ("C", 30)]


def test_a_chain_is_at_work_by_its_own_counters_where_no_log_can_be_read() -> None:
    run = Watched()
    start = at(P_blocks_accepted=1, X_blocks_accepted=1, X_blocks_fetched=1, C_blocks_fetched=9)
    run.poll(start)

    polls = [
        (start | at(X_blocks_accepted=tick, X_blocks_fetched=tick), NodeLog()) for tick in (2.0, 3.0, 4.0)
    ]
    assert run.stands(*polls) == [("C", 10), ("C", 20), ("C", 30)]


@pytest.mark.parametrize(
    ("reading", "log", "chain"),
    [
        pytest.param(P_ONLY, NodeLog(), "P", id="P, as long as it is alone"),
        pytest.param(ALL, logs(X=EXECUTING, C=WAITING), "X", id="X, while C waits"),
        pytest.param(ALL, logs(X=WAITING, C=FETCHING), "C", id="C, while X waits"),
        pytest.param(ALL, logs(X=WAITING), "C", id="the only one that does not wait"),
        pytest.param(ALL, logs(X=WAITING, C=WAITING), "", id="all wait: the node as a whole"),
        pytest.param(
            ALL | at(C_leaves_synced=1),
            logs(X=WAITING, C=ChainActivity.TRANSITIONING),
            "C",
            id="a transition",
        ),
        pytest.param(ALL, logs(X=WAITING, C=ChainActivity.COMPACTING), "C", id="a compaction"),
        pytest.param(
            at(P_blocks_accepted=9, Q_blocks_fetched=9), logs(P=WAITING, Q=FETCHING), "Q", id="an L1's chain"
        ),
        pytest.param(
            ALL | at(X_chain_time=AT - 30, C_chain_time=1), NodeLog(), "C", id="X has the newest blocks"
        ),
    ],
)
def test_the_chain_that_stands_still_is_named(reading: Reading, log: NodeLog, chain: str) -> None:
    run = Watched()
    run.poll(reading, log)

    assert run.stands((reading, log), (reading, log)) == [(chain, 10), (chain, 20)]


def test_the_clock_of_a_chain_survives_a_restart_and_ends_with_progress() -> None:
    run = Watched()
    log = logs(X=WAITING, C=FETCHING)
    run.poll(ALL, log)
    run.poll(ALL, log)

    restarted = run.poll(at(C_blocks_fetched=0, X_blocks_fetched=0), log, new_process=True)
    assert (restarted.stalled_chain, restarted.idle_seconds) == ("C", 20)
    assert run.poll(at(C_blocks_fetched=1, X_blocks_fetched=0), log).idle_seconds == 0


def test_a_node_whose_chains_all_wait_is_idle_for_as_long_as_the_newest_of_them() -> None:
    run = Watched()
    fetching = logs(X=EXECUTING, C=FETCHING)
    run.poll(ALL | at(X_blocks_accepted=1), fetching)
    standing = run.poll(ALL | at(X_blocks_accepted=2), fetching)
    waiting = run.poll(ALL | at(X_blocks_accepted=2), logs(X=WAITING, C=WAITING))

    assert (standing.stalled_chain, standing.idle_seconds) == ("C", 10)
    assert (waiting.stalled_chain, waiting.idle_seconds) == ("", 10)


def test_paused_timers_stand() -> None:
    run = Watched()
    run.poll(P_ONLY)

    assert run.poll(P_ONLY, seconds=0.0).idle_seconds == 0


# ---- Unknown progress ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reading", "log"),
    [
        pytest.param({}, NodeLog(), id="it answers and shows no chain"),
        pytest.param(
            at(X_blocks_fetched=0, C_blocks_fetched=0), NodeLog(), id="no log, and counters that never moved"
        ),
        pytest.param(
            at(X_blocks_fetched=0, C_blocks_fetched=0),
            logs(X=WAITING, C=ChainLog(SYNCING, transitioned=True)),
            id="a state sync on SAE that has shown no line of progress",
        ),
        pytest.param(at(), logs(X=WAITING, C=EXECUTING), id="no metrics, and no line of progress yet"),
    ],
)
def test_where_no_signal_of_the_stage_can_be_read_progress_is_unknown(reading: Reading, log: NodeLog) -> None:
    run = Watched()
    found = [run.poll(reading, log) for _ in range(3)]

    assert [(each.known, each.idle_seconds) for each in found] == [(False, 0.0)] * 3


@pytest.mark.parametrize(
    ("fetched", "accepted", "known"),
    [
        pytest.param([5, 6, 7], [5, 6, 7], False, id="X keeps up: C hides its progress"),
        pytest.param([5, 6, 7], [1, 2, 3], True, id="X has work left"),
        pytest.param([1, 1, 1], [5, 6, 7], True, id="X executes what an earlier process fetched"),
    ],
)
def test_counters_distinguish_a_chain_that_keeps_up_from_one_at_work(
    fetched: list[float], accepted: list[float], *, known: bool
) -> None:
    run = Watched()
    readings = [
        at(X_blocks_fetched=one, X_blocks_accepted=two, C_blocks_fetched=0)
        for one, two in zip(fetched, accepted, strict=True)
    ]

    assert [run.poll(reading).known for reading in readings] == [known] * 3


def test_an_unknown_chain_is_not_hidden_by_one_that_keeps_up() -> None:
    """A chain of unknown progress is not hidden by one that keeps up.

    After its restart C shows nothing, while X has the newest blocks and slowly accepts more.
    """
    run = Watched()
    found = [
        run.poll(at(X_blocks_accepted=tick, X_chain_time=AT - 5 + tick, C_blocks_fetched=0))
        for tick in range(3)
    ]

    assert [each.known for each in found] == [False] * 3


def test_progress_that_was_seen_once_in_a_stage_is_known_from_there_on() -> None:
    run = Watched()
    dark = at(X_blocks_fetched=0, C_blocks_fetched=0)
    lines = [ChainLog(SYNCING, transitioned=True), replace(MINUTES[0], transitioned=True)]

    found = [run.poll(dark, logs(X=WAITING, C=line)) for line in (lines[0], lines[1], lines[1], lines[1])]
    assert [(each.known, each.idle_seconds) for each in found] == [
        (False, 0.0),
        (True, 0.0),
        (True, 10.0),
        (True, 20.0),
    ]
    restarted = run.poll(dark, logs(X=WAITING, C=lines[0]), new_process=True)
    assert (restarted.known, restarted.idle_seconds) == (False, 0.0), "the new process has shown nothing yet"


def test_progress_of_the_next_stage_is_unknown_until_a_signal_of_it_is_read() -> None:
    run = Watched()
    readings = [at(C_blocks_fetched=1), at(C_blocks_fetched=2), {}, {}]
    stages = [FETCHING, FETCHING, EXECUTING, EXECUTING]

    polls = [
        run.poll(reading, logs(X=WAITING, C=stage)) for reading, stage in zip(readings, stages, strict=True)
    ]
    assert [poll.known for poll in polls] == [True, True, False, False]


def test_a_node_that_does_not_answer_stands_still_itself() -> None:
    run = Watched()
    found = [run.poll(answers=False) for _ in range(3)]

    assert [(each.known, each.stalled_chain, each.idle_seconds) for each in found] == [
        (True, "", 10.0),
        (True, "", 20.0),
        (True, "", 30.0),
    ]


@pytest.mark.parametrize("activity", list(ChainActivity))
def test_compacting_executing_and_syncing_are_work(activity: ChainActivity) -> None:
    at_work = {ChainActivity.COMPACTING, EXECUTING, SYNCING}

    assert works(Watched().poll(ALL, logs(X=WAITING, C=activity))) is (activity in at_work)
    waits = Watched().poll(ALL, logs(X=FETCHING, P=activity))
    assert not works(waits), "of a chain that is not at work it says nothing"


def test_without_logs_nothing_is_known_to_work() -> None:
    assert not works(Watched().poll(ALL))


# ---- Properties ------------------------------------------------------------------------------------------

SIGNALS = st.sampled_from([counter.signal for counter in COUNTERS])
READINGS = st.dictionaries(st.tuples(st.sampled_from("PXC"), SIGNALS), st.integers(0, 100).map(float))


@given(st.lists(READINGS, max_size=8), READINGS)
def test_the_same_reading_twice_is_never_progress(readings: list[Reading], last: Reading) -> None:
    run = Watched()
    for reading in (*readings, last):
        run.poll(reading)

    assert not run.poll(last).progressed


@given(st.lists(READINGS, max_size=8), st.lists(READINGS, max_size=8), st.integers(0, 8))
def test_work_that_is_done_again_reaches_no_new_position(
    readings: list[Reading], others: list[Reading], start: int
) -> None:
    """Repeated work is not progress, whichever process repeats the earlier readings."""
    run = Watched()
    for reading in (*readings, *others):
        run.poll(reading)

    assert not any(run.poll(reading).reached for reading in (readings + others)[start:])


@given(st.lists(READINGS, min_size=1, max_size=8))
def test_no_restart_makes_endless_positions(readings: list[Reading]) -> None:
    run = Watched()
    steps = sum(run.poll(reading).reached for _ in range(5) for reading in readings)

    assert steps <= len(readings)


@given(
    st.lists(
        st.tuples(READINGS, st.booleans(), st.none() | st.sampled_from(list(ChainActivity))), max_size=12
    )
)
def test_no_clock_gains_more_than_the_interval_and_none_runs_while_progress_is_unknown(
    polls: list[tuple[Reading, bool, ChainActivity | None]],
) -> None:
    run = Watched()
    for reading, new_process, activity in polls:
        before = run.tracking.chains
        found = run.poll(reading, logs(C=activity) if activity else None, new_process=new_process)
        for name, watch in found.chains.items():
            gained = watch.idle_seconds - (before[name].idle_seconds if name in before else 0.0)
            assert gained <= TICK
        assert found.known or found.idle_seconds == 0
        assert found.idle_seconds <= max([0.0, *(watch.idle_seconds for watch in found.chains.values())]) or (
            not found.chains
        )
