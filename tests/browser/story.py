"""A real monitor on simulated builds, whose page tests open while it runs: `local` with short intervals."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from support.local_life import ROOT, environment
from support.observed_life import RUN_SECONDS, ObservedLife
from support.simulated_builds import TIMEOUT_SECONDS, eventually


@dataclass
class Story(ObservedLife):
    """One tester with flags of its own, whose page is tested."""

    flags: tuple[str, ...] = ()

    @property
    def page(self) -> str:
        """The address of the tester's page."""
        return f"http://{self.address}/"

    def status(self) -> dict[str, Any]:
        """Return the tester's current status; empty while the monitor does not answer."""
        try:
            with urllib.request.urlopen(f"{self.page}api/v1/status", timeout=TIMEOUT_SECONDS) as answer:
                found: dict[str, Any] = json.load(answer)
        except OSError:
            return {}
        return found

    def ask(self, *command: str) -> None:
        """Run a command of the monitor on the tester's data folder."""
        line = [sys.executable, "-m", "monitor", *command, f"--data-dir={self.data_dir}"]
        subprocess.run(line, cwd=ROOT, check=True, capture_output=True, env=environment())

    def reach(self, number: int, phase: str, seconds: float = RUN_SECONDS) -> None:
        """Wait until a run is in a phase."""

        def reached() -> bool:
            status = self.status()
            return bool(status) and (status["run"] or {}).get("run") == number and status["phase"] == phase

        eventually(reached, f"run {number} is {phase}; output of the monitor:\n{self.last_output()}", seconds)

    def lives(self) -> AbstractContextManager[None]:
        """Run the tester within the block; stop it and its node afterwards."""
        return self.running("--tester=fuji-nightly", "--stall-timeout=1h", *self.flags)
