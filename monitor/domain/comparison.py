"""Tells whether one build bootstraps faster than another, from a few durations of each that were taken in turns.

Durations are compared by their logarithms, so that a difference is a ratio and noise is in percent.  The test is an
exact permutation test: if the builds were alike, any exchange of some runs of the one for as many of the other could
have come about as well.  Each such exchange says by which ratio the exchanged runs differ; cut off the lowest 35th of
these ratios and the highest 65th, and what remains is an interval of 95 % and a little more.  Where that leaves out 1,
chance makes such a difference in at most 4.4 of 100 comparisons.  Nothing is assumed of the noise's shape or size.

The two ends are unequal because percents are: 10 % longer is a ratio of 1.10, but 10 % shorter is one of 1 to 1.11,
which is easier to see.  Cut so, either is found as often.

A difference below 3 % is never called real: where the one program's file happens to lie on the disk, or what the
machine did that hour, may make as much, and makes it in each of the runs.

`python -m bench.comparison` shows how often that is right.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from statistics import fmean, stdev

MIN_RUNS = 4  # of three runs each, not even the clearest difference is rarer by chance than 1 in 10
# By chance, the new build is called slower, and faster, at most once in so many comparisons.
CALLED_SLOWER_ONCE_IN, CALLED_FASTER_ONCE_IN = 35, 65
SMALLEST_RATIO = 1.03
MAX_RUNS = 25  # of each: what a ledger compares are its newest 60
_ALL_EXCHANGES_UP_TO = 9  # runs of each build: 48,620 exchanges; of more runs, so many are drawn
_EXCHANGES_DRAWN = 40_000


class Difference(StrEnum):
    """What a comparison says of the new build."""

    FASTER = "faster"
    SLOWER = "slower"
    NONE = "no real difference"


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the new build's durations compare with the old one's.

    `ratio` is new to old, of the geometric means: 1.1 is 10 % slower; `lowest` and `highest` are the ends of its
    95 % interval.
    """

    ratio: float
    lowest: float
    highest: float

    @property
    def chance_may_make_it(self) -> bool:
        """Whether builds that are alike would often differ as much."""
        return self.lowest <= 1 <= self.highest

    @property
    def difference(self) -> Difference:
        """The verdict."""
        if 1 / SMALLEST_RATIO < self.ratio < SMALLEST_RATIO or self.chance_may_make_it:
            return Difference.NONE
        return Difference.SLOWER if self.ratio > 1 else Difference.FASTER


def compared(old: Sequence[float], new: Sequence[float]) -> Comparison:
    """Compare durations in seconds, of as many runs of each build.

    Raises:
        ValueError: they are not as many, or fewer than can show anything.
    """
    if len(old) != len(new) or len(old) < MIN_RUNS:
        raise ValueError(
            f"{len(old)} and {len(new)} runs: as many of each are needed, and {MIN_RUNS} or more"
        )
    before, after = [math.log(each) for each in old], [math.log(each) for each in new]
    gaps = sorted(_gaps(before, after))
    return Comparison(
        ratio=math.exp(fmean(after) - fmean(before)),
        lowest=math.exp(gaps[_cut(CALLED_SLOWER_ONCE_IN, len(gaps))]),
        highest=math.exp(gaps[-1 - _cut(CALLED_FASTER_ONCE_IN, len(gaps))]),
    )


def spread(durations: Sequence[float]) -> float:
    """How far two or more runs of one build lie from their geometric mean, as a share of it: a standard deviation."""
    return math.exp(stdev(math.log(each) for each in durations)) - 1


def order(runs: int) -> list[bool]:
    """Whose turn it is, run after run, True the new build's: old new, new old, old new, and so on.

    So a machine that gets slower meanwhile, and caches that get warmer, favour neither.
    """
    return [is_new for pair in range(runs) for is_new in ((False, True), (True, False))[pair % 2]]


def _cut(once_in: int, gaps: int) -> int:
    """How many gaps to cut off; the exchange of nothing, which has none, is counted to either end."""
    return max(0, (gaps + 1) // once_in - 1)


def _gaps(before: Sequence[float], after: Sequence[float]) -> list[float]:
    """By how much the runs differ that an exchange would exchange, for each exchange but that of nothing."""
    if len(before) > _ALL_EXCHANGES_UP_TO:
        return _drawn_gaps(before, after)
    gaps = []
    for size in range(1, len(before) + 1):
        given = [sum(some) for some in combinations(before, size)]
        gaps += [(sum(some) - other) / size for some in combinations(after, size) for other in given]
    return gaps


def _drawn_gaps(before: Sequence[float], after: Sequence[float]) -> list[float]:
    """The same of exchanges drawn by chance, the same ones each time, so that a comparison has one result."""
    chance = random.Random(0)  # noqa: S311 - nothing depends on that it cannot be guessed
    gaps: list[float] = []
    while len(gaps) < _EXCHANGES_DRAWN:
        shuffled = chance.sample(range(2 * len(before)), len(before))
        given = [after[index - len(before)] for index in shuffled if index >= len(before)]
        kept = {index for index in shuffled if index < len(before)}
        if given:
            taken = [value for index, value in enumerate(before) if index not in kept]
            gaps.append((sum(given) - sum(taken)) / len(given))
    return gaps
