"""Tests of child processes.

They are stopped with all their children, and an orphan is identified by its PID and start time.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.simulated_builds import TIMEOUT_SECONDS, eventually, lives

from monitor.errors import TemporaryError
from monitor.local.processes import Orphan, end_group, end_process

POLITE = "print('ready', flush=True); import time; time.sleep(60)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {POLITE}"
LEAVES_ONE_BEHIND = (
    "import subprocess, sys; "
    f"child = subprocess.Popen([sys.executable, '-c', {DEAF!r}], stdout=subprocess.PIPE); "
    "child.stdout.readline(); print(child.pid, flush=True); import time; time.sleep(60)"
)

Start = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Return a function that starts a program in its own process group and waits until it is ready.

    The program is killed at the end.
    """
    with ExitStack() as started:

        def run(script: str) -> subprocess.Popen[bytes]:
            child = subprocess.Popen(
                [sys.executable, "-c", script], stdout=subprocess.PIPE, process_group=0, bufsize=0
            )
            started.enter_context(child)
            started.callback(end_group, child.pid)
            return child

        yield run


def first_line(child: subprocess.Popen[bytes]) -> str:
    """Return the line that the process prints once it is ready."""
    assert child.stdout is not None
    return child.stdout.readline().decode().strip()


@pytest.mark.parametrize(
    ("script", "timeout_seconds", "ended_by"),
    [
        pytest.param(POLITE, TIMEOUT_SECONDS, signal.SIGTERM, id="asked"),
        pytest.param(DEAF, 0.1, signal.SIGKILL, id="killed where it does not listen"),
    ],
)
def test_a_child_is_asked_to_end_and_then_ended(
    start: Start, script: str, timeout_seconds: float, ended_by: signal.Signals
) -> None:
    child = start(script)
    assert first_line(child) == "ready"
    end_process(child, timeout_seconds)

    assert child.returncode == -ended_by


def test_what_a_child_left_behind_is_ended_by_its_group(start: Start) -> None:
    child = start(LEAVES_ONE_BEHIND)
    left = int(first_line(child))
    end_process(child, TIMEOUT_SECONDS)
    assert lives(left)
    end_group(child.pid)

    eventually(lambda: not lives(left), "it is ended")
    end_group(child.pid)  # no process is left, so the call has no effect


class TestOrphan:
    """The node of a monitor that was killed."""

    @pytest.mark.parametrize(
        ("script", "ended_by"),
        [
            pytest.param(POLITE, signal.SIGTERM, id="asked"),
            pytest.param(DEAF, signal.SIGKILL, id="killed where it does not listen"),
        ],
    )
    def test_it_is_ended_by_the_next_monitor(
        self, start: Start, tmp_path: Path, script: str, ended_by: signal.Signals
    ) -> None:
        child, path = start(script), tmp_path / "node.json"
        assert first_line(child) == "ready"
        Orphan(path).remember(child.pid)
        Orphan(path, timeout_seconds=0.2).end()

        assert child.wait(TIMEOUT_SECONDS) == -ended_by
        assert not path.exists()

    def test_what_it_left_behind_is_ended_with_it(self, start: Start, tmp_path: Path) -> None:
        child = start(LEAVES_ONE_BEHIND)
        left = int(first_line(child))
        Orphan(tmp_path / "node.json").remember(child.pid)
        Orphan(tmp_path / "node.json").end()

        eventually(lambda: not lives(left), "it is ended")

    def test_another_process_of_its_number_is_left_alone(self, start: Start, tmp_path: Path) -> None:
        child, path = start(POLITE), tmp_path / "node.json"
        assert first_line(child) == "ready"
        Orphan(path).remember(child.pid)
        remembered = json.loads(path.read_text())
        path.write_text(json.dumps(remembered | {"start": str(int(remembered["start"]) - 1)}))
        Orphan(path).end()

        assert (child.poll(), path.exists()) == (None, False)

    def test_one_that_ended_is_forgotten(self, start: Start, tmp_path: Path) -> None:
        child, path = start(POLITE), tmp_path / "node.json"
        Orphan(path).remember(child.pid)
        end_process(child, TIMEOUT_SECONDS)
        Orphan(path).end()

        assert not path.exists()

    def test_a_process_that_was_gone_before_it_was_remembered(self, start: Start, tmp_path: Path) -> None:
        child, path = start("pass"), tmp_path / "node.json"
        child.wait(TIMEOUT_SECONDS)
        Orphan(path).remember(child.pid)

        assert json.loads(path.read_text()) == {"pid": child.pid, "start": None}
        Orphan(path).end()
        assert not path.exists()

    @pytest.mark.parametrize(
        "text", ["", "{", "[]", "null", "{}", '{"pid": 1}', '{"pid": "x", "start": "1"}', "\udcff"], ids=repr
    )
    def test_a_file_that_cannot_be_understood_ends_nobody(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "node.json"
        path.write_bytes(text.encode(errors="surrogateescape"))
        Orphan(path).end()
        Orphan(tmp_path / "none.json").end()

        assert path.exists()

    def test_forgetting_may_be_repeated(self, start: Start, tmp_path: Path) -> None:
        path = tmp_path / "node.json"
        Orphan(path).remember(start(POLITE).pid)
        for _ in range(2):
            Orphan(path).forget()

        assert not path.exists()

    def test_a_state_file_that_cannot_be_written_is_reported(self, start: Start, tmp_path: Path) -> None:
        path = tmp_path / "node.json"
        path.symlink_to("/dev/full")
        with pytest.raises(TemporaryError) as caught:
            Orphan(path).remember(start(POLITE).pid)

        assert str(caught.value) == f"{path}: cannot be written (Not a regular file, or behind a link)"
