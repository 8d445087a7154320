"""Tests of the two builds of a comparison, as the ledger stores them."""

from __future__ import annotations

import pytest
from support.builders import NEW, OLD, build, ended

from monitor.domain.compared_pair import pair_json, pair_of
from monitor.domain.regression import Success
from monitor.domain.run import Outcome

STORED = pair_json(("./old", OLD), ("./new", NEW), 5, "settings", "default")
SUCCESSES = [
    Success(ended(1)),
    Success(ended(2, build=build(NEW), duration_seconds=5400.0 * 4)),
    Success(ended(3, duration_seconds=5400.0 * 2)),
    Success(ended(4, settings_changed=True)),
    Success(ended(5, outcome=Outcome.FAILED)),
    Success(ended(6, build=build(f"sha256:{'d' * 64}"))),
    Success(ended(7, settings_digest="other arguments")),
    Success(ended(8, testbed="laptop")),
]


def test_each_build_has_its_valid_runs() -> None:
    pair = pair_of({**STORED, "told_runs": None}, SUCCESSES)

    assert pair is not None
    assert {name: compared.durations for name, compared in pair.builds.items()} == {
        "OLD": (5400.0, 10800.0),
        "NEW": (21600.0,),
    }
    assert round(pair.builds["OLD"].mean_seconds or 0) == 7637, "the geometric mean, as in the result"
    assert (pair.runs, pair.builds["NEW"].path) == (5, "./new")
    assert [pair.name_of(success.run.build) for success in (SUCCESSES[0], SUCCESSES[1], SUCCESSES[5])] == [
        "OLD",
        "NEW",
        "",
    ]


@pytest.mark.parametrize(
    ("old_runs", "new_runs", "result", "text"),
    [
        pytest.param(0, 0, "", "next: OLD 1/5", id="the first run"),
        pytest.param(1, 1, "", "next: NEW 2/5", id="the builds alternate"),
        pytest.param(4, 5, "", "next: OLD 5/5", id="the last run of one build"),
        pytest.param(5, 5, "", "all runs have ended", id="before the result"),
        pytest.param(5, 5, "NEW is slower", "comparison finished: NEW is slower", id="the result"),
    ],
)
def test_a_comparison_knows_what_is_next(old_runs: int, new_runs: int, result: str, text: str) -> None:
    runs = [*(ended(number) for number in range(old_runs))]
    runs += [ended(number, build=build(NEW)) for number in range(10, 10 + new_runs)]
    pair = pair_of({**STORED, "result": result}, map(Success, runs))

    assert pair is not None
    assert pair.next_text == text


def test_a_comparison_without_a_result_shows_why() -> None:
    pair = pair_of({**STORED, "failure": "3 runs are not valid"}, SUCCESSES)

    assert pair is not None
    assert pair.next_text == "comparison ended without a result: 3 runs are not valid"


@pytest.mark.parametrize("changes", [{"settings_digest": "other arguments"}, {"testbed": "laptop"}], ids=str)
def test_runs_of_an_earlier_comparison_in_the_folder_are_not_counted(changes: dict[str, str]) -> None:
    pair = pair_of({**STORED, **changes}, SUCCESSES[:3])

    assert pair is not None
    assert pair.next_text == "next: OLD 1/5"


def test_no_more_runs_count_than_a_build_gets() -> None:
    pair = pair_of(STORED | {"runs": 1}, SUCCESSES)

    assert pair is not None
    assert pair.progress_text == "OLD 1 of 1, NEW 1 of 1 runs"


def test_all_runs_count_if_an_older_monitor_stored_the_pair() -> None:
    stored = {name: value for name, value in STORED.items() if name not in {"settings_digest", "testbed"}}
    pair = pair_of(stored, SUCCESSES)

    assert pair is not None
    assert {name: len(compared.durations) for name, compared in pair.builds.items()} == {"OLD": 4, "NEW": 1}


def test_before_the_first_run_there_is_no_mean() -> None:
    pair = pair_of(STORED, ())

    assert pair is not None
    assert [compared.mean_seconds for compared in pair.builds.values()] == [None, None]


def test_a_tester_and_a_comparison_of_an_older_monitor_have_no_pair() -> None:
    assert pair_of(None, ()) is None
    assert pair_of({"told_runs": 5}, SUCCESSES) is None
    assert pair_of({"runs": 5}, SUCCESSES) is None


def test_fields_of_a_newer_monitor_are_ignored() -> None:
    newer = {**STORED, "OLD": {**STORED["OLD"], "mark": 1}}

    assert pair_of(newer, ()) == pair_of(STORED, ())
