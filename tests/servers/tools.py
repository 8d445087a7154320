"""The servers and tools of these tests: from the PATH if the version fits, otherwise from `provision`."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from support.provisioned import MissingError, provision

PROVISION = Path(__file__).resolve().parent / "provision"
# The lowest supported version of Prometheus, and a current one.
VERSIONS = ("2.42", "3")


@dataclass(frozen=True)
class Tool:
    """A program: its names on the PATH, the start of its version, and where `provision` puts it."""

    names: tuple[str, ...]
    version: str
    provisioned: str
    file: str

    def found(self) -> Path:
        """Return the path of the program; build or download it if it is missing.

        Raises:
            MissingError: the program cannot be provided on this machine.
        """
        for name in self.names:
            path = shutil.which(name)
            if path is not None and self._is(Path(path)):
                return Path(path)
        provision(PROVISION, self.provisioned)
        made = Path(provision(PROVISION, "--where", self.provisioned)) / self.file
        if not self._is(made):
            raise MissingError(
                f"{made.name} {self.version}x is missing, as this system's is another: have it on the PATH"
            )
        return made

    def _is(self, path: Path) -> bool:
        return bool(re.search(rf"(version |distribution |^){re.escape(self.version)}", _version(path)))


PROMETHEUS = {
    "2.42": Tool(("prometheus",), "2.42.", "debian", "usr/bin/prometheus"),
    "3": Tool(("prometheus", "prometheus-3"), "3.", "prometheus", "prometheus"),
}
PROMTOOL = {
    "2.42": Tool(("promtool",), "2.42.", "debian", "usr/bin/promtool"),
    "3": Tool(("promtool", "promtool-3"), "3.", "prometheus", "promtool"),
}
ALERTMANAGER = Tool(
    ("prometheus-alertmanager", "alertmanager"), "0.", "debian", "usr/bin/prometheus-alertmanager"
)
REGISTRY = Tool(("docker-registry",), "2.", "debian", "usr/bin/docker-registry")
PINT = Tool(("pint",), "0.", "pint", "pint")


def dashboard_texts() -> Path:
    """Return the script for Node.js that prints the texts of a dashboard.

    Raises:
        MissingError: npm is unavailable.
    """
    provision(PROVISION, "texts")
    return Path(provision(PROVISION, "--where", "texts")) / "texts.cjs"


def dashboard_pictures() -> Path:
    """Return the folder of the script and the style that draw a dashboard in a browser.

    Raises:
        MissingError: npm is unavailable.
    """
    provision(PROVISION, "pictures")
    return Path(provision(PROVISION, "--where", "pictures"))


@functools.cache
def _version(path: Path) -> str:
    """Return the line in which a program prints its version."""
    asked: list[str | Path] = [path, "version" if path.name == "pint" else "--version"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
    lines = (done.stdout or done.stderr).splitlines() or [""]
    return lines[0]
