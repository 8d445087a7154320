"""The messages of each stage of a bootstrap; `log_lines.txt` has each message as AvalancheGo writes it."""

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass

BLOCKS_A_REQUEST = 32
_SAMPLE_SECONDS, _MINUTE = 5.0, 60.0


@dataclass(frozen=True)
class Line:
    """A row of the table: a message, its source file and line numbers, and its fields."""

    message: str
    file: str
    numbers: tuple[int, int]
    fields: Mapping[str, str | int]


def _read_lines() -> dict[str, Line]:
    """Return the messages of the table by their keys."""
    table = pkgutil.get_data(__package__, "log_lines.txt") or b""
    lines = {}
    for row in table.decode().splitlines():
        if not row.startswith("#"):
            key, message, source, *rest = (cell.strip() for cell in row.split("|"))
            file, old, new = source.split()
            pairs = (pair.partition("=") for pair in "".join(rest).split(", ") if pair)
            values = {name: int(value) if value.isdigit() else value for name, _, value in pairs}
            lines[key] = Line(message, file, (int(old), int(new)), values)
    return lines


LINES = _read_lines()

# The first messages of C by sync mode and transition: before a transition, and after one.
_NO_SUMMARY = "engine, sync, syncing, no summary, bootstrapper"
_MIDWAY = ("marker, old VM, engine, bootstrapper", "marker, new VM, engine, bootstrapper")
C_STARTS = {
    ("full-sync", "none"): ("engine, bootstrapper", ""),
    ("state-sync", "none"): ("engine", ""),
    ("full-sync", "blocks"): _MIDWAY,
    ("full-sync", "eager"): _MIDWAY,
    ("state-sync", "blocks"): (f"marker, old VM, not eager, {_NO_SUMMARY}", f"marker, new VM, {_NO_SUMMARY}"),
    ("state-sync", "eager"): ("marker, old VM, eager", "marker, new VM"),
}
_START_SYNC = (
    "sync, syncing, start: Block Syncer, from peer, started, start: Atomic State Syncer, start: Code Syncer,"
    " start: EVM State Syncer, accepted, end: Atomic State Syncer"
)
_RESUME_SYNC = (
    "sync, syncing, started, accepted, start: Atomic State Syncer, start: Block Syncer, start: Code Syncer,"
    " start: EVM State Syncer"
)
_STATE_SYNCED = "end: Code Syncer, end: EVM State Syncer, all syncers, state synced, bootstrapper"
_BLOCKS_SYNCED = "from peers, end: Block Syncer"
# The messages of each stage: when it starts, when it ends, and when a new process finds it finished.
SCRIPT = {
    "fetching": ("fetch", "", "fetch"),
    "compacting": ("compact", "", ""),
    "executing": ("execute", "executed", "execute, executed"),
    "executing before": ("execute", "", "execute"),
    "executing after": ("", "executed", "executed"),
    "fetching vertices": ("dag, stop vertex", "", ""),
    "executing vertices": ("transactions", "operations, vertices, operations, bootstrapper", "bootstrapper"),
    "coreth blocks": (
        _START_SYNC,
        _BLOCKS_SYNCED,
        f"{_RESUME_SYNC}, {_BLOCKS_SYNCED}, end: Atomic State Syncer",
    ),
    "coreth accounts": ("", "", ""),
    "coreth storage": ("", _STATE_SYNCED, ""),
    "transition": (
        "transition, block API, drain, shut down, write marker, init",
        "state, connections, handlers, transitioned, unblock API",
        "",
    ),
    "sae blocks": ("engine, sync, syncing, accepted, sae fetch", "sae fetched", ""),
    "sae accounts": ("wipe, code", "", ""),
    "sae storage": ("", "coded", ""),
    "sae cross-chain": (
        "cross-chain",
        "crossed, bootstrapper",
        "engine, sync, syncing, skipped, bootstrapper",
    ),
}
SYNC_IS_OVER = "sync, syncing, too close, skipped, bootstrapper"
# The periodic messages of active stages. Each has a key in `LINES`, an interval in seconds of a real node,
# and an interval in units of work (0: any; None: `sample_blocks`). The last number is the first sample with
# a message (avalanchego utils/timer/eta.go requires ten).
PERIODIC = {
    "fetching": ("fetching", _SAMPLE_SECONDS, None, 10),
    "executing": ("executing", _SAMPLE_SECONDS, 0, 10),
    "executing before": ("executing", _SAMPLE_SECONDS, 0, 10),
    "executing after": ("executing", _SAMPLE_SECONDS, 0, 10),
    "coreth blocks": ("from peer", 0, BLOCKS_A_REQUEST, 1),
    "coreth accounts": ("account trie", _MINUTE, 0, 1),
    "coreth storage": ("storage tries", _MINUTE, 0, 1),
    "sae accounts": ("sae account trie", _MINUTE, 0, 1),
    "sae storage": ("sae storage tries", _MINUTE, 0, 1),
}
