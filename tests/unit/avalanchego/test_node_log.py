"""Tests of the node log parser, with a real node's lines and with unusual files."""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.ordinary_user import ordinary_user
from support.parsed_logs import chain_log_of, node_log_of

from monitor.avalanchego.node_log import TAIL_BYTES, NodeLogs
from monitor.domain.observations import ChainActivity, ChainLog, NodeLog

REAL = (Path(__file__).parents[2] / "data" / "chain-logs.txt").read_text()
AT = 1_000_000.0
FETCHING, COMPACTING, EXECUTING = (
    ChainActivity.FETCHING,
    ChainActivity.COMPACTING,
    ChainActivity.EXECUTING,
)
SYNCING, WAITING, DONE = ChainActivity.SYNCING_STATE, ChainActivity.WAITING, ChainActivity.DONE
FATAL = (
    "[11-23|23:18:38.001] FATAL <C Chain> handler/handler.go:380 shutting down chain "
    '{"reason": "received an unexpected error", "error": "failed to verify block"}'
)


def real(chain: str, lines: int | None = None) -> str:
    """Return the first recorded lines of one chain."""
    found = [line for line in REAL.splitlines(keepends=True) if f"<{chain} Chain>" in line]
    return "".join(found[:lines])


def line(message: str, level: str = "INFO", chain: str = "<C Chain> ") -> str:
    """Return a log line in the node's format."""
    return f"[11-23|23:18:37.401] {level} {chain}bootstrap/storage.go:195 {message}\n"


def bare(log: ChainLog | None) -> ChainLog | None:
    """Return the chain's activity without log lines and timestamps."""
    return log and replace(log, progress="", summary="", written_at=0.0)


def state_after(text: str) -> ChainLog | None:
    """Return the activity of the C-Chain at the end of the text."""
    return bare(chain_log_of(text, AT))


def read(folder: Path, logs: NodeLogs | None = None) -> dict[str, ChainLog | None]:
    """Return each chain's activity, read from the chain's log file."""
    return {name: bare(log) for name, log in (logs or NodeLogs(folder)).read().chains.items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", None, id="nothing yet"),
        pytest.param(real("P", 1), None, id="P begins: no word yet of what it does"),
        pytest.param(real("P", 2), ChainLog(FETCHING), id="P fetches"),
        pytest.param(real("P", 3), ChainLog(EXECUTING), id="P executes"),
        pytest.param(real("P", 4), ChainLog(WAITING, 1.0), id="P has executed all: it waits"),
        pytest.param(real("P", 5), ChainLog(WAITING, 1.0), id="P waits for the others"),
        pytest.param(real("P"), ChainLog(DONE, 1.0), id="P is done"),
        pytest.param(real("X", 4), ChainLog(EXECUTING), id="X executes its DAG"),
        pytest.param(real("X"), ChainLog(DONE, 1.0), id="X is done"),
        pytest.param(real("C", 3), ChainLog(EXECUTING), id="C executes"),
        pytest.param(real("C"), ChainLog(DONE, 1.0), id="C is done"),
    ],
)
def test_the_lines_of_a_real_node(text: str, expected: ChainLog | None) -> None:
    assert state_after(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            line(
                "fetching blocks "
                '{"numFetchedBlocks": 1500, "numTotalBlocks": 6000, "eta": "1h30m0s", "pctComplete": 25}'
            ),
            ChainLog(FETCHING, 0.25, AT + 5400),
            id="fetching: blocks, share and end",
        ),
        pytest.param(
            line('starting to fetch blocks {"numKnownBlocks": 1500, "numMissingBlocks": 1}'),
            ChainLog(FETCHING),
            id="known blocks are checkpoints of the genesis: no share",
        ),
        pytest.param(
            line('fetching blocks {"numFetchedBlocks": 9}')
            + line(
                'executing blocks {"numExecuted": 3, "numToExecute": 9, "eta": "90s", "pctComplete": 33.5}'
            ),
            ChainLog(EXECUTING, 0.335, AT + 90),
            id="fetching, then executing",
        ),
        pytest.param(
            line('executing blocks {"eta": "90s", "pctComplete": 99}')
            + line("compacting database after executing blocks..."),
            ChainLog(COMPACTING),
            id="compacting has neither share nor end",
        ),
        pytest.param(
            line("compacting database before executing blocks..."), ChainLog(COMPACTING), id="before, too"
        ),
        pytest.param(line("executing vertices"), ChainLog(EXECUTING), id="vertices"),
        pytest.param(line("starting state sync"), ChainLog(SYNCING), id="state sync is wanted"),
        pytest.param(line('state sync started {"summary": "x"}'), ChainLog(SYNCING), id="state sync began"),
        pytest.param(
            line("state sync: syncing storage tries triesRemaining=512"), ChainLog(SYNCING), id="state sync"
        ),
        pytest.param(
            line("state sync: syncing account trie ETA=4h") + line('fetching blocks {"numFetchedBlocks": 7}'),
            ChainLog(FETCHING),
            id="after state sync the last blocks are fetched",
        ),
        pytest.param(
            line("fetching blocks", level="DEBUG", chain=""), ChainLog(FETCHING), id="another level, no chain"
        ),
        pytest.param(
            line("executing blocks") + line("compaction of something else"), ChainLog(EXECUTING), id="others"
        ),
        pytest.param(line("executing blocks of another kind"), None, id="only a whole message counts"),
        pytest.param(
            line("executing blocks") + "executing blocks\n  at bootstrap.go:1\n\n",
            ChainLog(EXECUTING),
            id="lines of no log",
        ),
        pytest.param(
            line("starting consensus")
            + line('executing blocks {"eta": "90s", "pctComplete": 50').rstrip("\n"),
            ChainLog(DONE, 1.0),
            id="a line that is being written",
        ),
        pytest.param(line("executing blocks {}   "), ChainLog(EXECUTING), id="no fields, and blanks"),
        pytest.param(line("executing blocks [1]"), None, id="no object"),
    ],
)
def test_what_a_chain_does(text: str, expected: ChainLog | None) -> None:
    assert state_after(text) == expected


@pytest.mark.parametrize(
    ("percent", "ratio"),
    [
        pytest.param("0", 0.0, id="0"),
        pytest.param("100", 1.0, id="100"),
        pytest.param("250", 1.0, id="too much"),
        pytest.param("-1", 0.0, id="too little"),
        pytest.param("1e400", 1.0, id="beyond a number"),
        pytest.param("1" + "0" * 400, 1.0, id="400 digits"),
        pytest.param('"50"', None, id="text"),
        pytest.param("null", None, id="nothing"),
        pytest.param("[50]", None, id="a list"),
    ],
)
def test_a_share_is_between_none_and_all(percent: str, ratio: float | None) -> None:
    assert state_after(line(f'executing blocks {{"pctComplete": {percent}}}')) == ChainLog(
        EXECUTING, ratio=ratio
    )


@pytest.mark.parametrize(
    ("eta", "end_at"),
    [
        pytest.param('"1h2m3.5s"', AT + 3723.5, id="hours"),
        pytest.param('"16.935µs"', AT + 0.000017, id="next to nothing"),
        pytest.param('"0s"', AT, id="now"),
        pytest.param('"soon"', None, id="no duration"),
        pytest.param('""', None, id="empty"),
        pytest.param(f'"{"9" * 400}h"', None, id="beyond a number"),
        pytest.param("5", None, id="a number"),
        pytest.param("null", None, id="nothing"),
    ],
)
def test_an_end_is_counted_from_when_it_was_written(eta: str, end_at: float | None) -> None:
    found = chain_log_of(line(f'executing blocks {{"eta": {eta}}}'), AT)

    assert found is not None
    assert found.end_at == (None if end_at is None else pytest.approx(end_at, abs=1e-5))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(REAL, "", id="a real node that ran well"),
        pytest.param(
            FATAL + "\n",
            'shutting down chain {"reason": "received an unexpected error", "error": "failed to verify block"}',
            id="with its fields, without its time",
        ),
        pytest.param(FATAL + "\n" + real("C"), node_log_of(FATAL).fatal, id="lines follow"),
        pytest.param(line("first", "FATAL") + line("second", "FATAL"), "second", id="the last of several"),
        pytest.param(line("no chain", "FATAL", chain=""), "no chain", id="of the node itself"),
        pytest.param(line("a FATAL error", "ERROR"), "", id="the word in a message"),
        pytest.param("FATAL\n[] FATAL a:1 b\n", "", id="no log lines"),
    ],
)
def test_the_fatal_line(text: str, expected: str) -> None:
    assert node_log_of(text).fatal == expected


@given(st.text(max_size=300), st.text(max_size=300))
@example('{"numFetchedBlocks": ' * 2000, "")
def test_whatever_follows_raises_nothing(state_after: str, fields: str) -> None:
    for text in (
        state_after,
        line(state_after),
        line(f"executing blocks {state_after}"),
        line(f"fetching blocks {{{fields}}}"),
    ):
        node_log_of(text)
        found = chain_log_of(text, AT)
        assert found is None or found.ratio is None or 0.0 <= found.ratio <= 1.0


@pytest.mark.parametrize(
    "state_after",
    [
        pytest.param(" " * TAIL_BYTES + "x", id="blanks"),
        pytest.param(" {}" * (TAIL_BYTES // 3) + "x", id="braces"),
        pytest.param(":1" * (TAIL_BYTES // 2), id="places in the source"),
        pytest.param("a" * TAIL_BYTES, id="one word"),
        pytest.param('{"a":' * (TAIL_BYTES // 5), id="deep JSON"),
    ],
)
def test_a_huge_line_takes_little_time(state_after: str) -> None:
    began = time.process_time()
    for text in (
        state_after,
        line(state_after),
        line(f"executing blocks{state_after}"),
        line("executing blocks {" + state_after + "}"),
    ):
        chain_log_of(text, AT)
        node_log_of(text)

    assert time.process_time() - began < 1.0


# ---- Recorded from real nodes ----------------------------------------------------------------------------

NODES = Path(__file__).parents[2] / "data" / "nodes"


def stages(name: str) -> list[str]:
    """Return the sequence of stages in a chain's log."""
    lines = (NODES / name).read_text().splitlines(keepends=True)
    found = [chain_log_of("".join(lines[: end + 1]), AT) for end in range(len(lines))]
    return [activity for activity, _ in groupby(log.activity for log in found if log is not None)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param(
            "C-state-sync-1.14.2.log",
            ["syncing_state", "fetching", "executing", "waiting", "done"],
            id="a state sync",
        ),
        pytest.param(
            "C-state-sync-killed-and-resumed-1.15.0-fuji.log",
            ["syncing_state", "fetching", "executing", "waiting", "done"],
            id="a state sync that was killed and resumed",
        ),
        pytest.param("C-state-sync-minute-line-1.14.2.log", ["syncing_state"], id="a line each minute"),
        pytest.param(
            "C-helicon-transition-1.15.0-fuji.log",
            [
                "fetching",
                "executing",
                "transitioning",
                "executing",
                "waiting",
                "done",
                "transitioning",
                "fetching",
                "executing",
                "waiting",
                "done",
            ],
            id="a transition, and a restart after it",
        ),
        pytest.param(
            "P-waits-during-state-sync-1.14.2.log",
            ["fetching", "executing", "waiting", "done"],
            id="P waits for C and writes nothing",
        ),
    ],
)
def test_the_stages_of_a_recorded_log(name: str, expected: list[str]) -> None:
    assert stages(name) == expected


def test_the_summary_is_the_one_of_the_last_process_that_synced_its_state() -> None:
    lines = (NODES / "C-state-sync-killed-and-resumed-1.15.0-fuji.log").read_text().splitlines(keepends=True)
    found = {log.summary for end in range(len(lines)) if (log := chain_log_of("".join(lines[:end]), AT))}

    assert len(found - {""}) == 2


def test_a_chain_that_made_its_transition_says_so_in_each_process() -> None:
    lines = (NODES / "C-helicon-transition-1.15.0-fuji.log").read_text().splitlines(keepends=True)
    made = next(number for number, each in enumerate(lines) if "initializing post-transition VM" in each)
    found = [chain_log_of("".join(lines[: end + 1]), AT) for end in range(len(lines))]

    assert [log.transitioned for log in found[:made] if log] == [False] * sum(
        bool(log) for log in found[:made]
    )
    assert all(log.transitioned for log in found[made:] if log)
    assert found[-1] is not None


SUMMARY = 'accepted state summary {"summaryID": "w1", "syncMode": "Skipped", "numTotalSummaries": 1}'


@pytest.mark.parametrize(
    ("text", "skipped"),
    [
        pytest.param(line("starting state sync") + line("skipping state sync {}"), True, id="no summary"),
        pytest.param(line("starting state sync") + line(SUMMARY), True, id="near enough to execute all"),
        pytest.param(
            line("starting state sync") + line(SUMMARY.replace("Skipped", "Static")), False, id="not"
        ),
    ],
)
def test_a_state_sync_that_is_skipped(text: str, *, skipped: bool) -> None:
    found = chain_log_of(text, AT)

    assert found is not None
    assert (found.skipped, bool(found.summary)) == (skipped, not skipped)


@pytest.mark.parametrize(
    ("message", "ratio", "end_at"),
    [
        pytest.param(
            "fetching blocks from peer                fetched=224 total=256", 0.875, None, id="blocks"
        ),
        pytest.param("state sync: syncing account trie         ETA=2m", None, AT + 120, id="account trie"),
        pytest.param(
            "state sync: syncing storage tries        triesRemaining=12 ETA=1h2m", None, AT + 3720, id="tries"
        ),
        pytest.param(
            "state sync: syncing account trie         ETA=<1m", None, AT + 60, id="less than a minute"
        ),
        pytest.param('syncing account trie {"ETA": "2m"}', None, AT + 120, id="1.15: account trie"),
        pytest.param(
            'syncing storage tries {"triesRemaining": 12, "ETA": "1h2m"}', None, AT + 3720, id="1.15: tries"
        ),
    ],
)
def test_how_much_of_a_state_sync_is_left(message: str, ratio: float | None, end_at: float | None) -> None:
    found = chain_log_of(line(message), AT)

    assert found is not None
    assert (found.activity, found.ratio, found.end_at) == (SYNCING, ratio, end_at)
    assert message in found.progress


@pytest.mark.parametrize("name", sorted(path.name for path in NODES.glob("*.log")))
def test_a_log_in_json_says_the_same(name: str) -> None:
    plain = (NODES / name).read_text()
    as_json = "".join(json_line(each) + "\n" for each in plain.splitlines())

    assert state_after(as_json) == state_after(plain)


def json_line(plain: str) -> str:
    """Return a plain log line in the format of `--log-format=json`."""
    parsed = re.fullmatch(r"\[(.*?)\] (\w+) <(.*?)> (\S+) (.*)", plain)
    assert parsed is not None, plain
    time, level, logger, caller, rest = parsed.groups()
    message, brace, fields = rest.partition(" {")
    return json.dumps(
        {"level": level.lower(), "timestamp": time, "logger": logger, "caller": caller, "msg": message}
        | (json.loads("{" + fields) if brace else {})
    )


NEWER = (
    "peer attempting to connect with newer version. You may want to update your client "
    '{"nodeID": "NodeID-1", "myVersion": "avalanchego/1.14.2", "peerVersion": "avalanchego/1.15.0"}'
)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        pytest.param(line(NEWER, chain=""), "avalanchego/1.15.0", id="a newer peer"),
        pytest.param(
            line("initializing node {}", chain="") + line(NEWER, chain=""), "avalanchego/1.15.0", id="now"
        ),
        pytest.param(
            line(NEWER, chain="") + line("initializing node {}", chain=""), "", id="an earlier process"
        ),
        pytest.param(REAL, "", id="nobody is newer"),
    ],
)
def test_the_newest_build_that_a_peer_runs(text: str, version: str) -> None:
    found = node_log_of(text)

    assert (found.newer_version, bool(found.newer_peer)) == (version, bool(version))


# ---- The folder ------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an empty folder for a node's logs."""
    found = tmp_path / "logs"
    found.mkdir()
    return found


def write(folder: Path, name: str, text: str | bytes, at: float = AT) -> None:
    """Write a log file and set its modification time."""
    path = folder / f"{name}.log"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    os.utime(path, (at, at))


def test_each_chain_is_read_from_its_own_file(folder: Path) -> None:
    for chain in "PXC":
        write(folder, chain, real(chain))
    write(folder, "main", REAL)

    done = ChainLog(DONE, 1.0)
    assert read(folder) == {"P": done, "X": done, "C": done}


@pytest.mark.parametrize(
    ("chain", "is_read"),
    [
        pytest.param("2q9e4r6Mu3U68nU1fYjgbR6JvwrRx36CohpAX5UQxse55x1Q5", True, id="a blockchain ID"),
        pytest.param("my-l1", True, id="an alias"),
        pytest.param("../logs/my-l1", False, id="a path"),
        pytest.param(".hidden", False, id="a name that no chain has"),
    ],
)
def test_the_log_of_another_chain_is_read_by_its_name(folder: Path, chain: str, *, is_read: bool) -> None:
    if "/" not in chain:
        write(folder, chain, real("C"))
    write(folder, "my-l1", real("C"))

    assert (chain in NodeLogs(folder).read({chain}).chains) is is_read


def test_the_nodes_own_log_is_not_a_chains(folder: Path) -> None:
    write(folder, "main", real("C"))

    assert NodeLogs(folder).read() == NodeLog()


@pytest.mark.parametrize("there", [True, False], ids=["an empty folder", "no folder"])
def test_without_logs_nothing_is_reported(folder: Path, *, there: bool) -> None:
    if not there:
        folder.rmdir()
    logs = NodeLogs(folder)

    assert (logs.read(), logs.log_tail()) == (NodeLog(), "")


def test_what_is_written_on_is_read(folder: Path) -> None:
    logs, seen = NodeLogs(folder), []
    for lines in (2, 3, 5):
        write(folder, "C", real("C", lines))
        seen.append(logs.read().chains["C"].activity)

    assert seen == [FETCHING, EXECUTING, DONE]


def test_an_end_is_counted_from_the_files_time(folder: Path) -> None:
    write(folder, "C", line('executing blocks {"eta": "1m", "pctComplete": 50}'), at=AT + 7)

    assert read(folder) == {"C": ChainLog(EXECUTING, ratio=0.5, end_at=AT + 67)}


def test_an_unchanged_file_is_not_read_again(folder: Path) -> None:
    """A log file with an unchanged inode, size and modification time is not read again.

    The test changes only the text.
    """
    logs = NodeLogs(folder)
    write(folder, "C", line("executing blocks"))
    logs.read()
    with (folder / "C.log").open("r+") as file:
        file.write(line("executing BLOCKS"))
    os.utime(folder / "C.log", (AT, AT))

    assert read(folder, logs) == {"C": ChainLog(EXECUTING)}


def test_after_rotation_the_new_file_speaks(folder: Path) -> None:
    """After a rotation, the chain is unknown until the new file shows an activity."""
    logs, seen = NodeLogs(folder), []
    write(folder, "C", line("executing blocks"))
    seen.append(read(folder, logs))
    (folder / "C.log").rename(folder / "C-2026-11-23T23-18-37.401.log")
    seen.append(read(folder, logs))
    write(folder, "C", "")
    seen.append(read(folder, logs))
    write(folder, "C", line('fetching blocks {"numFetchedBlocks": 3}'))
    seen.append(read(folder, logs))

    assert seen == [{"C": ChainLog(EXECUTING)}, {}, {}, {"C": ChainLog(FETCHING)}]


@pytest.mark.parametrize("piece_bytes", [7, 100, 5000, TAIL_BYTES], ids=str)
@pytest.mark.parametrize("name", ["P", "X", "C", "main"])
def test_a_log_that_is_read_in_pieces_shows_the_state_of_the_whole_log(
    folder: Path, name: str, piece_bytes: int
) -> None:
    text = (REAL if name == "main" else real(name)).encode() + FATAL.encode()
    logs = NodeLogs(folder)
    for end in range(piece_bytes, len(text) + piece_bytes, piece_bytes):
        write(folder, name, text[:end])

        assert logs.read() == NodeLogs(folder).read(), text[:end][-200:]


def test_appended_lines_are_read_and_earlier_lines_are_not_read_again(folder: Path) -> None:
    """The state keeps a line that has been read, although the test replaces it by one of the same length."""
    logs = NodeLogs(folder)
    before, padding = line("the node ends", "FATAL"), line("noise") * 10
    write(folder, "C", before + padding)
    logs.read()
    write(folder, "C", line("the NODE ends", "FATAL") + padding + line("executing blocks"))

    assert logs.read().fatal == "the node ends"
    assert read(folder, logs) == {"C": ChainLog(EXECUTING)}


def test_a_file_that_is_emptied_and_grows_again_is_read_from_its_end(folder: Path) -> None:
    logs = NodeLogs(folder)
    write(folder, "C", line("executing blocks") + line("noise"))
    logs.read()
    write(folder, "C", line("other noise") * 20)

    assert logs.read() == NodeLog()


def test_the_state_is_that_of_at_most_twice_the_end(folder: Path) -> None:
    logs, text = NodeLogs(folder), line("the node ends", "FATAL")
    fatal_bytes = set()
    while len(text) < 3 * TAIL_BYTES:
        write(folder, "C", text)
        if logs.read().fatal:
            fatal_bytes.add(len(text))
        text += line("noise " + "x" * 900)

    assert TAIL_BYTES < max(fatal_bytes) <= 2 * TAIL_BYTES


def test_of_a_long_log_the_end_is_read(folder: Path) -> None:
    write(folder, "C", line("fetching blocks") + line("noise " + "x" * 90) * 2000 + line("executing blocks"))

    assert read(folder) == {"C": ChainLog(EXECUTING)}


def test_what_is_further_back_than_the_end_is_not_read(folder: Path) -> None:
    write(folder, "C", line("executing blocks") + "x" * TAIL_BYTES + "\n" + line("noise"))

    assert NodeLogs(folder).read() == NodeLog()


def test_half_a_line_at_the_cut_is_not_taken_for_a_line(folder: Path) -> None:
    whole = line("executing blocks")
    write(folder, "C", "x" * 100 + whole + "x" * (TAIL_BYTES - len(whole) - 1) + "\n")

    assert NodeLogs(folder).read() == NodeLog()


GARBAGE = [
    pytest.param(b"\xff\xfe\x00" * 1000, id="no text"),
    pytest.param(bytes(range(256)) * 1000, id="every byte, longer than the end"),
    pytest.param(b"\n" * 10 * TAIL_BYTES, id="line ends"),
    pytest.param(b"x" * 10 * TAIL_BYTES, id="one line longer than the end"),
    pytest.param(b"{" * 10 * TAIL_BYTES, id="braces"),
    pytest.param(line("x" * 3 * TAIL_BYTES).encode(), id="a log line longer than the end"),
    pytest.param("\U0001f600".encode() * TAIL_BYTES, id="characters that the cut may part"),
    pytest.param(b"\x00" * TAIL_BYTES, id="zeros, as after a crash"),
]


@pytest.mark.parametrize("text", GARBAGE)
def test_garbage_says_nothing(folder: Path, text: bytes) -> None:
    write(folder, "P", real("P"))
    write(folder, "C", text)
    logs = NodeLogs(folder)

    assert read(folder, logs) == {"P": ChainLog(DONE, 1.0)}
    assert len(logs.log_tail().encode()) <= TAIL_BYTES


@pytest.mark.parametrize("obstacle", ["a folder", "a link to nothing", "a link to itself"])
def test_a_file_that_cannot_be_read_says_nothing(folder: Path, obstacle: str) -> None:
    """A file that cannot be read makes its chain unknown and does not affect others.

    The earlier content of the file is discarded.
    """
    logs = NodeLogs(folder)
    write(folder, "C", real("C"))
    write(folder, "P", real("P"))
    logs.read()
    (folder / "C.log").unlink()
    match obstacle:
        case "a folder":
            (folder / "C.log").mkdir()
        case "a link to nothing":
            (folder / "C.log").symlink_to(folder / "nothing")
        case _:
            (folder / "C.log").symlink_to(folder / "C.log")

    assert read(folder, logs) == {"P": ChainLog(DONE, 1.0)}
    assert logs.log_tail().startswith("==> P.log <==\n")
    assert "C.log" not in logs.log_tail()


def test_a_file_without_permission_says_nothing() -> None:
    with ordinary_user() as folder:
        write(folder, "P", real("P"))
        write(folder, "C", real("C"))
        (folder / "C.log").chmod(0)

        assert read(folder) == {"P": ChainLog(DONE, 1.0)}


def test_the_fatal_line_is_that_of_the_file_that_was_written_last(folder: Path) -> None:
    write(folder, "main", line("the node ends", "FATAL"), at=AT)
    write(folder, "C", line("the chain ends", "FATAL"), at=AT + 1)
    write(folder, "P", real("P"), at=AT + 2)

    assert NodeLogs(folder).read().fatal == "the chain ends"


# ---- Log tail --------------------------------------------------------------------------------------------


def test_log_tail_are_the_ends_of_all_logs_the_newest_at_the_end(folder: Path) -> None:
    write(folder, "main", "node\n", at=AT)
    write(folder, "C", "first\nsecond\n", at=AT + 2)
    write(folder, "P", "p\n", at=AT + 1)
    write(folder, "X", "", at=AT + 3)

    assert NodeLogs(folder).log_tail() == (
        "==> main.log <==\nnode\n==> P.log <==\np\n==> C.log <==\nfirst\nsecond\n"
    )


def test_log_tail_without_a_line_end_are_ended(folder: Path) -> None:
    write(folder, "main", "panic", at=AT)
    write(folder, "C", "c\n", at=AT + 1)

    assert NodeLogs(folder).log_tail() == "==> main.log <==\npanic\n==> C.log <==\nc\n"


@pytest.mark.parametrize("names", [["main"], ["main", "C"], ["main", "P", "X", "C"]], ids=len)
@pytest.mark.parametrize("char", ["x", "ü", "\U0001f600", "\udcff"], ids=ascii)
def test_log_tail_are_bounded_and_of_whole_lines(folder: Path, names: list[str], char: str) -> None:
    for name in names:
        text = f"[{char * 50}]\n" * 20_000
        write(folder, name, text.encode(errors="surrogateescape"))
    words = NodeLogs(folder).log_tail()

    assert TAIL_BYTES // 2 < len(words.encode()) <= TAIL_BYTES
    lines = words.splitlines()
    assert {each[0] + each[-1] for each in lines} == {"[]", "=="}
    assert [each for each in lines if each[0] == "="] == [f"==> {name}.log <==" for name in sorted(names)]


@given(
    st.dictionaries(
        st.sampled_from(["main", "P", "X", "C"]),
        st.tuples(st.binary(max_size=200), st.integers(0, 600)),
    )
)
@example({"main": (b"\xff", TAIL_BYTES), "C": (b"\xff\n", TAIL_BYTES)})
def test_log_tail_never_take_more_than_64_kib(
    tmp_path_factory: pytest.TempPathFactory, texts: dict[str, tuple[bytes, int]]
) -> None:
    folder = tmp_path_factory.mktemp("logs")
    for name, (text, times) in texts.items():
        write(folder, name, text * times)

    assert len(NodeLogs(folder).log_tail().encode()) <= TAIL_BYTES == 64 << 10
