"""Tests that a waiting command stops on a signal, whichever thread receives it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from support.fake_api_server import kubeconfig

from monitor.commands.signals import Stopping

# The main thread blocks SIGTERM, so the kernel delivers it to the other thread while the main thread sleeps.
WAITING = """
import os, signal, sys, threading, time
from monitor.commands.signals import Stopping

def handled(*_):
    print("handled", flush=True)
    os._exit(0)

def missed():
    print("not handled", flush=True)
    os._exit(1)

signal.signal(signal.SIGTERM, handled)
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGTERM)).start()
threading.Timer(15, missed).start()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
EVENT.wait(SECONDS)
"""


def waiting(event: str, seconds: str) -> str:
    """Return the first line that the process prints."""
    program = WAITING.replace("EVENT", event).replace("SECONDS", seconds)
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout.strip() or done.stderr


@pytest.mark.parametrize("seconds", ["60", "None"], ids=["for a time", "without a limit"])
def test_a_signal_that_woke_nobody_is_heeded_while_one_waits(seconds: str) -> None:
    assert waiting("Stopping()", seconds) == "handled"


@pytest.mark.parametrize(("timeout", "expected"), [(0.0, False), (0.05, False), (30.0, True), (None, True)])
def test_it_is_an_event(timeout: float | None, *, expected: bool) -> None:
    stopping = Stopping()
    if expected:
        threading.Timer(0.05, stopping.set).start()
    began = time.monotonic()

    assert stopping.wait(timeout) is expected
    assert time.monotonic() - began >= (0.0 if expected else timeout or 0.0)
    assert stopping.is_set() is expected


def test_a_containers_first_process_is_ended_before_its_command_heeds_signals(tmp_path: Path) -> None:
    """The first process of a container stops before its command has installed signal handlers.

    The kernel discards signals without a handler for process 1 of a PID namespace.
    """
    isolated = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]
    if subprocess.run([*isolated, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this system lets only root make namespaces")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        path = kubeconfig(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}")
        words = ["check", "--namespace=ns", "--pod-name=tester-0"]
        with subprocess.Popen(
            [*isolated, sys.executable, "-m", "monitor", *words],
            cwd=Path(__file__).parents[3],
            env=os.environ | {"KUBECONFIG": str(path)},
        ) as process:
            silent.settimeout(60)
            with silent.accept()[0]:  # the command waits for a response, which takes many seconds
                first = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0]
                os.kill(int(first), signal.SIGTERM)
                assert process.wait(5) == 128 + signal.SIGTERM
