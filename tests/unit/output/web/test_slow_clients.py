"""Tests that the real process answers probes and scrapes while many slow clients hold connections."""

from __future__ import annotations

import re
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest
from support.local_life import living
from support.simulated_builds import eventually, free_port, write_build
from support.slow_clients import slow_clients

SLOW = 200
WATCHED_SECONDS = 8.0
ANSWERED_IN_SECONDS = 2.0
GROWTH_MIB = 10.0


def answered(port: int, path: str) -> bool:
    """Return whether a client gets the page within the timeout of a probe."""
    connection = HTTPConnection("127.0.0.1", port, timeout=ANSWERED_IN_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def resident_mib(process: int) -> float:
    found = re.search(r"Rss:\s+(\d+)", Path(f"/proc/{process}/smaps_rollup").read_text())
    assert found
    return int(found[1]) / 1024


@pytest.mark.slow
@pytest.mark.parametrize("slow", [0, SLOW], ids=["none", "many"])
def test_probes_and_scrapes_are_answered_beside_slow_clients(tmp_path: Path, slow: int) -> None:
    """Probes and scrapes are answered beside slow clients.

    The case without slow clients shows that this machine is fast enough.
    """
    port = free_port()
    with living(tmp_path) as tester:
        write_build(tester.build, bootstrap_seconds=60, blocks=50)
        process = tester.start(f"--web-listen-address=127.0.0.1:{port}")
        eventually(lambda: bool(tester.runs()) and answered(port, "/metrics"), "the monitor serves")
        before = resident_mib(process.pid)
        answers: dict[str, list[bool]] = {"/-/healthy": [], "/metrics": []}
        with slow_clients(("127.0.0.1", port), slow) as connected:
            until = time.monotonic() + (WATCHED_SECONDS if slow else 1.0)
            while time.monotonic() < until:
                time.sleep(0.25)
                for path, found in answers.items():
                    found.append(answered(port, path))
        assert {path: found.count(False) for path, found in answers.items()} == dict.fromkeys(answers, 0)
        assert min(map(len, answers.values())) > 0
        assert len(connected) >= slow, "the slow clients were connected"
        assert process.poll() is None
        assert resident_mib(process.pid) - before < GROWTH_MIB
