"""Comparison of two builds by a few bootstrap durations of each, measured in alternation.

Durations are compared by their logarithms, so that a difference is a ratio and noise is a percentage. The
test is an exact permutation test. If the builds were equal, any exchange of some runs of one for as many runs
of the other would be equally likely. Each such exchange gives the ratio by which the exchanged runs differ.

The lowest 1/35 and the highest 1/65 of these ratios are cut off. The remaining ratios form an interval of
slightly more than 95 %. If this interval excludes 1, chance produces such a difference in at most 4.4 of 100
comparisons. The test makes no assumption about the shape or size of the noise.

The two cuts are unequal because percentages are. 10 % longer is a ratio of 1.10, but 10 % shorter is a ratio
of 1 to 1.11, which is easier to detect. With these cuts, both are found equally often.

A difference below 3 % is never reported as real. The location of a program's file on the disk, or the
machine's other activity in that hour, may cause as much. Such an effect is the same in every run.

`python -m bench.comparison` shows how often the result is right.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from statistics import fmean, stdev

MIN_RUNS = 4  # with three runs each, the clearest difference would occur by chance in 1 of 10 comparisons
# By chance, an equal build is reported as slower, or as faster, at most once in this many comparisons.
CALLED_SLOWER_ONCE_IN, CALLED_FASTER_ONCE_IN = 35, 65
SMALLEST_RATIO = 1.03
MAX_RUNS = 25  # of each build: a ledger compares its newest 60 runs
_ALL_EXCHANGES_UP_TO = 9  # runs of each build: 48,620 exchanges; with more runs, a sample is drawn
_EXCHANGES_DRAWN = 40_000


class Difference(StrEnum):
    """Result of a comparison for the new build."""

    FASTER = "faster"
    SLOWER = "slower"
    NONE = "no real difference"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Durations of the new build compared with those of the old one.

    `ratio` is the geometric mean of the new durations divided by that of the old ones: 1.1 is 10 % slower.
    `lowest` and `highest` are the ends of its 95 % interval.
    """

    ratio: float
    lowest: float
    highest: float

    @property
    def chance_may_make_it(self) -> bool:
        """Whether equal builds would often differ as much."""
        return self.lowest <= 1 <= self.highest

    @property
    def difference(self) -> Difference:
        """Verdict on the new build: faster, slower, or no real difference."""
        if 1 / SMALLEST_RATIO < self.ratio < SMALLEST_RATIO or self.chance_may_make_it:
            return Difference.NONE
        return Difference.SLOWER if self.ratio > 1 else Difference.FASTER


def compared(old: Sequence[float], new: Sequence[float]) -> Comparison:
    """Compare the durations, in seconds, of equally many runs of two builds.

    Raises:
        ValueError: the numbers of runs differ, or are too small to show a difference.
    """
    if len(old) != len(new) or len(old) < MIN_RUNS:
        raise ValueError(
            f"{len(old)} and {len(new)} runs: both builds need the same number of runs, at least {MIN_RUNS}"
        )
    before, after = [math.log(seconds) for seconds in old], [math.log(seconds) for seconds in new]
    gaps = sorted(_gaps(before, after))
    return Comparison(
        ratio=math.exp(fmean(after) - fmean(before)),
        lowest=math.exp(gaps[_cut(CALLED_SLOWER_ONCE_IN, len(gaps))]),
        highest=math.exp(gaps[-1 - _cut(CALLED_FASTER_ONCE_IN, len(gaps))]),
    )


def spread(durations: Sequence[float]) -> float:
    """Return the standard deviation of two or more durations, as a share of their geometric mean."""
    return math.exp(stdev(math.log(seconds) for seconds in durations)) - 1


def order(runs: int) -> list[bool]:
    """Return the order of the runs, True for the new build: old new, new old, old new, and so on.

    If the machine becomes slower or its caches become warmer during the runs, this order favors neither
    build.
    """
    return [is_new for pair in range(runs) for is_new in ((False, True), (True, False))[pair % 2]]


def next_is_new(runs: int, old_runs: int, new_runs: int) -> bool | None:
    """Return whether the next of `runs` runs of each build is of the new one; `None` once all are done."""
    done = {False: old_runs, True: new_runs}
    for is_new in order(runs):
        if done[is_new] == 0:
            return is_new
        done[is_new] -= 1
    return None


def _cut(once_in: int, gaps: int) -> int:
    """Return how many gaps to cut off at an end.

    The empty exchange has no gap, and is counted at each end.
    """
    return max(0, (gaps + 1) // once_in - 1)


def _gaps(before: Sequence[float], after: Sequence[float]) -> list[float]:
    """Return the difference between the exchanged runs, for each exchange except the empty one."""
    if len(before) > _ALL_EXCHANGES_UP_TO:
        return _drawn_gaps(before, after)
    gaps = []
    for size in range(1, len(before) + 1):
        sums = [sum(some) for some in combinations(before, size)]
        gaps += [(sum(some) - other) / size for some in combinations(after, size) for other in sums]
    return gaps


def _drawn_gaps(before: Sequence[float], after: Sequence[float]) -> list[float]:
    """Return the difference between the exchanged runs, for a random sample of the exchanges.

    The sample is always the same, so that a comparison has only one result.
    """
    chance = random.Random(0)  # noqa: S311 - not used for security
    gaps: list[float] = []
    while len(gaps) < _EXCHANGES_DRAWN:
        shuffled = chance.sample(range(2 * len(before)), len(before))
        swapped = [after[index - len(before)] for index in shuffled if index >= len(before)]
        kept = {index for index in shuffled if index < len(before)}
        if swapped:
            taken = [value for index, value in enumerate(before) if index not in kept]
            gaps.append((sum(swapped) - sum(taken)) / len(swapped))
    return gaps
