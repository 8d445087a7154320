"""The tables of this package: a row for each message, stage and chain."""

import pkgutil
from dataclasses import dataclass


def _rows(name: str) -> list[list[str]]:
    text = (pkgutil.get_data(__package__, name) or b"").decode()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return [[cell.strip() for cell in line.split("|")] for line in lines]


@dataclass(frozen=True)
class Line:
    """A message of the log, its source file and line numbers (1.14.2, 1.15.0), and its fields."""

    message: str
    file: str
    numbers: tuple[str, ...]
    fields: dict[str, str | int]


def _line(message: str, source: str, texts: str = "") -> Line:
    file, *numbers = source.split()
    pairs = (pair.partition("=") for pair in texts.split(", ") if pair)
    fields = {name: int(value) if value.isdigit() else value for name, _, value in pairs}
    return Line(message, file, tuple(numbers), fields)


@dataclass(frozen=True)
class Work:
    """A stage of a chain's bootstrap: a row of `stages.txt`."""

    size: str
    weight: str
    counters: str
    first: str
    last: str
    later: str
    periodic: str


LINES = {key: _line(*cells) for key, *cells in _rows("log_lines.txt")}
WORK = {activity: Work(*cells) for activity, *cells in _rows("stages.txt")}
# By chain, sync mode and transition: the stages, and the first messages before and after a transition.
CHAINS = {(chain, mode, transition): cells for chain, mode, transition, *cells in _rows("chains.txt")}


def chain_of(chain: str, sync_mode: str, transition: str) -> list[str]:
    """Return the row of a chain."""
    return CHAINS.get((chain, sync_mode, transition)) or CHAINS[chain, "", ""]
