"""What the node's log files say; they lie on the volume, one for the node and one for each chain.

The metrics page does not tell how many blocks there are to fetch, nor what a chain is doing: its log does
(avalanchego `snow/engine/snowman/bootstrap`, `graft/coreth/sync`).  Only the end of each file is read, and only
when the file changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import durationpy

from monitor.model import ChainActivity, ChainLog, NodeLog

TAIL_BYTES = 64 << 10
_CHAINS = ("P", "X", "C")
_MOST = 2**63 - 1
_LINE = re.compile(r"^\[[^\]]{1,40}\] (?P<level>[A-Z]+)(?: <[^>]{1,60}>)? (?P<source>\S+:\d+) (?P<said>.*)$")
# What a line begins with says what the chain does from there on.
_BEGINNINGS = (
    ("fetching blocks", ChainActivity.FETCHING),
    ("starting to fetch blocks", ChainActivity.FETCHING),
    ("compacting database", ChainActivity.COMPACTING),
    ("executing blocks", ChainActivity.EXECUTING),
    ("executing transactions", ChainActivity.EXECUTING),
    ("executing vertices", ChainActivity.EXECUTING),
    ("starting state sync", ChainActivity.SYNCING_STATE),
    ("state sync started", ChainActivity.SYNCING_STATE),
    ("state sync: ", ChainActivity.SYNCING_STATE),
    ("waiting for the remaining chains", ChainActivity.WAITING),
    ("starting consensus", ChainActivity.DONE),
)


@dataclass(frozen=True, slots=True)
class _Tail:
    """The end of one file as it was at `changed_at` (Unix seconds), and what it says."""

    identity: tuple[int, int, int]
    text: str
    changed_at: float
    chain: ChainLog | None
    fatal: str


class NodeLogs:
    """Reads the folder of a node's logs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[str, _Tail] = {}

    def read(self) -> NodeLog:
        """What they say now; of files that are not there, nothing."""
        tails = self._tails()
        chains = {name: tail.chain for name, tail in tails.items() if name in _CHAINS and tail.chain}
        fatal = max(
            ((tail.changed_at, tail.fatal) for tail in tails.values() if tail.fatal), default=(0.0, "")
        )
        return NodeLog(chains, fatal[1])

    def last_words(self) -> str:
        """The ends of all of them, the one that was written last at the end; `TAIL_BYTES` at most."""
        tails = sorted(
            (tail.changed_at, name, tail.text) for name, tail in self._tails().items() if tail.text
        )
        share = TAIL_BYTES // max(1, len(tails)) - 64
        return "".join(f"==> {name}.log <==\n{_last_lines(text.encode(), share)}" for _, name, text in tails)

    def _tails(self) -> Mapping[str, _Tail]:
        tails = ((name, self._tail(name)) for name in ("main", *_CHAINS))
        return {name: tail for name, tail in tails if tail is not None}

    def _tail(self, name: str) -> _Tail | None:
        """Read and understood anew only when the file changed."""
        path = self._folder / f"{name}.log"
        try:
            status = path.stat()
            identity = (status.st_ino, status.st_size, status.st_mtime_ns)
            kept = self._kept.get(name)
            if kept is None or kept.identity != identity:
                with path.open("rb") as file:
                    file.seek(max(0, status.st_size - TAIL_BYTES))
                    read = file.read(TAIL_BYTES)
                whole = read if status.st_size <= TAIL_BYTES else read.partition(b"\n")[2]
                text, changed_at = whole.decode(errors="replace"), status.st_mtime
                chain, fatal = chain_log_of(text, changed_at), fatal_line_of(text)
                kept = self._kept[name] = _Tail(identity, text, changed_at, chain, fatal)
        except OSError:
            return None
        return kept


def chain_log_of(text: str, changed_at: float) -> ChainLog | None:
    """What the end of a chain's log says; `None` where it says nothing of a bootstrap.

    Args:
        text: whole lines.
        changed_at: when the last of them was written, which estimates count from.
    """
    found: ChainLog | None = None
    for line in text.splitlines():
        parsed = _LINE.match(line)
        if parsed is None:
            continue
        message, fields_text = _parts(parsed["said"])
        activity = next((of for start, of in _BEGINNINGS if message.startswith(start)), None)
        if activity is None:
            continue
        fields = _fields(fields_text)
        stored = _count(fields, "numFetchedBlocks", "numKnownBlocks")
        if stored is None and found is not None:
            stored = found.blocks_stored
        eta_seconds = _eta_seconds(fields)
        found = ChainLog(
            activity,
            stored,
            _ratio(fields),
            None if eta_seconds is None else changed_at + eta_seconds,
        )
        if activity in {ChainActivity.WAITING, ChainActivity.DONE}:
            found = replace(found, ratio=1.0)
    return found


def fatal_line_of(text: str) -> str:
    """The last line of level FATAL, without its time; empty where there is none."""
    for line in reversed(text.splitlines()):
        parsed = _LINE.match(line)
        if parsed is not None and parsed["level"] == "FATAL":
            return parsed["said"].strip()
    return ""


def _parts(said: str) -> tuple[str, str]:
    """The message of a line, and the JSON of its fields."""
    message, brace, rest = said.rstrip().partition(" {")
    return (message, brace.strip() + rest) if rest.endswith("}") else (said.rstrip(), "")


def _fields(text: str) -> Mapping[str, object]:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _count(fields: Mapping[str, object], *names: str) -> int | None:
    values = (fields.get(name) for name in names)
    return next((value for value in values if isinstance(value, int) and 0 <= value <= _MOST), None)


def _ratio(fields: Mapping[str, object]) -> float | None:
    percent = fields.get("pctComplete")
    return min(100.0, max(0.0, percent)) / 100 if isinstance(percent, int | float) else None


def _eta_seconds(fields: Mapping[str, object]) -> float | None:
    eta = fields.get("eta")
    try:
        return float(durationpy.from_str(eta).total_seconds()) if isinstance(eta, str) else None
    except (ValueError, OverflowError, durationpy.DurationError):
        return None


def _last_lines(text: bytes, most_bytes: int) -> str:
    """The whole lines at the end of a text that fit, and a line end after them."""
    kept = text if len(text) <= most_bytes else text[-most_bytes:].partition(b"\n")[2]
    return kept.decode() if kept.endswith(b"\n") else kept.decode() + "\n"
