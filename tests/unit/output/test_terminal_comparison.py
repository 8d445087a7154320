"""Tests of the text of a comparison.

A table shows both builds, and a sentence says which is faster and how certain that is.
"""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console
from support.builders import COMMIT, NOW, run

from monitor.domain.comparison import compared
from monitor.domain.run import Outcome, Reason
from monitor.output.comparison_json import comparison_json
from monitor.output.terminal_comparison import Compared, comparison_table, comparison_text, failures_text

SUCCEEDED = replace(run(), outcome=Outcome.SUCCEEDED, ended_at=NOW.wall, disk_usage_bytes=3 * 2**30)


def compared_builds(slower: float, noise: float = 1.0) -> tuple[Compared, Compared]:
    """Return two builds, of which the new one takes `slower` times as long; a `noise` of 1 is 0.4 %."""
    seconds = tuple(3600.0 + noise * each for each in (0.0, 40.0, -20.0, 10.0))
    old, new = (
        Compared(name, [replace(SUCCEEDED, duration_seconds=ratio * each) for each in seconds])
        for name, ratio in (("OLD", 1.0), ("NEW", slower))
    )
    return old, new


def compared_lines(slower: float, noise: float = 1.0) -> list[str]:
    """Return the comparison of such builds on 80 columns."""
    old, new = compared_builds(slower, noise)
    file = io.StringIO()
    console = Console(file=file, width=80)
    console.print(comparison_table((old, new)))
    console.print(comparison_text(compared(old.durations, new.durations)), soft_wrap=True)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_a_comparison_shows_both_builds_in_80_columns() -> None:
    assert compared_lines(1.5)[:3] == [
        "     BUILD              RUNS      MEAN  SHORTEST   LONGEST  SPREAD     DISK",
        "OLD  1.14.2 (cccccccc)     4  1h00m07s    59m40s  1h00m40s  ±0.7 %  3.0 GiB",
        "NEW  1.14.2 (cccccccc)     4  1h30m11s  1h29m30s  1h31m00s  ±0.7 %  3.0 GiB",
    ]


@pytest.mark.parametrize(
    ("ratio", "begin", "end"),
    [
        (1.5, "NEW is slower: it takes 50.0 % longer on average (95 % interval +4", " %)"),
        (0.5, "NEW is faster: it takes 50.0 % less time on average (95 % interval -5", " %)"),
        (
            1.01,
            "no real difference: NEW takes 1.0 % longer on average (95 % interval ",
            " %), which may be chance",
        ),
    ],
    ids=["slower", "faster", "neither"],
)
def test_a_comparison_ends_with_a_sentence(ratio: float, begin: str, end: str) -> None:
    sentence = compared_lines(ratio)[3]

    assert sentence.startswith(begin)
    assert sentence.endswith(end)


@pytest.mark.parametrize(("ratio", "difference"), [(1.025, "2.5 % longer"), (0.975, "2.5 % less time")])
def test_a_small_significant_difference_is_not_called_chance(ratio: float, difference: str) -> None:
    sentence = compared_lines(ratio, noise=0.1)[3]

    assert sentence.startswith(f"no relevant difference: NEW takes {difference} on average (95 % interval ")
    assert sentence.endswith(" %); unlikely to be chance, but less than 3 % may come from the machine")


def test_failures_are_reported_beside_the_verdict() -> None:
    failures = [
        replace(run(), outcome=Outcome.FAILED, reason=reason) for reason in (Reason.STALLED, Reason.CRASHED)
    ]
    old, new = Compared("OLD", [SUCCEEDED] * 7), Compared("NEW", [SUCCEEDED] * 7, failures)

    assert failures_text((old, new)).plain == (
        "OLD failed in 0 of 7 runs, NEW failed in 2 of 9 runs (crashed, stalled): failed runs are not compared"
    )


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.376, "4.38s"), (59.9, "59.90s"), (61.2, "1m01s"), (7325.0, "2h02m05s")], ids=str
)
def test_a_duration_is_shown_precisely_enough_for_a_difference(seconds: float, text: str) -> None:
    build = Compared("OLD", [replace(SUCCEEDED, duration_seconds=seconds)] * 4)
    file = io.StringIO()
    Console(file=file, width=80).print(comparison_table([build]))

    assert file.getvalue().split().count(text) == 3


@pytest.mark.parametrize(
    ("ratio", "result"), [(1.5, "slower"), (0.5, "faster"), (1.01, "none")], ids=["slower", "faster", "none"]
)
def test_a_comparison_in_json_has_its_result_and_both_builds(ratio: float, result: str) -> None:
    old, new = compared_builds(ratio)
    difference = compared(old.durations, new.durations)
    shown = comparison_json(old, replace(new, failed=[replace(SUCCEEDED, number=9)]), difference)

    assert json.loads(json.dumps(shown, allow_nan=False)) == shown
    assert (shown["result"], shown["ratio"]) == (result, pytest.approx(ratio))
    assert shown["ratioLowest"] < shown["ratio"] < shown["ratioHighest"]
    assert shown["text"] == comparison_text(difference).plain
    assert shown["new"].pop("spreadRatio") == pytest.approx(0.007, rel=0.1)
    assert shown["new"] == {
        "image": SUCCEEDED.build.image,
        "version": "avalanchego/1.14.2",
        "commit": COMMIT,
        "runs": [SUCCEEDED.number] * 4,
        "failedRuns": [9],
        "durationsSeconds": new.durations,
        "meanSeconds": pytest.approx(ratio * 3607.4, rel=1e-4),
        "diskUsageBytes": 3 * 2**30,
    }
