"""Progress: counters that begin at 0 with every process of the node, added up over all of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model import Count, Counts
from monitor.progress import added_up

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
