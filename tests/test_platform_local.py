"""The local platform: what is set to run is kept, the node's process is supervised, and none is left running."""

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
from simulated_builds import PATIENCE_SECONDS, eventually, free_port, lives, write_program

from monitor.decide.announcements import Announcement
from monitor.errors import ConfigurationError, MonitorError, TemporaryError
from monitor.model import Build, NodeExit, NodeProcess, SyncMode, Versions, Workload
from monitor.node_log import TAIL_BYTES
from monitor.platforms.builds import BuildStore
from monitor.platforms.local import (
    CRASH_LOOP,
    NODE_LOG_BYTES,
    LocalPlatform,
    Supervisor,
    node_container,
)

VERSIONS = Versions("avalanchego/1.14.2", "v1.4.5", 45, "c" * 40, "1.26.8")
ARGUMENTS = ("--network-id=fuji", "--http-port=9650")


def build(digit: str = "a", versions: Versions | None = VERSIONS) -> Build:
    """A build of the file `avalanchego`."""
    digest = f"sha256:{digit * 64}"
    return Build(f"avalanchego@{digest}", frozenset({digest}), versions)


def platform(folder: Path, **changes: Any) -> LocalPlatform:
    """The platform of a data folder; its workloads are called uid-1, uid-2 and so on."""
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


class TestPlatform:
    """What a StatefulSet keeps on Kubernetes."""

    def test_at_first_it_is_on_the_rolling_tag(self, tmp_path: Path) -> None:
        found = platform(tmp_path).workload()

        assert (found.uid, found.image, found.build) == ("uid-1", "avalanchego:latest", None)
        assert (found.network, found.sync_mode) == ("fuji", SyncMode.C_CHAIN_STATE_SYNC)
        assert found.process == NodeProcess(running=False)

    @pytest.mark.parametrize("versions", [VERSIONS, None], ids=["known versions", "unknown versions"])
    def test_a_pin_outlives_the_process(self, tmp_path: Path, versions: Versions | None) -> None:
        platform(tmp_path).pin(build(versions=versions))

        found = platform(tmp_path).workload()
        assert (found.build, found.image) == (build(versions=versions), build().image)

    def test_the_newest_pin_counts(self, tmp_path: Path) -> None:
        one = platform(tmp_path)
        one.pin(build("a"))
        one.pin(build("b"))

        assert one.workload().build == build("b")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["local.json"]

    @pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00"], ids=repr)
    def test_a_file_that_cannot_be_understood_pins_nothing(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "local.json").write_text(text)

        assert platform(tmp_path).workload().image == "avalanchego:latest"

    def test_a_pin_that_cannot_be_written_may_be_later(self, tmp_path: Path) -> None:
        one = platform(tmp_path)
        (tmp_path / "local.new").mkdir()

        with pytest.raises(TemporaryError) as caught:
            one.pin(build())
        assert str(caught.value) == f"{tmp_path}/local.json: cannot be written (Is a directory)"

    def test_what_is_recreated_is_another_workload(self, tmp_path: Path) -> None:
        one = platform(tmp_path)
        assert not one.recreated.is_set()
        one.recreate(unchanged=True)

        assert (one.workload().uid, one.recreated.is_set()) == ("uid-2", True)
        one.await_end(threading.Event())  # it does not wait: the supervisor starts `init` again
        one.announce(Announcement("R", "m"))  # there is nobody to tell
        assert one.reverter() == ""

    @pytest.mark.parametrize(
        ("events", "process"),
        [
            pytest.param([], NodeProcess(False), id="nothing yet"),
            pytest.param(["started"], NodeProcess(True), id="it runs"),
            pytest.param(["started", 3], NodeProcess(False, CRASH_LOOP, 1, NodeExit(3)), id="it ended"),
            pytest.param(
                ["started", 0], NodeProcess(False, CRASH_LOOP, 1, NodeExit(0)), id="without an error"
            ),
            pytest.param(
                ["started", -signal.SIGKILL],
                NodeProcess(False, CRASH_LOOP, 1, NodeExit(137)),
                id="by a signal",
            ),
            pytest.param(
                ["started", 3, "started"], NodeProcess(True, "", 1, NodeExit(3)), id="it runs again"
            ),
            pytest.param(
                ["started", 3, "started", -signal.SIGSEGV],
                NodeProcess(False, CRASH_LOOP, 2, NodeExit(139)),
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
            pytest.param(
                ["started", 3, "recreated", "started"], NodeProcess(True), id="another workload runs"
            ),
        ],
    )
    def test_it_keeps_how_the_process_fares(
        self, tmp_path: Path, events: list[str | int], process: NodeProcess
    ) -> None:
        """In the words of a cluster, and a signal as a shell has it."""
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
    def test_last_words_are_the_end_of_what_the_node_printed(
        self, tmp_path: Path, printed: bytes | None, words: str
    ) -> None:
        if printed is not None:
            (tmp_path / "node.log").write_bytes(printed)

        assert platform(tmp_path).last_words() == words

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
        self, tmp_path: Path, changes: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ConfigurationError) as caught:
            platform(tmp_path, **changes)
        assert str(caught.value) == message.format(tmp_path)

    def test_the_node_s_settings_are_read_as_in_a_pod(self, tmp_path: Path) -> None:
        """From its arguments, then from `AVAGO_*`; a flag of the monitor settles the rest."""
        environment = {"AVAGO_NETWORK_ID": "1", "AVAGO_HTTP_PORT": "1234", "HOME": "/home"}
        one = platform(tmp_path, arguments=(), environment=environment, sync_mode=SyncMode.FULL_SYNC)

        found = one.workload()
        assert (found.network, found.sync_mode, one.http_port) == ("mainnet", SyncMode.FULL_SYNC, "1234")
        assert platform(tmp_path).http_port == "9650"
        assert node_container("image", ("a",), {"B": "2", "A": "1"}).environment[0].name == "A"


@dataclass
class Machine:
    """A supervisor with `init`, over a node that is a small program."""

    folder: Path
    platform: LocalPlatform
    stopping: threading.Event = field(default_factory=threading.Event)
    proceeds: Callable[[Workload], bool] = lambda _: True
    port: int = field(default_factory=free_port)
    inits: list[str] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    failure: BaseException | None = None

    def node_is(self, script: str) -> None:
        """Pin a build that is this program; it gets to know itself as `me`."""
        program = self.folder / "program"
        write_program(program, f"#!{sys.executable}\n{PRELUDE}{script}\n")
        store = BuildStore(self.folder / "builds")
        digest = store.keep(program)
        self.platform.pin(Build(f"avalanchego@{digest}", frozenset({digest})))

    def supervise(self) -> None:
        """Run it until told to stop."""

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
        )
        try:
            supervisor.run(self.stopping)
        except MonitorError as error:
            self.failure = error

    def lived(self) -> list[dict[str, Any]]:
        """What each life of the node wrote of itself."""
        path = self.folder / "avalanchego" / "lives"
        text = path.read_text() if path.exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    def pids(self) -> list[int]:
        """The processes of the node, in order."""
        return [life["pid"] for life in self.lived()]

    @contextmanager
    def supervised(self) -> Iterator[None]:
        """Supervise beside the test."""
        thread = threading.Thread(target=self.supervise)
        thread.start()
        try:
            yield
        finally:
            self.stopping.set()
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()


PRELUDE = """
import json, os, signal, subprocess, sys, time
folder = next(word.partition("=")[2] for word in sys.argv if word.startswith("--data-dir="))
def tell(**more):
    with open(folder + "/lives", "a") as file:
        file.write(json.dumps({"pid": os.getpid(), "arguments": sys.argv[1:], **more}) + "\\n")
"""
WAITS = "tell(mark=os.environ.get('MARK')); print('hello', flush=True); time.sleep(60)"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path, platform(tmp_path))


class TestSupervisor:
    """What the kubelet does for a pod."""

    def test_the_node_runs_on_its_own_data_and_ends_with_the_supervisor(self, machine: Machine) -> None:
        machine.node_is(WAITS)
        with machine.supervised():
            eventually(lambda: len(machine.lived()) == 1, "the node")
            (life,) = machine.lived()
            assert lives(life["pid"])
            eventually(lambda: machine.platform.process == NodeProcess(running=True), "it is said to run")
            remembered = json.loads((machine.folder / "local-node.json").read_text())

        assert life["arguments"] == [f"--data-dir={machine.folder}/avalanchego", "--network-id=fuji"]
        assert (life["mark"], remembered["pid"]) == ("yes", life["pid"])
        assert not lives(life["pid"])
        assert not (machine.folder / "local-node.json").exists()
        assert machine.platform.workload().process == NodeProcess(running=False)
        assert (machine.folder / "node.log").read_text() == "hello\n"
        assert (machine.inits, machine.released) == (["uid-1"], ["uid-1"])

    def test_what_the_node_started_ends_with_it(self, machine: Machine) -> None:
        """Also where the node leaves it behind, and it does not listen to SIGTERM."""
        deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
        machine.node_is(
            f"plugin = subprocess.Popen([sys.executable, '-c', {deaf!r}], stdout=subprocess.PIPE)\n"
            "plugin.stdout.readline(); tell(plugin=plugin.pid); time.sleep(60)"
        )
        with machine.supervised():
            eventually(lambda: len(machine.lived()) == 1, "the node and its plugin")

        (life,) = machine.lived()
        eventually(lambda: not lives(life["plugin"]), "the plugin is ended too")
        assert not lives(life["pid"])

    def test_a_node_that_ends_is_started_again_without_init(self, machine: Machine) -> None:
        machine.node_is(WAITS)
        with machine.supervised():
            eventually(lambda: len(machine.lived()) == 1, "the first life")
            os.kill(machine.pids()[0], signal.SIGKILL)
            eventually(lambda: len(machine.lived()) == 2, "the second life")

            eventually(lambda: machine.platform.process.running, "it is said to run again")
            process = machine.platform.process

        first, second = machine.pids()
        assert first != second
        assert process == NodeProcess(running=True, restarts=1, last_exit=NodeExit(128 + signal.SIGKILL))
        assert (machine.inits, lives(second)) == (["uid-1"], False)

    def test_a_node_that_keeps_ending_is_counted(self, machine: Machine) -> None:
        """What it printed in all its lives is there to read."""
        machine.node_is("print('no database', flush=True); sys.exit(7)")
        with machine.supervised():
            eventually(lambda: machine.platform.process.restarts >= 2, "two ends")
            process = machine.platform.process
            words = machine.platform.last_words()

        assert process.last_exit == NodeExit(7)
        assert words.startswith("no database\nno database\n")

    def test_what_is_recreated_goes_through_init_again(self, machine: Machine) -> None:
        machine.node_is(WAITS)
        with machine.supervised():
            eventually(lambda: len(machine.lived()) == 1, "the first life")
            machine.node_is(WAITS + " # another build")
            machine.platform.recreate(unchanged=False)
            eventually(lambda: len(machine.lived()) == 2, "the other build")
            first, second = machine.pids()
            assert (lives(first), lives(second)) == (False, True)

        assert machine.inits == machine.released == ["uid-1", "uid-2"]

    def test_while_init_does_not_allow_it_no_node_starts(self, machine: Machine) -> None:
        machine.node_is(WAITS)

        def at_the_third(_: Workload) -> bool:
            if len(machine.inits) == 3:
                machine.stopping.set()
            return False

        machine.proceeds = at_the_third
        machine.supervise()

        assert (machine.inits, machine.lived()) == (["uid-1"] * 3, [])

    def test_a_node_on_the_rolling_tag_is_never_started(self, machine: Machine) -> None:
        def proceeds(_: Workload) -> bool:
            machine.stopping.set()
            return True

        machine.proceeds = proceeds
        machine.supervise()

        assert (machine.failure, machine.lived()) == (None, [])

    def test_a_build_that_is_no_program_is_a_crash_of_that_build_alone(
        self, machine: Machine, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It is tried again with back-off, and the next build runs."""
        machine.node_is("")
        (copy,) = (path for path in (machine.folder / "builds").iterdir())
        copy.write_text("no program")
        with machine.supervised():
            eventually(lambda: machine.platform.process.restarts >= 2, "a second try")
            process = machine.platform.process
            machine.node_is(WAITS)
            machine.platform.recreate(unchanged=False)
            eventually(lambda: machine.platform.process == NodeProcess(running=True), "the next build")

        message = f"{copy} cannot be run (Exec format error)"
        assert (process.crash_looping, process.last_exit) == (True, NodeExit(126, message=message))
        said = [record.getMessage() for record in caplog.records]
        assert said[:2] == [f"{message}; it is started again in {seconds} s" for seconds in (1, 2)]
        assert (machine.failure, machine.inits) == (None, ["uid-1", "uid-2"])

    def test_a_build_whose_copy_is_gone_waits_and_is_no_crash(self, machine: Machine) -> None:
        """As an image that is gone from its registry; it runs once it is back."""
        machine.node_is(WAITS)
        (copy,) = (path for path in (machine.folder / "builds").iterdir())
        kept = copy.rename(machine.folder / "kept")
        with machine.supervised():
            eventually(lambda: machine.platform.process.waiting != "", "it is said")
            process = machine.platform.process
            kept.rename(copy)
            eventually(lambda: machine.platform.process == NodeProcess(running=True), "it runs")

        image = f"avalanchego@sha256:{copy.name}"
        message = f"{copy}: the copy of build {image} is gone; put it back, or start a new data folder"
        assert process == NodeProcess(running=False, waiting=message)
        assert (process.crash_looping, machine.failure, machine.inits) == (False, None, ["uid-1"])

    def test_an_error_of_init_ends_it(self, machine: Machine) -> None:
        def refuses(_: Workload) -> bool:
            raise ConfigurationError("the data is not known")

        machine.proceeds = refuses
        machine.supervise()

        assert str(machine.failure) == "the data is not known"

    def test_a_full_volume_leaves_no_node_that_nobody_knows(
        self, machine: Machine, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The node that cannot be remembered is ended, and started again later."""
        machine.node_is(WAITS)
        remembered = machine.folder / "local-node.json"

        def proceeds(_: Workload) -> bool:
            remembered.symlink_to("/dev/full")  # removed with the first node; the second can be remembered
            return True

        machine.proceeds = proceeds
        with machine.supervised():
            eventually(lambda: remembered.exists() and not remembered.is_symlink(), "a second start")

        said = f"{remembered}: cannot be written (No space left on device); it is started again in 1 s"
        assert said in [record.getMessage() for record in caplog.records]
        assert not any(lives(pid) for pid in machine.pids())

    def test_a_large_log_of_the_node_is_kept_aside(self, machine: Machine) -> None:
        machine.node_is(WAITS)
        log = machine.folder / "node.log"
        with log.open("wb") as file:
            file.truncate(NODE_LOG_BYTES + 1)
        with machine.supervised():
            eventually(lambda: len(machine.lived()) == 1 and log.stat().st_size > 0, "the node")

        assert log.read_text() == "hello\n"
        assert (machine.folder / "node.log.1").stat().st_size == NODE_LOG_BYTES + 1
