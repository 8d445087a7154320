"""Tests of the supervisor, which starts, restarts and stops the node's process and leaves none running."""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from support.simulated_builds import TIMEOUT_SECONDS, eventually, free_port, lives, write_program

from monitor.domain.build import Build
from monitor.domain.workload import NodeExit, NodeProcess, Workload
from monitor.errors import ConfigurationError, MonitorError
from monitor.local.build_store import BuildStore
from monitor.local.platform import LocalPlatform
from monitor.local.supervisor import NODE_LOG_BYTES, Supervisor


@dataclass
class Machine:
    """A supervisor with `init`, and a small program as its node."""

    folder: Path
    platform: LocalPlatform
    stopping: threading.Event = field(default_factory=threading.Event)
    proceeds: Callable[[Workload], bool] = lambda _: True
    port: int = field(default_factory=free_port)
    inits: list[str] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    run_has_failed: bool = False
    failure: BaseException | None = None

    def node_is(self, script: str) -> None:
        """Pin a build that is this program, preceded by `PRELUDE`."""
        program = self.folder / "program"
        write_program(program, f"#!{sys.executable}\n{PRELUDE}{script}\n")
        store = BuildStore(self.folder / "builds")
        digest = store.keep(program)
        self.platform.pin(Build(f"avalanchego@{digest}", frozenset({digest})))

    def supervise(self) -> None:
        """Run the supervisor until it is stopped."""

        def init(workload: Workload) -> bool:
            self.inits.append(workload.uid)
            return self.proceeds(workload)

        supervisor = Supervisor(
            self.platform,
            BuildStore(self.folder / "builds"),
            self.folder,
            ("--network-id=fuji",),
            {"PATH": os.environ["PATH"], "MARK": "yes"},
            init,
            self.released.append,
            ("127.0.0.1", self.port),
            lambda: self.run_has_failed,
        )
        try:
            supervisor.run(self.stopping)
        except MonitorError as error:
            self.failure = error

    def lived(self) -> list[dict[str, Any]]:
        """Return what each process of the node wrote about itself."""
        path = self.folder / "avalanchego" / "lives"
        text = path.read_text() if path.exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    def pids(self) -> list[int]:
        """Return the PIDs of the node's processes, in order."""
        return [life["pid"] for life in self.lived()]

    @contextmanager
    def supervised(self) -> Iterator[None]:
        """Run the supervisor in a thread."""
        thread = threading.Thread(target=self.supervise)
        thread.start()
        try:
            yield
        finally:
            self.stopping.set()
            thread.join(TIMEOUT_SECONDS)
            assert not thread.is_alive()


PRELUDE = """
import json, os, signal, subprocess, sys, time
folder = next(word.partition("=")[2] for word in sys.argv if word.startswith("--data-dir="))
def report(**more):
    with open(folder + "/lives", "a") as file:
        file.write(json.dumps({"pid": os.getpid(), "arguments": sys.argv[1:], **more}) + "\\n")
"""
WAITS = "report(mark=os.environ.get('MARK')); print('hello', flush=True); time.sleep(60)"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    numbers = itertools.count(1)
    platform = LocalPlatform(
        tmp_path, "latest", ("--network-id=fuji",), {}, None, None, lambda: f"uid-{next(numbers)}"
    )
    return Machine(tmp_path, platform)


def test_the_node_runs_on_its_own_data_and_ends_with_the_supervisor(machine: Machine) -> None:
    machine.node_is(WAITS)
    with machine.supervised():
        eventually(lambda: len(machine.lived()) == 1, "the node")
        (life,) = machine.lived()
        assert lives(life["pid"])
        eventually(lambda: machine.platform.process == NodeProcess(running=True), "it is reported to run")
        remembered = json.loads((machine.folder / "local-node.json").read_text())

    assert life["arguments"] == [f"--data-dir={machine.folder}/avalanchego", "--network-id=fuji"]
    assert (life["mark"], remembered["pid"]) == ("yes", life["pid"])
    assert not lives(life["pid"])
    assert not (machine.folder / "local-node.json").exists()
    assert machine.platform.workload().process == NodeProcess(running=False)
    assert (machine.folder / "node.log").read_text() == "hello\n"
    assert (machine.inits, machine.released) == (["uid-1"], ["uid-1"])


def test_what_the_node_started_ends_with_it(machine: Machine) -> None:
    """Children of the node are stopped with it, even if the node has ended and a child ignores SIGTERM."""
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    machine.node_is(
        f"plugin = subprocess.Popen([sys.executable, '-c', {deaf!r}], stdout=subprocess.PIPE)\n"
        "plugin.stdout.readline(); report(plugin=plugin.pid); time.sleep(60)"
    )
    with machine.supervised():
        eventually(lambda: len(machine.lived()) == 1, "the node and its plugin")

    (life,) = machine.lived()
    eventually(lambda: not lives(life["plugin"]), "the plugin is ended too")
    assert not lives(life["pid"])


def test_a_node_that_ends_is_started_again_without_init(machine: Machine) -> None:
    machine.node_is(WAITS)
    with machine.supervised():
        eventually(lambda: len(machine.lived()) == 1, "the first life")
        os.kill(machine.pids()[0], signal.SIGKILL)
        eventually(lambda: len(machine.lived()) == 2, "the second life")

        eventually(lambda: machine.platform.process.running, "it is reported to run again")
        process = machine.platform.process

    first, second = machine.pids()
    assert first != second
    assert process == NodeProcess(
        running=True, restarts=1, last_exit=NodeExit(128 + signal.SIGKILL, message="hello")
    )
    assert (machine.inits, lives(second)) == (["uid-1"], False)


def test_a_node_that_keeps_ending_is_counted(machine: Machine) -> None:
    """Each exit of the node is counted, and the output of all its processes can be read."""
    machine.node_is("print('no database', flush=True); sys.exit(7)")
    with machine.supervised():
        eventually(lambda: machine.platform.process.restarts >= 2, "two ends")
        process = machine.platform.process
        words = machine.platform.log_tail()

    assert process.last_exit == NodeExit(7, message="no database")
    assert words.startswith("no database\nno database\n")


def test_the_exits_are_logged_until_the_run_has_failed(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    machine.node_is("print('no database', flush=True); sys.exit(7)")
    with machine.supervised():
        eventually(lambda: machine.platform.process.restarts >= 1, "one exit")
        machine.run_has_failed = True
        eventually(lambda: machine.platform.process.restarts >= 2, "another exit")

    text = f"the node exited (exit code 7; see {machine.folder}/node.log): no database; restarting in 1 s"
    assert caplog.messages == [text]


def test_the_last_words_are_those_of_the_last_process(machine: Machine) -> None:
    """A process that ends silently does not get the last words of the process before it."""
    once = "flag.exists() or (flag.touch(), print('unknown flag: --foo', flush=True)); sys.exit(1)"
    machine.node_is(f"import pathlib; flag = pathlib.Path({str(machine.folder / 'flag')!r}); {once}")
    exits = []
    with machine.supervised():
        for number in (1, 2):
            eventually(lambda number=number: machine.platform.process.restarts >= number, f"exit {number}")  # type: ignore[misc]
            exits.append(machine.platform.process.last_exit)

    assert exits == [NodeExit(1, message="unknown flag: --foo", misconfigured=True), NodeExit(1)]


def test_what_is_recreated_goes_through_init_again(machine: Machine) -> None:
    machine.node_is(WAITS)
    with machine.supervised():
        eventually(lambda: len(machine.lived()) == 1, "the first life")
        machine.node_is(WAITS + " # another build")
        machine.platform.recreate(unchanged=False)
        eventually(lambda: len(machine.lived()) == 2, "the other build")
        first, second = machine.pids()
        assert (lives(first), lives(second)) == (False, True)

    assert machine.inits == machine.released == ["uid-1", "uid-2"]


def test_while_init_does_not_allow_it_no_node_starts(machine: Machine) -> None:
    machine.node_is(WAITS)

    def at_the_third(_: Workload) -> bool:
        if len(machine.inits) == 3:
            machine.stopping.set()
        return False

    machine.proceeds = at_the_third
    machine.supervise()

    assert (machine.inits, machine.lived()) == (["uid-1"] * 3, [])


def test_a_node_on_the_rolling_tag_is_never_started(machine: Machine) -> None:
    def proceeds(_: Workload) -> bool:
        machine.stopping.set()
        return True

    machine.proceeds = proceeds
    machine.supervise()

    assert (machine.failure, machine.lived()) == (None, [])


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        pytest.param(lambda copy: copy.write_text("no program"), "Exec format error", id="no program"),
        pytest.param(lambda copy: copy.chmod(0o600), "Permission denied", id="this user may not run it"),
    ],
)
def test_a_build_that_cannot_be_started_waits_and_is_not_a_crash(
    machine: Machine, caplog: pytest.LogCaptureFixture, harm: Callable[[Path], object], why: str
) -> None:
    """A build that cannot be started is retried with backoff, and the next build runs.

    A failed run hides no such line, because it is not an exit of the node.
    """
    machine.node_is("")
    machine.run_has_failed = True
    (copy,) = (path for path in (machine.folder / "builds").iterdir())
    harm(copy)
    with machine.supervised():
        eventually(lambda: len(caplog.records) >= 2, "a second try")
        process = machine.platform.process
        machine.node_is(WAITS)
        machine.platform.recreate(unchanged=False)
        eventually(lambda: machine.platform.process == NodeProcess(running=True), "the next build")

    message = f"{copy} cannot be run ({why})"
    assert process == NodeProcess(running=False, waiting=message)
    assert not process.crash_looping
    messages = [record.getMessage() for record in caplog.records]
    assert messages[:2] == [f"{message}; restarting in {seconds} s" for seconds in (1, 2)]
    assert (machine.failure, machine.inits) == (None, ["uid-1", "uid-2"])


def test_a_build_whose_copy_is_gone_waits_and_is_not_a_crash(machine: Machine) -> None:
    """A build without its copy waits like an image that its registry no longer has.

    The node starts once the copy is back.
    """
    machine.node_is(WAITS)
    (copy,) = (path for path in (machine.folder / "builds").iterdir())
    kept = copy.rename(machine.folder / "kept")
    with machine.supervised():
        eventually(lambda: machine.platform.process.waiting != "", "it is logged")
        process = machine.platform.process
        kept.rename(copy)
        eventually(lambda: machine.platform.process == NodeProcess(running=True), "it runs")

    image = f"avalanchego@sha256:{copy.name}"
    message = f"{copy}: the copy of build {image} is missing; restore it, or use a new data folder"
    assert process == NodeProcess(running=False, waiting=message)
    assert (process.crash_looping, machine.failure, machine.inits) == (False, None, ["uid-1"])


def test_an_error_of_init_ends_it(machine: Machine) -> None:
    def refuses(_: Workload) -> bool:
        raise ConfigurationError("the data is not known")

    machine.proceeds = refuses
    machine.supervise()

    assert str(machine.failure) == "the data is not known"


def test_what_cannot_be_written_leaves_no_node_that_nobody_knows(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    """A node that cannot be recorded is stopped, and started again later."""
    machine.node_is(WAITS)
    remembered = machine.folder / "local-node.json"

    def proceeds(_: Workload) -> bool:
        remembered.symlink_to("/dev/full")  # removed with the first node, so that the second can be recorded
        return True

    machine.proceeds = proceeds
    with machine.supervised():
        eventually(lambda: remembered.exists() and not remembered.is_symlink(), "a second start")

    messages = f"{remembered}: cannot be written (Not a regular file, or behind a link); restarting in 1 s"
    assert messages in [record.getMessage() for record in caplog.records]
    assert not any(lives(pid) for pid in machine.pids())


def test_a_large_log_of_the_node_is_rotated(machine: Machine) -> None:
    machine.node_is(WAITS)
    log = machine.folder / "node.log"
    with log.open("wb") as file:
        file.truncate(NODE_LOG_BYTES + 1)
    with machine.supervised():
        eventually(lambda: len(machine.lived()) == 1 and log.stat().st_size > 0, "the node")

    assert log.read_text() == "hello\n"
    assert (machine.folder / "node.log.1").stat().st_size == NODE_LOG_BYTES + 1
