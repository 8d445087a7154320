"""Tests that a comparison of two builds finds a real difference and reports none that may be chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from statistics import fmean

import pytest

from bench.comparison import CLAIMS, Claim, verdicts
from monitor.domain.comparison import CALLED_SLOWER_ONCE_IN, Difference, compared, order, spread

DRAWS, SEED = 300, 7
TOLERANCE_PERCENT = 2.5  # because of the small number of draws
OLD = (100.0, 104.0, 97.0, 101.0, 95.0, 103.0, 99.0)


def scaled(ratio: float, durations: Sequence[float] = OLD) -> list[float]:
    """Return another build's durations: the given ones times `ratio`, in reverse order."""
    return [ratio * each for each in reversed(durations)]


@pytest.mark.parametrize("claim", CLAIMS, ids=[claim.statement for claim in CLAIMS])
def test_on_drawn_durations(claim: Claim) -> None:
    reached = claim.percent(verdicts(claim.scene, DRAWS, SEED))

    assert claim.holds(reached, TOLERANCE_PERCENT), f"{claim.statement}: {reached:.1f} % of {DRAWS}"


@pytest.mark.parametrize(
    ("old", "new", "difference"),
    [
        pytest.param(OLD, scaled(1.10), Difference.SLOWER, id="10 percent longer"),
        pytest.param(OLD, scaled(0.90), Difference.FASTER, id="10 percent shorter"),
        pytest.param(OLD, scaled(1.0), Difference.NONE, id="the same"),
        pytest.param(OLD, scaled(1.02), Difference.NONE, id="2 percent longer, within the noise"),
        pytest.param([100.0] * 7, [102.9] * 7, Difference.NONE, id="2.9 percent in each run: too little"),
        pytest.param([100.0] * 7, [97.2] * 7, Difference.NONE, id="2.8 percent shorter in each run"),
        pytest.param([100.0] * 7, [103.1] * 7, Difference.SLOWER, id="3.1 percent in each run"),
        pytest.param([100.0] * 7, [100.0] * 7, Difference.NONE, id="no noise at all"),
        pytest.param(OLD[:4], scaled(1.5, OLD[:4]), Difference.SLOWER, id="four runs, a clear one"),
        pytest.param((90, 100, 110, 120), (85, 125, 130, 135), Difference.NONE, id="four runs that overlap"),
        pytest.param(OLD, [*scaled(1.1)[:6], 1000.0], Difference.SLOWER, id="one run that took for ever"),
        pytest.param([*OLD[:6], 1000.0], scaled(1.1), Difference.NONE, id="the same of the old build"),
    ],
)
def test_verdict(old: Sequence[float], new: Sequence[float], difference: Difference) -> None:
    found = compared(old, new)

    assert found.difference is difference, f"{found.ratio:.3f} ({found.lowest:.3f} to {found.highest:.3f})"


def test_the_ratio_is_that_of_the_geometric_means_and_lies_in_its_interval() -> None:
    found = compared(OLD, scaled(1.10))

    assert found.ratio == pytest.approx(1.10)
    assert 1.0 < found.lowest < found.ratio < found.highest < 1.21


def chance_of_slower(old: Sequence[float], new: Sequence[float]) -> float:
    """Return the share of all permutations in which the new build is at least as slow."""
    values = [math.log(seconds) for seconds in (*old, *new)]
    least = sum(values[len(old) :]) - 1e-12
    return fmean(sum(some) >= least for some in combinations(values, len(new)))


@pytest.mark.parametrize("ratio", [1.02, 1.03, 1.035, 1.04, 1.05])
def test_the_interval_leaves_out_1_just_where_the_permutation_test_says_so(ratio: float) -> None:
    """The interval excludes 1 exactly if an exhaustive permutation test finds a difference."""
    found = compared(OLD, scaled(ratio))

    assert (found.lowest > 1) is (chance_of_slower(OLD, scaled(ratio)) <= 1 / CALLED_SLOWER_ONCE_IN)


@pytest.mark.parametrize(
    "ratio", [*(pytest.param(ratio, marks=pytest.mark.slow) for ratio in (1.0, 1.025)), 1.05]
)
def test_of_many_runs_the_exchanges_that_are_drawn_say_the_same(ratio: float) -> None:
    """With many runs, a sample of the permutations gives the result of all of them.

    The sample is identical in every comparison.
    """
    old = (*OLD, 102.0, 98.0, 100.5)
    found = compared(old, scaled(ratio, old))

    assert (found.lowest > 1) is (chance_of_slower(old, scaled(ratio, old)) <= 1 / CALLED_SLOWER_ONCE_IN)
    assert found == compared(old, scaled(ratio, old))


@pytest.mark.parametrize(
    ("old", "new"),
    [pytest.param(OLD, OLD[:6], id="fewer of one"), pytest.param(OLD[:3], OLD[:3], id="three of each")],
)
def test_too_few_are_refused(old: Sequence[float], new: Sequence[float]) -> None:
    with pytest.raises(ValueError, match="both builds need the same number of runs, at least 4"):
        compared(old, new)


@pytest.mark.parametrize(
    ("durations", "expected"),
    [([100.0] * 4, 0.0), ([100.0 / 1.1, 100.0, 110.0], 0.1), ([1.0, 2.0, 4.0], 1.0)],
    ids=["none", "ten percent", "twice as long, or half"],
)
def test_spread(durations: Sequence[float], expected: float) -> None:
    assert spread(durations) == pytest.approx(expected)


def test_each_build_has_as_many_turns_and_none_has_the_better_ones() -> None:
    turns = order(6)
    places = {which: [at for at, is_new in enumerate(turns) if is_new is which] for which in (False, True)}

    assert len(places[False]) == len(places[True]) == 6
    assert fmean(places[False]) == fmean(places[True])
    assert order(3) == [False, True, True, False, False, True]
