"""Tells a slower build from noise: what a measure of a run is held against, and the verdict on the newest ones.

Three sentences are the rule. A run's *baseline* is made of the nine comparable runs before it, the one just before left
out: each is brought forward by what the chain grows per run, and the mean is taken without the two highest and the two
lowest. Its *limit* lies 13 % above that, farther on a testbed that is noisy. The newest run over its limit makes a
regression *suspected*; two of the last three over theirs, or all three beyond three quarters of the way there, make it
*confirmed*.

Why so:

- Confirmation, not the statistic, is what cuts false alarms: outliers are single, regressions stay.
- The run just before is left out, so that the second run after a shift is judged without the first.
- Without growth a baseline is about six runs old: a chain that grows by 1 % a run uses up half of the way to the limit,
  and takes an outlier for a regression. A growth that is measured from so few runs is noise itself, so half of it is
  believed, half is assumed, and never more than a chain can do.
- No run is ever kept out of a baseline because it was over its limit. A baseline that is frozen or cleaned in this way
  never learns a shift that stays, such as that of a new snapshot, and cries for good. This one has after ten runs.

The functions are pure, and know of no runs: values are a measure of comparable successes of one tester, network, sync
mode and testbed, oldest first, in any unit. `python -m bench.regression` shows what the rule finds and what it costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from statistics import fmean, median
from typing import TypeAlias

WINDOW = 9  # values that a baseline is of
MIN_SAMPLES = 5  # below this there is no baseline
LAG = 1  # newest values before the judged one that its baseline leaves out
TRIMMED = 2  # highest and lowest values of the window that it leaves out too: one run in twenty is an outlier
HISTORY = 20  # values that growth and noise are measured from
ALLOWANCE = 0.13  # the limit over the baseline
NEARLY = 0.75  # of the way from baseline to limit: enough if all of the last three passed it
JUDGED_TOGETHER = 3
CONFIRMING = 2

GROWTH_ASSUMED = 0.005  # a run: the middle of what a chain does from one bootstrap to the next
GROWTH_BELIEVED = 0.5  # share of what was measured; the rest is assumed
MAX_GROWTH = 0.01

NOISE_ALLOWED = 1.5  # standard deviations
MIN_NOISE_SAMPLES = 12  # values; from fewer the noise is not known well enough to move a limit
NOISE_OF_STEP = 1.0484  # standard deviation over the median step between neighbours, of a normal distribution


class Verdict(StrEnum):
    """What the newest values say."""

    INSUFFICIENT_DATA = "insufficient_data"
    NONE = "none"
    SUSPECTED = "suspected"
    CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class Limit:
    """What one value is held against, in the unit of the values; `samples` values made the baseline."""

    baseline: float
    limit: float
    samples: int

    @property
    def near_limit(self) -> float:
        """What three values in a row need to pass for a regression without any of them over the limit."""
        return self.baseline + NEARLY * (self.limit - self.baseline)


_Judged: TypeAlias = tuple[float, Limit | None]  # a value, and what it was held against


@dataclass(frozen=True, slots=True)
class Assessment:
    """The verdict on the newest value and the two before it.

    `limit` is what the newest was held against. The regression came between the values at the indices `last_good` and
    `first_bad`, which are there while it is suspected or confirmed.
    """

    verdict: Verdict
    limit: Limit | None = None
    first_bad: int | None = None
    last_good: int | None = None


def samples_for_next(values: Sequence[float]) -> int:
    """How many values the next one's baseline is of, or would be, were they enough."""
    return min(max(len(values) - LAG, 0), WINDOW)


def limit_for_next(values: Sequence[float]) -> Limit | None:
    """What the value that comes after these is held against; None while there are too few."""
    return _limit(values, len(values))


def limits(values: Sequence[float], start: int = 0) -> list[Limit | None]:
    """What each value, from the index `start` on, was held against: the band that a chart shows."""
    return [_limit(values, index) for index in range(start, len(values))]


def verdicts(values: Sequence[float], start: int = 0) -> list[Verdict]:
    """The verdict as it was after each value, from the index `start` on."""
    earliest = max(start - JUDGED_TOGETHER + 1, 0)
    judged = list(zip(values[earliest:], limits(values, earliest), strict=True))
    ends = range(start - earliest + 1, len(judged) + 1)
    return [_verdict(judged[max(end - JUDGED_TOGETHER, 0) : end]) for end in ends]


def assess(values: Sequence[float]) -> Assessment:
    """The verdict on the newest values, and where the regression began."""
    if not values:
        return Assessment(Verdict.INSUFFICIENT_DATA)
    judged = list(zip(values, limits(values), strict=True))
    newest = judged[-JUDGED_TOGETHER:]
    verdict, limit = _verdict(newest), newest[-1][1]
    if verdict in (Verdict.INSUFFICIENT_DATA, Verdict.NONE):
        return Assessment(verdict, limit)
    only_near = verdict is Verdict.CONFIRMED and sum(map(_is_over, newest)) < CONFIRMING
    bad = list(map(_is_near if only_near else _is_over, judged))
    first_bad = bad.index(True, len(bad) - JUDGED_TOGETHER)
    while bad[first_bad - 1]:  # ends, as the first values of all have no limit
        first_bad -= 1
    return Assessment(verdict, limit, first_bad, first_bad - 1)


def _verdict(judged: Sequence[_Judged]) -> Verdict:
    """The verdict on the last three values, or on as many as there are."""
    if judged[-1][1] is None:
        return Verdict.INSUFFICIENT_DATA
    if sum(map(_is_over, judged)) >= CONFIRMING or all(map(_is_near, judged)):
        return Verdict.CONFIRMED
    return Verdict.SUSPECTED if _is_over(judged[-1]) else Verdict.NONE


def _is_over(judged: _Judged) -> bool:
    value, limit = judged
    return limit is not None and value > limit.limit


def _is_near(judged: _Judged) -> bool:
    value, limit = judged
    return limit is not None and value > limit.near_limit


def _limit(values: Sequence[float], index: int) -> Limit | None:
    end = index - LAG
    if end < MIN_SAMPLES:
        return None
    history = values[max(end - HISTORY, 0) : end]
    window = history[-WINDOW:]
    factor = 1 + _growth(history)
    age = LAG + len(window)
    forward = sorted(value * factor ** (age - position) for position, value in enumerate(window))
    baseline = fmean(forward[TRIMMED:-TRIMMED])
    return Limit(
        baseline, baseline + max(ALLOWANCE * abs(baseline), NOISE_ALLOWED * _noise(history)), len(window)
    )


def _growth(history: Sequence[float]) -> float:
    """The share by which values grow from one to the next: the newest third's median against the oldest third's."""
    third = max(len(history) // 3, 3)
    older, newer = median(history[:third]), median(history[-third:])
    if older <= 0:
        return GROWTH_ASSUMED
    measured = (newer / older - 1) / (len(history) - third)
    expected = GROWTH_BELIEVED * measured + (1 - GROWTH_BELIEVED) * GROWTH_ASSUMED
    return min(max(expected, 0), MAX_GROWTH)


def _noise(history: Sequence[float]) -> float:
    """The standard deviation from run to run; steps between neighbours hardly see growth, nor a shift long ago."""
    if len(history) < MIN_NOISE_SAMPLES:
        return 0
    return NOISE_OF_STEP * median(abs(later - earlier) for earlier, later in pairwise(history))
