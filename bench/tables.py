"""How a bench tells what it found: tables in Markdown, and claims that hold or do not."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Claim:
    """What must be reached: at most so much, in a unit.

    `by_the_clock`: it hangs on how busy the machine is, so a miss is told and fails nothing.
    """

    told: str
    reached: float
    at_most: float
    unit: str = ""
    by_the_clock: bool = False

    @property
    def holds(self) -> bool:
        """Whether it was reached."""
        return self.reached <= self.at_most

    @property
    def row(self) -> tuple[str, str, str]:
        """As a row of a table."""
        missed = "" if self.holds else " **missed**"
        return self.told, f"≤ {self.at_most:g}{self.unit}", f"{self.reached:.3g}{self.unit}{missed}"


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table."""
    lines = [
        "",
        title,
        "",
        *(f"| {' | '.join(cells)} |" for cells in (columns, ["---"] * len(columns), *rows)),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def concluded(claims: Sequence[Claim]) -> int:
    """Print what was claimed, and on what; the exit code."""
    table(f"{_machine()}:", ("", "claimed", "reached"), [claim.row for claim in claims])
    return 0 if all(claim.holds or claim.by_the_clock for claim in claims) else 1


def _machine() -> str:
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {len(os.sched_getaffinity(0))} x {names[0] if names else platform.machine()}, "
        f"Linux {platform.release()}, Python {platform.python_version()}"
    )
