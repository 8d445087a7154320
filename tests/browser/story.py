"""A real monitor on simulated builds, whose page is looked at while it lives: `local`, with intervals of seconds."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_life import ROOT, environment, lives
from simulated_builds import PATIENCE_SECONDS, eventually, free_port, write_build

RUN_SECONDS = 120.0
_FLAGS = (
    "--tester=fuji-nightly",
    "--testbed=simulated",
    "--health-check-interval=100ms",
    "--image-check-interval=200ms",
    "--disk-check-interval=500ms",
    "--node-timeout=5s",
    "--crash-limit=2",
    "--disk-floor=0",
    "--stall-timeout=1h",
)


@dataclass
class Story:
    """One tester: its folder, its flags, and where its page is."""

    folder: Path
    flags: tuple[str, ...] = ()
    web_port: int = field(default_factory=free_port)
    node_port: int = field(default_factory=free_port)

    @property
    def page(self) -> str:
        """The address of its page."""
        return f"http://127.0.0.1:{self.web_port}/"

    def status(self) -> dict[str, Any]:
        """What it says of itself now; nothing while it does not answer."""
        try:
            with urllib.request.urlopen(f"{self.page}api/v1/status", timeout=PATIENCE_SECONDS) as answer:
                found: dict[str, Any] = json.load(answer)
        except OSError:
            return {}
        return found

    def install(self, number: int, **behaviour: float | str) -> None:
        """Put the build of a run in the place of the one before."""
        version = str(behaviour.pop("version", f"avalanchego/1.14.{number}"))
        write_build(self.folder / "avalanchego", f"{number:02x}" * 20, version=version, **behaviour)

    def ask(self, *command: str) -> None:
        """Run a command on its ledger."""
        line = [sys.executable, "-m", "monitor", *command, f"--data-dir={self.folder / 'data'}"]
        subprocess.run(line, cwd=ROOT, check=True, capture_output=True, env=environment())

    def reach(self, number: int, phase: str, seconds: float = RUN_SECONDS) -> None:
        """Wait until a run is in a phase."""

        def reached() -> bool:
            status = self.status()
            return bool(status) and (status["run"] or {}).get("run") == number and status["phase"] == phase

        eventually(reached, f"run {number} is {phase}; the monitor said:\n{self.said()}", seconds)

    def said(self) -> str:
        """The end of what the monitor printed."""
        return "\n".join((self.folder / "log").read_text().splitlines()[-20:])

    @contextlib.contextmanager
    def lives(self) -> Iterator[None]:
        """The command runs; it and its node have ended afterwards."""
        command = [
            *(sys.executable, "-m", "monitor", "local", str(self.folder / "avalanchego")),
            *(f"--data-dir={self.folder / 'data'}", *_FLAGS, *self.flags),
            *(f"--web-listen-address=127.0.0.1:{self.web_port}", "--"),
            *("--network-id=fuji", f"--http-port={self.node_port}"),
        ]
        with lives(command, self.folder / "log", self.folder / "data"):
            yield
