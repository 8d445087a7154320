"""Tests of the local platform, which stores the configured workload and the state of the node's process."""

from __future__ import annotations

import itertools
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from monitor.avalanchego.node_log import TAIL_BYTES
from monitor.decide.events import Announcement
from monitor.domain.build import Build, Versions
from monitor.domain.workload import NodeExit, NodeProcess, SyncMode
from monitor.errors import ConfigurationError, TemporaryError
from monitor.local.platform import CRASH_LOOP, LocalPlatform, node_container

VERSIONS = Versions("avalanchego/1.14.2", "v1.4.5", 45, "c" * 40, "1.26.8")
ARGUMENTS = ("--network-id=fuji", "--http-port=9650")


def build(digit: str = "a", versions: Versions | None = VERSIONS) -> Build:
    """Return a build of the file `avalanchego`."""
    digest = f"sha256:{digit * 64}"
    return Build(f"avalanchego@{digest}", frozenset({digest}), versions)


def platform(folder: Path, **changes: Any) -> LocalPlatform:
    """Return the platform of a data folder; the UIDs of its workloads are uid-1, uid-2 and so on."""
    numbers = itertools.count(1)
    values: dict[str, Any] = {
        "rolling_tag": "latest",
        "arguments": ARGUMENTS,
        "environment": {},
        "network": None,
        "sync_mode": None,
        "new_uid": lambda: f"uid-{next(numbers)}",
    }
    return LocalPlatform(folder, **{**values, **changes})


def test_at_first_it_is_on_the_rolling_tag(tmp_path: Path) -> None:
    found = platform(tmp_path).workload()

    assert (found.uid, found.image, found.build) == ("uid-1", "avalanchego:latest", None)
    assert (found.network, found.sync_mode) == ("fuji", SyncMode.C_CHAIN_STATE_SYNC)
    assert found.process == NodeProcess(running=False)


@pytest.mark.parametrize("versions", [VERSIONS, None], ids=["known versions", "unknown versions"])
def test_a_pin_outlives_the_process(tmp_path: Path, versions: Versions | None) -> None:
    platform(tmp_path).pin(build(versions=versions))

    found = platform(tmp_path).workload()
    assert (found.build, found.image) == (build(versions=versions), build().image)


def test_the_newest_pin_counts(tmp_path: Path) -> None:
    one = platform(tmp_path)
    one.pin(build("a"))
    one.pin(build("b"))

    assert one.workload().build == build("b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["local.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00"], ids=repr)
def test_a_file_that_cannot_be_understood_pins_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "local.json").write_text(text)

    assert platform(tmp_path).workload().image == "avalanchego:latest"


def test_a_pin_that_cannot_be_written_may_be_later(tmp_path: Path) -> None:
    one = platform(tmp_path)
    (tmp_path / "local.new").mkdir()

    with pytest.raises(TemporaryError) as caught:
        one.pin(build())
    assert str(caught.value) == f"{tmp_path}/local.json: cannot be written (Is a directory)"


def test_what_is_recreated_is_another_workload(tmp_path: Path) -> None:
    one = platform(tmp_path)
    assert not one.recreated.is_set()
    one.recreate(unchanged=True)

    assert (one.workload().uid, one.recreated.is_set()) == ("uid-2", True)
    one.await_end(threading.Event())  # returns immediately, since the supervisor starts `init` again
    one.announce(Announcement("R", "m"), 0.0)  # has no effect without Kubernetes Events
    assert one.reverter() == ""


@pytest.mark.parametrize(
    ("events", "process"),
    [
        pytest.param([], NodeProcess(False), id="nothing yet"),
        pytest.param(["started"], NodeProcess(True), id="it runs"),
        pytest.param(
            ["started", 3], NodeProcess(False, CRASH_LOOP, 1, NodeExit(3), crash_looping=True), id="it ended"
        ),
        pytest.param(
            ["started", 0],
            NodeProcess(False, CRASH_LOOP, 1, NodeExit(0), crash_looping=True),
            id="without an error",
        ),
        pytest.param(
            ["started", -signal.SIGKILL],
            NodeProcess(False, CRASH_LOOP, 1, NodeExit(137), crash_looping=True),
            id="by a signal",
        ),
        pytest.param(["started", 3, "started"], NodeProcess(True, "", 1, NodeExit(3)), id="it runs again"),
        pytest.param(
            ["started", 3, "started", -signal.SIGSEGV],
            NodeProcess(False, CRASH_LOOP, 2, NodeExit(139), crash_looping=True),
            id="it ended again",
        ),
        pytest.param(
            ["started", 3, "started", "stopped"],
            NodeProcess(False, "", 1, NodeExit(3)),
            id="it was stopped",
        ),
        pytest.param(
            ["started", 3, "started", "recreated"], NodeProcess(False), id="another workload has no past"
        ),
        pytest.param(["gone"], NodeProcess(False, "its copy is gone"), id="it cannot be started"),
        pytest.param(["gone", "started"], NodeProcess(True), id="its copy is back"),
        pytest.param(["started", 3, "recreated", "started"], NodeProcess(True), id="another workload runs"),
    ],
)
def test_it_keeps_how_the_process_fares(
    tmp_path: Path, events: list[str | int], process: NodeProcess
) -> None:
    """The platform stores the state of the process in Kubernetes terms, and signals as shell exit codes."""
    one = platform(tmp_path)
    for event in events:
        match event:
            case "started":
                one.started()
            case "stopped":
                one.stopped()
            case "gone":
                one.waits("its copy is gone")
            case "recreated":
                one.recreate(unchanged=True)
            case code:
                one.ended(int(code))

    assert one.workload().process == process
    assert process.crash_looping is (process.waiting == CRASH_LOOP)


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        pytest.param(None, "", id="nothing"),
        pytest.param(b"FATAL: no\n", "FATAL: no\n", id="little"),
        pytest.param(b"x" * TAIL_BYTES + b"end\n", "x" * (TAIL_BYTES - 4) + "end\n", id="much"),
        pytest.param(b"a\xffb\n", "a\ufffdb\n", id="no text"),
    ],
)
def test_log_tail_are_the_end_of_what_the_node_printed(
    tmp_path: Path, printed: bytes | None, words: str
) -> None:
    if printed is not None:
        (tmp_path / "node.log").write_bytes(printed)

    assert platform(tmp_path).log_tail() == words


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"arguments": ("--data-dir=/x",)},
            "--data-dir=/x: the node's data is in {}/avalanchego; use --data-dir",
            id="data folder by flag",
        ),
        pytest.param(
            {"arguments": ("--db-dir", "/x")},
            "--db-dir: the node's data is in {}/avalanchego; use --data-dir",
            id="database by flag",
        ),
        pytest.param(
            {"environment": {"AVAGO_DB_DIR": "/x"}},
            "AVAGO_DB_DIR: the node's data is in {}/avalanchego; unset it, and use --data-dir",
            id="database by variable",
        ),
    ],
)
def test_what_is_cleared_must_be_what_the_node_writes(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        platform(tmp_path, **changes)
    assert str(caught.value) == message.format(tmp_path)


def test_the_node_s_settings_are_read_as_in_a_pod(tmp_path: Path) -> None:
    """The node's settings come from its arguments, then from `AVAGO_*`, then from the monitor's flags."""
    environment = {"AVAGO_NETWORK_ID": "1", "AVAGO_HTTP_PORT": "1234", "HOME": "/home"}
    one = platform(tmp_path, arguments=(), environment=environment, sync_mode=SyncMode.FULL_SYNC)

    found = one.workload()
    assert (found.network, found.sync_mode, one.http_port) == ("mainnet", SyncMode.FULL_SYNC, "1234")
    assert platform(tmp_path).http_port == "9650"
    assert node_container("image", ("a",), {"B": "2", "A": "1"}).environment[0].name == "A"
