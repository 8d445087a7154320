"""Tests of opening a ledger.

A corrupt file is renamed, a temporary error changes nothing, and the details file recovers a run.
"""

from __future__ import annotations

import json
import re
import sqlite3
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import NEW, NOW, OLD, REPOSITORY, build, run, workload
from support.machine import Machine, init_of
from support.ordinary_user import ordinary_user

from monitor.avalanchego.details_file import Details, read_details, write_details
from monitor.decide.decisions import BeginClearing, BeginRun, EndRun, ResumeRun
from monitor.domain.build import Build
from monitor.domain.run import Outcome, Reason, Run
from monitor.domain.workload import SyncMode
from monitor.errors import ConfigurationError, MonitorError, TemporaryError
from monitor.ledger import Ledger, open_ledger, open_read_only, recover
from monitor.ledger.codecs import Reading
from monitor.ledger.recovery import rename_corrupt
from monitor.ledger.schema import VERSION

FILE = "bootstrap-monitor.sqlite3"
DETAILS = "bootstrap_test_details.txt"
POD = workload(build())


def with_a_run(folder: Path, outcome: Outcome | None = None) -> Run:
    """Create a ledger with one run, and end the run if an outcome is given."""
    ledger = open_ledger(folder)
    # Some pages of readings, so that damage can be in the middle.
    readings = {f"reading {each}": {"text": "x" * 500} for each in range(100)}
    ledger.record(NOW, "default", (BeginClearing(POD, "clearing"),), readings)
    ledger.record(NOW, "default", (BeginRun(POD),))
    last = last_of(ledger)
    if outcome is not None:
        ledger.record(NOW, "default", (EndRun(last, outcome, None, "", 1.0, 1.0, 1),))
        last = last_of(ledger)
    ledger.close()
    return last


def last_of(ledger: Ledger) -> Run:
    """Return the newest run that has started, which must exist."""
    last = ledger.last()
    assert last is not None
    return last


def names(folder: Path) -> set[str]:
    """Return the names of the files in a folder."""
    return {path.name for path in folder.iterdir()}


def text(folder: Path) -> str:
    """Return the content of the details file."""
    return (folder / DETAILS).read_text()


def test_a_new_ledger_is_one_file_and_syncs_its_folder_with_every_write(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    with ledger.transaction() as connection:
        modes = [
            connection.execute(f"PRAGMA {each}").fetchone()[0] for each in ("journal_mode", "synchronous")
        ]
    ledger.close()

    assert modes == ["delete", 3], "rollback journal, EXTRA"
    assert names(tmp_path) == {FILE}


def test_a_ledger_is_found_again(tmp_path: Path) -> None:
    before = with_a_run(tmp_path)
    ledger = open_ledger(tmp_path)
    after = last_of(ledger)
    ledger.close()

    assert after == before


@pytest.mark.parametrize(
    "make",
    [pytest.param(lambda _: None, id="absent"), pytest.param(lambda path: path.write_text(""), id="a file")],
)
def test_a_data_folder_that_is_none_is_for_a_person(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "data")
    with pytest.raises(MonitorError) as refused:
        open_ledger(tmp_path / "data")

    assert (
        str(refused.value)
        == f"--data-dir {tmp_path / 'data'}: folder not found; mount the node's volume there, or create it"
    )
    assert type(refused.value) is MonitorError, "trying again does not help"


def test_a_folder_in_the_ledgers_place_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / FILE / "kept").mkdir(parents=True)
    with pytest.raises(TemporaryError) as refused:
        open_ledger(tmp_path)

    assert str(refused.value) == f"{tmp_path / FILE}: unable to open database file (SQLITE_CANTOPEN)"
    assert names(tmp_path) == {FILE}
    assert names(tmp_path / FILE) == {"kept"}


def test_a_folder_that_nobody_can_write_in_is_an_error_that_may_pass() -> None:
    with pytest.raises(TemporaryError) as refused:
        open_ledger(Path("/proc/self"))

    assert str(refused.value) == f"/proc/self/{FILE}: unable to open database file (SQLITE_CANTOPEN)"


def test_a_closed_folder_lets_a_ledger_be_read_but_not_written_and_nothing_is_moved() -> None:
    with ordinary_user() as folder:
        before = with_a_run(folder)
        folder.chmod(0o500)
        ledger = open_ledger(folder)
        seen = last_of(ledger)
        with pytest.raises(TemporaryError) as refused:
            ledger.renew("pod-2")
        ledger.close()
        folder.chmod(0o700)
        left = names(folder)

    assert (seen, left) == (before, {FILE, DETAILS})
    assert str(refused.value).startswith(
        f"{folder / FILE}: attempt to write a readonly database (SQLITE_READONLY"
    )


def test_a_closed_ledger_is_not_taken_for_a_broken_one() -> None:
    with ordinary_user() as folder:
        with_a_run(folder)
        (folder / FILE).chmod(0)
        with pytest.raises(TemporaryError, match="unable to open database file"):
            open_ledger(folder)
        (folder / FILE).chmod(0o600)
        left = names(folder)

    assert left == {FILE, DETAILS}


def test_a_locked_ledger_is_not_taken_for_a_broken_one(tmp_path: Path) -> None:
    before = with_a_run(tmp_path)
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(TemporaryError) as refused:
        open_ledger(tmp_path)
    other.close()
    ledger = open_ledger(tmp_path)
    after = last_of(ledger)
    ledger.close()

    assert str(refused.value) == f"{tmp_path / FILE}: database is locked (SQLITE_BUSY)"
    assert (after, names(tmp_path)) == (before, {FILE, DETAILS})


def garbage(_: bytes) -> bytes:
    return b"\x00\xff" * 5000


def words(_: bytes) -> bytes:
    return b"this is not a database\n" * 100


def half(whole: bytes) -> bytes:
    return whole[: len(whole) // 2]


def a_few_bytes(whole: bytes) -> bytes:
    return whole[:50]


def header_alone(whole: bytes) -> bytes:
    return whole[:100]


def zeros_in_the_middle(whole: bytes) -> bytes:
    page = 4096
    return whole[:page] + bytes(len(whole) - 2 * page) + whole[-page:]


def a_bad_end(whole: bytes) -> bytes:
    return whole[: -3 * 4096] + b"\xff" * (3 * 4096)


BROKEN = [
    pytest.param(garbage, id="garbage bytes"),
    pytest.param(words, id="a text"),
    pytest.param(half, id="truncated to a half"),
    pytest.param(a_few_bytes, id="truncated to a few bytes"),
    pytest.param(header_alone, id="truncated to its header"),
    pytest.param(zeros_in_the_middle, id="zeros in the middle"),
    pytest.param(a_bad_end, id="garbage at the end"),
]


def break_ledger(folder: Path, damage: Callable[[bytes], bytes]) -> bytes:
    """Damage the ledger, and return its new content."""
    path = folder / FILE
    path.write_bytes(damage(path.read_bytes()))
    return path.read_bytes()


@pytest.mark.parametrize("damage", BROKEN)
def test_a_corrupt_ledger_is_renamed_and_counted_and_a_new_one_is_created(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    with_a_run(tmp_path)
    (tmp_path / DETAILS).unlink()
    broken = break_ledger(tmp_path, damage)
    ledger = open_ledger(tmp_path, lambda: 1234.5)
    known, recoveries = ledger.known(), len(ledger.snapshot(1).recoveries_at)
    ledger.close()

    assert (known, recoveries) == (False, 1)
    assert names(tmp_path) == {FILE, f"{FILE}.corrupt-1234"}
    assert (tmp_path / f"{FILE}.corrupt-1234").read_bytes() == broken


@pytest.mark.parametrize("damage", BROKEN)
@pytest.mark.parametrize(
    "outcome", [pytest.param(None, id="open"), pytest.param(Outcome.SUCCEEDED, id="ended")]
)
def test_the_details_file_recovers_the_run_of_a_broken_ledger(
    tmp_path: Path, damage: Callable[[bytes], bytes], outcome: Outcome | None
) -> None:
    with_a_run(tmp_path, outcome)
    break_ledger(tmp_path, damage)
    ledger = open_ledger(tmp_path)
    recovered = recover(ledger, tmp_path, POD, "default")
    found = last_of(ledger)
    ledger.close()

    assert recovered
    assert found == run(
        started_at=NOW.wall,
        settings_digest="",
        outcome=outcome,
        message="recovered from the details file",
        recovered=True,
    )


def test_an_empty_file_is_a_ledger_that_was_not_yet_written(tmp_path: Path) -> None:
    (tmp_path / FILE).touch()
    ledger = open_ledger(tmp_path)
    known, recoveries = ledger.known(), len(ledger.snapshot(1).recoveries_at)
    ledger.close()

    assert (known, recoveries, names(tmp_path)) == (False, 0, {FILE})


def test_no_journal_of_a_broken_ledger_is_left_to_be_applied_to_the_new_one(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(garbage(b""))
    (tmp_path / f"{FILE}-journal").write_bytes(b"half a journal")
    open_ledger(tmp_path, lambda: 1234.5).close()

    assert names(tmp_path) == {FILE, f"{FILE}.corrupt-1234"}


def test_a_journal_that_is_still_there_is_kept_with_its_ledger(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"ledger")
    (tmp_path / f"{FILE}-journal").write_bytes(b"journal")
    rename_corrupt(tmp_path / FILE, 1234.5)

    assert names(tmp_path) == {f"{FILE}.corrupt-1234", f"{FILE}-journal.corrupt-1234"}
    assert (tmp_path / f"{FILE}.corrupt-1234").read_bytes() == b"ledger"
    assert (tmp_path / f"{FILE}-journal.corrupt-1234").read_bytes() == b"journal"


def test_a_corrupt_ledger_that_cannot_be_renamed_is_left_alone() -> None:
    with ordinary_user() as folder:
        with_a_run(folder)
        broken = break_ledger(folder, garbage)
        folder.chmod(0o500)
        with pytest.raises(TemporaryError) as refused:
            open_ledger(folder)
        folder.chmod(0o700)
        left = (folder / FILE).read_bytes()

    assert str(refused.value) == f"{folder / FILE}: cannot be renamed (Permission denied)"
    assert left == broken


def test_two_ledgers_that_broke_at_one_time_by_a_clock_that_stands_are_both_kept(tmp_path: Path) -> None:
    counted = []
    for content in (b"first", b"second"):
        (tmp_path / FILE).write_bytes(content * 1000)
        ledger = open_ledger(tmp_path, lambda: 1234.5)
        counted.append(len(ledger.snapshot(1).recoveries_at))
        ledger.close()

    assert counted == [1, 2]
    kept = {path.read_bytes() for path in tmp_path.glob(f"{FILE}.corrupt-*")}
    assert kept == {b"first" * 1000, b"second" * 1000}


def test_a_ledger_that_breaks_while_open_is_reported_and_renamed_at_the_next_start(
    tmp_path: Path,
) -> None:
    with_a_run(tmp_path)
    ledger = open_ledger(tmp_path)
    break_ledger(tmp_path, garbage)
    with pytest.raises(TemporaryError, match=re.escape(str(tmp_path / FILE))):
        ledger.last()
    still_there = names(tmp_path)
    ledger.close()
    again = open_ledger(tmp_path, lambda: 1234.5)
    recovered = recover(again, tmp_path, POD, "default")
    again.close()

    assert still_there == {FILE, DETAILS}
    assert recovered
    assert f"{FILE}.corrupt-1234" in names(tmp_path)


def test_a_broken_ledger_beside_a_details_file_never_clears_an_open_run(tmp_path: Path) -> None:
    with_a_run(tmp_path)
    (tmp_path / "avalanchego" / "db").mkdir(parents=True)
    break_ledger(tmp_path, half)
    ledger = open_ledger(tmp_path)
    recover(ledger, tmp_path, POD, "default")
    proceeds = init_of(Machine(ledger), tmp_path).run(POD)
    found = last_of(ledger)
    ledger.close()

    assert proceeds
    assert (found.number, found.open, found.started_at) == (1, True, NOW.wall)
    assert (tmp_path / "avalanchego" / "db").is_dir()


def test_a_broken_ledger_without_a_details_file_leaves_unknown_data_to_a_person(tmp_path: Path) -> None:
    with_a_run(tmp_path)
    (tmp_path / "avalanchego" / "db").mkdir(parents=True)
    (tmp_path / DETAILS).unlink()
    break_ledger(tmp_path, half)
    ledger = open_ledger(tmp_path)
    recovered = recover(ledger, tmp_path, POD, "default")
    with pytest.raises(ConfigurationError, match="contains a node's data without a ledger"):
        init_of(Machine(ledger), tmp_path).run(POD)
    known = ledger.known()
    ledger.close()

    assert (recovered, known) == (False, False)
    assert (tmp_path / "avalanchego" / "db").is_dir()


def set_version(folder: Path, version: int, more: str = "") -> bytes:
    """Change the schema version of the ledger, and return its new content."""
    connection = sqlite3.connect(folder / FILE)
    connection.executescript(f"{more} PRAGMA user_version = {version};")
    connection.close()
    return (folder / FILE).read_bytes()


def test_a_ledger_that_is_one_schema_newer_is_read_and_written(tmp_path: Path) -> None:
    before = with_a_run(tmp_path)
    newer = "ALTER TABLE runs ADD COLUMN machine TEXT; CREATE TABLE machines (name TEXT);"
    set_version(tmp_path, VERSION + 1, newer)
    ledger = open_ledger(tmp_path)
    seen = last_of(ledger)
    ledger.record(NOW, "default", (BeginClearing(workload(build(NEW)), "clearing"),))
    ledger.record(NOW, "default", (BeginRun(workload(build(NEW))),))
    number = last_of(ledger).number
    with ledger.transaction() as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    ledger.close()

    assert (seen, number) == (before, 2)
    assert version == VERSION + 1, "it stays the newer monitor's"


@pytest.mark.parametrize(
    "opened", [pytest.param(open_ledger, id="to write"), pytest.param(open_read_only, id="to look")]
)
def test_a_ledger_of_a_newer_schema_is_left_to_the_monitor_that_wrote_it(
    tmp_path: Path, opened: Callable[[Path], Ledger]
) -> None:
    with_a_run(tmp_path)
    newer = set_version(tmp_path, VERSION + 2)
    with pytest.raises(MonitorError) as refused:
        opened(tmp_path)

    expected = (
        f"has schema {VERSION + 2}, but this monitor supports {VERSION}: use the newer monitor that wrote it"
    )
    assert str(refused.value) == f"{tmp_path / FILE} {expected}"
    assert type(refused.value) is MonitorError, "trying again does not help"
    assert names(tmp_path) == {FILE, DETAILS}
    assert (tmp_path / FILE).read_bytes() == newer


def test_a_ledger_can_be_read_while_its_monitor_records(tmp_path: Path) -> None:
    with_a_run(tmp_path)
    ledger, shown = open_ledger(tmp_path), open_read_only(tmp_path)
    ledger.record(NOW, "default", readings={"phase": {"phase": "idle"}})
    seen = shown.reading("phase")
    for each in (shown, ledger):
        each.close()

    assert seen == Reading({"phase": "idle", "since": NOW.wall}, NOW.wall)


@pytest.mark.parametrize("name", ["a folder", "disk #1", "50%25", "what?mode=rwc", "ä&b=c"])
def test_a_ledger_can_be_read_whatever_its_folder_is_called(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    before = with_a_run(folder)
    shown = open_read_only(folder)
    seen = shown.last()
    shown.close()

    assert seen == before


def test_a_ledger_that_may_not_be_written_can_be_read() -> None:
    with ordinary_user() as folder:
        before = with_a_run(folder)
        (folder / FILE).chmod(0o400)
        folder.chmod(0o500)
        shown = open_read_only(folder)
        seen = shown.last()
        shown.close()
        folder.chmod(0o700)

    assert seen == before


def test_reading_a_missing_ledger_creates_none(tmp_path: Path) -> None:
    with pytest.raises(MonitorError) as refused:
        open_read_only(tmp_path)

    assert (
        str(refused.value)
        == f"no ledger at {tmp_path / FILE}: set --data-dir to that of a tester that has run"
    )
    assert names(tmp_path) == set()


def test_reading_a_corrupt_ledger_renames_nothing(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(garbage(b""))
    with pytest.raises(TemporaryError) as refused:
        open_read_only(tmp_path)

    assert str(refused.value) == f"{tmp_path / FILE}: file is not a database (SQLITE_NOTADB)"
    assert names(tmp_path) == {FILE}


def go_reads(content: str) -> tuple[str, datetime]:
    """Return what the Go monitor reads: `json.Unmarshal` into a string `image` and an RFC 3339 `startTime`.

    Go ignores the case of names, and ignores unknown names.
    """
    found = json.loads(content)
    assert [name for name in found if name.lower() in {"image", "starttime"}] == ["image", "startTime"]
    assert isinstance(found["image"], str)
    rfc3339 = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"
    assert re.fullmatch(rfc3339, found["startTime"])
    return found["image"], datetime.fromisoformat(found["startTime"])


def go_writes(folder: Path, image: str, start: str) -> None:
    """Write the details file as the Go monitor does."""
    (folder / DETAILS).write_text(f'{{"image":"{image}","startTime":"{start}"}}')


def test_the_details_file_says_what_the_newest_run_is(tmp_path: Path) -> None:
    with_a_run(tmp_path)

    assert json.loads(text(tmp_path)) == {
        "image": f"{REPOSITORY}@{OLD}",
        "startTime": "1970-01-12T13:46:40Z",
        "network": "fuji",
        "syncMode": "full-sync",
        "run": 1,
        "outcome": None,
        "reason": None,
    }


def test_the_details_file_follows_the_run_to_its_end_and_on_to_the_next(tmp_path: Path) -> None:
    ledger, details = open_ledger(tmp_path), []
    ledger.record(NOW, "default", (BeginClearing(POD, "clearing"),))
    assert names(tmp_path) == {FILE}, "no run started yet"
    for decided in (
        lambda: BeginRun(POD),
        lambda: EndRun(last_of(ledger), Outcome.FAILED, Reason.STALLED, "", None, None, None),
        lambda: BeginClearing(workload(build(NEW)), "clearing"),
        lambda: BeginRun(workload(build(NEW))),
        lambda: BeginClearing(POD, "clearing"),
    ):
        ledger.record(NOW, "default", (decided(),))
        found = json.loads(text(tmp_path))
        details.append(
            (found["run"], found["image"].rpartition(":")[2][0], found["outcome"], found["reason"])
        )
    ledger.close()

    assert details == [
        (1, "a", None, None),
        (1, "a", "failed", "stalled"),
        (1, "a", "failed", "stalled"),
        (2, "b", None, None),
        (2, "b", "superseded", None),
    ]


def test_a_details_file_that_was_lost_is_written_by_the_next_start(tmp_path: Path) -> None:
    with_a_run(tmp_path)
    before = text(tmp_path)
    (tmp_path / DETAILS).unlink()
    open_ledger(tmp_path).close()

    assert text(tmp_path) == before


def test_a_details_file_that_is_current_is_not_written_again(tmp_path: Path) -> None:
    with_a_run(tmp_path)
    before = (tmp_path / DETAILS).stat()
    ledger = open_ledger(tmp_path)
    ledger.record(NOW, "default", readings={"phase": {"phase": "idle"}})
    ledger.close()
    after = (tmp_path / DETAILS).stat()

    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize(
    ("start", "started_at"),
    [
        pytest.param("2024-11-05T13:27:42Z", 1730813262.0, id="whole seconds"),
        pytest.param("2024-11-05T13:27:42.5Z", 1730813262.5, id="one digit"),
        pytest.param("2024-11-05T13:27:42.123456Z", 1730813262.123456, id="six digits"),
        pytest.param("2024-11-05T13:27:42.1234567Z", 1730813262.123456, id="seven digits"),
        pytest.param("2024-11-05T13:27:42.123456789Z", 1730813262.123456, id="nine digits"),
        pytest.param("2024-11-05T15:27:42.123456789+02:00", 1730813262.123456, id="nine digits and a zone"),
        pytest.param("2024-11-05T07:57:42-05:30", 1730813262.0, id="a zone west"),
    ],
)
def test_the_file_of_the_go_monitor_recovers_its_run_and_is_readable_by_it_afterwards(
    tmp_path: Path, start: str, started_at: float
) -> None:
    go_writes(tmp_path, f"{REPOSITORY}@{OLD}", start)
    ledger = open_ledger(tmp_path)
    recovered = recover(ledger, tmp_path, POD, "default")
    found = last_of(ledger)
    ledger.record(NOW, "default", (ResumeRun(found, POD),))
    ledger.close()
    image, start_time = go_reads(text(tmp_path))

    assert recovered
    assert found == run(
        started_at=started_at, settings_digest="", message="recovered from the details file", recovered=True
    )
    assert (image, start_time) == (f"{REPOSITORY}@{OLD}", datetime.fromtimestamp(started_at, UTC))
    assert json.loads(text(tmp_path))["syncMode"] == "full-sync"


def test_a_tester_comes_from_the_go_monitor_goes_back_and_comes_again(tmp_path: Path) -> None:
    go_writes(tmp_path, f"{REPOSITORY}@{OLD}", "2024-11-05T13:27:42.123456789Z")
    (tmp_path / "avalanchego" / "db").mkdir(parents=True)
    starts = []
    for _ in range(2):
        ledger = open_ledger(tmp_path)
        recover(ledger, tmp_path, POD, "default")
        assert init_of(Machine(ledger), tmp_path).run(POD)
        starts.append([(each.number, each.open, each.started_at) for each in ledger.runs(10)])
        ledger.close()
        image, start_time = go_reads(text(tmp_path))
        go_writes(tmp_path, image, start_time.isoformat())
        (tmp_path / FILE).unlink()

    assert starts == [[(1, True, 1730813262.123456)]] * 2
    assert (tmp_path / "avalanchego" / "db").is_dir()


RUN_DETAILS = {
    "image": f"{REPOSITORY}@{OLD}",
    "startTime": "2024-11-05T13:27:42Z",
    "network": "mainnet",
    "syncMode": "only-p-chain-full-sync",
    "run": 7,
    "outcome": "failed",
    "reason": "stalled",
}


def recovered_of(folder: Path, details: dict[str, Any], of: Build | None = None) -> Run:
    """Return the run that is recovered from a details file on a new volume."""
    (folder / DETAILS).write_text(json.dumps(details))
    ledger = open_ledger(folder)
    assert recover(ledger, folder, workload(of or build()), "big-disk")
    found = last_of(ledger)
    ledger.close()
    return found


def test_a_run_is_recovered_with_all_that_the_file_says(tmp_path: Path) -> None:
    found = recovered_of(tmp_path, RUN_DETAILS)

    assert (found.number, found.outcome, found.reason) == (7, Outcome.FAILED, Reason.STALLED)
    assert (found.network, found.sync_mode) == ("mainnet", SyncMode.ONLY_P_CHAIN_FULL_SYNC)
    assert (found.testbed, found.recovered, found.started_at) == ("big-disk", True, 1730813262.0)


def test_a_recovered_run_is_measured_by_nothing_and_takes_no_time(tmp_path: Path) -> None:
    found = recovered_of(tmp_path, RUN_DETAILS)

    assert (found.duration_seconds, found.wall_seconds, found.disk_usage_bytes) == (None, None, None)
    assert found.tracking.active_seconds == found.tracking.observed_seconds == 0.0


@pytest.mark.parametrize(
    ("image", "pod_of", "expected"),
    [
        pytest.param(f"{REPOSITORY}@{OLD}", build(), build(), id="the pod's build, with its versions"),
        pytest.param(f"{REPOSITORY}:latest@{OLD}", build(), build(), id="with a tag besides"),
        pytest.param(
            f"{REPOSITORY}@{OLD}",
            Build(f"{REPOSITORY}@{NEW}", frozenset({NEW, OLD})),
            Build(f"{REPOSITORY}@{NEW}", frozenset({NEW, OLD})),
            id="the pod's build by another of its digests",
        ),
        pytest.param(
            f"{REPOSITORY}@{OLD}",
            build(NEW),
            Build(f"{REPOSITORY}@{OLD}", frozenset({OLD})),
            id="another build than the pod's",
        ),
    ],
)
def test_a_run_is_recovered_of_its_own_build(
    tmp_path: Path, image: str, pod_of: Build, expected: Build
) -> None:
    assert recovered_of(tmp_path, {**RUN_DETAILS, "image": image}, pod_of).build == expected


def test_the_next_run_is_numbered_on_from_the_recovered_one(tmp_path: Path) -> None:
    recovered_of(tmp_path, RUN_DETAILS)
    ledger = open_ledger(tmp_path)
    ledger.record(NOW, "default", (BeginClearing(POD, "clearing"),))
    ledger.record(NOW, "default", (BeginRun(POD),))
    number = last_of(ledger).number
    ledger.close()

    assert number == 8


def without(name: str) -> str:
    return json.dumps({key: value for key, value in RUN_DETAILS.items() if key != name})


def saying(**changes: object) -> str:
    return json.dumps({**RUN_DETAILS, **changes})


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="empty"),
        pytest.param("{", id="truncated"),
        pytest.param("null", id="null"),
        pytest.param("[]", id="a list"),
        pytest.param('"image"', id="a word"),
        pytest.param("5", id="a number"),
        pytest.param(without("image"), id="no image"),
        pytest.param(without("startTime"), id="no start"),
        pytest.param(saying(image=f"{REPOSITORY}:latest"), id="an image that names no build"),
        pytest.param(saying(image="no image!"), id="no image reference"),
        pytest.param(saying(image=None), id="image null"),
        pytest.param(saying(startTime="yesterday"), id="no time"),
        pytest.param(saying(startTime=1730813262), id="a time as a number"),
        pytest.param(saying(startTime=None), id="start null"),
        pytest.param(saying(startTime="9999-12-31T23:59:59-12:00"), id="a time beyond the year 9999"),
        pytest.param(saying(startTime="0001-01-01T00:00:00+12:00"), id="a time before the year 1"),
        pytest.param(saying(startTime="0001-01-01"), id="a time of no zone before the year 1"),
        pytest.param(saying(startTime="1969-12-31T23:59:59Z"), id="a time before 1970"),
        pytest.param(saying(network="\ud800"), id="a network that is half of a pair"),
        pytest.param(saying(image="\udfff"), id="an image that is half of a pair"),
        pytest.param(saying(network=5), id="a network that is a number"),
        pytest.param(saying(network=["fuji"]), id="a network that is a list"),
        pytest.param(saying(syncMode="warp"), id="an unknown sync mode"),
        pytest.param(saying(outcome="won"), id="an unknown outcome"),
        pytest.param(saying(reason="tired"), id="an unknown reason"),
        pytest.param(saying(run="first"), id="a run that is a word"),
        pytest.param(saying(run=-1), id="a negative run"),
        pytest.param(saying(run=2**70), id="a run beyond all numbers"),
        pytest.param(saying(run=float("inf")), id="an infinite run"),
    ],
)
def test_a_file_that_is_not_understood_recovers_nothing_and_stays(tmp_path: Path, content: str) -> None:
    (tmp_path / DETAILS).write_text(content)
    ledger = open_ledger(tmp_path)
    recovered, known = recover(ledger, tmp_path, POD, "default"), ledger.known()
    ledger.close()

    assert (recovered, known) == (False, False)
    assert text(tmp_path) == content


def test_a_file_of_other_bytes_recovers_nothing(tmp_path: Path) -> None:
    (tmp_path / DETAILS).write_bytes(b"\xff\xfe\x00")

    assert read_details(tmp_path / DETAILS) is None


def test_a_file_that_cannot_be_read_is_not_taken_for_none(tmp_path: Path) -> None:
    (tmp_path / DETAILS).mkdir()
    ledger = open_ledger(tmp_path)
    with pytest.raises(TemporaryError) as refused:
        recover(ledger, tmp_path, POD, "default")
    ledger.close()

    assert str(refused.value) == f"{tmp_path / DETAILS}: cannot be read (Is a directory)"


def test_a_ledger_that_knows_a_run_recovers_none(tmp_path: Path) -> None:
    before = with_a_run(tmp_path)
    ledger = open_ledger(tmp_path)
    (tmp_path / DETAILS).write_text(json.dumps(RUN_DETAILS))
    recovered, after = recover(ledger, tmp_path, POD, "default"), ledger.runs(10)
    ledger.close()

    assert (recovered, after) == (False, (before,))


def test_a_ledger_that_knows_a_clearing_recovers_none_as_the_data_is_half_gone(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.record(NOW, "default", (BeginClearing(POD, "clearing"),))
    (tmp_path / DETAILS).write_text(json.dumps(RUN_DETAILS))
    recovered, last = recover(ledger, tmp_path, POD, "default"), ledger.last()
    ledger.close()

    assert (recovered, last) == (False, None)


def test_a_run_that_has_not_started_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    write_details(tmp_path / DETAILS, run())
    before = text(tmp_path)
    write_details(tmp_path / DETAILS, run(build(NEW), number=2, started_at=None))

    assert text(tmp_path) == before


@given(
    st.builds(
        run,
        of=st.sampled_from([build(), build(NEW)]),
        number=st.integers(1, 10**6),
        network=st.text(),
        sync_mode=st.sampled_from(SyncMode),
        # Microseconds from 1970 to the year 2242.
        started_at=st.integers(0, 2**33 * 10**6).map(lambda microseconds: microseconds / 10**6),
        outcome=st.none() | st.sampled_from(Outcome),
        reason=st.none() | st.sampled_from(Reason),
    )
)
def test_whatever_is_written_is_read_back_and_readable_by_the_go_monitor(written: Run) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_details(Path(folder) / DETAILS, written)
        found = read_details(Path(folder) / DETAILS)
        image, _ = go_reads(text(Path(folder)))

    assert written.started_at is not None
    assert found is not None
    assert found == Details(
        written.build.image,
        found.started_at,
        written.network,
        written.sync_mode,
        written.number,
        written.outcome,
        written.reason,
    )
    assert abs(found.started_at - written.started_at) < 1e-5
    assert image == written.build.image


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=5,
)


CONTENTS = JSON | st.fixed_dictionaries({name: st.just(value) | JSON for name, value in RUN_DETAILS.items()})


@given(CONTENTS)
def test_no_content_of_the_file_is_an_error(content: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / DETAILS).write_text(json.dumps(content))
        ledger = open_ledger(Path(folder))
        recovered = recover(ledger, Path(folder), POD, "default")
        last = ledger.last()
        ledger.close()

    assert recovered is (last is not None)
