"""Regression rule: the baseline and the limit of a measure, and the verdict on the newest values.

The rule:

- The *baseline* of a run skips the run just before it, and uses the nine comparable runs before that. Each is
  adjusted for the growth of the chain per run. The baseline is their mean without the two highest and the two
  lowest.
- The *limit* is 13 % above the baseline, or higher on a noisy testbed.
- A regression is *suspected* if the newest run is over its limit. It is *confirmed* if two of the last three
  runs are over their limits. It is also confirmed if all three are more than three quarters of the way from
  baseline to limit. A run does not count if a later run of the same build was within its limit.

The reasons:

- Confirmation, not the statistic, reduces false alarms: outliers are single, regressions stay.
- The run just before is excluded, so that the second run after a shift is judged without the first.
- Without adjustment, a baseline is about six runs old. The growth of a chain by 1 % a run would use up half
  of the way to the limit. An outlier would then look like a regression.
- Growth that is estimated from so few runs is noisy. Half of the estimate is therefore measured and half is
  assumed, up to the most that a chain can grow.
- No run is excluded from a baseline because it was over its limit. If slow runs were excluded, the baseline
  would never adapt to a lasting change, such as a new snapshot, and the alert would never clear. This
  baseline adapts within ten runs.

The functions are pure and do not depend on runs. Their values are one measure of the comparable successes of
one tester, network, sync mode and testbed. Values are ordered from oldest to newest, and have any unit.
`python -m bench.regression` shows how well the rule detects regressions, and how many false alarms it raises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from statistics import fmean, median
from typing import TypeAlias

WINDOW = 9  # values in a baseline
MIN_SAMPLES = 5  # values that a baseline needs
LAG = 1  # newest values before the judged one that its baseline excludes
MIN_VALUES = MIN_SAMPLES + LAG + 1  # values up to the first one that has a limit, which is included
TRIMMED = 2  # highest and lowest values of the window to exclude too, since one run in twenty is an outlier
HISTORY = 20  # values from which growth and noise are estimated
ALLOWANCE = 0.13  # distance of the limit from the baseline, as a share of the baseline
NEARLY = 0.75  # share of the way from baseline to limit that confirms if the last three values exceed it
JUDGED_TOGETHER = 3
CONFIRMING = 2

GROWTH_ASSUMED = 0.005  # per run: the middle of the range of a chain's growth between two bootstraps
GROWTH_BELIEVED = 0.5  # weight of the measured growth; the rest is GROWTH_ASSUMED
MAX_GROWTH = 0.01

NOISE_ALLOWED = 1.5  # standard deviations
MIN_NOISE_SAMPLES = 12  # values; with fewer, the estimate is too uncertain to move a limit
NOISE_OF_STEP = 1.0484  # standard deviation divided by the median step between neighbours, if normal


class Verdict(StrEnum):
    """Verdict on the newest values."""

    INSUFFICIENT_DATA = "insufficient_data"
    NONE = "none"
    SUSPECTED = "suspected"
    CONFIRMED = "confirmed"

    @property
    def is_worse(self) -> bool:
        """Whether a regression is suspected or confirmed."""
        return self in {Verdict.SUSPECTED, Verdict.CONFIRMED}


@dataclass(frozen=True, slots=True)
class Limit:
    """Baseline and limit of one value, in the unit of the values; the baseline has `samples` values."""

    baseline: float
    limit: float
    samples: int

    @property
    def near_limit(self) -> float:
        """Value that three values in a row must exceed to confirm a regression if none exceeds its limit."""
        return self.baseline + NEARLY * (self.limit - self.baseline)


_Judged: TypeAlias = tuple[float, Limit | None]  # a value and its limit
# Whether the values at two indices are of one build.
OfOneBuild: TypeAlias = Callable[[int, int], bool]


def _differ(_: int, __: int) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Assessment:
    """Verdict on the newest value and the two before it.

    `limit` is the limit of the newest value. `last_good` and `first_bad` are the indices between which the
    regression started. They are set only if it is suspected or confirmed.
    """

    verdict: Verdict
    limit: Limit | None = None
    first_bad: int | None = None
    last_good: int | None = None


def samples_for_next(values: Sequence[float]) -> int:
    """Return the number of values in the baseline of the next value, even if they are too few."""
    return min(max(len(values) - LAG, 0), WINDOW)


def limit_for_next(values: Sequence[float]) -> Limit | None:
    """Return the limit of the value after these; `None` if there are too few values."""
    return _limit(values, len(values))


def limits(values: Sequence[float], start: int = 0) -> list[Limit | None]:
    """Return the limit of each value from the index `start` on, which charts show as a band."""
    return [_limit(values, index) for index in range(start, len(values))]


def verdicts(values: Sequence[float], start: int = 0, of_one_build: OfOneBuild = _differ) -> list[Verdict]:
    """Return the verdict after each value from the index `start` on."""
    earliest = max(start - JUDGED_TOGETHER + 1, 0)
    judged = dict(enumerate(zip(values[earliest:], limits(values, earliest), strict=True), earliest))
    return [_verdict(_together(judged, end, of_one_build)) for end in range(start + 1, len(values) + 1)]


def assess(values: Sequence[float], of_one_build: OfOneBuild = _differ) -> Assessment:
    """Return the verdict on the newest values, and where the regression started."""
    if not values:
        return Assessment(Verdict.INSUFFICIENT_DATA)
    start = max(len(values) - JUDGED_TOGETHER, 0)
    judged = dict(enumerate(zip(values[start:], limits(values, start), strict=True), start))
    newest = _together(judged, len(values), of_one_build)
    verdict, limit = _verdict(newest), newest[-1][1]
    if verdict in (Verdict.INSUFFICIENT_DATA, Verdict.NONE):
        return Assessment(verdict, limit)
    only_near = verdict is Verdict.CONFIRMED and sum(map(_is_over, newest)) < CONFIRMING
    is_bad = _is_near if only_near else _is_over
    first_bad = start + list(map(is_bad, newest)).index(True)
    # Limits of older values are computed only here.  The first values have no limit, so this loop ends.
    while is_bad((values[first_bad - 1], _limit(values, first_bad - 1))):
        first_bad -= 1
    return Assessment(verdict, limit, first_bad, first_bad - 1)


def _together(judged: Mapping[int, _Judged], end: int, of_one_build: OfOneBuild) -> list[_Judged]:
    """Return the last three values before an index; a value that a later run of its build cleared has no limit."""

    def is_cleared(index: int) -> bool:
        later = (judged[other] for other in range(index + 1, end) if of_one_build(index, other))
        return _is_over(judged[index]) and any(
            limit is not None and value <= limit.limit for value, limit in later
        )

    indices = [index for index in range(max(end - JUDGED_TOGETHER, 0), end) if index in judged]
    return [(judged[index][0], None) if is_cleared(index) else judged[index] for index in indices]


def _verdict(judged: Sequence[_Judged]) -> Verdict:
    """Return the verdict on the last three values, or on all values if there are fewer."""
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
    """Return the expected growth from one value to the next, as a share.

    The measured part compares the medians of the newest and the oldest third.
    """
    third = max(len(history) // 3, 3)
    older, newer = median(history[:third]), median(history[-third:])
    if older <= 0:
        return GROWTH_ASSUMED
    measured = (newer / older - 1) / (len(history) - third)
    expected = GROWTH_BELIEVED * measured + (1 - GROWTH_BELIEVED) * GROWTH_ASSUMED
    return min(max(expected, 0), MAX_GROWTH)


def _noise(history: Sequence[float]) -> float:
    """Return the standard deviation from run to run, in the unit of the values.

    The steps between neighbours are hardly affected by growth, or by a shift long ago.
    """
    if len(history) < MIN_NOISE_SAMPLES:
        return 0
    return NOISE_OF_STEP * median(abs(later - earlier) for earlier, later in pairwise(history))
