"""Tests of `history`: CSV for Apache Otava, and exported files that preserve a history without its volume."""

from __future__ import annotations

import csv
import errno
import io
import os
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from support.builders import NEW, NOW, OLD, altered, build, workload

from monitor.commands.show import run_history
from monitor.decide.decisions import BeginClearing, BeginRun, EndRun
from monitor.domain.build import Versions
from monitor.domain.run import Outcome, Reason, RequestKind
from monitor.domain.tracking import Count
from monitor.domain.workload import SyncMode
from monitor.errors import ConfigurationError, MonitorError
from monitor.flags import parse
from monitor.ledger import open_ledger, open_read_only
from monitor.ledger.export import read_history
from monitor.settings import HistorySettings

TOO_NEW = "^the history has runs that did not start before those of this ledger: import it into an empty "


COUNTS = {("P", "blocks_accepted"): Count(0, 2000, 2000), ("C", "leaves_synced"): Count(0, 4000, 4000)}


@pytest.fixture(autouse=True)
def _no_settings_from_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("BOOTSTRAP_MONITOR_")]:
        monkeypatch.delenv(name)


def history(folder: Path, *flags: str) -> int:
    """Run `history` with the flags, and return its exit code."""
    return run_history(parse(HistorySettings, "history", [f"--data-dir={folder}", *flags], os.environ))


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """Return the folder of a tester with four runs.

    They are a success, a failure, a run with a long downtime, and a run of another sync mode.
    """
    folder = tmp_path / "filled"
    folder.mkdir()
    escapes = replace(build(NEW), versions=Versions("v\x1b[31m", "", 0, "d" * 40, ""))
    kinds = [
        (build(OLD), SyncMode.FULL_SYNC, None, 1000.0, 1001.0),
        (build(NEW), SyncMode.FULL_SYNC, Reason.CRASHED, 1000.0, 1001.0),
        (build(OLD), SyncMode.FULL_SYNC, None, 500.0, 1001.0),
        (escapes, SyncMode.C_CHAIN_STATE_SYNC, None, 800.5, 801.0),
    ]
    with closing(open_ledger(folder)) as ledger:
        for hour, (of, mode, reason, seconds, wall) in enumerate(kinds):
            at = replace(NOW, wall=NOW.wall + 3600 * hour)
            node = replace(workload(of), sync_mode=mode)
            ledger.record(at, "desk", [BeginClearing(node, ""), BeginRun(node)])
            run = ledger.last()
            assert run is not None
            ledger.record(at, "desk", tracking=run, counts=COUNTS)
            outcome = Outcome.FAILED if reason else Outcome.SUCCEEDED
            ledger.record(at, "desk", [EndRun(run, outcome, reason, "", seconds, wall, 2**30)])
    return folder


def test_csv_has_the_runs_that_are_compared_oldest_first(
    filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Numbers are unquoted, missing values are empty, and the node's output adds no escape sequences."""
    assert history(filled, "--csv") == 0

    out = capsys.readouterr().out
    assert "\x1b" not in out
    first, second = csv.DictReader(io.StringIO(out))
    assert first == {
        "time": "1970-01-12 13:46:40 +0000",
        "branch": "fuji/full-sync/desk",
        "run": "1",
        "version": "avalanchego/1.14.2",
        "commit": "c" * 40,
        "image": build(OLD).image,
        "duration_seconds": "1000.0",
        "disk_usage_bytes": str(2**30),
        "block_time_seconds": "0.5",
        "leaf_time_seconds": "",
    }
    assert (second["run"], second["branch"]) == ("4", "fuji/c-chain-state-sync/desk")
    assert (second["duration_seconds"], second["block_time_seconds"]) == ("800.5", "")
    assert float(second["leaf_time_seconds"]) == 800.5 / 4000


def test_csv_keeps_runs_apart_that_skipped_the_state_sync(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Runs that skipped the state sync are compared only with each other."""
    with closing(open_ledger(tmp_path)) as ledger:
        pod = workload(build(), sync_mode=SyncMode.C_CHAIN_STATE_SYNC)
        for synced in (True, False, None):
            ledger.record(NOW, "desk", [BeginClearing(pod, "")])
            ledger.record(NOW, "desk", [BeginRun(pod)])
            last = ledger.last()
            assert last is not None
            tracking = replace(last, tracking=replace(last.tracking, state_synced=synced))
            ended = EndRun(tracking, Outcome.SUCCEEDED, None, "", 1000.0, 1000.0, 1)
            ledger.record(NOW, "desk", tracking=tracking)
            ledger.record(NOW, "desk", [ended])

    assert history(tmp_path, "--csv") == 0
    branches = [row["branch"] for row in csv.DictReader(io.StringIO(capsys.readouterr().out))]
    assert branches == [
        "fuji/c-chain-state-sync/desk",
        "fuji/c-chain-state-sync-skipped/desk",
        "fuji/c-chain-state-sync/desk",
    ]


def test_a_file_takes_the_history_to_another_folder(
    filled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, new = tmp_path / "history.sqlite3", tmp_path / "new"
    new.mkdir()
    codes = (
        history(filled, f"--export={file}"),
        history(new, f"--import={file}"),
        history(new, f"--import={file}"),
    )

    assert codes == (0, 0, 0)
    with closing(open_read_only(filled)) as old, closing(open_read_only(new)) as other:
        assert other.runs(-1) == old.runs(-1)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "exported 4 ended runs; history --import reads the file",
        "imported 4 runs; 0 already in the ledger",
        "imported 0 runs; 4 already in the ledger",
    ]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("history")] == [
        "history.sqlite3"
    ]


def count_in(content: bytes) -> int:
    """Return the number of runs in an exported file."""
    with closing(read_history(content, "file")) as found:
        return len(found.runs(-1))


@pytest.mark.parametrize("kind", ["text", "a link to text", "a ledger", "another database", "nothing"])
def test_only_an_export_is_replaced(filled: Path, tmp_path: Path, kind: str) -> None:
    """An export replaces only an earlier export.

    A ledger holds more than an export, and a monitor may be writing to it.
    """
    file = tmp_path / "history"
    match kind:
        case "a ledger":
            with closing(open_ledger(tmp_path)) as ledger:
                ledger.keep_reading("notice", {"message": ""}, NOW.wall)
                file.write_bytes(ledger.copy().serialize())
        case "another database":
            with closing(sqlite3.connect(file)) as other:
                other.execute("CREATE TABLE mine (name)")
        case "nothing":
            file.touch()
        case _:
            file.write_text("mine")
    content = file.read_bytes()
    given = tmp_path / "link" if kind == "a link to text" else file
    if given is not file:
        given.symlink_to("history")

    with pytest.raises(
        ConfigurationError, match=rf"/{given.name} exists and is not an export: use another file name"
    ):
        history(filled, f"--export={given}")
    assert file.read_bytes() == content


@pytest.mark.parametrize("kind", ["a file", "a link to one"])
def test_an_earlier_export_is_replaced(filled: Path, tmp_path: Path, kind: str) -> None:
    """An export replaces an earlier one of this name, for example in a nightly job.

    Links and permissions are kept, and a process that reads the old file is not interrupted.
    """
    folder, new = tmp_path / "exports", tmp_path / "new"
    folder.mkdir()
    new.mkdir()
    file, link = folder / "history", tmp_path / "link"
    with closing(open_ledger(new)) as ledger:
        ledger.ask(RequestKind.MARK_BASELINE, "1", NOW.wall)
    assert history(new, f"--export={file}") == 0
    file.chmod(0o640)
    link.symlink_to(file)
    with file.open("rb") as reader:
        assert history(filled, f"--export={link if kind == 'a link to one' else file}") == 0
        old = reader.read()

    assert (count_in(old), count_in(file.read_bytes())) == (0, 4)
    assert (link.is_symlink(), file.stat().st_mode & 0o777) == (True, 0o640)
    assert list(folder.iterdir()) == [file]


def test_a_link_to_nothing_yet_makes_its_target(filled: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("later")

    assert history(filled, f"--export={link}") == 0
    assert (link.is_symlink(), count_in((tmp_path / "later").read_bytes())) == (True, 4)


def test_a_pipe_is_written_to_and_stays_a_pipe(filled: Path, tmp_path: Path) -> None:
    """An export to a pipe does not replace the pipe.

    This is needed for `/dev/stdout`, which is a link to a pipe or a device.
    """
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        assert history(filled, f"--export={pipe}") == 0
        content, _ = reader.communicate()
    assert (pipe.is_fifo(), count_in(content)) == (True, 4)


def test_what_cannot_be_written_to_stays_what_it_is(filled: Path, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        with pytest.raises(MonitorError, match=r"/socket cannot be written \(No such device or address\)"):
            history(filled, f"--export={path}")
        assert path.is_socket()


@pytest.mark.parametrize("before", ["no file", "an earlier export"])
def test_a_file_that_cannot_be_written_to_its_end_is_as_it_was(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    """A failed export leaves an earlier file unchanged, even if the failure occurs at the very end."""
    file = tmp_path / "out" / "history"
    file.parent.mkdir()
    if before == "an earlier export":
        assert history(filled, f"--export={file}") == 0

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(MonitorError, match=r"/out/history cannot be written \(No space left on device\)"):
        history(filled, f"--export={file}")
    left = {path.name: count_in(path.read_bytes()) for path in file.parent.iterdir()}
    assert left == ({"history": 4} if before == "an earlier export" else {})


class Terminal(io.TextIOWrapper):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        """Return true, because this stream is a terminal."""
        return True


def test_no_terminal_gets_it(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", Terminal(written))

    with pytest.raises(ConfigurationError, match=r"^--export=- writes a SQLite file, not text: redirect "):
        history(filled, "--export=-")
    assert written.getvalue() == b""


@pytest.fixture
def exported(filled: Path, tmp_path: Path) -> Path:
    """Export the tester's history, and return the file."""
    file = tmp_path / "history.sqlite3"
    assert history(filled, f"--export={file}") == 0
    return file


def test_it_may_go_through_pipes(filled: Path, tmp_path: Path) -> None:
    """Export and import work through pipes, as with `kubectl exec`."""
    monitor = [sys.executable, "-m", "monitor", "history"]
    done = subprocess.run([*monitor, f"--data-dir={filled}", "--export=-"], capture_output=True, check=True)
    subprocess.run([*monitor, f"--data-dir={tmp_path}", "--import=-"], input=done.stdout, check=True)

    with closing(open_read_only(tmp_path)) as ledger:
        assert (count_in(done.stdout), len(ledger.runs(-1))) == (4, 4)


def test_data_that_nobody_knows_is_not_taken_for_that_of_an_imported_run(
    exported: Path, tmp_path: Path
) -> None:
    """Import refuses a folder with node data of an unknown run.

    Otherwise the data would be attributed to an imported run, and the next run would delete it.
    """
    new = tmp_path / "new"
    (new / "avalanchego" / "db").mkdir(parents=True)

    with pytest.raises(
        ConfigurationError, match=r"/new/avalanchego has a node's data that no ledger describes: "
    ):
        history(new, f"--import={exported}")
    with closing(open_read_only(new)) as ledger:
        assert ledger.runs(-1) == ()


def test_an_open_run_keeps_its_place_beside_its_data(exported: Path, tmp_path: Path) -> None:
    """An open run stays the last run after an import.

    Otherwise the next start would delete days of progress.
    """
    new = tmp_path / "new"
    exported.write_bytes(altered(exported.read_bytes(), "UPDATE runs SET number = number + 10"))
    (new / "avalanchego" / "db").mkdir(parents=True)
    long_ago = replace(NOW, wall=NOW.wall - 86400)
    with closing(open_ledger(new)) as ledger:
        ledger.record(long_ago, "desk", [BeginClearing(workload(build()), ""), BeginRun(workload(build()))])
        last = ledger.last()

    with pytest.raises(ConfigurationError, match=TOO_NEW):
        history(new, f"--import={exported}")
    with closing(open_read_only(new)) as ledger:
        assert ledger.runs(-1) == (last,)


def test_data_of_a_run_that_ended_keeps_its_run(exported: Path, filled: Path) -> None:
    later = "UPDATE runs SET number = number + 10, started_at = started_at + 1000000"
    exported.write_bytes(altered(exported.read_bytes(), later))
    (filled / "avalanchego" / "db").mkdir(parents=True)

    with pytest.raises(ConfigurationError, match=TOO_NEW):
        history(filled, f"--import={exported}")


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        (["--json", "--csv"], "--json and --csv cannot be combined: use one of them"),
        (["--export=a", "--import=b"], "--export and --import cannot be combined: use one of them"),
        (["--run=1", "--csv"], "--run and --csv cannot be combined: use one of them"),
    ],
    ids=["two forms", "out and in", "one run"],
)
def test_one_thing_at_a_time(filled: Path, flags: list[str], error: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        history(filled, *flags)
    assert str(caught.value) == error


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        (
            ["--import=none.sqlite3"],
            "none.sqlite3 cannot be read (No such file or directory): use another file",
        ),
        (
            ["--import=/dev/null"],
            "/dev/null cannot be imported (file is not a database): set --import to a file that history --export wrote",
        ),
        (
            ["--export=/none/here"],
            "/none/here cannot be written (No such file or directory): use another file",
        ),
        (["--export=."], ". exists and is not an export: use another file name"),
        (["--export=/"], "/ exists and is not an export: use another file name"),
    ],
    ids=["no file", "an empty one", "no folder", "this folder", "the root"],
)
def test_a_file_that_will_not_do_is_one_line(filled: Path, flags: list[str], error: str) -> None:
    with pytest.raises(MonitorError) as caught:
        history(filled, *flags)
    assert str(caught.value) == error


@pytest.mark.parametrize("content", [b"{}\n", b"\xff\xfe\x00"], ids=["text", "bytes"])
def test_an_invalid_history_creates_no_ledger(tmp_path: Path, content: bytes) -> None:
    file, new = tmp_path / "history.sqlite3", tmp_path / "new"
    file.write_bytes(content)
    new.mkdir()

    with pytest.raises(
        ConfigurationError, match=r"/history.sqlite3 cannot be imported \(file is not a database\)"
    ):
        history(new, f"--import={file}")
    assert list(new.iterdir()) == []


@pytest.mark.parametrize("run", ["--run=-1", "--run=0"])
def test_a_run_of_any_number_may_be_asked_for(filled: Path, run: str) -> None:
    """`history --run` accepts any run number.

    Imported runs that are older than the existing ones have negative numbers.
    """
    with pytest.raises(MonitorError, match=r"run (-1|0) not found: history lists the existing runs"):
        history(filled, run)
