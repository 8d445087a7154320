"""Simulated histories of a tester, and the rules that judge them.

A history is the sequence of values that a tester measures: a level that grows with the chain, log-normal
noise, and outliers, which are always higher (a slow peer, a busy host). With a shift, its last runs are of a
slower build. Every history has a seed of its own, so each rule judges identical histories.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from statistics import median

from monitor.domain.baseline import Verdict, limits, verdicts

MIN_OUTLIER, MAX_OUTLIER = 0.15, 0.50
WINDOW, LAG, FEWEST = 7, 2, 5  # other rules: runs of a baseline, newest runs left out, fewest runs


@dataclass(frozen=True, slots=True)
class Scene:
    """The parameters of a history: `noise` is the coefficient of variation, and the share of outliers.

    `before` runs of the old build come first. `after` more runs follow, of a build slower by `shift` if that
    is not zero. The chain makes each run longer by `growth`.
    """

    noise: float
    growth: float
    shift: float
    before: int
    after: int


def history(scene: Scene, seed: str) -> list[float]:
    """Return the values that a tester measures, oldest first; the level of the first run is 1."""
    chance = random.Random(seed)  # noqa: S311 - a simulation, which must be reproducible
    return [
        _measured(scene, chance, index, is_slower=index >= scene.before)
        for index in range(scene.before + scene.after)
    ]


def _measured(scene: Scene, chance: random.Random, index: int, *, is_slower: bool) -> float:
    """Return the value of the run at an index, of a build that is slower or not."""
    level = (1 + scene.growth) ** index * (1 + scene.shift if is_slower else 1)
    outlier = chance.uniform(MIN_OUTLIER, MAX_OUTLIER) if chance.random() < scene.noise else 0
    deviation = math.sqrt(math.log1p(scene.noise**2))
    return level * (1 + outlier) * chance.lognormvariate(0, deviation)


@dataclass(frozen=True, slots=True)
class Rule:
    """A way to judge: whether a regression is confirmed after each value from an index on."""

    name: str
    confirmed: Callable[[Sequence[float], int], list[bool]]


def _shipped(values: Sequence[float], start: int) -> list[bool]:
    return [verdict is Verdict.CONFIRMED for verdict in verdicts(values, start)]


def _two_of_three(
    limit_of: Callable[[Sequence[float], int], float],
) -> Callable[[Sequence[float], int], list[bool]]:
    def confirmed(values: Sequence[float], start: int) -> list[bool]:
        over = [values[index] > limit_of(values, index) for index in range(start - 2, len(values))]
        return [sum(over[at : at + 3]) >= 2 for at in range(len(over) - 2)]  # noqa: PLR2004 - 2 of 3, as named

    return confirmed


def _shipped_limits_only(values: Sequence[float], index: int) -> float:
    (limit,) = limits(values[: index + 1], index)
    return limit.limit if limit else math.inf


def _plain(values: Sequence[float], index: int) -> float:
    return _over_median(_window(values, index), 0.15, 2)


def _detrended(values: Sequence[float], index: int) -> float:
    window = _window(values, index)
    steps = [(b - a) / (at_b - at_a) for (at_a, a), (at_b, b) in combinations(enumerate(window), 2)]
    slope = max(median(steps), 0) if steps else 0
    return _over_median(
        [value + slope * (LAG + len(window) - at) for at, value in enumerate(window)], 0.15, 2
    )


def _fixed_growth(values: Sequence[float], index: int) -> float:
    window = _window(values, index)
    return _over_median(
        [value * 1.005 ** (LAG + len(window) - at) for at, value in enumerate(window)], 0.13, 0
    )


def _window(values: Sequence[float], index: int) -> Sequence[float]:
    return values[max(index - LAG - WINDOW, 0) : max(index - LAG, 0)]


def _over_median(window: Sequence[float], margin: float, deviations: float) -> float:
    """Return the median plus a share of it, or plus some median absolute deviations if that is more."""
    if len(window) < FEWEST:
        return math.inf
    middle = median(window)
    scatter = 1.4826 * median(abs(value - middle) for value in window)
    return middle + max(margin * middle, deviations * scatter)


SHIPPED = Rule("as shipped", _shipped)
PLAIN = Rule("plain: median of 7 + max(15 %, 2 MAD)", _two_of_three(_plain))
RULES = (
    SHIPPED,
    Rule("its limits, only 2 of the last 3", _two_of_three(_shipped_limits_only)),
    PLAIN,
    Rule("median of 7 + 0.5 % a run, + 13 %", _two_of_three(_fixed_growth)),
    Rule("the plain one along the slope of its 7", _two_of_three(_detrended)),
)


def tally(rule: Rule, scene: Scene, values: Sequence[float]) -> Counter[str]:
    """Judge a history after each of its runs that follow the `before` runs.

    Counts `histories` (1) and `runs`; `alarms` (changes to confirmed) and `standing` (runs after which a
    regression is confirmed); and histories that are `found_by_second` or `found_by_third` run or
    `standing_at_end`.
    """
    earlier, *confirmed = rule.confirmed(values, scene.before - 1)
    return Counter(
        histories=1,
        runs=len(confirmed),
        alarms=sum(now and not then for then, now in pairwise([earlier, *confirmed])),
        standing=sum(confirmed),
        found_by_second=any(confirmed[:2]),
        found_by_third=any(confirmed[:3]),
        standing_at_end=confirmed[-1],
    )


def judge(scene: Scene, seed: int, numbers: range, rules: Sequence[Rule] = RULES) -> list[Counter[str]]:
    """Return the sum of each rule's counts over some histories of a scene."""
    totals: list[Counter[str]] = [Counter() for _ in rules]
    for number in numbers:
        values = history(scene, f"{seed} {scene} {number}")
        for rule, total in zip(rules, totals, strict=True):
            total.update(tally(rule, scene, values))
    return totals


def bootstrap(scene: Scene, seed: str, *, confirms: bool) -> Counter[str]:
    """Bootstrap the builds of a scene one after the other by the shipped rule; each run is followed by a verdict.

    With `confirms`, a build whose run makes a regression suspected runs once more, as `--confirm-regressions`
    does. Counts as `tally` does, by build instead of by run where it says so: `builds`, `reruns`, and histories
    that are `found_by_first`, `found_by_second` or `found_by_third` build.
    """
    chance = random.Random(seed)  # noqa: S311 - a simulation, which must be reproducible
    counts, values, builds, verdict = Counter(histories=1), list[float](), list[int](), Verdict.NONE
    found_by = math.inf
    for build in range(scene.before + scene.after):
        for attempt in range(2):
            values.append(_measured(scene, chance, len(values), is_slower=build >= scene.before))
            builds.append(build)
            newest = verdicts(values, len(values) - 1, lambda one, other: builds[one] == builds[other])
            earlier, verdict = verdict, newest[-1]
            if build >= scene.before:
                counts.update(
                    runs=1,
                    builds=attempt == 0,
                    reruns=attempt,
                    alarms=verdict is Verdict.CONFIRMED and earlier is not Verdict.CONFIRMED,
                )
                if verdict is Verdict.CONFIRMED:
                    found_by = min(found_by, build - scene.before)
            if not confirms or verdict is not Verdict.SUSPECTED:
                break
    counts.update(
        {f"found_by_{nth}": found_by <= index for index, nth in enumerate(("first", "second", "third"))}
    )
    return counts


def bootstrap_all(scene: Scene, seed: int, numbers: range) -> list[Counter[str]]:
    """Return the sums of `bootstrap` over some histories of a scene: without and with confirmation."""
    totals: list[Counter[str]] = [Counter(), Counter()]
    for number in numbers:
        for confirms, total in enumerate(totals):
            total.update(bootstrap(scene, f"{seed} {scene} {number}", confirms=bool(confirms)))
    return totals
