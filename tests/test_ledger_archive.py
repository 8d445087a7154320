"""A history that was exported comes back whole, once, in order, and changes nothing of what is there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import NEW, NOW, OLD, build, workload

from monitor.decide.vocabulary import BeginClearing, BeginRun, EndRun
from monitor.errors import ConfigurationError
from monitor.ledger import Ledger, open_ledger
from monitor.ledger.archive import exported, imported
from monitor.model import Build, Count, Evidence, Outcome, Reason, RequestKind, Run

Opened = Callable[[str], Ledger]
HEAD = '{"format": "bootstrap-monitor history", "version": 1}'


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """Ledgers by name, each in a folder of its own."""
    with ExitStack() as stack:

        def ledger(name: str) -> Ledger:
            folder = tmp_path / name
            folder.mkdir(exist_ok=True)
            return stack.enter_context(closing(open_ledger(folder)))

        yield ledger


def begin(ledger: Ledger, hour: float, of: Build | None = None) -> Run:
    """A run that begins at an hour."""
    at = replace(NOW, wall=NOW.wall + 3600 * hour)
    node = workload(of or build())
    ledger.record(at, "desk", [BeginClearing(node, ""), BeginRun(node)])
    last = ledger.last()
    assert last is not None
    return last


def end(ledger: Ledger, run: Run, reason: Reason | None = None) -> None:
    """End it after half an hour."""
    at = replace(NOW, wall=(run.started_at or 0) + 1800)
    outcome = Outcome.FAILED if reason else Outcome.SUCCEEDED
    ledger.record(at, "desk", [EndRun(run, outcome, reason, "told", 1790.5, 1800.25, 2**30, 2**40)])


def fill(ledger: Ledger, *hours: float) -> None:
    """A run at each hour: the first has counters, the second failed, and its node's last words are kept."""
    for number, hour in enumerate(hours, 1):
        run = begin(ledger, hour, build(NEW if number % 2 else OLD))
        if number == 1:
            counts = {("P", "blocks_accepted"): Count(1, 2, 2.5), ("C", "leaves_synced"): Count(0, 7, 7)}
            books = replace(run, bookkeeping=replace(run.bookkeeping, active_seconds=12.5, node_restarts=3))
            ledger.record(NOW, "desk", books=books, counts=counts)
        if number == 2:
            ledger.keep_evidence(run.number, Evidence("FATAL no disk\nline \u2028 two\n", NOW.wall))
        end(ledger, run, Reason.STALLED if number == 2 else None)


def content(ledger: Ledger) -> list[tuple[object, ...]]:
    """All of each run but its number, oldest first."""
    return [
        (replace(run, number=0), dict(ledger.counts(run)), ledger.evidence(run.number))
        for run in reversed(ledger.runs(-1))
    ]


def numbers(ledger: Ledger) -> list[int]:
    """Of its runs, oldest first."""
    return [run.number for run in reversed(ledger.runs(-1))]


def test_what_was_exported_comes_back_whole(opened: Opened) -> None:
    old, new = opened("old"), opened("new")
    fill(old, 1, 2, 3)

    assert imported(new, exported(old), "file") == (3, 0)
    assert content(new) == content(old)
    assert (numbers(new), list(exported(new))) == ([1, 2, 3], list(exported(old)))


def test_a_line_is_json_that_others_can_read(opened: Opened) -> None:
    old = opened("old")
    fill(old, 1, 2)
    head, *lines = exported(old)

    assert head == HEAD
    assert all("\n" not in line for line in lines)
    first, second = map(json.loads, lines)
    assert (first["run"], first["outcome"], first["durationSeconds"]) == (1, "succeeded", 1790.5)
    assert first["counts"][1] == {
        "chain": "P", "signal": "blocks_accepted", "before": 1, "last": 2, "maximum": 2.5
    }  # fmt: skip
    assert (second["reason"], second["evidence"]["text"][:5]) == ("stalled", "FATAL")


def test_a_run_that_is_open_stays_where_its_data_is(opened: Opened) -> None:
    old = opened("old")
    fill(old, 1)
    begin(old, 2)

    assert len(list(exported(old))) == 2


def test_a_second_time_nothing_is_added(opened: Opened) -> None:
    old, new = opened("old"), opened("new")
    fill(old, 1, 2)
    imported(new, exported(old), "file")
    before = content(new)
    end(old, begin(old, 3))

    assert imported(new, exported(old), "file") == (1, 2)
    assert imported(new, exported(old), "file") == (0, 3)
    assert content(new)[:2] == before
    assert numbers(new) == [1, 2, 3]


def test_what_is_there_is_never_changed(opened: Opened) -> None:
    """Not even where the file says otherwise of the same run."""
    old = opened("old")
    fill(old, 1, 2)
    before = content(old)
    changed = [
        line.replace('"told"', '"forged"').replace('"failed"', '"succeeded"') for line in exported(old)
    ]

    assert imported(old, changed, "file") == (0, 2)
    assert content(old) == before


def test_runs_from_before_a_new_volume_come_before_its_own(opened: Opened) -> None:
    """And the run that is open stays the last one."""
    old, new = opened("old"), opened("new")
    fill(old, 1, 2, 3)
    fill(new, 10)
    running = begin(new, 11)

    assert imported(new, exported(old), "file") == (3, 0)
    assert numbers(new) == [-3, -2, -1, 1, 2]
    assert new.last() == running
    starts = [run.started_at or 0 for run in reversed(new.runs(-1))]
    assert starts == sorted(starts)
    assert [success.run.number for success in new.successes(running)] == [-3, -1, 1]
    end(new, running)
    assert begin(new, 12).number == 3


def test_downward_numbers_are_left_behind_in_an_empty_ledger(opened: Opened) -> None:
    old, middle, new = opened("old"), opened("middle"), opened("new")
    fill(old, 1, 2)
    fill(middle, 10)
    imported(middle, exported(old), "file")
    imported(new, exported(middle), "file")

    assert (numbers(middle), numbers(new)) == ([-2, -1, 1], [1, 2, 3])
    assert content(new) == content(middle)
    assert begin(new, 20).number == 4


def test_baselines_have_what_was_imported_unless_they_were_marked(opened: Opened) -> None:
    old, new = opened("old"), opened("new")
    fill(old, 1, 3, 5)
    fill(new, 10)
    imported(new, exported(old), "file")
    last = new.last()
    assert last is not None
    marks: Sequence[tuple[int, list[int]]] = [(1, [-3, -1, 1]), (2, [])]
    for mark, expected in marks:
        new.ask(RequestKind.MARK_BASELINE, str(mark), NOW.wall)
        assert [success.run.number for success in new.successes(last)] == expected


def test_runs_that_began_between_those_that_are_there_are_refused(opened: Opened) -> None:
    """Their order could not be kept, and by it baselines are made."""
    old, new = opened("old"), opened("new")
    fill(old, 1, 5)
    fill(new, 3)

    with pytest.raises(ConfigurationError, match=r"^file has runs that began between those that are here: "):
        imported(new, exported(old), "file")
    assert numbers(new) == [1]


def line(**changes: Any) -> str:
    """A run's line, with these fields changed, and without those that are changed to `...`."""
    fields: dict[str, Any] = {
        "run": 1, "image": build().image, "digests": [OLD], "network": "fuji", "syncMode": "full-sync",
        "testbed": "desk", "startedAt": 1.0, "endedAt": 2.0, "outcome": "succeeded",
    } | changes  # fmt: skip
    return json.dumps({name: value for name, value in fields.items() if value is not ...})


def test_a_line_may_have_more_than_is_known_and_less(opened: Opened) -> None:
    new = opened("new")

    assert imported(
        new, [HEAD, line(later="?", bookkeeping={"active_seconds": 3, "later": 1}), ""], "file"
    ) == (1, 0)
    last = new.last()
    assert last is not None
    assert (last.bookkeeping.active_seconds, last.build.versions) == (3, None)


def test_a_line_that_is_there_twice_is_one_run(opened: Opened) -> None:
    assert imported(opened("new"), [HEAD, line(), line()], "file") == (1, 0)


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        pytest.param([], "file: no history of a bootstrap-monitor; history --export writes one", id="empty"),
        pytest.param(["run,outcome"], "file: no history of a bootstrap-monitor", id="something else"),
        pytest.param(['{"format": "x", "version": 1}'], "file: no history", id="another format"),
        pytest.param(
            [HEAD.replace("1}", "2}")], "file has version 2, this monitor knows 1: use a newer", id="newer"
        ),
        pytest.param([HEAD, line(), "{"], "file, line 3: Invalid JSON", id="cut off"),
        pytest.param([HEAD, line(image=...)], "file, line 2: image: Field required", id="without an image"),
        pytest.param(
            [HEAD, line(digests=[])], "file, line 2: digests: List should have", id="without digests"
        ),
        pytest.param([HEAD, line(outcome=None)], "file, line 2: outcome: Input should be", id="open"),
        pytest.param(
            [HEAD, line(outcome="flown")], "file, line 2: outcome: Input should be", id="a word of nobody"
        ),
        pytest.param(
            [HEAD, line(startedAt="NaN")], "file, line 2: startedAt: Input should be a finite", id="no time"
        ),
        pytest.param(
            [HEAD, line(versions={"a": 1})], 'file, line 2: no JSON object with an "application"', id="build"
        ),
        pytest.param(
            [HEAD, line(durationSeconds=-1)], "file, line 2: durationSeconds: Input", id="less than nothing"
        ),
        pytest.param([HEAD, line(run=2**63)], "file, line 2: run: Input should be less than", id="no number"),
        pytest.param([HEAD, line(bookkeeping={"healthy": 1})], "file, line 2: bookkeeping", id="books"),
    ],
)
def test_what_is_no_history_is_one_line_and_nothing_is_taken(
    opened: Opened, lines: Sequence[str], error: str
) -> None:
    new = opened("new")

    with pytest.raises(ConfigurationError) as caught:
        imported(new, lines, "file")
    assert str(caught.value).startswith(error)
    assert ("\n" in str(caught.value), numbers(new)) == (False, [])
