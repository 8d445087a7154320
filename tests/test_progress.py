"""Progress: counters that begin at 0 with every process, added up; and what of them is a position reached anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model import ChainActivity, ChainLog, Count, Counts, NodeLog
from monitor.progress import added_up, chains_at_work, progressed, stored_blocks, works

BLOCKS = ("C", "blocks_accepted")
LEAVES = ("C", "leaves")


def read(values: Sequence[float]) -> Count:
    """The count of one signal after these readings of its counter."""
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
        pytest.param([100, 7, 100], Count(100, 100, 100), id="the same work done again is no new maximum"),
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
    """Readings of one counter in each of several processes; every process is first seen below the one before."""
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


# ---- Positions -------------------------------------------------------------------------------------------

Reading = dict[tuple[str, str], float]


def at(**values: float) -> Reading:
    """Counters by names such as `C_blocks_accepted`."""
    return {(name[0], name[2:]): value for name, value in values.items()}


@dataclass
class Watched:
    """A run's counts, brought up reading by reading."""

    counts: Counts = field(default_factory=dict)

    def progresses(self, reading: Reading) -> bool:
        """Whether this reading is progress."""
        before, self.counts = self.counts, added_up(self.counts, reading)
        return progressed(before, self.counts, chains_at_work(self.counts, NodeLog()))


P_ONLY = at(P_blocks_fetched=100, P_blocks_accepted=50, P_chain_time=5000)
ALL = P_ONLY | at(C_blocks_fetched=10, C_blocks_accepted=5, X_vertices_fetched=3, C_chain_time=4000)


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        pytest.param([{}], [False], id="nothing told"),
        pytest.param([at(P_blocks_accepted=0)], [False], id="nothing done yet"),
        pytest.param([at(P_blocks_accepted=1)], [True], id="the first block"),
        pytest.param([P_ONLY, P_ONLY], [True, False], id="it stands still"),
        pytest.param([P_ONLY, {}, P_ONLY], [True, False, False], id="it did not answer"),
        pytest.param([P_ONLY, P_ONLY | at(P_blocks_accepted=51)], [True, True], id="P executes"),
        pytest.param([P_ONLY, P_ONLY | at(P_chain_time=5002)], [True, True], id="P's chain time"),
        pytest.param([P_ONLY, ALL, ALL], [True, True, False], id="X and C are there: at work from now on"),
        pytest.param(
            [ALL, ALL | at(P_blocks_accepted=90, P_blocks_fetched=900, P_chain_time=9000)],
            [True, False],
            id="P that waits for X and C only keeps up",
        ),
        pytest.param([ALL, ALL | at(X_vertices_fetched=4)], [True, True], id="X"),
        pytest.param([ALL, ALL | at(X_vertices_accepted=1)], [True, True], id="X executes vertices"),
        pytest.param([ALL, ALL | at(X_transactions_fetched=1)], [True, True], id="X fetches transactions"),
        pytest.param([ALL, ALL | at(X_transactions_accepted=1)], [True, True], id="X executes transactions"),
        pytest.param([ALL, ALL | at(C_leaves_synced=1)], [True, True], id="C syncs state"),
        pytest.param([ALL, ALL | at(C_blocks_fetched=11)], [True, True], id="C fetches, by its counter"),
        pytest.param([ALL, ALL | at(C_height_of_something=11)], [True, False], id="an unknown signal"),
        pytest.param(
            [ALL | at(C_blocks_stored=10), ALL | at(C_blocks_stored=10, C_blocks_fetched=11)],
            [True, False],
            id="where the log tells what is stored, the counter of fetched blocks is no position",
        ),
        pytest.param(
            [ALL | at(C_blocks_stored=10), ALL | at(C_blocks_stored=11)], [True, True], id="C stores blocks"
        ),
        pytest.param(
            [ALL, at(C_blocks_accepted=0, C_blocks_fetched=0), at(C_blocks_accepted=5, C_blocks_fetched=10)],
            [True, False, False],
            id="a restart, and the same again",
        ),
        pytest.param(
            [ALL, at(C_blocks_accepted=0), at(C_blocks_accepted=5), at(C_blocks_accepted=6)],
            [True, False, False, True],
            id="a restart, and on from where it was",
        ),
        pytest.param(
            [ALL, P_ONLY | at(P_blocks_accepted=60, P_chain_time=6000), P_ONLY | at(P_chain_time=7000)],
            [True, False, False],
            id="after a restart P catches up before X and C are there: the run is past P",
        ),
        pytest.param(
            [
                ALL | at(C_blocks_stored=100),
                at(C_blocks_fetched=90, C_blocks_stored=100),
                at(C_blocks_fetched=180, C_blocks_stored=100),
                at(C_blocks_fetched=190, C_blocks_stored=101),
            ],
            [True, False, False, True],
            id="the same blocks fetched again are no progress, one more is",
        ),
        pytest.param(
            [ALL, at(C_chain_time=0), at(C_chain_time=4000), at(C_chain_time=4002)],
            [True, False, False, True],
            id="chain time outlives a process",
        ),
        pytest.param(
            [P_ONLY, at(P_blocks_accepted=0), at(P_blocks_accepted=49), at(P_blocks_accepted=51)],
            [True, False, False, True],
            id="only P: a restart",
        ),
    ],
)
def test_progress_is_a_position_that_was_not_reached_before(
    readings: list[Reading], expected: list[bool]
) -> None:
    run = Watched()

    assert [run.progresses(reading) for reading in readings] == expected


def test_a_restart_in_the_middle_loses_no_count() -> None:
    run = Watched()
    for reading in (at(C_blocks_accepted=40), at(C_blocks_accepted=0), at(C_blocks_accepted=25)):
        run.progresses(reading)

    assert run.counts["C", "blocks_accepted"].value == 65


@pytest.mark.parametrize("signal", ["chain_time", "blocks_stored"])
def test_a_position_that_outlives_the_process_is_not_added_up(signal: str) -> None:
    counts: Counts = {}
    for value in (100.0, 0.0, 90.0, 110.0):
        counts = added_up(counts, {("C", signal): value})

    assert counts == {("C", signal): Count(0, 110, 110)}


def test_another_chains_position_is_no_progress() -> None:
    before, after = added_up({}, ALL), added_up(added_up({}, ALL), at(C_blocks_accepted=6))

    assert progressed(before, after, frozenset("C"))
    assert not progressed(before, after, frozenset("PX"))
    assert not progressed(before, after, frozenset())


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        pytest.param({}, "", id="nothing known"),
        pytest.param(P_ONLY, "P", id="P, as long as it is alone"),
        pytest.param(ALL, "XC", id="then X and C"),
        pytest.param(at(C_blocks_stored=1) | P_ONLY, "C", id="by the log alone"),
    ],
)
def test_the_chains_at_work(counted: Reading, expected: str) -> None:
    assert chains_at_work(added_up({}, counted), NodeLog()) == frozenset(expected)


@pytest.mark.parametrize(
    ("doing", "expected"),
    [
        pytest.param({"X": ChainActivity.WAITING, "C": ChainActivity.SYNCING_STATE}, "C", id="X waits for C"),
        pytest.param({"X": ChainActivity.EXECUTING, "C": ChainActivity.DONE}, "X", id="C waits for X"),
        pytest.param({"X": ChainActivity.DONE, "C": ChainActivity.DONE}, "XC", id="all are through"),
        pytest.param({}, "XC", id="no log"),
    ],
)
def test_a_chain_that_waits_for_the_others_is_not_at_work(
    doing: dict[str, ChainActivity], expected: str
) -> None:
    counts = added_up(
        {}, dict.fromkeys([("P", "blocks_accepted"), ("X", "blocks_accepted"), ("C", "leaves_synced")], 1.0)
    )
    log = NodeLog({name: ChainLog(activity) for name, activity in doing.items()})

    assert chains_at_work(counts, log) == frozenset(expected)


def test_what_the_logs_say_is_stored_is_a_position() -> None:
    log = NodeLog(
        {
            "P": ChainLog(ChainActivity.DONE, 70),
            "X": ChainLog(ChainActivity.EXECUTING),
            "C": ChainLog(ChainActivity.FETCHING, 0),
        }
    )

    assert stored_blocks(log) == {("P", "blocks_stored"): 70.0, ("C", "blocks_stored"): 0.0}


@pytest.mark.parametrize("activity", list(ChainActivity))
def test_compacting_executing_and_syncing_are_work(activity: ChainActivity) -> None:
    log = NodeLog({"C": ChainLog(activity)})

    at_work = {ChainActivity.COMPACTING, ChainActivity.EXECUTING, ChainActivity.SYNCING_STATE}
    assert works(log, frozenset("XC")) is (activity in at_work)
    assert not works(log, frozenset("PX")), "of a chain that is not at work it says nothing"


def test_without_logs_nothing_is_known_to_work() -> None:
    assert not works(NodeLog(), frozenset("PXC"))


SIGNALS = st.sampled_from(
    ["blocks_fetched", "blocks_accepted", "chain_time", "blocks_stored", "leaves_synced", "vertices_accepted"]
)
READINGS = st.dictionaries(st.tuples(st.sampled_from("PXC"), SIGNALS), st.integers(0, 100).map(float))


@given(st.lists(READINGS, max_size=8), READINGS)
def test_the_same_reading_twice_is_never_progress(readings: list[Reading], last: Reading) -> None:
    run = Watched()
    for reading in (*readings, last):
        run.progresses(reading)

    assert not run.progresses(last)


@given(st.lists(READINGS, max_size=8), st.lists(READINGS, max_size=8), st.integers(0, 8))
def test_work_that_is_done_again_is_never_progress(
    readings: list[Reading], others: list[Reading], start: int
) -> None:
    """Whatever process goes again through readings that were there before."""
    run = Watched()
    for reading in (*readings, *others):
        run.progresses(reading)

    assert not any(run.progresses(reading) for reading in (readings + others)[start:])


@given(st.lists(READINGS, min_size=1, max_size=8))
def test_progress_ends_where_no_position_grows(readings: list[Reading]) -> None:
    """As often as there are positions to reach, and no more: no restart makes endless progress."""
    run = Watched()
    steps = sum(run.progresses(reading) for _ in range(5) for reading in readings)

    assert steps <= len(readings)
