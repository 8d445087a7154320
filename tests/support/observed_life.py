"""The real `local` on simulated builds, observed from outside: the pages that it serves, and its log."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from support.local_life import ROOT, Home, environment
from support.simulated_builds import TIMEOUT_SECONDS, free_port, write_build

RUN_SECONDS = 120.0


def commit(number: int) -> str:
    """Return the commit of the build of a run."""
    return f"{number:02x}" * 20


def version(number: int) -> str:
    """Return the default version of the build of a run."""
    return f"avalanchego/1.14.{number}"


@dataclass
class ObservedLife(Home):
    """A tester at a known address, with intervals below one second; each run has a build of its own."""

    web_port: int = field(init=False, default_factory=free_port)
    node_port: int = field(init=False, default_factory=free_port)

    @property
    def address(self) -> str:
        """The host and the port of the status page and the metrics."""
        return f"127.0.0.1:{self.web_port}"

    @property
    def log(self) -> Path:
        """The path of the tester's output."""
        return self.folder / "log"

    def last_output(self) -> str:
        """Return the last 20 lines of the tester's output."""
        return "\n".join(self.log.read_text().splitlines()[-20:])

    def install(self, number: int, **behaviour: float | str) -> None:
        """Replace the installed build with that of a run."""
        write_build(self.build, commit(number), **{"version": version(number), **behaviour})

    @contextmanager
    def running(self, *flags: str, node: Sequence[str] = ("--network-id=fuji",)) -> Iterator[None]:
        """Run the command for a node with these arguments; stop it and its node afterwards."""
        command = self.command(
            *("--health-check-interval=100ms", "--image-check-interval=200ms", "--disk-check-interval=500ms"),
            *("--testbed=simulated", "--node-timeout=5s", "--crash-limit=2", "--disk-floor=0"),
            *(f"--web-listen-address={self.address}", *flags),
            node=(*node, f"--http-port={self.node_port}"),
        )
        with self.log.open("w") as output:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment(),
            )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(TIMEOUT_SECONDS)
            finally:
                process.kill()
                process.wait()
                self.kill_nodes()
