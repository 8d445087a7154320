"""Tests that a regression is distinguished from noise, growth and outliers.

The baseline adapts to a lasting change.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.histories import PLAIN, SHIPPED, Rule, bootstrap_all, judge
from bench.regression import BEGIN, CLAIMS, CONFIRMING, DOCUMENT, END, HISTORIES, Claim, percent
from docs.marked import marked
from monitor.domain.baseline import (
    Assessment,
    Verdict,
    assess,
    limit_for_next,
    limits,
    samples_for_next,
    verdicts,
)

SUFFICE = 7  # values needed for a verdict: five of the baseline, the one left out, and the judged one
LIMIT_WINDOW = 21  # values that determine a limit: the one left out, and the twenty before it
VERDICT_WINDOW = LIMIT_WINDOW + 3  # values that determine a verdict
STEADY = [100.0] * 12  # baseline 101.5 with assumed growth; limit 114.7; near it from 111.4 on
values_of_runs = st.lists(st.floats(1, 1e6), max_size=40)


@pytest.mark.parametrize(
    ("values", "verdict", "first_bad"),
    [
        pytest.param([], Verdict.INSUFFICIENT_DATA, None, id="nothing"),
        pytest.param([100], Verdict.INSUFFICIENT_DATA, None, id="one"),
        pytest.param([100] * 5 + [900], Verdict.INSUFFICIENT_DATA, None, id="a baseline of four"),
        pytest.param([100] * 7, Verdict.NONE, None, id="the seventh is the first with a baseline of five"),
        pytest.param([100] * 6 + [120], Verdict.SUSPECTED, 6, id="the seventh is slower"),
        pytest.param([100] * 5 + [900, 100], Verdict.NONE, None, id="what had no limit is not bad"),
        pytest.param([*STEADY, 114], Verdict.NONE, None, id="below the limit"),
        pytest.param([*STEADY, 115], Verdict.SUSPECTED, 12, id="over the limit"),
        pytest.param([*STEADY, 900], Verdict.SUSPECTED, 12, id="one outlier, however far"),
        pytest.param([*STEADY, 120, 100], Verdict.NONE, None, id="an outlier that is over"),
        pytest.param([*STEADY, 120, 120], Verdict.CONFIRMED, 12, id="two in a row"),
        pytest.param([*STEADY, 120, 100, 120], Verdict.CONFIRMED, 12, id="two of three"),
        pytest.param([*STEADY, 120, 120, 100], Verdict.CONFIRMED, 12, id="it stands when one run is good"),
        pytest.param([*STEADY, 120, 120, 100, 100], Verdict.NONE, None, id="it ends when two runs are good"),
        pytest.param([*STEADY, 120, 100, 100, 120], Verdict.SUSPECTED, 15, id="two that are too far apart"),
        pytest.param(
            [*STEADY, 120, 120, 120, 120, 120], Verdict.CONFIRMED, 12, id="the series from its start"
        ),
        pytest.param(
            [*STEADY, 120, 100, 120, 120, 120], Verdict.CONFIRMED, 14, id="a good run breaks the series"
        ),
        pytest.param([*STEADY, 112, 112, 112], Verdict.CONFIRMED, 12, id="three that are all nearly over"),
        pytest.param(
            [*STEADY, *STEADY, 112, 112, 112, 112], Verdict.CONFIRMED, 24, id="four that are all nearly over"
        ),
        pytest.param([*STEADY, 112, 112], Verdict.NONE, None, id="two that are nearly over"),
        pytest.param([*STEADY, 112, 111, 112], Verdict.NONE, None, id="three, one of them not nearly over"),
        pytest.param(
            [*STEADY, 112, 120, 112], Verdict.CONFIRMED, 12, id="three nearly over, one of them really"
        ),
        pytest.param([*STEADY, 112, 120, 120], Verdict.CONFIRMED, 13, id="only what is over, where two are"),
        pytest.param([*STEADY, 50, 50, 50], Verdict.NONE, None, id="faster is not a regression"),
        pytest.param(
            [1.5**run for run in range(20)], Verdict.CONFIRMED, 6, id="huge growth, from the first verdict on"
        ),
        pytest.param([0] * 12, Verdict.NONE, None, id="zeros"),
        pytest.param([0] * 12 + [1, 1], Verdict.CONFIRMED, 12, id="anything is more than zero"),
        pytest.param([-100] * 12, Verdict.NONE, None, id="negative"),
        pytest.param([-100] * 12 + [-10, -10], Verdict.CONFIRMED, 12, id="negative, then higher"),
        pytest.param([5e-324] * 12 + [1e308, 1e308], Verdict.CONFIRMED, 12, id="from the least to the most"),
    ],
)
def test_the_newest_runs_make_the_verdict(
    values: Sequence[float], verdict: Verdict, first_bad: int | None
) -> None:
    limit = limit_for_next(values[:-1]) if values else None
    last_good = None if first_bad is None else first_bad - 1

    assert assess(values) == Assessment(verdict, limit, first_bad, last_good)


@pytest.mark.parametrize(
    ("count", "samples"),
    [
        pytest.param(0, 0, id="none"),
        pytest.param(1, 0, id="the newest is left out"),
        pytest.param(5, 4, id="too few"),
        pytest.param(6, 5, id="just enough"),
        pytest.param(10, 9, id="a whole window"),
        pytest.param(50, 9, id="no more than the window"),
    ],
)
def test_a_baseline_is_of_few_values_and_of_no_fewer(count: int, samples: int) -> None:
    values = [100.0] * count
    limit = limit_for_next(values)

    assert samples_for_next(values) == samples
    assert (limit.samples if limit else 0) == (samples if samples >= SUFFICE - 2 else 0)


def test_a_limit_is_thirteen_percent_over_what_the_middle_runs_would_be_today() -> None:
    # The values show no growth, so half of the assumed 0.5 % counts; the nine runs are two to ten runs old.
    middle = math.fsum(100 * 1.0025**age for age in range(4, 9)) / 5

    limit = limit_for_next([100] * 20)

    assert limit is not None
    assert (limit.baseline, limit.limit) == pytest.approx((middle, 1.13 * middle))
    assert limit.samples == 9


@pytest.mark.parametrize(
    ("growth", "believed"),
    [
        pytest.param(-0.05, 0, id="shrinking: the chain does not"),
        pytest.param(0.004, 0.0045, id="half measured and half assumed"),
        pytest.param(0.03, 0.01, id="no more than a chain can"),
    ],
)
def test_growth_is_believed_as_far_as_a_chain_can_grow(growth: float, believed: float) -> None:
    values = [100 * (1 + growth) ** run for run in range(21)]
    forward = sorted(
        value * (1 + believed) ** age for age, value in zip(range(10, 1, -1), values[11:20], strict=True)
    )
    limit = limit_for_next(values)

    assert limit is not None
    # The measured slope is linear, over about fourteen runs.
    assert limit.baseline == pytest.approx(sum(forward[2:-2]) / 5, rel=0.002)


@pytest.mark.parametrize(
    "chosen", [pytest.param([13, 17], id="two high ones"), pytest.param([19], id="the newest")]
)
def test_outliers_and_the_newest_run_do_not_move_the_limit(chosen: Sequence[int]) -> None:
    level = [100 + run % 3 for run in range(20)]
    disturbed = [10_000 if run in chosen else value for run, value in enumerate(level)]
    usual, limit = limit_for_next(level), limit_for_next(disturbed)

    assert usual is not None
    assert limit is not None
    assert limit.limit == pytest.approx(usual.limit, rel=0.02)


@pytest.mark.parametrize(
    ("count", "margin"),
    [
        # Every step is 30, which corresponds to a standard deviation of 31.5.
        pytest.param(13, 1.5 * 1.0484 * 30, id="twelve values show the noise"),
        pytest.param(12, None, id="eleven do not"),
    ],
)
def test_the_limit_is_farther_on_a_noisy_testbed(count: int, margin: float | None) -> None:
    limit = limit_for_next([100 + 30 * (run % 2) for run in range(count)])

    assert limit is not None
    assert limit.limit - limit.baseline == pytest.approx(margin or 0.13 * limit.baseline)


@pytest.mark.parametrize(
    "growth", [pytest.param(0, id="standing"), pytest.param(0.01, id="1 %"), pytest.param(0.02, id="2 %")]
)
def test_a_chain_that_grows_is_not_a_regression(growth: float) -> None:
    found = Counter(verdicts([(1 + growth) ** run for run in range(300)]))

    assert found == {Verdict.INSUFFICIENT_DATA: SUFFICE - 1, Verdict.NONE: 300 - SUFFICE + 1}


@pytest.mark.parametrize("factor", [1.2, 1.25, 2, 100])
@pytest.mark.parametrize("before", [8, 30])
def test_a_shift_that_stays_is_confirmed_by_the_second_run_and_normal_after_ten(
    before: int, factor: float
) -> None:
    after = verdicts([100.0] * before + [100.0 * factor] * 40, before)

    assert after[:2] == [Verdict.SUSPECTED, Verdict.CONFIRMED]
    assert set(after[10:]) == {Verdict.NONE}, after


@given(values_of_runs, st.integers(-30, 30))
def test_the_unit_does_not_matter(values: list[float], exponent: int) -> None:
    scaled = [value * 2.0**exponent for value in values]  # scaling by a power of two causes no rounding
    found = assess(values)

    assert verdicts(scaled) == verdicts(values)
    assert (assess(scaled).first_bad, assess(scaled).last_good) == (found.first_bad, found.last_good)


@given(st.floats(-1e9, 1e9), st.integers(SUFFICE, 40))
def test_equal_runs_are_not_a_regression(value: float, count: int) -> None:
    assert assess([value] * count).verdict is Verdict.NONE


@given(st.lists(st.floats(1, 1e6), min_size=VERDICT_WINDOW, max_size=VERDICT_WINDOW), values_of_runs)
def test_what_was_long_ago_does_not_matter(values: list[float], older: list[float]) -> None:
    assert verdicts(older + values)[-1] == verdicts(values)[-1]
    newest = values[-LIMIT_WINDOW:]
    assert limit_for_next(older + newest) == limit_for_next(newest)


@given(st.lists(st.floats(-1e9, 1e9), max_size=40), st.integers(0, 45))
def test_all_ways_to_ask_agree(values: list[float], start: int) -> None:
    prefixes = [values[: index + 1] for index in range(start, len(values))]

    assert verdicts(values, start) == [assess(prefix).verdict for prefix in prefixes]
    assert limits(values, start) == [limit_for_next(prefix[:-1]) for prefix in prefixes]


@given(st.lists(st.floats(1, 1e6), min_size=SUFFICE, max_size=40), st.floats(0, 1e6))
def test_a_slower_run_never_makes_a_better_verdict(values: list[float], slower: float) -> None:
    order = list(Verdict)

    assert order.index(assess([*values[:-1], values[-1] + slower]).verdict) >= order.index(
        assess(values).verdict
    )


@given(values_of_runs)
def test_a_regression_lies_between_a_good_run_and_a_bad_one(values: list[float]) -> None:
    found = assess(values)
    if found.verdict in (Verdict.INSUFFICIENT_DATA, Verdict.NONE):
        assert found.first_bad is None
        assert found.last_good is None
        return
    assert found.first_bad is not None
    assert found.last_good == found.first_bad - 1
    bad, good = (limits(values, index)[0] for index in (found.first_bad, found.last_good))
    assert bad is not None
    assert values[found.first_bad] > bad.near_limit
    assert good is None or values[found.last_good] <= good.limit


def _missed(claim: Claim, rule: Rule) -> str:
    """Return the rule's rate if it misses the claim by over two standard errors of the sample; else empty."""
    if claim.rule == CONFIRMING:
        _, total = bootstrap_all(claim.scene, 1, range(250))
    else:
        (total,) = judge(claim.scene, 1, range(1000), [rule])
    bound = next(bound for bound in (claim.at_most, claim.at_least) if bound is not None) / 100
    tolerance = 200 * math.sqrt(bound * (1 - bound) / total[claim.of])
    reached = percent(total, claim.counted, claim.of)
    return (
        ""
        if claim.holds(reached, tolerance)
        else f"{reached:.2f} % ({claim.bound}, tolerance {tolerance:.2f})"
    )


@pytest.mark.parametrize("claim", [pytest.param(claim, id=claim.statement) for claim in CLAIMS])
def test_the_rule_is_as_good_as_claimed(claim: Claim) -> None:
    assert _missed(claim, SHIPPED) == ""


def test_a_rule_that_knows_no_growth_would_not_do() -> None:
    growing = CLAIMS[1]

    assert growing.scene.growth == 0.01
    assert _missed(growing, PLAIN) != ""


def test_the_document_shows_what_the_bench_found_and_no_failure() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    section = document.partition(BEGIN)[2].partition(END)[0]

    assert f"{HISTORIES:,} histories in each scene (`--seed 1`)." in section
    assert [
        claim.statement for claim in CLAIMS if f"| {claim.statement} | {claim.bound} |" not in section
    ] == []
    assert "missed" not in section


def test_the_tables_replace_those_of_before_and_nothing_else() -> None:
    assert (
        marked(DOCUMENT.name, f"a\n{BEGIN}\nold\n{END}\nb\n", BEGIN, END, "\nnew\n")
        == f"a\n{BEGIN}\nnew\n{END}\nb\n"
    )
    with pytest.raises(ValueError, match=r"regression\.md lacks the lines"):
        marked(DOCUMENT.name, "a document without a place", BEGIN, END, "new")
