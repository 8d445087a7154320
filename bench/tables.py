"""Output of the benchmarks: tables in Markdown, and claims."""

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
    """A claim: an upper bound in a unit.

    If `by_the_clock` is set, the result depends on the load of the machine, so a miss is reported but does
    not fail.
    """

    statement: str
    reached: float
    at_most: float
    unit: str = ""
    by_the_clock: bool = False

    @property
    def holds(self) -> bool:
        """Whether the result is within the bound."""
        return self.reached <= self.at_most

    @property
    def row(self) -> tuple[str, str, str]:
        """The cells of the table row."""
        missed = "" if self.holds else " **missed**"
        return self.statement, f"≤ {self.at_most:g}{self.unit}", f"{self.reached:.3g}{self.unit}{missed}"


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
    """Print the claims and the machine, and return the exit code."""
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
