"""A history that was exported comes back whole, once, in order, and changes nothing of what is there."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from builders import NEW, NOW, OLD, REPOSITORY, build, workload
from rich.console import Console

from monitor.api import run_json, status_json
from monitor.decide.vocabulary import BeginClearing, BeginRun, EndRun, Record, RecordAttempt
from monitor.errors import ConfigurationError, MonitorError
from monitor.ledger import Ledger, open_ledger
from monitor.ledger.archive import exported, imported
from monitor.ledger.archive_lines import read
from monitor.lines import run_lines, status_lines
from monitor.model import (
    AttemptCause,
    Bookkeeping,
    Build,
    Count,
    DataState,
    Evidence,
    HealthyStreak,
    Outcome,
    Reason,
    RequestKind,
    Run,
)
from monitor.terminal import history_table
from monitor.view import RESULTS_SHOWN, status_of
from monitor.web.page import page

Opened = Callable[[str], Ledger]
HEAD = '{"format": "bootstrap-monitor history", "version": 1}'
BOOKS = Bookkeeping(
    started_boot_id="boot before",
    started_boot_seconds=0.5,
    boot_id="boot",
    accounted_boot_seconds=1.5,
    active_seconds=12.5,
    observed_seconds=13.5,
    process_start_boot_seconds=-0.5,
    process_uid="pod",
    process_restarts=2,
    node_restarts=3,
    restarts_at_progress=1,
    healthy=HealthyStreak(NOW.wall, 7.5, 8.5, 9.5),
    identity_agreed=True,
    progress_at=NOW.wall,
    idle_seconds=14.5,
    lifeless_seconds=15.5,
    not_started_seconds=16.5,
    unhealthy_seconds=17.5,
    blocked_seconds=18.5,
    disk_write_bytes=19.5,
    state_synced=True,
    state_sync_restarted=True,
)
# What only an open run needs: how its chains stand, and what they are compared with.
OF_AN_OPEN_RUN = {
    "chains",
    "stalled_chain",
    "unknown_seconds",
    "usage_mark_bytes",
    "refusal",
    "execution_targets",
    "state_summary",
}


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
            ledger.record(NOW, "desk", books=replace(run, bookkeeping=BOOKS), counts=counts)
        if number == 2:
            ledger.keep_evidence(run.number, Evidence("FATAL no disk\nline \u2028 two\n", NOW.wall))
        end(ledger, run, Reason.STALLED if number == 2 else None)


def content(ledger: Ledger) -> list[tuple[object, ...]]:
    """All of each run but its number, oldest first."""
    return [
        (replace(run, number=0), dict(ledger.counts(run)), ledger.evidence(run.number))
        for run in reversed(ledger.runs(-1))
    ]


def taken(ledger: Ledger, lines: Iterable[str], data: DataState = DataState.ABSENT) -> tuple[int, int]:
    """Import them."""
    return imported(ledger, read(lines, "file"), "file", data)


def numbers(ledger: Ledger) -> list[int]:
    """Of its runs, oldest first."""
    return [run.number for run in reversed(ledger.runs(-1))]


def test_what_was_exported_comes_back_whole(opened: Opened) -> None:
    old, new = opened("old"), opened("new")
    fill(old, 1, 2, 3)

    assert taken(new, exported(old)) == (3, 0)
    assert content(new) == content(old)
    assert (numbers(new), list(exported(new))) == ([1, 2, 3], list(exported(old)))


def test_all_that_is_in_the_books_comes_back(opened: Opened) -> None:
    old, new = opened("old"), opened("new")
    fill(old, 1)
    taken(new, exported(old))

    usual = Bookkeeping()
    assert {
        each.name for each in fields(BOOKS) if getattr(BOOKS, each.name) == getattr(usual, each.name)
    } == OF_AN_OPEN_RUN
    assert [run.bookkeeping for run in new.runs(-1)] == [BOOKS]


def test_what_no_ledger_would_take_is_not_exported(opened: Opened) -> None:
    """A node's process that says it began before the machine was active for longer than time is."""
    old = opened("old")
    run = begin(old, 1)
    old.record(NOW, "desk", books=replace(run, bookkeeping=replace(BOOKS, active_seconds=1e300)))
    end(old, run)

    with pytest.raises(
        MonitorError,
        match=r"^run 1 cannot be exported: bookkeeping\.active_seconds: Input should be less than [0-9]+$",
    ):
        list(exported(old))


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
    taken(new, exported(old))
    before = content(new)
    end(old, begin(old, 3))

    assert taken(new, exported(old)) == (1, 2)
    assert taken(new, exported(old)) == (0, 3)
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

    assert taken(old, changed) == (0, 2)
    assert content(old) == before


def test_runs_from_before_a_new_volume_come_before_its_own(opened: Opened) -> None:
    """And the run that is open stays the last one."""
    old, new = opened("old"), opened("new")
    fill(old, 1, 2, 3)
    fill(new, 10)
    running = begin(new, 11)

    assert taken(new, exported(old)) == (3, 0)
    assert numbers(new) == [-3, -2, -1, 1, 2]
    assert new.last() == running
    starts = [run.started_at or 0 for run in reversed(new.runs(-1))]
    assert starts == sorted(starts)
    assert [success.run.number for success in new.successes(running)] == [-3, -1, 1]
    end(new, running)
    assert begin(new, 12).number == 3


def _open(ledger: Ledger) -> None:
    begin(ledger, 0)


def _cleared(ledger: Ledger) -> None:
    ledger.record(NOW, "desk", [BeginClearing(workload(build()), "")])


def _attempted(ledger: Ledger) -> None:
    end(ledger, begin(ledger, 0))
    ledger.record(NOW, "desk", [RecordAttempt(build(NEW), AttemptCause.REQUEST, "pod-1")])


def _ended(ledger: Ledger) -> None:
    end(ledger, begin(ledger, 0))


@pytest.mark.parametrize(
    ("prepare", "data", "error"),
    [
        pytest.param(_open, DataState.ABSENT, "run 1 is open", id="an open run"),
        pytest.param(_open, DataState.PRESENT, "run 1 is open", id="an open run with its data"),
        pytest.param(_cleared, DataState.ABSENT, "the volume is cleared for a new run", id="a clearing"),
        pytest.param(_attempted, DataState.ABSENT, "a new run is about to begin", id="an attempt"),
        pytest.param(_ended, DataState.PRESENT, "a node's data is there", id="the data of a run"),
    ],
)
def test_no_import_takes_the_place_of_the_run_that_is_under_way(
    opened: Opened, prepare: Callable[[Ledger], None], data: DataState, error: str
) -> None:
    """By the last run `init` decides whether the data is cleared."""
    new = opened("new")
    prepare(new)
    newer = [HEAD, line(run=7, startedAt=NOW.wall + 36000), line(run=8, startedAt=NOW.wall + 72000)]
    before = (content(new), new.last(), new.clearing(), new.attempt())

    with pytest.raises(
        ConfigurationError, match=rf"^file has runs that are newer than all that are here, while {error}: "
    ):
        taken(new, newer, data)
    assert (content(new), new.last(), new.clearing(), new.attempt()) == before


@pytest.mark.parametrize(
    "prepare", [_open, _attempted, _ended], ids=["an open run", "an attempt", "the data of a run"]
)
def test_what_is_older_is_taken_whatever_is_under_way(
    opened: Opened, prepare: Callable[[Ledger], None]
) -> None:
    old, new = opened("old"), opened("new")
    prepare(new)
    fill(old, -3, -2)
    before = (new.last(), new.attempt())

    assert taken(new, exported(old), DataState.PRESENT) == (2, 0)
    assert (numbers(new), (new.last(), new.attempt())) == ([-2, -1, 1], before)


def test_the_number_of_a_run_that_is_about_to_start_stays_its_own(opened: Opened) -> None:
    old, new = opened("old"), opened("new")
    fill(old, -4, -3)
    _ended(new)
    at = replace(NOW, wall=NOW.wall + 3600)
    began: Sequence[Record] = [BeginClearing(workload(build(NEW)), "")]
    new.record(at, "desk", began)

    assert taken(new, exported(old), DataState.PRESENT) == (2, 0)
    new.record(at, "desk", [BeginRun(workload(build(NEW)))])
    last = new.last()
    assert last is not None
    assert (numbers(new), last.build.digests) == ([-2, -1, 1, 2], frozenset({NEW}))


def test_downward_numbers_are_left_behind_in_an_empty_ledger(opened: Opened) -> None:
    old, middle, new = opened("old"), opened("middle"), opened("new")
    fill(old, 1, 2)
    fill(middle, 10)
    taken(middle, exported(old))
    taken(new, exported(middle))

    assert (numbers(middle), numbers(new)) == ([-2, -1, 1], [1, 2, 3])
    assert content(new) == content(middle)
    assert begin(new, 20).number == 4


def test_baselines_have_what_was_imported_unless_they_were_marked(opened: Opened) -> None:
    old, new = opened("old"), opened("new")
    fill(old, 1, 3, 5)
    fill(new, 10)
    taken(new, exported(old))
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
        taken(new, exported(old))
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

    books = {"active_seconds": 3, "later": 1}
    assert taken(new, [HEAD, line(later="?", bookkeeping=books), ""]) == (1, 0)
    last = new.last()
    assert last is not None
    assert (last.bookkeeping.active_seconds, last.build.versions) == (3, None)


def test_a_line_that_is_there_twice_is_one_run(opened: Opened) -> None:
    assert taken(opened("new"), [HEAD, line(), line()]) == (1, 0)


LAST_SECOND = 253_402_300_799.0  # of the year 9999
COUNT = {"chain": "P", "signal": "blocks_accepted", "before": 1, "last": 2, "maximum": 2}
ODD = "[/x] <b> \x1b[31m \0"


def shown(ledger: Ledger) -> str:
    """All that page, status and history say of a ledger."""
    status = status_of(ledger.snapshot(RESULTS_SHOWN + 1), NOW.wall)
    runs = ledger.runs(-1)
    evidence = {run.number: kept for run in runs if (kept := ledger.evidence(run.number))}
    table = Console(file=io.StringIO(), width=200)
    table.print(history_table(runs, 200))
    return "\n".join(
        [
            page(status, evidence),
            *status_lines(status),
            json.dumps(status_json(status), allow_nan=False),
            *(json.dumps(run_json(run), allow_nan=False) for run in runs),
            *(each for run in runs for each in run_lines(run, evidence.get(run.number))),
        ]
    )


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"startedAt": 0.0, "endedAt": 0.0, "durationSeconds": 0.0}, id="the first second"),
        pytest.param({"startedAt": LAST_SECOND, "endedAt": LAST_SECOND}, id="the last second"),
        pytest.param({"durationSeconds": LAST_SECOND, "wallSeconds": LAST_SECOND}, id="the longest"),
        pytest.param({"diskUsageBytes": 2**62 - 1, "volumeSizeBytes": 2**62 - 1}, id="the biggest"),
        pytest.param(
            {
                "outcome": "failed",
                "reason": "stalled",
                "message": ODD,
                "evidence": {"text": ODD, "takenAt": LAST_SECOND},
                "bookkeeping": {
                    "active_seconds": LAST_SECOND,
                    "progress_at": LAST_SECOND,
                    "node_restarts": 2**61,
                },
            },
            id="a failure",
        ),
        pytest.param({"testbed": ODD, "versions": {"application": ODD, "commit": ODD}}, id="odd words"),
        pytest.param(
            {"counts": [COUNT | {"before": 2.0**61, "last": 2.0**61, "chain": ODD}, COUNT]}, id="great counts"
        ),
        pytest.param({"network": "1", "image": f"{REPOSITORY}:v1@{NEW}"}, id="other ways to say it"),
    ],
)
def test_whatever_is_taken_can_be_shown_and_taken_again(opened: Opened, changes: dict[str, Any]) -> None:
    new, other = opened("new"), opened("other")

    assert taken(new, [HEAD, line(**changes)]) == (1, 0)
    again = opened("new")  # which writes the details file anew
    words = shown(again)
    assert len(words) < 100_000, "no number of it is drawn for ever"
    assert taken(other, exported(again)) == (1, 0)
    assert content(other) == content(again)


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
            [HEAD, line(versions={"a": 1})],
            'file, line 2: versions: no JSON object with an "application"',
            id="build",
        ),
        pytest.param(
            [HEAD, line(durationSeconds=-1)], "file, line 2: durationSeconds: Input", id="less than nothing"
        ),
        pytest.param([HEAD, line(run=2**63)], "file, line 2: run: Input should be less than", id="no number"),
        pytest.param(
            [HEAD, line(bookkeeping={"healthy": 1})], "file, line 2: bookkeeping.healthy: Input", id="books"
        ),
        pytest.param(
            [HEAD, line(counts=[COUNT, COUNT])],
            "file, line 2: counts: a signal of a chain is",
            id="a count twice",
        ),
        pytest.param(
            [HEAD, line(network="[/x]")], "file, line 2: network: it is '[/x]', which is no", id="no network"
        ),
        pytest.param(
            [HEAD, line(image="not an image!!")],
            "file, line 2: image: image 'not an image!!' is no image reference: ",
            id="no image",
        ),
        pytest.param(
            [HEAD, line(image=f"{REPOSITORY}:latest")],
            f"file, line 2: image: '{REPOSITORY}:latest' is not pinned by a digest",
            id="an image that is not pinned",
        ),
        *(
            pytest.param(
                [HEAD, line(**changes)], f"file, line 2: {field}: Input should be ", id=f"{field} {what}"
            )
            for field, what, changes in (
                ("startedAt", "in milliseconds", {"startedAt": 1.7e12}),
                ("startedAt", "of the year 10000", {"startedAt": LAST_SECOND + 1}),
                ("startedAt", "before 1970", {"startedAt": -1.0}),
                ("endedAt", "in milliseconds", {"endedAt": 1.7e12}),
                ("durationSeconds", "without end", {"durationSeconds": 1e300}),
                ("wallSeconds", "without end", {"wallSeconds": 1e300}),
                ("diskUsageBytes", "beyond SQLite", {"diskUsageBytes": 2**63}),
                ("evidence.takenAt", "in milliseconds", {"evidence": {"text": "", "takenAt": 1.7e12}}),
                ("counts.0.before", "without end", {"counts": [COUNT | {"before": 1e300}]}),
                ("bookkeeping.active_seconds", "of words", {"bookkeeping": {"active_seconds": "abc"}}),
                ("bookkeeping.active_seconds", "without end", {"bookkeeping": {"active_seconds": 1e300}}),
                ("bookkeeping.progress_at", "in milliseconds", {"bookkeeping": {"progress_at": 1.7e12}}),
                ("bookkeeping.node_restarts", "of words", {"bookkeeping": {"node_restarts": "many"}}),
            )
        ),
    ],
)
def test_what_is_no_history_is_one_line_and_nothing_is_taken(
    opened: Opened, lines: Sequence[str], error: str
) -> None:
    new = opened("new")

    with pytest.raises(ConfigurationError) as caught:
        taken(new, lines)
    assert str(caught.value).startswith(error)
    assert ("\n" in str(caught.value), numbers(new)) == (False, [])
