"""Tests that processes choose different ports when they choose at the same moment."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from support.local_life import ROOT, Home, environment
from support.simulated_builds import eventually, free_port, write_build

from monitor.commands.free_ports import Ports
from monitor.errors import MonitorError


def test_a_port_is_chosen_once_though_nobody_listens_on_it_yet() -> None:
    wanted = free_port()
    with closing(Ports()) as one, closing(Ports()) as other:
        assert one.free(wanted) == wanted
        found = [other.free(wanted), one.free(wanted), other.free(wanted)]
        assert len({wanted, *found}) == 4
    with closing(Ports()) as later:
        assert later.free(wanted) == wanted, "it goes with its owner"


def test_a_port_that_a_person_chose_is_not_another_monitors() -> None:
    wanted = free_port()
    with closing(Ports()) as one, closing(Ports()) as other:
        one.take(wanted)
        with pytest.raises(MonitorError, match=f"another bootstrap-monitor uses port {wanted} for its node"):
            other.take(wanted)
        assert other.free(wanted) != wanted


def test_it_goes_with_a_process_that_is_killed() -> None:
    wanted = free_port()
    program = (
        "import signal; from monitor.commands.free_ports import Ports; "
        f"ports = Ports(); ports.take({wanted}); print('taken', flush=True); signal.pause()"
    )
    with (
        subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE) as other,
        closing(Ports()) as ports,
    ):
        assert other.stdout is not None
        assert other.stdout.readline() == b"taken\n"
        assert ports.free(wanted) != wanted
        other.kill()
        other.wait()
        ports.take(wanted)


@pytest.mark.slow
def test_local_commands_that_start_together_have_a_node_each(tmp_path: Path) -> None:
    """Commands that start together use different ports.

    On the default ports, one monitor would mistake the other's node for its own.
    """
    homes = [Home(tmp_path / str(number)) for number in range(3)]
    with ExitStack() as started:
        for home in homes:
            home.folder.mkdir()
            write_build(home.build, bootstrap_seconds=60, listen_after_seconds=3)
            process = subprocess.Popen(
                home.command("--health-check-interval=100ms", node=("--network-id=fuji",)),
                cwd=ROOT,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            started.callback(home.kill_nodes)
            started.callback(process.wait)
            started.callback(process.terminate)
        eventually(lambda: all(len(home.nodes()) == 1 for home in homes), "a node each", 90)
        ports = [http_port(*home.nodes()) for home in homes]

    assert len(set(ports)) == len(homes)


def http_port(node: int) -> str:
    """Return the port in the node's arguments, or the default port."""
    words = Path(f"/proc/{node}/cmdline").read_text().split("\0")
    given = [word.partition("=")[2] for word in words if word.startswith("--http-port=")]
    return given[0] if given else "9650"
