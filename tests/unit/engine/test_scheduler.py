"""Tests of the scheduler: jobs run at their intervals, and never twice at the same time.

SIGTERM stops the daemon whatever a job is doing.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.fake_api_server import FakeApiServer, Fault, kubeconfig, serving
from support.simulated_builds import TIMEOUT_SECONDS, eventually
from support.tester_objects import BUILD, add_tester

from monitor.engine.activity import ERRORS, TASK_DURATION, TASK_LAST_SUCCESS, Activity
from monitor.engine.scheduler import HEARTBEAT_GRACE_SECONDS, HEARTBEATS_MISSED, Daemon, Job
from monitor.errors import MonitorError, OutageError, TemporaryError
from monitor.k8s.calls import UnavailableError
from monitor.ledger import open_ledger
from monitor.ledger.recovery import FILE

HOUR = 3600.0


@dataclass
class Clock:
    """A clock of the machine that the test sets."""

    read: Callable[[], float]
    set_by: float = 0.0

    def __call__(self) -> float:
        return self.read() + self.set_by


@dataclass
class Work:
    """The work of a job, which counts its runs and its highest concurrency; a test can block it."""

    held: threading.Event = field(default_factory=threading.Event)
    started: int = 0
    done: int = 0
    max_concurrent: int = 0
    fails_with: BaseException | None = None
    fails_at_the_end: MonitorError | None = None
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> None:
        with self._lock:
            self.started += 1
            self._now += 1
            self.max_concurrent = max(self.max_concurrent, self._now)
        try:
            if self.fails_with is not None:
                raise self.fails_with
            self.held.wait(TIMEOUT_SECONDS)
            if self.fails_at_the_end is not None:
                raise self.fails_at_the_end
        finally:
            with self._lock:
                self._now -= 1
                self.done += 1


def free() -> Work:
    """Return work that is not blocked."""
    work = Work()
    work.held.set()
    return work


@contextlib.contextmanager
def running(daemon: Daemon, *held: Work) -> Iterator[threading.Event]:
    """Run a daemon until the block is left, and then release the blocked jobs."""
    stopping = threading.Event()
    thread = threading.Thread(target=daemon.run, args=(stopping,))
    thread.start()
    try:
        yield stopping
    finally:
        stopping.set()
        for work in held:
            work.held.set()
        thread.join(TIMEOUT_SECONDS)
        assert not thread.is_alive()


class TestJobs:
    """Jobs that run at their intervals, independently of each other."""

    def test_a_job_runs_immediately_and_then_at_its_interval(self) -> None:
        often, seldom = free(), free()
        daemon = Daemon((Job("often", often, 0.05), Job("seldom", seldom, HOUR)), Activity())
        with running(daemon):
            eventually(lambda: often.done >= 5, "five runs of a job that is due every 50 ms")

        assert seldom.done == 1

    def test_a_job_never_overlaps_itself_and_holds_up_no_other(self) -> None:
        slow, other = Work(), free()
        daemon = Daemon((Job("slow", slow, 0.01), Job("other", other, 0.01)), Activity())
        with running(daemon, slow):
            eventually(
                lambda: slow.started == 1 and other.done >= 10, "the other continues beside the slow one"
            )
            assert (slow.started, slow.done) == (1, 0)
            slow.held.set()
            eventually(lambda: slow.done >= 5, "the slow one continues after it has finished")

        assert (slow.max_concurrent, other.max_concurrent) == (1, 1)

    def test_a_job_may_be_asked_for_before_its_time(self) -> None:
        work = free()
        daemon = Daemon((Job("disk", work, HOUR),), Activity())
        daemon.run_soon("disk")  # the job does not run yet, so the call has no effect
        with running(daemon):
            eventually(lambda: work.done == 1, "the first run")
            daemon.run_soon("disk")
            eventually(lambda: work.done == 2, "the run that was asked for")

        assert work.started == 2

    def test_asking_for_a_job_that_is_under_way_does_not_run_it_again(self) -> None:
        work, other = Work(), free()
        daemon = Daemon((Job("disk", work, HOUR), Job("other", other, 0.01)), Activity())
        with running(daemon, work):
            eventually(lambda: work.started == 1, "the first run")
            daemon.run_soon("disk")
            work.held.set()
            seen = other.done
            eventually(lambda: other.done >= seen + 10, "time for another run, if there were one")

        assert work.started == 1

    @pytest.mark.parametrize(
        ("error", "message"),
        [
            pytest.param(TemporaryError("the volume is busy"), "job: the volume is busy", id="an error"),
            pytest.param(
                ZeroDivisionError("division by zero"),
                "job: failed (ZeroDivisionError: division by zero); see the log for the traceback",
                id="a fault",
            ),
        ],
    )
    def test_a_job_that_fails_is_counted_logged_and_run_again(
        self, error: Exception, message: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        work, activity = Work(fails_with=error), Activity()
        with running(Daemon((Job("job", work, 0.02),), activity)):
            eventually(lambda: work.done >= 3, "it runs again and again")

        assert activity.values(ERRORS) == {("job",): work.done}
        assert activity.values(TASK_LAST_SUCCESS) == activity.values(TASK_DURATION) == {}
        problems = [each.getMessage() for each in caplog.records if each.name == "monitor.engine.problem_log"]
        assert problems == [message], "once, however often it fails"
        faults = [each for each in caplog.records if each.exc_info]
        assert len(faults) == (0 if isinstance(error, TemporaryError) else 1), "where it failed, once"

    @pytest.mark.parametrize(
        ("error", "again"),
        [
            pytest.param(OutageError("the API server is down"), True, id="an outage"),
            pytest.param(TemporaryError("the image cannot be pulled"), False, id="another error"),
            pytest.param(UnavailableError("429: too many", refused=True), False, id="the API server refuses"),
        ],
    )
    def test_a_job_that_an_outage_cut_off_runs_again_soon(self, error: MonitorError, *, again: bool) -> None:
        """A job that an outage interrupted runs again soon, and after the outage at its interval."""
        work, other = Work(fails_with=error), free()
        jobs = (Job("image", work, HOUR), Job("other", other, 0.01))
        with running(Daemon(jobs, Activity(), outage_retry_seconds=0.03)):
            eventually(lambda: work.done >= (4 if again else 1), "the first runs")
            work.fails_with = None
            work.held.set()
            eventually(lambda: work.done >= (5 if again else 1), "a run that is not cut off")
            done, seen = work.done, other.done
            eventually(lambda: other.done >= seen + 20, "time for another run, if there were one")

        assert work.done == done

    def test_a_job_that_is_due_sooner_keeps_its_interval(self) -> None:
        work = Work(fails_with=OutageError("the API server is down"))
        with running(Daemon((Job("tick", work, 0.02),), Activity(), outage_retry_seconds=HOUR)):
            eventually(lambda: work.done >= 3, "it runs again and again")


class TestHeartbeats:
    """Heartbeats, by which `/-/healthy` detects that the process no longer works."""

    LATE = HEARTBEATS_MISSED * 10.0 + HEARTBEAT_GRACE_SECONDS

    @pytest.mark.parametrize(
        ("passed", "healthy", "line"),
        [
            pytest.param(0.0, True, "tick: ok, last done 0 s ago", id="just started"),
            pytest.param(
                300.0, True, "tick: ok, last done 300 s ago", id="as long as a throttled tick takes"
            ),
            pytest.param(LATE - 1, True, "tick: ok, last done 649 s ago", id="not late yet"),
            pytest.param(LATE + 1, False, "tick: late, last done 651 s ago", id="never done and late"),
        ],
    )
    def test_without_a_heartbeat_time_counts_from_the_beginning(
        self,
        passed: float,
        healthy: bool,  # noqa: FBT001 - the expected value
        line: str,
    ) -> None:
        now = 1000.0
        daemon = Daemon((Job("tick", free(), 10.0, essential=True),), Activity(), monotonic=lambda: now)
        now += passed

        assert daemon.healthy() == (healthy, [line])

    def test_a_loop_that_hangs_is_unhealthy_until_it_continues(self) -> None:
        """A loop that hangs is unhealthy until it continues.

        The process lives and its other jobs run, so only the missing heartbeat shows the problem.
        """
        tick, disk, activity = Work(), free(), Activity()
        monotonic = Clock(time.monotonic)
        jobs = (Job("tick", tick, 0.05, essential=True), Job("disk", disk, 0.05))
        daemon = Daemon(jobs, activity, monotonic=monotonic)
        with running(daemon, tick):
            eventually(lambda: tick.started == 1, "the tick that hangs")
            assert daemon.healthy()[0]
            monotonic.set_by = 5 * 0.05 + HEARTBEAT_GRACE_SECONDS + 1
            seen, lines = daemon.healthy()
            assert not seen
            assert lines[0].startswith("tick: late, last done 601 s ago")
            monotonic.set_by = 0.0
            tick.held.set()
            eventually(lambda: ("tick",) in activity.values(TASK_LAST_SUCCESS), "a heartbeat")
            assert daemon.healthy()[0]

    def test_a_job_that_fails_has_a_heartbeat(self) -> None:
        """A failing job sends a heartbeat, because a restart of the process would not help."""
        tick, monotonic = (
            Work(fails_with=TemporaryError("the API server does not answer")),
            Clock(time.monotonic),
        )
        daemon = Daemon((Job("tick", tick, 0.05, essential=True),), Activity(), monotonic=monotonic)
        with running(daemon, tick):
            monotonic.set_by = 5 * 0.05 + HEARTBEAT_GRACE_SECONDS + 1
            eventually(lambda: tick.done > 1, "a tick that failed")
            eventually(lambda: daemon.healthy()[0], "its heartbeat")

    def test_a_job_that_is_not_essential_makes_nothing_unhealthy(self) -> None:
        now = 1000.0
        jobs = (Job("tick", free(), HOUR, essential=True), Job("image", free(), 1.0))
        daemon = Daemon(jobs, Activity(), monotonic=lambda: now)
        now += 1000

        lines = ["tick: ok, last done 1000 s ago", "image: late, last done 1000 s ago"]
        assert daemon.healthy() == (True, lines)

    def test_a_heartbeat_is_kept_with_its_duration_and_its_time(self) -> None:
        activity, before = Activity(), time.time()
        with running(Daemon((Job("tick", free(), HOUR),), activity)):
            eventually(lambda: ("tick",) in activity.values(TASK_LAST_SUCCESS), "a heartbeat")

        assert before - 1 <= activity.values(TASK_LAST_SUCCESS)["tick",] <= time.time() + 1
        assert 0 <= activity.values(TASK_DURATION)["tick",] < TIMEOUT_SECONDS
        assert activity.values(ERRORS) == {("tick",): 0}


class TestWallClock:
    """The wall clock, which APScheduler uses; changing the clock must not stop the jobs."""

    @pytest.mark.parametrize(
        ("set_by", "message"),
        [
            pytest.param(-HOUR, "the wall clock jumped by -3600 s: running all jobs now", id="back"),
            pytest.param(HOUR, "the wall clock jumped by +3600 s: running all jobs now", id="forward"),
        ],
    )
    def test_when_it_is_set_every_job_runs_once_more(
        self, set_by: float, message: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        first, second, wall = free(), free(), Clock(time.time)
        daemon = Daemon(
            (Job("first", first, HOUR), Job("second", second, HOUR)), Activity(), wall, watch_seconds=0.05
        )
        with caplog.at_level(logging.WARNING, "monitor.engine.scheduler"), running(daemon):
            eventually(lambda: first.done == second.done == 1, "the first runs")
            wall.set_by = set_by
            eventually(lambda: first.done == second.done == 2, "a run of each after the clock was set")

        assert [record.getMessage() for record in caplog.records] == [message]

    def test_a_job_that_runs_while_the_clock_is_set_back_is_not_forgotten(self) -> None:
        """A job that runs while the clock is set back continues at its interval.

        The next run of APScheduler would otherwise be an hour ahead.
        """
        slow, wall = Work(), Clock(time.time)
        watch = free()
        daemon = Daemon(
            (Job("slow", slow, 0.5), Job("watch", watch, HOUR)), Activity(), wall, watch_seconds=0.05
        )
        with running(daemon, slow):
            eventually(lambda: slow.started == watch.done == 1, "the first runs")
            put_off(daemon, "slow", HOUR)
            wall.set_by = -HOUR
            eventually(lambda: watch.done == 2, "the clock's setting was noticed")
            slow.held.set()
            eventually(lambda: slow.done >= 2, "the slow job runs again")

        assert slow.max_concurrent == 1

    def test_a_clock_that_only_drifts_runs_nothing(self) -> None:
        work, ticks, wall = free(), free(), Clock(time.time)
        daemon = Daemon(
            (Job("seldom", work, HOUR), Job("often", ticks, 0.1)), Activity(), wall, watch_seconds=0.05
        )
        with running(daemon):
            wall.set_by = -1.5
            eventually(lambda: ticks.done >= 5, "several polls of the watch")

        assert work.done == 1


def put_off(daemon: Daemon, name: str, seconds: float) -> None:
    """Delay a job's next run, as happens when the machine's clock is set back."""
    scheduler = daemon._scheduler  # noqa: SLF001 - a test cannot set the clock of the machine
    scheduler.modify_job(name, next_run_time=datetime.now(UTC) + timedelta(seconds=seconds))


class TestStop:
    """Stopping: running jobs end if they can, and no job starts."""

    def test_a_job_under_way_is_waited_for_and_no_other_begins(self) -> None:
        work, often = Work(), free()
        daemon = Daemon((Job("job", work, HOUR), Job("often", often, 0.01)), Activity())
        stopping = threading.Event()
        thread = threading.Thread(target=daemon.run, args=(stopping,))
        thread.start()
        eventually(lambda: work.started == 1 and often.done > 0, "both jobs")
        stopping.set()
        eventually(lambda: often.started == often.done, "the other one's last run")
        thread.join(0.2)
        started = often.started
        assert thread.is_alive()
        thread.join(0.2)
        assert (thread.is_alive(), often.started) == (True, started)
        work.held.set()
        thread.join(TIMEOUT_SECONDS)

        assert (thread.is_alive(), work.done, often.started) == (False, 1, started)

    def test_a_job_given_up_at_the_end_has_no_problem(self) -> None:
        """A job that is given up on shutdown leaves no problem for the next process to report."""
        work, activity = (
            Work(fails_at_the_end=TemporaryError("given up: the monitor is stopping")),
            Activity(),
        )
        with running(Daemon((Job("image", work, HOUR),), activity), work) as stopping:
            eventually(lambda: work.started == 1, "the job")
            stopping.set()

        assert (work.done, activity.values(ERRORS)) == (1, {("image",): 1})
        assert not any(activity.problems.current().values())


STOPS_WITHIN_SECONDS = 7.0  # the promise is 5 s, but the machine may be busy
LONG_SECONDS = 60.0


@dataclass
class Watcher:
    """A process of `wait-for-completion` with a fake API server and a node that accepts no connections."""

    api: FakeApiServer
    node: socket.socket
    data_dir: Path
    process: subprocess.Popen[bytes]
    held: contextlib.ExitStack

    def node_is_asked(self) -> bool:
        """Return whether a request to the node is pending."""
        try:
            connection, _ = self.node.accept()
        except BlockingIOError:
            return False
        self.held.enter_context(connection)
        return True

    def api_is_asked(self) -> bool:
        """Return whether a tick has reached the platform."""
        return bool(self.api.requests)

    def hold_ledger(self) -> None:
        """Lock the ledger from another process."""
        connection = sqlite3.connect(self.data_dir / FILE, timeout=TIMEOUT_SECONDS, isolation_level=None)
        self.held.enter_context(contextlib.closing(connection))
        connection.execute("BEGIN EXCLUSIVE")


@dataclass(frozen=True)
class Obstacle:
    """The obstacle that a job waits for when the signal arrives."""

    command: str = "wait-for-completion"
    node_listens: bool = False
    fault: Fault | None = None
    ready: Callable[[Watcher], bool] = Watcher.api_is_asked
    then: Callable[[Watcher], None] = lambda _: None


HINDRANCES = {
    "nothing": Obstacle(),
    "a node that takes the call and says nothing": Obstacle(node_listens=True, ready=Watcher.node_is_asked),
    "an API server that says nothing": Obstacle(fault=Fault(delay_seconds=LONG_SECONDS)),
    "an API server that says nothing to init": Obstacle("init", fault=Fault(delay_seconds=LONG_SECONDS)),
    "a ledger that another process holds": Obstacle(then=Watcher.hold_ledger),
}


@contextlib.contextmanager
def watching(obstacle: Obstacle, folder: Path) -> Iterator[Watcher]:
    """Run the real command, and kill it at the end."""
    with contextlib.ExitStack() as stack:
        api = stack.enter_context(serving())
        add_tester(api, str(folder), pinned_to=BUILD)
        api.faults = [obstacle.fault] * 10 if obstacle.fault else []
        node = stack.enter_context(socket.socket())
        node.bind(("127.0.0.1", 0))
        node.setblocking(False)
        if obstacle.node_listens:
            node.listen()
        command = [
            *(sys.executable, "-m", "monitor", obstacle.command),
            *("--namespace=ns", "--pod-name=tester-0", "--node-container-name=node", "--log-format=plain"),
            f"--data-dir={folder}",
            f"--node-url=http://127.0.0.1:{node.getsockname()[1]}",
            f"--node-timeout={LONG_SECONDS:.0f}s",
            "--health-check-interval=20ms",
            *(["--web-listen-address=127.0.0.1:0"] if obstacle.command == "wait-for-completion" else []),
        ]
        process = subprocess.Popen(
            command,
            env=os.environ | {"KUBECONFIG": str(kubeconfig(folder, api.url))},
            cwd=Path(__file__).parents[3],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stack.enter_context((folder / "stderr").open("wb")),
        )
        try:
            yield Watcher(api, node, folder, process, stack.enter_context(contextlib.ExitStack()))
        finally:
            process.kill()
            process.wait()


@dataclass(frozen=True)
class End:
    """The end of a command."""

    code: int
    seconds: float
    message: str


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> dict[str, End]:
    """Return the end of the command with each obstacle; all run in parallel, since each takes seconds."""
    with contextlib.ExitStack() as stack:
        watchers = {
            name: stack.enter_context(watching(each, tmp_path_factory.mktemp("data")))
            for name, each in HINDRANCES.items()
        }
        for name, watcher in watchers.items():
            ready = HINDRANCES[name].ready
            eventually(lambda ready=ready, watcher=watcher: ready(watcher), f"it works beside {name}")  # type: ignore[misc]
            HINDRANCES[name].then(watcher)
        found: dict[str, End] = {}
        sent = time.monotonic()
        for watcher in watchers.values():
            watcher.process.send_signal(signal.SIGTERM)
        while len(found) < len(watchers) and time.monotonic() < sent + LONG_SECONDS / 2:
            for name, watcher in watchers.items():
                code = watcher.process.poll()
                if code is not None and name not in found:
                    message = (watcher.data_dir / "stderr").read_text()
                    found[name] = End(code, time.monotonic() - sent, message)
            time.sleep(0.02)
        return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("obstacle", "codes"),
    [
        pytest.param("nothing", {0}, id="nothing"),
        pytest.param("a node that takes the call and says nothing", {0}, id="a silent node"),
        pytest.param("an API server that says nothing", {0}, id="a silent API server"),
        pytest.param("an API server that says nothing to init", {1}, id="init, a silent API server"),
        pytest.param("a ledger that another process holds", {0, 1}, id="a ledger that is held"),
    ],
)
def test_a_sigterm_ends_the_command_beside(ends: dict[str, End], obstacle: str, codes: set[int]) -> None:
    """SIGTERM ends the command with 0 if the volume can be released.

    The exit code is 1 if `init` was not done or the time ran out.
    """
    assert obstacle in ends, "it did not end at all"
    end = ends[obstacle]

    assert end.code in codes
    assert "Traceback" not in end.message
    assert end.seconds < STOPS_WITHIN_SECONDS


@pytest.mark.slow
def test_the_volume_is_given_up_at_the_end(tmp_path: Path) -> None:
    """The volume is released on shutdown, so that the next pod does not wait for the timeout."""
    with watching(Obstacle(), tmp_path) as watcher:
        ledger = open_ledger(tmp_path)
        eventually(lambda: ledger.holder() is not None, "it holds the volume")
        watcher.process.send_signal(signal.SIGTERM)
        assert watcher.process.wait(TIMEOUT_SECONDS) == 0

    assert ledger.holder() is None
    ledger.close()
