"""Tests of the real `local` with a simulated node, through signals and kills; no process is left running."""

from __future__ import annotations

import io
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rich.console import Console
from support.local_life import RESUME_HINT, LocalLife, ended, environment, running_stories, stopped
from support.simulated_builds import (
    COMMITS,
    TIMEOUT_SECONDS,
    eventually,
    write_build,
    write_failing_build,
    write_program,
)

from monitor.commands.local_folder import exclusively
from monitor.commands.local_tester import LocalTester
from monitor.commands.startup import TRIES, tried
from monitor.decide.decisions import BeginClearing, BeginRun
from monitor.domain.build import Build
from monitor.domain.image_reference import ImageReference
from monitor.domain.instant import Instant
from monitor.domain.run import Outcome, Reason
from monitor.domain.workload import SyncMode, Workload
from monitor.errors import MonitorError, TemporaryError
from monitor.ledger import open_ledger, open_read_only
from monitor.local.build_store import BUILDS_FOLDER, BuildStore
from monitor.settings import Duration, LocalSettings

ROOT = Path(__file__).parents[3]


def each_build_that_the_file_holds_gets_a_result(tester: LocalLife) -> None:
    """Test `local` from an empty folder to a success, and then with a replaced file."""
    write_build(tester.build, bootstrap_seconds=0.3, blocks=50)
    process = tester.start()
    eventually(lambda: bool(tester.runs()) and not tester.runs()[0].open, "the first result")
    write_build(tester.build, COMMITS[1], bootstrap_seconds=0.3, blocks=50)
    eventually(lambda: len(tester.runs()) == 2 and not tester.runs()[0].open, "the second result")
    process.send_signal(signal.SIGTERM)
    code, out, stderr = ended(process)

    results = [(run.number, run.outcome, run.build.commit) for run in reversed(tester.runs())]
    assert results == [(1, Outcome.SUCCEEDED, COMMITS[0]), (2, Outcome.SUCCEEDED, COMMITS[1])]
    assert all((run.network, run.sync_mode) == ("fuji", "c-chain-state-sync") for run in tester.runs())
    assert all(run.duration_seconds and run.disk_usage_bytes for run in tester.runs())
    with closing(open_read_only(tester.data_dir)) as ledger:
        configuration = ledger.reading("configuration")
    assert configuration is not None
    assert configuration.value["tester"] == "fuji-c-chain-state-sync"
    assert (code, stderr[-1], tester.nodes()) == (0, RESUME_HINT, set())
    for number, commit in enumerate(COMMITS, 1):
        (line,) = (line for line in out if line.startswith(f"✓ run {number} succeeded"))
        assert f"({commit[:8]})" in line
    (line,) = (line for line in stderr if line.startswith("data in "))
    first, _, port = line.strip("/").rpartition(":")
    assert first == f"data in {tester.data_dir}; page and metrics at http://127.0.0.1"
    assert int(port) > 0


def an_interrupted_run_is_continued(tester: LocalLife) -> None:
    """Test that a run is resumed after Ctrl-C, SIGTERM and SIGKILL.

    SIGKILL leaves the node running, and the next start stops it.
    """
    process = tester.start()
    first_node = tester.node()
    run = tester.watched()
    kept = tester.data_dir / "avalanchego" / "kept"
    kept.touch()
    code, stderr = stopped(process, signal.SIGINT)
    assert (code, stderr[-1], tester.nodes()) == (0, RESUME_HINT, set())

    process = tester.start()
    second_node = tester.node()
    eventually(lambda: tester.remembered() == second_node, "the node can be found again")
    process.kill()
    process.communicate()
    assert tester.nodes() == {second_node}

    process = tester.start()
    eventually(lambda: tester.nodes().isdisjoint({first_node, second_node}), "the one left behind is ended")
    third_node = tester.node()
    code, stderr = stopped(process, signal.SIGTERM)
    assert (code, stderr[-1], tester.nodes()) == (0, RESUME_HINT, set())

    assert third_node not in {first_node, second_node}
    (same,) = tester.runs()
    assert (same.number, same.started_at, same.outcome) == (1, run.started_at, None)
    assert same.build == run.build
    assert kept.exists()
    assert (
        f"stopping the node that an earlier bootstrap-monitor left running (process {second_node})"
        in "\n".join(stderr)
    )


def a_node_that_ends_by_itself_is_started_again(tester: LocalLife) -> None:
    process = tester.start()
    first = tester.node()
    run = tester.watched()
    os.kill(first, signal.SIGKILL)
    eventually(lambda: first not in tester.nodes() and len(tester.nodes()) == 1, "another process")
    code, stderr = stopped(process, signal.SIGTERM)

    assert [each.started_at for each in tester.runs()] == [run.started_at]
    assert sum("the node exited (exit code" in line and "restarting in 1 s" in line for line in stderr) == 1
    assert (code, tester.nodes()) == (0, set())


def a_build_that_never_runs_fails_and_the_next_one_is_tested(tester: LocalLife) -> None:
    """Test that a build that never runs fails, also in its confirming run, and that the next build is tested."""
    write_failing_build(tester.build)
    process = tester.start("--crash-limit=2")
    eventually(lambda: bool(tester.runs()) and not tester.runs()[0].open, "a verdict")
    write_build(tester.build, COMMITS[1], bootstrap_seconds=0.3, blocks=50)
    eventually(lambda: len(tester.runs()) == 3 and not tester.runs()[0].open, "the next build's result")
    process.send_signal(signal.SIGTERM)
    code, out, stderr = ended(process)

    third, second, first = tester.runs()
    assert (first.outcome, first.reason) == (Outcome.FAILED, Reason.CRASHED)
    assert first.message.endswith("(exit code 9)")
    assert (second.outcome, second.build.same(first.build)) == (Outcome.FAILED, True)
    assert (third.outcome, third.build.commit) == (Outcome.SUCCEEDED, COMMITS[1])
    assert (code, tester.nodes(), stderr[-1]) == (0, set(), RESUME_HINT)
    assert len([line for line in out if line.startswith("✗ run 1 failed")]) == 1
    exits = [line for line in stderr if "exited" in line]
    assert exits
    assert all("the node exited (exit code 9; see " in line for line in exits), "one line for each exit"


def the_exits_after_a_failure_of_an_earlier_call_are_logged(tester: LocalLife) -> None:
    """Test that no exit is hidden by a result that this call does not report."""
    starts = tester.folder / "starts"
    write_failing_build(tester.build)
    write_program(
        tester.build, tester.build.read_text().replace("exit 9", f"echo started >> {starts}; exit 9")
    )
    flags = ("--crash-limit=1", "--no-confirm-regressions")
    process = tester.start(*flags)
    eventually(lambda: bool(tester.runs()) and not tester.runs()[0].open, "a verdict")
    stopped(process, signal.SIGTERM)
    earlier = len(starts.read_text().splitlines())
    process = tester.start(*flags)
    eventually(lambda: len(starts.read_text().splitlines()) >= earlier + 2, "an exit and another start")
    _, stderr = stopped(process, signal.SIGTERM)

    assert len(tester.runs()) == 1
    assert any("the node exited (exit code 9; see " in line for line in stderr), stderr


def a_build_that_prints_no_versions_at_first_is_retried(tester: LocalLife) -> None:
    """Test that a build that does not report its versions is asked again, since the machine may be busy."""
    asked, node = tester.folder / "asked", tester.folder / "node"
    write_build(node, bootstrap_seconds=60)
    write_program(
        tester.build,
        f'#!/bin/sh\nif [ ! -e {asked} ]; then touch {asked}; exit 3; fi\nexec {node} "$@"\n',
    )
    os.utime(
        tester.build, (time.time() + 3600,) * 2
    )  # so new that its arguments are not checked at the start
    process = tester.start()
    tester.node()
    code, stderr = stopped(process, signal.SIGTERM)

    (line,) = (line for line in stderr if "retrying in" in line)
    assert "--version-json prints no versions" in line
    assert line.endswith("; retrying in 1 s")
    assert (code, tester.nodes()) == (0, set())
    assert [run.build.commit for run in tester.runs()] == [COMMITS[0]]


def a_late_beat_of_an_earlier_workload_holds_up_nothing(tester: LocalLife) -> None:
    """Test that a late heartbeat of an earlier workload delays nothing.

    A tick that is running while the node is recreated sends a heartbeat for the old workload.
    """
    tester.data_dir.mkdir()
    settings = LocalSettings(
        build=tester.build,
        data_dir=tester.data_dir,
        health_check_interval=Duration(0.05),
        web_listen_address="127.0.0.1:0",
    )
    arguments, stopping = ["--network-id=fuji", f"--http-port={tester.port}"], threading.Event()
    local = LocalTester(settings, arguments, environment(), Console(file=io.StringIO()), stopping)
    local.ledger.renew("local-earlier")
    thread = threading.Thread(target=local.run)
    thread.start()
    try:
        tester.node()
        tester.watched()
        local.ledger.renew("local-earlier")
        seen = tester.watched().tracking.active_seconds
        eventually(lambda: tester.runs()[0].tracking.active_seconds > seen + 0.2, "ticks continue to judge")
    finally:
        stopping.set()
        thread.join(TIMEOUT_SECONDS)
        local.ledger.close()

    assert (thread.is_alive(), tester.nodes()) == (False, set())


def a_file_of_another_name_lets_the_open_run_end(tester: LocalLife) -> None:
    """Test that a file with another name is taken as the next build once the open run has ended."""
    write_build(tester.build, bootstrap_seconds=2, blocks=50)
    process = tester.start()
    tester.watched()
    stopped(process, signal.SIGINT)
    tester.name = "another"
    write_build(tester.build, COMMITS[1], bootstrap_seconds=0.5)
    process = tester.start()
    eventually(lambda: tester.runs()[0].number == 2 and not tester.runs()[0].open, "the second run ends")
    stopped(process, signal.SIGINT)

    assert [(run.number, run.outcome, run.build.commit) for run in tester.runs()] == [
        (2, Outcome.SUCCEEDED, COMMITS[1]),
        (1, Outcome.SUCCEEDED, COMMITS[0]),
    ]


def an_open_run_of_another_name_continues(tester: LocalLife) -> None:
    """Test that an open run of another file name is resumed with the ledger alone, as after an import."""
    write_build(tester.build, bootstrap_seconds=0.5)
    tester.data_dir.mkdir()
    image = f"node-a@{BuildStore(tester.data_dir / BUILDS_FOLDER).keep(tester.build)}"
    digest = ImageReference.parse(image).digest or ""
    with closing(open_ledger(tester.data_dir)) as ledger:
        node = Workload(
            "local-1", image, Build(image, frozenset({digest})), "fuji", SyncMode.C_CHAIN_STATE_SYNC, ""
        )
        ledger.record(Instant(time.time(), 1.0, "boot"), "default", [BeginClearing(node, ""), BeginRun(node)])
    write_build(tester.build, COMMITS[1], bootstrap_seconds=0.5)
    process = tester.start()
    eventually(
        lambda: bool(tester.runs()) and tester.runs()[0].number == 2, "the run of the new build begins"
    )
    stopped(process, signal.SIGINT)

    assert tester.runs()[1].outcome is Outcome.SUCCEEDED


def a_port_in_use_is_one_line_and_leaves_no_node(tester: LocalLife) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        process = tester.start(f"--web-listen-address={address}")
        _, stderr = process.communicate(timeout=TIMEOUT_SECONDS)

    last = stderr.splitlines()[-1]
    assert process.returncode in {1, 2}
    assert last.startswith("bootstrap-monitor: ")
    assert address.rpartition(":")[2] in last
    assert ("Traceback" in stderr, tester.nodes()) == (False, set())


def a_build_that_is_not_there_is_one_line(tester: LocalLife) -> None:
    tester.build.unlink()
    process = tester.start()
    _, stderr = process.communicate(timeout=TIMEOUT_SECONDS)

    error = f"{tester.build}: not found (No such file or directory); specify the node's executable"
    assert stderr.splitlines()[-1] == f"bootstrap-monitor: {error}"
    assert (process.returncode, "Traceback" in stderr, tester.nodes()) == (2, False, set())


STORIES = (
    each_build_that_the_file_holds_gets_a_result,
    an_interrupted_run_is_continued,
    a_node_that_ends_by_itself_is_started_again,
    a_build_that_never_runs_fails_and_the_next_one_is_tested,
    the_exits_after_a_failure_of_an_earlier_call_are_logged,
    a_build_that_prints_no_versions_at_first_is_retried,
    a_late_beat_of_an_earlier_workload_holds_up_nothing,
    a_file_of_another_name_lets_the_open_run_end,
    an_open_run_of_another_name_continues,
    a_port_in_use_is_one_line_and_leaves_no_node,
    a_build_that_is_not_there_is_one_line,
)


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Future[None]]]:
    with running_stories(STORIES, tmp_path_factory) as futures:
        yield futures


@pytest.mark.slow
@pytest.mark.timeout(600)  # all stories run at the same time
@pytest.mark.parametrize("story", [pytest.param(each.__name__, id=each.__name__) for each in STORIES])
def test_local(stories: Mapping[str, Future[None]], story: str) -> None:
    """Run the real command in the scenario of this name."""
    stories[story].result()


def test_a_data_folder_has_one_monitor_at_a_time(tmp_path: Path) -> None:
    with exclusively(tmp_path):
        with pytest.raises(MonitorError) as refused, exclusively(tmp_path):
            raise AssertionError("two hold it")
        assert str(refused.value) == (
            f"{tmp_path} is in use by bootstrap-monitor (process {os.getpid()}): "
            "stop that process, or use another --data-dir"
        )
    with exclusively(tmp_path):
        pass


@dataclass
class Call:
    """A call that fails for a while, and the pauses between its attempts."""

    failures: int
    stopped_after: int = TRIES
    made: int = 0
    waited: list[float] = field(default_factory=list)

    def __call__(self) -> str:
        self.made += 1
        if self.made <= self.failures:
            raise TemporaryError(f"failure {self.made}")
        return "done"

    def pause(self, seconds: float) -> bool:
        """Record the pause, and return whether to stop."""
        self.waited.append(seconds)
        return len(self.waited) == self.stopped_after


@pytest.mark.parametrize(
    ("failures", "waited"),
    [
        pytest.param(0, [], id="immediately"),
        pytest.param(2, [1.0, 2.0], id="at the third try"),
        pytest.param(TRIES - 1, [1.0, 2.0, 4.0, 8.0, 16.0], id="at the last try"),
    ],
)
def test_what_may_pass_is_tried_again(failures: int, waited: list[float]) -> None:
    call = Call(failures)

    assert (tried(call, call.pause), call.waited) == ("done", waited)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        pytest.param(Call(TRIES), f"failure {TRIES}", id="it does not pass"),
        pytest.param(Call(TRIES, stopped_after=2), "failure 2", id="asked to stop in that time"),
    ],
)
def test_trying_again_has_an_end(call: Call, error: str) -> None:
    with pytest.raises(TemporaryError) as caught:
        tried(call, call.pause)
    assert str(caught.value) == error
