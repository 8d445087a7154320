#!/usr/bin/env python3
"""A simulated AvalancheGo with the API of a real node, which bootstraps in seconds and fails on demand.

The simulated node is a single file that uses only the standard library.  A copy of the file is a complete
node, either as an executable named `avalanchego` or in an image.  AvalancheGo's flags and `AVAGO_*` variables
have their usual meaning.

`Simulation` lists the options of the simulation.  The sources of an option are, in order of precedence:

1. a flag (`--simulate-hang-at-share=0.5`);
2. a variable (`SIMULATE_HANG_AT_SHARE`);
3. JSON in this file (`{"hang_at_share": 0.5}`), on the last line that begins with `# simulate: `.

That line and `COMMIT` make a build with a behaviour of its own; `variant` creates such a build.

The bootstrap is a plan of stages, with a timeline for each chain.  The progress of a chain is a number of
seconds on its timeline.  Progress is stored in the database directory and survives the process, unlike the
counters of the metrics page.  The log messages are in tables: `LINES` has each message as AvalancheGo writes
it, and `SCRIPT` lists the messages of each stage.  The tables were compared with recordings of AvalancheGo
1.14.2 and 1.15.0.
"""

from __future__ import annotations

import base64
import binascii
import errno
import ipaddress
import json
import math
import os
import re
import shutil
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, TextIO

COMMIT = "5150000000000000000000000000000000000001"

DATABASE_VERSION = "v1.4.5"
GO_VERSION = "1.26.8"
CARRIED = "# simulate: "
PRIMARY_SUBNET = "11111111111111111111111111111111LpoYY"
NODE_ID = "NodeID-KbtbiAnY4NMuPPjSrtcLT91VjamVwjDyg"
SUMMARY_HASH = "0x822faa43c2f894bfc06716358fff2b86fd93c866f078a3fdb129a8e89b1f42b4"
BLOCK_ID = "2XcArjSDp6Mb86LeRpRmsUXdsacU3BvxYpZYrJmXQDSNWcHgJJ"
NETWORKS = {"mainnet": 1, "cascade": 2, "denali": 3, "everest": 4, "fuji": 5, "testnet": 5, "testing": 10} | {
    "local": 12345
}
# The C-Chain's blockchain ID, which chain configurations can use instead of "C".
C_CHAIN_IDS = {
    "mainnet": "2q9e4r6Mu3U68nU1fYjgbR6JvwrRx36CohpAX5UQxse55x1Q5",
    "fuji": "yH8D7ThNJkxmtkuv2jgBa4P1Rn3Qpr4pPr7QYNfcdoS6k6HWp",
}
# The number of checkpoints that the genesis has for each chain.
CHECKPOINTS = {"mainnet": 99, "fuji": 99}
NEVER = float("inf")
MEBIBYTE = 1 << 20
CHECK_DURATION_NANOSECONDS = 10_000


# ---- Options and settings -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Simulation:
    """The behaviour of the node.

    Durations are in seconds, and `inf` means never.  A share is a fraction of the whole bootstrap.
    """

    dialect: str = field(
        default="1.14",
        metadata={"help": "the release whose metrics and logs it imitates", "of": ("1.14", "1.15")},
    )
    version: str = field(default="", metadata={"help": "the version it reports (empty: the dialect's)"})
    commit: str = field(default=COMMIT, metadata={"help": "the commit it reports"})
    bootstrap_seconds: float = field(default=10, metadata={"help": "duration of the whole bootstrap"})
    blocks: int = field(default=2000, metadata={"help": "blocks of each chain"})
    block_bytes: int = field(default=200, metadata={"help": "bytes written for each block, twice"})
    leaves: int = field(default=2000, metadata={"help": "leaves of C's state"})
    tail_blocks: int = field(default=0, metadata={"help": "blocks of C after a state sync (0: as `blocks`)"})
    p_share: float = field(
        default=0.4, metadata={"help": "share of the time that P takes, before the others"}
    )
    time_scale: float = field(
        default=0,
        metadata={"help": "how many times faster than a real node (0: the bootstrap stands for one hour)"},
    )
    sample_blocks: int = field(
        default=5000, metadata={"help": "fetched blocks between two progress lines in the log"}
    )
    new_blocks_per_second: float = field(
        default=1, metadata={"help": "new blocks of the network, which waiting chains fetch"}
    )
    tracked_chain: str = field(
        default="", metadata={"help": "blockchain ID of an L1's chain to bootstrap; requires --track-subnets"}
    )
    transition: str = field(
        default="none",
        metadata={
            "help": "1.15: C transitions to SAE while it executes (blocks) or before its state sync (eager)",
            "of": ("none", "blocks", "eager"),
        },
    )
    execution_queue_seconds: float = field(
        default=0, metadata={"help": "how long SAE executes accepted blocks after the bootstrap"}
    )
    peers: int = field(default=20, metadata={"help": "number of connected peers"})
    newer_peers_version: str = field(
        default="", metadata={"help": "the network runs this newer version, and refuses the node"}
    )
    source_frozen_at_share: float = field(default=NEVER, metadata={"help": "all peers freeze at this share"})
    source_frozen_seconds: float = field(default=NEVER, metadata={"help": "... for this long, once"})
    no_peers_seconds: float = field(default=0, metadata={"help": "no peers and no progress for this long"})
    compact_seconds: float = field(default=0, metadata={"help": "P's database is compacted for this long"})
    stale_while_executing: bool = field(
        default=False, metadata={"help": "health is not updated while executing"}
    )
    freeze_health_after_seconds: float = field(
        default=NEVER, metadata={"help": "health is not updated after this time"}
    )
    exit_at_start: bool = field(default=False, metadata={"help": "exits with 1 immediately"})
    listen_after_seconds: float = field(default=0, metadata={"help": "the port is closed until this time"})
    answer_after_seconds: float = field(
        default=0, metadata={"help": "listens, but does not respond until this time"}
    )
    crash_after_seconds: float = field(default=NEVER, metadata={"help": "each process exits after this time"})
    crash_at_share: float = field(
        default=NEVER, metadata={"help": "exits with a bad block at this share, each time"}
    )
    forget: bool = field(default=False, metadata={"help": "each process restarts the bootstrap"})
    hang_at_share: float = field(default=NEVER, metadata={"help": "progress stops at this share"})
    hang_seconds: float = field(default=NEVER, metadata={"help": "... for this long in each process"})
    refetch: bool = field(default=False, metadata={"help": "fetches P's blocks repeatedly, executes none"})
    failing_checks: str = field(
        default="", metadata={"help": "health checks (a,b) that fail after the bootstrap"}
    )
    die_after_bootstrapped_seconds: float = field(
        default=NEVER, metadata={"help": "panics this long after the bootstrap"}
    )
    reported_network_id: int = field(
        default=0, metadata={"help": "the network ID that it reports (0: the configured one)"}
    )
    eat_memory_mib: int = field(default=0, metadata={"help": "allocates this much memory, quickly"})
    fill_volume_mib: int = field(default=0, metadata={"help": "writes this much to its volume, quickly"})

    @property
    def application(self) -> str:
        """The version that the node reports."""
        return self.version or DIALECTS[self.dialect].version

    def scaled(self, seconds: float) -> float:
        """Convert a duration of a real node to the simulation's time scale (seconds)."""
        return seconds / (self.time_scale or max(1.0, 3600 / self.bootstrap_seconds))


@dataclass(frozen=True)
class Dialect:
    """The differences of a release; `column` is the position of its line numbers in `LINES`."""

    version: str
    rpc: int
    column: int
    graft: str


DIALECTS = {
    "1.14": Dialect("avalanchego/1.14.2", 45, 0, "github.com/ava-labs/avalanchego/graft/evm@v1.14.2"),
    "1.15": Dialect("avalanchego/1.15.0", 46, 1, "github.com/ava-labs/avalanchego/graft/evm@v1.15.0"),
}
LEVELS = ("VERBO", "DEBUG", "TRACE", "INFO", "WARN", "ERROR", "FATAL", "OFF")

NODE_DEFAULTS = {
    "network-id": "mainnet",
    "data-dir": "~/.avalanchego",
    "db-dir": "",
    "log-dir": "",
    "process-context-file": "",
    "http-host": "127.0.0.1",
    "http-port": "9650",
    "http-allowed-hosts": "localhost",
    "partial-sync-primary-network": "false",
    "track-subnets": "",
    "chain-config-content": "",
    "log-format": "auto",
    "log-level": "info",
    "log-display-level": "",
    "health-check-frequency": "",
    "system-tracker-disk-warning-available-space-percentage": "10",
    "system-tracker-disk-required-available-space-percentage": "3",
}
SWITCHES = {"help", "version", "version-json", "partial-sync-primary-network"} | {
    "simulate-" + option.name.replace("_", "-") for option in fields(Simulation) if option.type == "bool"
}


class SettingError(ValueError):
    """A flag, variable or option is invalid, so the node cannot start."""


class NodeDeathError(Exception):
    """The simulated behaviour makes the node exit."""

    def __init__(self, exit_code: int, chain: str, message: str, **details: str) -> None:
        super().__init__(message)
        self.exit_code, self.chain, self.message, self.details = exit_code, chain, message, details


def read_arguments(arguments: Sequence[str]) -> dict[str, str]:
    """Parse flags in AvalancheGo's forms: `--name=value`, `--name value` or `--switch`."""
    found, rest = {}, list(arguments)
    while rest:
        name, equals, value = rest.pop(0).lstrip("-").partition("=")
        if not equals:
            bare = name in SWITCHES or not rest or rest[0].startswith("-")
            value = "true" if bare else rest.pop(0)
        found[name] = value
    return found


def truth(text: str, name: str) -> bool:
    """Parse a boolean as Go does, with an empty text as false."""
    if text in {"1", "t", "T", "TRUE", "true", "True"}:
        return True
    if text in {"", "0", "f", "F", "FALSE", "false", "False"}:
        return False
    raise SettingError(f'invalid boolean "{text}" for "{name}"')


def carried_options() -> dict[str, Any]:
    """Return the options in this file."""
    lines = Path(__file__).read_text("utf-8").splitlines()
    carried = [line.removeprefix(CARRIED) for line in lines if line.startswith(CARRIED)]
    return dict(json.loads(carried[-1])) if carried else {}


def variant(commit: str, **behaviour: float | str) -> str:
    """Return the source of another build of this program, with a commit and a behaviour of its own."""
    text = Path(__file__).read_text("utf-8")
    text = text.replace(f'\nCOMMIT = "{COMMIT}"\n', f'\nCOMMIT = "{commit}"\n', 1)
    return f"{text}\n{CARRIED}{json.dumps(behaviour)}\n"


def simulation_of(flags: Mapping[str, str], environment: Mapping[str, str]) -> Simulation:
    """Return the options from this file, the environment and the flags; flags have precedence.

    Raises:
        SettingError: an option is unknown or its value is not allowed.
    """
    told = {name: str(value) for name, value in carried_options().items()}
    for found, prefix in ((environment, "SIMULATE_"), (flags, "simulate-")):
        mine = {name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix)}
        told |= {name.replace("-", "_").lower(): value for name, value in mine.items()}
    defaults = {option.name: option.default for option in fields(Simulation)}
    if unknown := told.keys() - defaults.keys():
        raise SettingError(f"unknown simulation option: {', '.join(sorted(unknown))}; --help lists all")
    kinds = {option.name: option.type for option in fields(Simulation)}
    readers: Mapping[str, type[str | int | float]] = {"str": str, "int": int, "float": float}
    values: dict[str, Any] = {
        name: truth(text, name) if kinds[name] == "bool" else readers[str(kinds[name])](text)
        for name, text in told.items()
    }
    simulation = Simulation(**values)
    if not 0 < simulation.bootstrap_seconds < NEVER:
        raise SettingError(
            f"bootstrap_seconds is {simulation.bootstrap_seconds}: it must be longer than zero"
        )
    for option in fields(Simulation):
        value, choices = values.get(option.name), option.metadata.get("of", ())
        if value is not None and choices and value not in choices:
            raise SettingError(f"{option.name} is {value}: it must be one of {', '.join(choices)}")
    if simulation.transition != "none" and simulation.dialect == "1.14":
        raise SettingError("transition needs dialect 1.15")
    return simulation


@dataclass(frozen=True)
class Settings:
    """The values of AvalancheGo's flags and variables."""

    network: str
    network_id: int
    sync_mode: str
    tracked_subnet: str
    database: Path
    logs: Path
    log_json: bool
    log_level: int
    display_level: int
    process_file: Path
    http_address: tuple[str, int]
    allowed_hosts: frozenset[str]
    health_check_seconds: float | None
    disk_warning_percent: int
    disk_required_percent: int
    unknown: tuple[str, ...]


def settings_of(flags: Mapping[str, str], environment: Mapping[str, str]) -> Settings:
    """Return AvalancheGo's settings; flags have precedence over `AVAGO_*` variables.

    Settings that are not simulated are listed in `unknown` and otherwise ignored.
    """
    prefix = "AVAGO_"
    told = {
        name.removeprefix(prefix).replace("_", "-").lower(): value
        for name, value in environment.items()
        if name.startswith(prefix)
    } | {name: value for name, value in flags.items() if not name.startswith("simulate-")}
    value = NODE_DEFAULTS | told
    network_id = network_id_of(value["network-id"])
    names = {number: name for name, number in NETWORKS.items() if name != "testnet"}
    network = names.get(network_id, f"network-{network_id}")
    data = Path(value["data-dir"]).expanduser()
    partial = truth(value["partial-sync-primary-network"], "partial-sync-primary-network")
    state_sync = state_sync_enabled(value["chain-config-content"], network)
    frequency = value["health-check-frequency"]
    return Settings(
        network=network,
        network_id=network_id,
        sync_mode="only-p" if partial else "state-sync" if state_sync else "full-sync",
        tracked_subnet=value["track-subnets"].partition(",")[0],
        database=Path(value["db-dir"] or data / "db") / network / DATABASE_VERSION,
        logs=Path(value["log-dir"] or data / "logs"),
        log_json=log_format_of(value["log-format"]) == "json",
        log_level=level_of(value["log-level"]),
        display_level=level_of(value["log-display-level"] or value["log-level"]),
        process_file=Path(value["process-context-file"] or data / "process.json"),
        http_address=(value["http-host"], int(value["http-port"])),
        allowed_hosts=frozenset(value["http-allowed-hosts"].split(",")),
        health_check_seconds=seconds_of(frequency) if frequency else None,
        disk_warning_percent=int(value["system-tracker-disk-warning-available-space-percentage"]),
        disk_required_percent=int(value["system-tracker-disk-required-available-space-percentage"]),
        unknown=tuple(sorted(told.keys() - NODE_DEFAULTS.keys())),
    )


def network_id_of(text: str) -> int:
    """Return the ID of a network given by name, as `network-<ID>` or by ID."""
    number = text.lower().removeprefix("network-")
    if number in NETWORKS:
        return NETWORKS[number]
    if not number.isdecimal():
        raise SettingError(f"failed to parse network name: {text!r}")
    return int(number)


def log_format_of(text: str) -> str:
    """Return the log format in lower case; without a terminal, `auto` means plain text."""
    if text.lower() not in {"auto", "plain", "colors", "json"}:
        raise SettingError(f"unknown format mode: {text}")
    return text.lower()


def level_of(text: str) -> int:
    """Return the position of a log level in `LEVELS`."""
    if text.upper() not in LEVELS:
        raise SettingError(f'unknown log level: "{text}"')
    return LEVELS.index(text.upper())


def state_sync_enabled(content: str, network: str = "") -> bool:
    """Return whether state sync is enabled in the C-Chain's configuration; the default is true.

    The blockchain ID has precedence over the alias `C`, and `C` over `evm` (avalanchego chains/manager.go,
    getChainConfig).
    """
    try:
        chains = json.loads(base64.b64decode(content, validate=True)) if content else {}
        names = (C_CHAIN_IDS.get(network), "C", "evm")
        configured: Mapping[str, Any] = next(
            (found for name in names if (found := chains.get(name)) is not None), {}
        )
        encoded = configured.get("Config") or ""
        configuration = json.loads(base64.b64decode(encoded, validate=True)) if encoded else {}
        return str(configuration.get("state-sync-enabled", True)).lower() != "false"
    except (binascii.Error, ValueError, AttributeError, TypeError) as error:
        raise SettingError(f"couldn't read chain configs: {error}") from error


def seconds_of(duration: str) -> float:
    """Parse a duration in Go's format, such as `1m30s` or `500ms`; return seconds."""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
    if not re.fullmatch(r"([0-9.]+(h|ms|m|s|us|µs|ns))+", duration):
        raise SettingError(f'time: invalid duration "{duration}"')
    return sum(float(n) * units[unit] for n, unit in re.findall(r"([0-9.]+)(h|ms|m|s|us|µs|ns)", duration))


# ---- Go's formats ---------------------------------------------------------------------------------------


def go_duration(seconds: float) -> str:
    """Format a duration as Go does, rounded to milliseconds."""
    milliseconds = round(seconds * 1000)
    if seconds < 1:
        return f"{milliseconds}ms" if milliseconds else "0s"
    minutes, milliseconds = divmod(milliseconds, 60_000)
    text = f"{milliseconds / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    if minutes:
        hours, minutes = divmod(minutes, 60)
        text = f"{hours}h{minutes}m{text}" if hours else f"{minutes}m{text}"
    return text


def go_number(value: float) -> str:
    """Format a number as on a metrics page: `450560`, `1.79547591718e+09`."""
    if abs(value) >= 1e6:  # noqa: PLR2004 - larger numbers have an exponent
        return next(text for digits in range(18) if float(text := f"{value:.{digits}e}") == value)
    return str(int(value)) if value == int(value) else repr(value)


def go_time(nanoseconds: int) -> str:
    """Format a time (nanoseconds since the Unix epoch) as RFC 3339, without trailing zeros."""
    seconds, fraction = divmod(nanoseconds, 10**9)
    tail = f".{fraction:09}".rstrip("0").rstrip(".")
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}{tail}Z"


# ---- The bootstrap --------------------------------------------------------------------------------------

FETCHED, ACCEPTED = "avalanche_snowman_bs_fetched", "avalanche_snowman_bs_accepted"
DAG = "avalanche_avalanche_bs_"
EVM = "avalanche_evm_eth_"
LEAVES, SYNCED_BLOCKS = EVM + "sync_state_trie_leaves_received", EVM + "sync_blocks_received"
TOTAL_LEAVES = EVM + "state_sync_total_leafs"
SAE = "avalanche_evm_transition_sae_"
CHAIN_TIME = "avalanche_proposervm_last_accepted_timestamp"
FIRST_BLOCK_TIME, BLOCK_SECONDS = 1.6e9, 2.0
# Intervals of the real node (seconds).
SAMPLE, MINUTE, REVISIT, TRANSITION, PEER_LOST = 5.0, 60.0, 10.0, 13.6, 30.0
STORAGE_TRIES, SUMMARY_BLOCKS, BLOCKS_A_REQUEST, LEAVES_A_REQUEST = 500, 256, 32, 64
BLOCKS_TO_COMPACT = 5000
X_SHARE = 0.5  # the share of C's time that X takes, so that X finishes first


@dataclass(frozen=True)
class Work:
    """A part of a chain's bootstrap.

    `size` names the amount of work.  `weight` is the duration relative to the chain's other parts.
    `counters` are the metrics that count the work.
    """

    activity: str
    size: str
    weight: float
    counters: tuple[str, ...] = ()


FETCH, EXECUTE = Work("fetching", "blocks", 1, (FETCHED,)), Work("executing", "blocks", 1, (ACCEPTED,))
BLOCKS = (FETCH, EXECUTE)
TAIL = (Work("fetching", "tail", 1, (FETCHED,)), Work("executing", "tail", 1, (ACCEPTED,)))
X_WORK = (
    Work("fetching vertices", "blocks", 1, (DAG + "fetched_vts", DAG + "fetched_txs")),
    Work("executing vertices", "blocks", 1, (DAG + "accepted_vts", DAG + "accepted_txs")),
    *BLOCKS,
)
CORETH_SYNC = (
    Work("coreth blocks", "summary", 0.5, (SYNCED_BLOCKS,)),
    Work("coreth accounts", "accounts", 4, (TOTAL_LEAVES, LEAVES)),
    Work("coreth storage", "storage", 3.5, (TOTAL_LEAVES, LEAVES)),
)
# No metric counts a state sync in SAE.
SAE_SYNC = (
    Work("sae blocks", "summary", 0.5),
    Work("sae accounts", "accounts", 4),
    Work("sae storage", "storage", 3),
    Work("sae cross-chain", "none", 0.5),
)
TRANSITION_MIDWAY = (
    FETCH,
    Work("executing before", "before", 7 / 8, (ACCEPTED,)),
    Work("transition", "none", 0),
    Work("executing after", "after", 1 / 8, (ACCEPTED,)),
)
# By sync mode and transition: the parts of C's bootstrap, and its first log lines before and after a
# transition.
C_CHAIN = {
    ("full-sync", "none"): (BLOCKS, "engine, bootstrapper", ""),
    ("state-sync", "none"): (CORETH_SYNC + TAIL, "engine", ""),
    ("full-sync", "blocks"): (
        TRANSITION_MIDWAY,
        "marker, old VM, engine, bootstrapper",
        "marker, new VM, engine, bootstrapper",
    ),
    ("state-sync", "blocks"): (
        TRANSITION_MIDWAY,
        "marker, old VM, not eager, engine, sync, syncing, no summary, bootstrapper",
        "marker, new VM, engine, sync, syncing, no summary, bootstrapper",
    ),
    ("state-sync", "eager"): (
        (Work("transition", "none", 0), *SAE_SYNC, *TAIL),
        "marker, old VM, eager",
        "marker, new VM",
    ),
}
C_CHAIN["full-sync", "eager"] = C_CHAIN["full-sync", "blocks"]


@dataclass(frozen=True)
class Stage:
    """A part of a chain's bootstrap on its timeline, during which `counters` increase by `amount`."""

    chain: str
    activity: str
    counters: tuple[str, ...]
    amount: int
    begins: float
    ends: float

    def done(self, position: float) -> int:
        """Return how much of `amount` is done at a position on the timeline (seconds)."""
        length = self.ends - self.begins
        share = (position - self.begins) / length if length else 1.0
        return int(min(1.0, max(0.0, share)) * self.amount)


def plan_of(sync_mode: str, simulation: Simulation, tracked: str = "") -> tuple[Stage, ...]:
    """Return the stages of all chains: P first, then X, C and the tracked L1's chain in parallel."""
    others: dict[str, tuple[Work, ...]] = {}
    if sync_mode != "only-p":
        others = {"X": X_WORK, "C": C_CHAIN[sync_mode, simulation.transition][0]}
    if tracked:
        others[tracked] = BLOCKS
    total, compacting = simulation.bootstrap_seconds, simulation.compact_seconds
    p_ends = total * simulation.p_share if others else total
    fetching, executing = stages_of("P", BLOCKS, simulation, 0, p_ends)
    plan = [fetching]
    if compacting:
        plan.append(Stage("P", "compacting", (), 0, fetching.ends, fetching.ends + compacting))
    begins, ends = executing.begins + compacting, p_ends + compacting
    plan.append(replace(executing, begins=begins, ends=ends))
    for chain, work in others.items():
        seconds = (total - p_ends) * (X_SHARE if chain == "X" else 1)
        plan += stages_of(chain, work, simulation, ends, seconds)
    return tuple(plan)


def stages_of(
    chain: str, works: Sequence[Work], simulation: Simulation, begins: float, seconds: float
) -> list[Stage]:
    """Return a chain's stages, with durations by weight; a transition has a fixed duration."""
    blocks, leaves = simulation.blocks, simulation.leaves
    sizes = {"none": 0, "summary": SUMMARY_BLOCKS, "blocks": blocks, "tail": simulation.tail_blocks or blocks}
    sizes |= {"accounts": leaves * 3 // 5, "storage": leaves - leaves * 3 // 5}
    sizes |= {"before": blocks * 7 // 8, "after": blocks - blocks * 7 // 8}
    fixed = min(simulation.scaled(TRANSITION), seconds / 4) if any(not w.weight for w in works) else 0
    unit = (seconds - fixed) / sum(work.weight for work in works)
    stages, at = [], 0.0
    for work in works:
        until = at + (work.weight * unit or fixed) if work is not works[-1] else seconds
        stages.append(
            Stage(chain, work.activity, work.counters, sizes[work.size], begins + at, begins + until)
        )
        at = until
    return stages


class Bootstrap:
    """The progress of each chain, stored in the database directory."""

    def __init__(self, database: Path, plan: tuple[Stage, ...], simulation: Simulation) -> None:
        self.plan, self.simulation = plan, simulation
        self.stages: dict[str, list[Stage]] = defaultdict(list)
        for stage in plan:
            self.stages[stage.chain].append(stage)
        self.total_seconds = max(stage.ends for stage in plan)
        self.counters: dict[tuple[str, str], int] = defaultdict(int)
        self.written_bytes = 0
        self._database = database
        self._hung_seconds = self._idle_seconds = 0.0
        self._state = database / "simulated.json"
        database.mkdir(parents=True, exist_ok=True)
        self._state.touch()
        text = self._state.read_text("utf-8")
        kept = json.loads(text) if text and not simulation.forget else {}
        self.frozen_seconds = float(kept.get("frozen_seconds", 0))
        self.position = {
            chain: self._resumed(stages, kept.get("worked_seconds", {}).get(chain, 0.0))
            for chain, stages in self.stages.items()
        }
        self.began_at = dict(self.position)

    @staticmethod
    def _resumed(stages: Sequence[Stage], kept: float) -> float:
        """Return the position at which a chain resumes; an interrupted state sync in SAE starts again."""
        lost = [stage for stage in stages if stage.activity.startswith("sae ")]
        if lost and lost[0].begins < kept < lost[-1].ends:
            return lost[0].begins
        return min(max(kept, stages[0].begins), stages[-1].ends)

    @property
    def done(self) -> bool:
        """Whether all chains have finished their stages."""
        return all(map(self.through, self.stages))

    @property
    def farthest(self) -> float:
        """The position of the most advanced chain (seconds)."""
        return max(self.position[chain] for chain in self.chains())

    @property
    def frozen(self) -> bool:
        """Whether the peers are frozen, so that no chain makes progress."""
        simulation = self.simulation
        reached = self.farthest >= simulation.source_frozen_at_share * self.total_seconds
        return reached and self.frozen_seconds < simulation.source_frozen_seconds

    def through(self, chain: str) -> bool:
        """Return whether a chain has finished its last stage."""
        return self.position[chain] >= self.stages[chain][-1].ends

    def past(self, chain: str, activity: str) -> bool:
        """Return whether a chain has a stage with this activity and has finished it."""
        ends = [s.ends for s in self.plan if s.chain == chain and s.activity == activity]
        return bool(ends) and self.position[chain] >= ends[-1]

    def active(self) -> list[Stage]:
        """Return the stages that are in progress."""
        chains, at = self.chains(), self.position
        return [s for s in self.plan if s.chain in chains and s.begins <= at[s.chain] < s.ends]

    def chains(self) -> list[str]:
        """Return the chains that exist; all chains except P are created when P has finished."""
        return list(self.stages) if self.through("P") else ["P"]

    def count(self, chain: str, counter: str, at: Mapping[str, float] | None = None) -> int:
        """Return the value of a counter over all processes, at the current position or at positions `at`."""
        position = (at or self.position)[chain]
        return sum(stage.done(position) for stage in self.stages[chain] if counter in stage.counters)

    def amount(self, chain: str, counter: str) -> int:
        """Return the value of a counter over all processes when the chain has finished."""
        return sum(stage.amount for stage in self.stages[chain] if counter in stage.counters)

    def height(self, chain: str) -> int:
        """Return the height of the last block that a chain has accepted."""
        synced = any(self.past(chain, last[-1].activity) for last in (CORETH_SYNC, SAE_SYNC))
        return self.count(chain, ACCEPTED) + (self.simulation.blocks if synced else 0)

    def accepted_by_sae(self) -> int:
        """Return the number of blocks that C has accepted since its transition."""
        after = [s for s in self.stages["C"] if s.activity == "executing after"] or self.stages["C"][-1:]
        return sum(stage.done(self.position["C"]) for stage in after) if self.past("C", "transition") else 0

    def advance(self, seconds: float) -> None:
        """Advance all chains by a number of seconds, as far as the simulated behaviour allows."""
        if self.frozen:
            self.frozen_seconds += seconds
            return self._keep()
        hang = self.simulation.hang_at_share * self.total_seconds
        hangs = self._hung_seconds < self.simulation.hang_seconds
        p_seconds = min(seconds, max(0.0, self.stages["P"][-1].ends - self.position["P"]))
        for chain in self.stages:
            if chain != "P" and not self.through("P"):
                break
            before = self.position[chain]
            limit = self._limit(chain, hang if hangs and before <= hang else NEVER)
            after = max(before, min(limit, before + (seconds if chain == "P" else seconds - p_seconds)))
            self._move(chain, before, after)
        if hangs and hang in map(self.position.get, self.chains()):
            self._hung_seconds += seconds
        if self.simulation.refetch and self.position["P"] >= self.plan[0].ends:
            self.position["P"] = 0.0
        self._visit_again(seconds)
        if any(stage.activity == "compacting" for stage in self.active()):
            self.write("compaction.tmp", 4096, mode="wb")
        return self._keep()

    def write(self, name: str, size: int, mode: str = "ab") -> None:
        """Write real bytes to a file in the database directory."""
        if size > 0:
            with (self._database / name).open(mode) as file:
                file.write(bytes(size))
            self.written_bytes += size

    def _limit(self, chain: str, hang: float) -> float:
        simulation = self.simulation
        share = simulation.crash_at_share
        if self.frozen_seconds < simulation.source_frozen_seconds:
            share = min(share, simulation.source_frozen_at_share)
        if simulation.refetch:
            hang = min(hang, self.plan[0].ends)
        return min(self.stages[chain][-1].ends, share * self.total_seconds, hang)

    def _move(self, chain: str, before: float, after: float) -> None:
        for stage in self.stages[chain]:
            risen = stage.done(after) - stage.done(before)
            for counter in stage.counters:
                self.counters[chain, counter] += risen
            self.write("000001.log", risen * self.simulation.block_bytes)
        self.position[chain] = after

    def _visit_again(self, seconds: float) -> None:
        """Increase the counters of finished chains, which fetch new blocks while they wait for others."""
        if self.done or len(self.chains()) == 1:
            return
        self._idle_seconds += seconds
        new = int(self._idle_seconds * self.simulation.new_blocks_per_second)
        if new and self._idle_seconds >= self.simulation.scaled(REVISIT):
            self._idle_seconds -= new / self.simulation.new_blocks_per_second
            for chain in filter(self.through, {"P", "X", "C"} & self.stages.keys()):
                self.counters[chain, FETCHED] += new
                self.counters[chain, ACCEPTED] += new

    def _keep(self) -> None:
        """Store the progress in place with a single write, so that a kill leaves no partial content."""
        kept = {"worked_seconds": self.position, "frozen_seconds": self.frozen_seconds}
        with self._state.open("r+b") as file:
            file.write(json.dumps(kept).encode().ljust(512))


# ---- Logs -----------------------------------------------------------------------------------------------


class Seconds(float):
    """A duration (seconds), which each log format encodes in its own way."""


class Moment(float):
    """A time (seconds since the Unix epoch), which each log format encodes in its own way."""


@dataclass(frozen=True)
class Line:
    """A log message with its source file, its line numbers in 1.14.2 and 1.15.0, and its fields.

    The value of a field is the key of a value of `Story`, or a literal.
    """

    message: str
    file: str
    numbers: tuple[int, int]
    fields: Mapping[str, str | int]


def lines_of(table: str) -> dict[str, Line]:
    """Parse a table of log messages with the columns key, message, source and fields."""
    lines = {}
    for row in table.strip().splitlines():
        key, message, place, *told = (cell.strip() for cell in row.split("|"))
        file, old, new = place.split()
        pairs = (pair.partition("=") for pair in "".join(told).split(", ") if pair)
        read = {name: int(value) if value.isdigit() else value for name, _, value in pairs}
        lines[key] = Line(message, file, (int(old), int(new)), read)
    return lines


# Messages of files under `evm/` are Coreth's.  The messages of a state sync in SAE, and those specific to
# Mainnet and Fuji, were not recorded.  They come from the sources of 1.15.0, with invented line numbers.
LINES = lines_of("""
engine | initializing consensus engine | snowman/engine.go 98 99
bootstrapper | starting bootstrapper | bootstrap/bootstrapper.go 192 194 | lastAcceptedID=id, lastAcceptedHeight=height
fetch | starting to fetch blocks | bootstrap/bootstrapper.go 397 399 \
 | numKnownBlocks=checkpoints, numAcceptedBlocks=1, numMissingBlocks=missing
fetching | fetching blocks | bootstrap/bootstrapper.go 644 646 \
 | numFetchedBlocks=done, numTotalBlocks=all, eta=eta, pctComplete=percent
compact | compacting database before executing blocks... | bootstrap/storage.go 138 138
execute | executing blocks | bootstrap/storage.go 195 195 | numToExecute=left
executing | executing blocks | bootstrap/storage.go 252 252 \
 | numExecuted=done, numToExecute=left, eta=eta, pctComplete=percent
compact again | compacting database after executing blocks... | bootstrap/storage.go 178 178
executed | executed blocks | bootstrap/storage.go 187 187 \
 | numExecuted=executed, numToExecute=left, halted=halted, duration=duration
waiting | waiting for the remaining chains in this subnet to finish syncing | bootstrap/bootstrapper.go 738 740
consensus | starting consensus | snowman/engine.go 511 513 | lastAcceptedID=id, lastAcceptedHeight=height
dag | starting bootstrap | bootstrap/bootstrapper.go 320 320
stop vertex | generated stop vertex | bootstrap/bootstrapper.go 383 383 | vtxID=id
transactions | executing transactions | bootstrap/bootstrapper.go 600 600
vertices | executing vertices | bootstrap/bootstrapper.go 612 612
operations | executed operations | queue/jobs.go 223 223 | numExecuted=vertices
sync | starting state sync | syncer/state_syncer.go 113 115
syncing | starting state sync | syncer/state_syncer.go 469 471
no summary | skipping state sync | syncer/state_syncer.go 377 379 | reason=no acceptable summaries found
accepted | accepted state summary | syncer/state_syncer.go 391 393 \
 | summaryID=id, syncMode=Static, numTotalSummaries=1
skipped | accepted state summary | syncer/state_syncer.go 391 393 \
 | summaryID=id, syncMode=Skipped, numTotalSummaries=1
too close | last accepted too close to most recent syncable block, skipping state sync \
 | evm/sync/engine/client.go 172 173 | lastAccepted=height, syncableHeight=height
started | state sync started | evm/sync/engine/client.go 281 282 | mode=Static
from peer | fetching blocks from peer | evm/sync/block/syncer.go 97 97 | fetched=done, total=all
from peers | fetched blocks from peer | evm/sync/block/syncer.go 112 112 | total=synced
start | starting syncer | evm/sync/engine/registry.go 90 90 | name=syncer, summary=hash, height=summary height
end | completed successfully | evm/sync/engine/registry.go 100 100 \
 | name=syncer, summary=hash, height=summary height
account trie | state sync: syncing account trie | evm/sync/evmstate/trie_sync_stats.go 133 133 | ETA=minutes
storage tries | state sync: syncing storage tries | evm/sync/evmstate/trie_sync_stats.go 139 139 \
 | triesRemaining=tries, ETA=minutes
all syncers | all syncers completed successfully | evm/sync/engine/registry.go 70 70 | count=4, summary=hash
state synced | state sync completed, notifying engine | evm/sync/engine/client.go 277 278 | err=<nil>
marker | checking for transition marker | transitionvm/vm.go 0 113
old VM | initializing pre-transition VM | transitionvm/vm.go 0 128
new VM | initializing post-transition VM | transitionvm/vm.go 0 120
not eager | past transition time on a non-production network; waiting for the transition block \
 | transitionvm/vm.go 0 150
eager | transitioning eagerly to state sync as the post-transition chain | transitionvm/vm.go 0 155
transition | transitioning VMs | transitionvm/vm.go 0 185 | blkID=id, height=height, timestamp=block time
block API | blocking API requests | transitionvm/vm.go 0 193
drain | draining in-flight API requests to the pre-transition VM | transitionvm/vm.go 0 209 | timeout=drain
shut down | shutting down pre-transition VM | transitionvm/vm.go 0 221
write marker | writing transition marker | transitionvm/vm.go 0 234
init | initializing post-transition VM | transitionvm/vm.go 0 239
state | setting post-transition VM state | transitionvm/vm.go 0 251 | state=Bootstrapping state
connections | copying connections to the post-transition VM | transitionvm/vm.go 0 259
handlers | updating HTTP handlers to route to the post-transition VM | transitionvm/vm.go 0 264
transitioned | transition finished successfully | transitionvm/vm.go 0 287
unblock API | unblocking API requests | transitionvm/vm.go 0 196
sae fetch | syncing blocks | statesync/syncer.go 0 110 | fromHash=hash, fromHeight=summary height, numToFetch=256
sae fetched | finished syncing blocks | statesync/syncer.go 0 125
wipe | wiping snapshot before syncing state | statesync/syncer.go 0 140
code | starting code sync | code/syncer.go 0 60
coded | finished code sync | code/syncer.go 0 90
sae account trie | syncing account trie | evmstate/trie_sync_stats.go 0 133 | ETA=minutes
sae storage tries | syncing storage tries | evmstate/trie_sync_stats.go 0 139 | triesRemaining=tries, ETA=minutes
cross-chain | syncing cross-chain state | statesync/handler.go 0 80 \
 | settledCrossChainRoot=hash, settledHeight=summary height, acceptedHash=hash, acceptedHeight=summary height
crossed | finished syncing cross-chain state | statesync/handler.go 0 90
newer peer | peer attempting to connect with newer version. You may want to update your client \
 | peer/peer.go 910 912 | nodeID=node, myVersion=mine, peerVersion=theirs
""")

START_SYNC = (
    "sync, syncing, start: Block Syncer, from peer, started, start: Atomic State Syncer, start: Code Syncer,"
    " start: EVM State Syncer, accepted, end: Atomic State Syncer"
)
RESUME_SYNC = (
    "sync, syncing, started, accepted, start: Atomic State Syncer, start: Block Syncer, start: Code Syncer,"
    " start: EVM State Syncer"
)
BLOCKS_SYNCED = "from peers, end: Block Syncer"
# The messages of each stage: when it starts, when it ends, and when a new process finds it finished.
SCRIPT = {
    "fetching": ("fetch", "", "fetch"),
    "compacting": ("compact", "", ""),
    "executing": ("execute", "executed", "execute, executed"),
    "executing before": ("execute", "", "execute"),
    "executing after": ("", "executed", "executed"),
    "fetching vertices": ("dag, stop vertex", "", ""),
    "executing vertices": (
        "transactions",
        "operations, vertices, operations, bootstrapper",
        "bootstrapper",
    ),
    "coreth blocks": (START_SYNC, BLOCKS_SYNCED, f"{RESUME_SYNC}, {BLOCKS_SYNCED}, end: Atomic State Syncer"),
    "coreth accounts": ("", "", ""),
    "coreth storage": (
        "",
        "end: Code Syncer, end: EVM State Syncer, all syncers, state synced, bootstrapper",
        "",
    ),
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
# The periodic messages of active stages.  Each has a key in `LINES`, an interval in seconds of a real node,
# and an interval in units of work (0: any; None: `sample_blocks`).  The last number is the first sample with
# a message (avalanchego utils/timer/eta.go requires ten).
PERIODIC = {
    "fetching": ("fetching", SAMPLE, None, 10),
    "executing": ("executing", SAMPLE, 0, 10),
    "executing before": ("executing", SAMPLE, 0, 10),
    "executing after": ("executing", SAMPLE, 0, 10),
    "coreth blocks": ("from peer", 0, BLOCKS_A_REQUEST, 1),
    "coreth accounts": ("account trie", MINUTE, 0, 1),
    "coreth storage": ("storage tries", MINUTE, 0, 1),
    "sae accounts": ("sae account trie", MINUTE, 0, 1),
    "sae storage": ("sae storage tries", MINUTE, 0, 1),
}


class Journal:
    """The node's logs: one file for the node, one for each chain, and all lines on the display."""

    def __init__(
        self, settings: Settings, dialect: Dialect, wall: Callable[[], float], display: TextIO | None
    ) -> None:
        settings.logs.mkdir(parents=True, exist_ok=True)
        self._settings, self._dialect, self._wall, self._display = settings, dialect, wall, display
        self._widths: dict[str, int] = defaultdict(int)

    def say(self, chain: str, key: str, values: Mapping[str, object]) -> None:
        """Log a message of `LINES`, with values for its fields."""
        line = LINES[key]
        fields = {name: values.get(str(value), value) for name, value in line.fields.items()}
        source = f"{line.file}:{line.numbers[self._dialect.column]}"
        if line.file.startswith("evm/"):
            self._say_as_coreth(chain, self._dialect.graft + source.removeprefix("evm"), line.message, fields)
        else:
            self.write(chain, "INFO", source, line.message, **fields)

    def write(self, chain: str, level: str, source: str, message: str, **fields: object) -> None:
        """Log one line of a chain, or of the node if `chain` is empty."""
        if self._settings.log_json:
            line = json_line(self._wall(), chain, level, source, message, fields)
        else:
            told = {name: plain_value(value) for name, value in fields.items()}
            tail = f" {json.dumps(told, ensure_ascii=False)}" if fields else ""
            of = f" <{chain} Chain>" if chain else ""
            line = f"{log_stamp(self._wall())} {level}{of} {source} {message}{tail}"
        place = LEVELS.index(level)
        filed, displayed = place >= self._settings.log_level, place >= self._settings.display_level
        self._put(chain, line, filed=filed, displayed=displayed)

    def _say_as_coreth(self, chain: str, source: str, message: str, fields: Mapping[str, object]) -> None:
        """Log a line in Coreth's format, which ignores the node's log level and format (plugin/evm/log)."""
        parts = []
        for name, value in fields.items():
            text = f'"{value}"' if " " in str(value) else str(value)
            self._widths[name] = max(self._widths[name], len(text))
            parts.append(f"{name}={text.ljust(self._widths[name])}")
        start = f"{log_stamp(self._wall())} INFO <{chain} Chain> {source} "
        self._put(chain, (start + f"{message:40} " + " ".join(parts)).rstrip(), filed=True, displayed=True)

    def _put(self, chain: str, line: str, *, filed: bool, displayed: bool) -> None:
        if self._display and displayed:
            self._display.write(line + "\n")
            self._display.flush()
        try:
            if filed:
                with (self._settings.logs / f"{chain or 'main'}.log").open("a", encoding="utf-8") as file:
                    file.write(line + "\n")
        except OSError as error:  # a full volume does not stop the node; the line is lost
            sys.stderr.write(f"could not write to log: {error}\n")


def log_stamp(moment: float) -> str:
    """Format the time of a line (Unix seconds) for plain logs."""
    return f"[{datetime.fromtimestamp(moment, UTC):%m-%d|%H:%M:%S.%f}"[:-3] + "]"


def iso_stamp(moment: float) -> str:
    """Format the time of a line (Unix seconds) for JSON logs."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def json_line(
    moment: float, chain: str, level: str, source: str, message: str, fields: Mapping[str, object]
) -> str:
    """Format a line as zap's JSON encoder does (avalanchego utils/logging/format.go)."""
    line: dict[str, object] = {"level": level.lower(), "timestamp": iso_stamp(moment)}
    line |= ({"logger": f"{chain} Chain"} if chain else {}) | {"caller": source, "msg": message}
    for name, value in fields.items():
        nanoseconds = round(value * 1e9) if isinstance(value, Seconds) else value
        line[name] = iso_stamp(value) if isinstance(value, Moment) else nanoseconds
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


def plain_value(value: object) -> object:
    """Convert the value of a field for plain logs."""
    if isinstance(value, Seconds):
        return go_duration(value)
    return log_stamp(value) if isinstance(value, Moment) else value


def minutes_text(seconds: float) -> str:
    """Format the estimated remaining time of a state sync."""
    hours, minutes = divmod(round(seconds / 60), 60)
    return (f"{hours}h{minutes}m" if hours else f"{minutes}m") if hours or minutes else "<1m"


@dataclass
class Sampler:
    """The last sample of a stage's progress: message key, number of samples, work done and time."""

    key: str
    count: int
    done: int
    at: float


class Story:
    """The log of the chains in this process."""

    def __init__(self, bootstrap: Bootstrap, journal: Journal, settings: Settings) -> None:
        self._bootstrap, self._journal, self._settings = bootstrap, journal, settings
        self._pending: dict[str, list[tuple[float, str]]] = {}
        self._samplers: dict[str, Sampler] = {}
        self._executing_since: dict[str, float] = {}
        self._uptime = 0.0

    def tell(self, uptime: float, *, connected: bool) -> None:
        """Log the events since the last call; without peers, no chain logs more than its first lines."""
        self._uptime = uptime
        bootstrap = self._bootstrap
        for chain in bootstrap.chains():
            if chain not in self._pending:
                self._pending[chain] = self._open(chain)
            pending = self._pending[chain]
            was_through = not pending
            while connected and pending and bootstrap.position[chain] >= pending[0][0]:
                self.say(chain, pending.pop(0)[1])
            if not pending and not was_through and not self._left(chain) and not bootstrap.done:
                self.say(chain, "waiting")
        for stage in bootstrap.active():
            if stage.activity in PERIODIC:
                self._sample(stage)

    def say(self, chain: str, keys: str) -> None:
        """Log messages of a chain, given by their keys in `LINES`."""
        for key in filter(None, keys.split(", ")):
            if key == "execute":
                self._executing_since[chain] = self._uptime
            much = self._left(chain) >= BLOCKS_TO_COMPACT
            compacting = any(stage.activity == "compacting" for stage in self._bootstrap.stages[chain])
            if key == "execute" and much and not compacting:
                self._journal.say(chain, "compact", {})
            if key == "executed" and much:
                self._journal.say(chain, "compact again", {})
            name, _, syncer = key.partition(": ")
            self._journal.say(chain, name, self._values(chain) | {"syncer": syncer})

    def _open(self, chain: str) -> list[tuple[float, str]]:
        """Log a chain's first lines; return the keys of later messages with the positions to log them at."""
        bootstrap, began = self._bootstrap, self._bootstrap.began_at[chain]
        _, fresh, transitioned = C_CHAIN.get(
            (self._settings.sync_mode, bootstrap.simulation.transition), ((), "", "")
        )
        starts = {"X": ("engine", "engine"), "C": (fresh, transitioned)}
        start = starts.get(chain, ("engine, bootstrapper",) * 2)[bootstrap.past(chain, "transition")]
        self.say(chain, start)
        pending = []
        synced = bootstrap.past(chain, "coreth storage")
        if synced:
            self.say(chain, SYNC_IS_OVER)
        for stage in bootstrap.stages[chain]:
            begins, ends, found_done = SCRIPT[stage.activity]
            if stage.ends > began:
                pending += [(stage.begins, begins), (stage.ends, ends)]
            elif not (synced and stage.activity.startswith("coreth")):
                self.say(chain, found_done)
        return pending or [(0.0, "")]

    def _left(self, chain: str) -> int:
        """Return the number of blocks that this process had to execute when it started."""
        bootstrap = self._bootstrap
        return bootstrap.amount(chain, ACCEPTED) - bootstrap.count(chain, ACCEPTED, bootstrap.began_at)

    def _executed(self, chain: str) -> int:
        """Return the number of blocks that this process has executed."""
        bootstrap = self._bootstrap
        return bootstrap.count(chain, ACCEPTED) - bootstrap.count(chain, ACCEPTED, bootstrap.began_at)

    def _sample(self, stage: Stage) -> None:
        key, seconds, units, needed = PERIODIC[stage.activity]
        simulation, position = self._bootstrap.simulation, self._bootstrap.position[stage.chain]
        units = simulation.sample_blocks if units is None else units
        values = self._values(stage.chain, stage)
        done = int(values["done"])
        last = self._samplers.get(stage.chain)
        if last is None or last.key != key:
            count = 1 if needed > 1 else 0
            last = self._samplers[stage.chain] = Sampler(key, count, done, self._uptime)
        interval = simulation.scaled(seconds)
        samples = int((self._uptime - last.at) / interval) if interval else 1
        if units:
            samples = min(samples, done // units - last.done // units)
        if samples < 1 or done == last.done or position >= stage.ends:
            return
        self._samplers[stage.chain] = Sampler(key, last.count + samples, done, self._uptime)
        values["done"] = done - done % units if units else done
        if last.count + samples >= needed:
            self._journal.say(stage.chain, key, values)

    def _values(self, chain: str, stage: Stage | None = None) -> dict[str, Any]:
        """Return the values for the fields of `LINES`."""
        bootstrap, simulation = self._bootstrap, self._bootstrap.simulation
        position, began = bootstrap.position[chain], bootstrap.began_at
        left, executed = self._left(chain), self._executed(chain)
        done, all_of_it, ends = executed, left, bootstrap.stages[chain][-1].ends
        if stage and stage.activity == "fetching":
            done, all_of_it = bootstrap.count(chain, FETCHED), bootstrap.amount(chain, FETCHED)
        elif stage and not stage.activity.startswith("executing"):
            done, all_of_it = stage.done(position), stage.amount
        if stage and not stage.activity.startswith("executing"):
            ends = stage.ends
        share = done / all_of_it if all_of_it else 1.0
        eta = (ends - position) * (1.2 - 0.2 * share)
        checkpoints = CHECKPOINTS.get(self._settings.network, 0)
        return {
            "id": BLOCK_ID,
            "hash": SUMMARY_HASH,
            "height": bootstrap.height(chain),
            "summary height": simulation.blocks,
            "block time": Moment(FIRST_BLOCK_TIME + BLOCK_SECONDS * bootstrap.height(chain)),
            "checkpoints": checkpoints,
            "missing": checkpoints + 1,
            "done": done,
            "all": all_of_it,
            "left": left,
            "executed": executed,
            "vertices": bootstrap.count(chain, DAG + "accepted_vts"),
            "halted": False,
            "duration": Seconds(self._uptime - self._executing_since.get(chain, self._uptime)),
            "drain": Seconds(15),
            "eta": Seconds(round(eta) if simulation.scaled(1) == 1 else eta),
            "percent": round(share * 100, 2),
            "minutes": minutes_text(eta),
            "tries": STORAGE_TRIES - int(share * STORAGE_TRIES),
            "synced": bootstrap.count(chain, SYNCED_BLOCKS) - bootstrap.count(chain, SYNCED_BLOCKS, began),
        }


# ---- Health and metrics ---------------------------------------------------------------------------------

Finding = tuple[Any, str]


class Checks:
    """A set of health checks with their last results."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._reports: dict[str, dict[str, Any]] = {}

    def register(self, names: Sequence[str]) -> None:
        """Add checks that have not run yet."""
        unrun = {"error": "not yet run", "timestamp": "0001-01-01T00:00:00Z", "duration": 0}
        self._reports = {name: self._reports.get(name, dict(unrun)) for name in [*self._reports, *names]}

    def run(self, findings: Mapping[str, Finding]) -> None:
        """Record a round of checks: the message and error of each check (either may be empty)."""
        reports = {}
        for name, (message, error) in findings.items():
            now = go_time(int(self._wall() * 1e9))
            report = {"message": message} if message is not None else {}
            report |= {"error": error} if error else {}
            report |= {"timestamp": now, "duration": CHECK_DURATION_NANOSECONDS}
            if error:
                last = self._reports.get(name, {})
                report["contiguousFailures"] = last.get("contiguousFailures", 0) + 1
                report["timeOfFirstFailure"] = last.get("timeOfFirstFailure", now)
            reports[name] = report
        self._reports = self._reports | reports

    def failing(self) -> int:
        """Return the number of failing checks."""
        return sum("error" in report for report in self._reports.values())

    def answer(self) -> dict[str, Any]:
        """Return the results as in the API's response."""
        return {"checks": dict(sorted(self._reports.items())), "healthy": not self.failing()}


def chain_finding(bootstrap: Bootstrap, chain: str, *, connected: bool, consensus: bool) -> Finding:
    """Return the health of a chain; P has too few validators until it has executed its blocks."""
    engine = {
        "avgAcceptanceTime": "0s",
        "lastAcceptedHeight": bootstrap.height(chain),
        "lastAcceptedID": BLOCK_ID,
        "longestProcessingBlock": "0s",
        "processingBlocks": 0,
    }
    early = chain == "P" and not bootstrap.through("P")
    share = 0.065 if early else 1 if connected else 0
    networking = {"disconnectedValidators": [] if share == 1 else [NODE_ID], "percentConnected": share}
    error = f"not connected to enough stake: connected to {share * 100:.6f}%; required at least 80.000000%"
    message = {
        "engine": {"consensus": engine if consensus else {}, "vm": None},
        "networking": networking,
    }
    return message, "" if share == 1 else error


def network_finding(peers: int, uptime_seconds: float) -> Finding:
    """Return the health of the network layer."""
    message: dict[str, Any] = {"connectedPeers": peers, "sendFailRate": 0}
    if not peers:
        return message, "network layer is unhealthy reason: not connected to a minimum of 1 peer(s) only 0"
    last = go_duration(uptime_seconds % 1)
    return message | {"timeSinceLastMsgReceived": last, "timeSinceLastMsgSent": last}, ""


def process_started_at() -> float:
    """Return the start time of this process (Unix seconds), or the current time if it is unknown."""
    try:
        ticks = Path("/proc/self/stat").read_text("utf-8").rpartition(")")[2].split()[19]
        booted = re.search(r"^btime (\d+)", Path("/proc/stat").read_text("utf-8"), re.MULTILINE)
        return float(booted[1] if booted else 0) + int(ticks) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return time.time()


Family = tuple[str, str, str, Mapping[str, float]]


def metrics_page(families: Iterator[Family]) -> str:
    """Format a metrics page from families of name, type, help text and values by label."""
    lines = []
    for name, kind, meaning, samples in families:
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"] if samples else []
        lines += [f"{name}{labels} {go_number(value)}" for labels, value in samples.items()]
    return "\n".join(lines) + "\n"


# ---- The node -------------------------------------------------------------------------------------------


class Node:
    """The simulated node.

    `step` does the work that is due.  `run` calls `step` periodically, while other threads serve the API.

    Args:
        clock: a monotonic clock (seconds) for uptime and progress.
        wall: a clock (Unix seconds) for all timestamps; the default is the system's.
        display: an additional destination for the logs.
    """

    def __init__(
        self,
        settings: Settings,
        simulation: Simulation,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] | None = None,
        display: TextIO | None = None,
    ) -> None:
        self.settings, self.simulation = settings, simulation
        self.wall = wall or time.time
        self.tracked = simulation.tracked_chain if settings.tracked_subnet else ""
        plan = plan_of(settings.sync_mode, simulation, self.tracked)
        self.bootstrap = Bootstrap(settings.database, plan, simulation)
        self.journal = Journal(settings, DIALECTS[simulation.dialect], self.wall, display)
        self.story = Story(self.bootstrap, self.journal, settings)
        self.health, self.readiness = Checks(self.wall), Checks(self.wall)
        self.stopping = False
        self.uptime_seconds = 0.0
        self.finished: set[str] = set()
        self._bootstrapped_at = NEVER
        self._started_at = wall() if wall else process_started_at()
        self._server: Server | None = None
        self._answering = False
        self._hoard: list[bytes] = []
        self._health_seconds = settings.health_check_seconds or min(30.0, simulation.bootstrap_seconds / 20)
        self._next_round = self._next_refusal = 0.0
        self._clock = clock
        self._began = self._last = clock()
        # Coreth's metrics stay until the process exits.  A process that starts after C's transition has none.
        self._coreth = not self.bootstrap.past("C", "transition")
        self._synced_before = self.bootstrap.past("C", "coreth storage")
        self.journal.write("", "INFO", "node/node.go:150", "initializing node", nodeID=NODE_ID)
        for name in settings.unknown:
            self.journal.write("", "WARN", "config/config.go:1", "setting is not simulated", name=name)

    @property
    def bootstrapped(self) -> bool:
        """Whether all chains are in consensus."""
        return self.finished == self.bootstrap.stages.keys()

    def run(self) -> int:
        """Run until a signal or the simulated behaviour stops the node; return the exit code."""
        tick_seconds = min(0.25, max(0.01, self.simulation.bootstrap_seconds / 200))
        serves = False
        try:
            while not self.stopping:
                if self._server is None and self.uptime_seconds >= self.simulation.listen_after_seconds:
                    self._server = Server(self)
                self.step(longest_seconds=1.0)
                if self._server and self._answering and not serves:
                    self._serve(self._server)
                    serves = True
                time.sleep(tick_seconds)
        except NodeDeathError as death:
            return death.exit_code
        except OSError as error:
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            message = "closing database to avoid possible corruption" if full else "couldn't start node"
            self.journal.write("", "FATAL", "node/node.go:1", message, error=str(error))
            return 1
        self.journal.write("", "INFO", "node/node.go:1", "finished node shutdown")
        self.settings.process_file.unlink(missing_ok=True)
        return 0

    def step(self, longest_seconds: float = NEVER) -> None:
        """Do the work that is due since the last step, of `longest_seconds` at most; needs no socket.

        Raises:
            NodeDeathError: the node exited; its log shows the reason.
        """
        now = self._clock()
        seconds, self._last = min(now - self._last, longest_seconds), now
        self.uptime_seconds = now - self._began
        try:
            self._work(seconds)
        except NodeDeathError as death:
            self.journal.write(death.chain, "FATAL", "node/node.go:1", death.message, **death.details)
            raise

    def _work(self, seconds: float) -> None:
        starts = max(self.simulation.listen_after_seconds, self.simulation.answer_after_seconds)
        if not self._answering and self.uptime_seconds >= starts:
            self._begin()
        if self._answering:
            if self.connected():
                self.bootstrap.advance(seconds)
            elif self.simulation.newer_peers_version and self.uptime_seconds >= self._next_refusal:
                self._next_refusal = self.uptime_seconds + self.simulation.scaled(REVISIT)
                theirs = self.simulation.newer_peers_version
                versions = {"node": NODE_ID, "mine": self.simulation.application, "theirs": theirs}
                self.journal.say("", "newer peer", versions)
            self.story.tell(self.uptime_seconds, connected=self.connected())
            self._notice_end()
            self._run_checks()
        self._misbehave()

    def _serve(self, server: Server) -> None:
        Thread(target=server.serve_forever, daemon=True).start()
        host, port = server.server_address[:2]
        uri = f"http://{host!s}:{port}"
        context = {"pid": os.getpid(), "uri": uri, "stakingAddress": "127.0.0.1:9651"}
        self.settings.process_file.write_text(json.dumps(context), "utf-8")
        self.journal.write("", "INFO", "node/node.go:674", "API server listening", uri=uri)

    def _begin(self) -> None:
        self._answering = True
        unrun = ["P", "bootstrapped"]
        chains = self.bootstrap.chains()
        first = {name: found for name, found in self._findings().items() if name not in {*chains, *unrun}}
        self.health.run(first)
        self.health.register(unrun)
        self.readiness.register(["bootstrapped"])
        self._next_round = self.uptime_seconds + self._health_seconds

    def _subnets(self) -> dict[str, list[str]]:
        """Return the chains of each subnet."""
        primary = [chain for chain in self.bootstrap.stages if chain != self.tracked]
        return {PRIMARY_SUBNET: primary} | (
            {self.settings.tracked_subnet: [self.tracked]} if self.tracked else {}
        )

    def _notice_end(self) -> None:
        """Start consensus in subnets whose chains have all finished bootstrapping."""
        self.health.register(self.bootstrap.chains())
        for chains in self._subnets().values():
            if all(map(self.bootstrap.through, chains)) and chains[0] not in self.finished:
                self.finished |= {*chains}
                for chain in chains:
                    self.story.say(chain, "consensus")
        if self.bootstrapped:
            self._bootstrapped_at = min(self._bootstrapped_at, self.uptime_seconds)

    def _misbehave(self) -> None:
        simulation, uptime = self.simulation, self.uptime_seconds
        chain = self.bootstrap.active()[-1].chain if self.bootstrap.active() else "P"
        crash_at = simulation.crash_at_share * self.bootstrap.total_seconds
        if (
            self._answering and self.bootstrap.farthest >= crash_at
        ) or uptime >= simulation.crash_after_seconds:
            height = self.bootstrap.height(chain) + 1
            error = f"failed to verify block {BLOCK_ID} (height={height}) in bootstrapping: simulated"
            reason = "received an unexpected error"
            raise NodeDeathError(1, chain, "shutting down chain", reason=reason, error=error)
        if uptime - self._bootstrapped_at >= simulation.die_after_bootstrapped_seconds:
            raise NodeDeathError(2, "", "panicking", reason="simulated panic", **{"from": "simulated"})
        if len(self._hoard) * 4 < simulation.eat_memory_mib:
            self._hoard.append(b"x" * 4 * MEBIBYTE)
        if self.bootstrap.written_bytes < simulation.fill_volume_mib * MEBIBYTE:
            self.bootstrap.write("filling", 4 * MEBIBYTE)

    def _run_checks(self) -> None:
        if self.uptime_seconds < self._next_round:
            return
        self._next_round = self.uptime_seconds + self._health_seconds
        findings = self._findings()
        self.readiness.run({"bootstrapped": findings["bootstrapped"]})
        executing = any(stage.activity.startswith("executing") for stage in self.bootstrap.active())
        frozen = self.uptime_seconds >= self.simulation.freeze_health_after_seconds
        if frozen or (executing and self.simulation.stale_while_executing):
            return
        self.health.run(findings)
        if findings["diskspace"][0]["availableDiskPercentage"] < self.settings.disk_required_percent:
            raise NodeDeathError(1, "", "low on disk space. Shutting down...")

    def _findings(self) -> dict[str, Finding]:
        peers = self.peers()
        behind = [subnet for subnet, chains in self._subnets().items() if chains[0] not in self.finished]
        disk = shutil.disk_usage(self.settings.database)
        percent = disk.free * 100 // disk.total
        low = "" if percent >= self.settings.disk_warning_percent else "remaining available disk is low"
        upgrade = {"localUpgradeTime": "2020-12-05T05:00:00Z", "modeUpgradeTime": "2020-12-05T05:00:00Z"} | {
            "modeUpgradeWeightPercentage": 100,
            "numUpgradeTimes": 1,
        }
        findings: dict[str, Finding] = {
            "bls": ("node is not a validator", ""),
            "bootstrapped": (behind, "subnets not bootstrapped" if behind else ""),
            "database": (None, ""),
            "diskspace": ({"availableDiskBytes": disk.free, "availableDiskPercentage": percent}, low),
            "futureupgrade": (upgrade, ""),
            "network": network_finding(peers, self.uptime_seconds),
            "router": ({"longestRunningRequest": "0s", "outstandingRequests": 0}, ""),
        }
        if self.settings.sync_mode == "only-p":
            findings["validation"] = ("node is not a primary network validator", "")
        for chain in self.bootstrap.chains():
            consensus = chain in self.finished
            findings[chain] = chain_finding(self.bootstrap, chain, connected=peers > 0, consensus=consensus)
        for name in filter(None, self.simulation.failing_checks.split(",")) if self.bootstrapped else ():
            findings[name] = (findings.get(name, (None, ""))[0], "simulated failure")
        return findings

    def connected(self) -> bool:
        """Return whether the network accepts the node."""
        late = self.uptime_seconds >= self.simulation.no_peers_seconds
        return late and not self.simulation.newer_peers_version

    def peers(self) -> int:
        """Return the number of connected peers; frozen peers are dropped after a while."""
        lost = self.bootstrap.frozen and self.bootstrap.frozen_seconds >= self.simulation.scaled(PEER_LOST)
        return self.simulation.peers if self.connected() and not lost else 0

    def execution_queue(self) -> int:
        """Return the number of blocks that SAE has accepted but not yet executed."""
        seconds, since = self.simulation.execution_queue_seconds, self.uptime_seconds - self._bootstrapped_at
        accepted = self.bootstrap.accepted_by_sae()
        return math.ceil(accepted * (1 - min(1.0, max(0.0, since) / seconds))) if seconds else 0

    def families(self) -> Iterator[Family]:
        """Yield the families of the metrics page."""
        yield from self._progress()
        yield from self._evm()
        failing = {'{check="health",tag="all"}': float(self.health.failing())}
        yield "avalanche_health_checks_failing", "gauge", "number of currently failing health checks", failing
        yield "avalanche_network_peers", "gauge", "Number of network peers", {"": float(self.peers())}
        began = {"": self._started_at}
        yield "avalanche_process_process_start_time_seconds", "gauge", "Start time since unix epoch", began
        resident = {"": float(len(self._hoard) * 4 * MEBIBYTE)}
        yield "avalanche_process_process_resident_memory_bytes", "gauge", "Resident memory size", resident
        written = {f'{{processID="{os.getpid()}"}}': float(self.bootstrap.written_bytes)}
        yield "avalanche_system_resources_num_disk_write_bytes", "gauge", "Disk bytes written", written

    def _progress(self) -> Iterator[Family]:
        """Yield the metrics of the chains' progress."""
        bootstrap, chains = self.bootstrap, self.bootstrap.chains()
        names = [FETCHED, ACCEPTED, *(name for stage in bootstrap.plan for name in stage.counters)]
        for name in dict.fromkeys(name for name in names if not name.startswith(EVM)):
            having = [c for c in chains if any(name in stage.counters for stage in bootstrap.stages[c])]
            counts = {f'{{chain="{c}"}}': float(bootstrap.counters.get((c, name), 0)) for c in having}
            yield name, "counter", "Number of what its name says during bootstrapping", counts
        reached = {
            f'{{block_type="{kind}",chain="{c}"}}': FIRST_BLOCK_TIME + BLOCK_SECONDS * bootstrap.height(c)
            for c in chains
            for kind in ("inner", "proposervm")
            if bootstrap.counters.get((c, ACCEPTED))
        }
        yield CHAIN_TIME, "gauge", "timestamp of the last block accepted", reached
        meaning = "Whether or not bootstrap process has completed. 1 is success"
        done = {f'{{chain="{c}"}}': float(c in self.finished) for c in chains}
        yield "avalanche_snowman_bootstrap_finished", "gauge", meaning, done
        heights = {f'{{chain="{c}"}}': float(bootstrap.height(c)) for c in chains if c in self.finished}
        yield "avalanche_snowman_last_accepted_height", "gauge", "Last height accepted", heights

    def _evm(self) -> Iterator[Family]:
        """Yield the metrics of C's virtual machines: of Coreth's state sync and of SAE's execution."""
        bootstrap, chain = self.bootstrap, '{chain="C"}'
        if "C" not in bootstrap.chains():
            return
        counters = {
            name: bootstrap.counters.get(("C", name), 0) for name in (TOTAL_LEAVES, LEAVES, SYNCED_BLOCKS)
        }
        syncs = bootstrap.stages["C"][0].activity.startswith("coreth") and not self._synced_before
        if syncs:
            yield TOTAL_LEAVES, "counter", "", {chain: float(counters[TOTAL_LEAVES])}
            for name, kind in (("leafs_per_second", "gauge"), ("tries_segmented", "counter")):
                yield f"{EVM}state_sync_{name}", kind, "", {chain: 0.0}
        for kind, received, a_request in (
            ("state_trie_leaves", counters[LEAVES], LEAVES_A_REQUEST),
            ("atomic_trie_leaves", 3 if syncs else 0, LEAVES_A_REQUEST),
            ("code", 0, 1),
            ("blocks", counters[SYNCED_BLOCKS], BLOCKS_A_REQUEST),
        ):
            requests = math.ceil(received / a_request)
            values = {"requested": requests, "succeeded": requests, "received": received}
            for name, value in (
                (values | {"failed": 0, "invalid_response": 0}).items() if self._coreth else ()
            ):
                yield f"{EVM}sync_{kind}_{name}", "counter", "", {chain: float(value)}
        if bootstrap.past("C", "transition"):
            executed = bootstrap.height("C") - self.execution_queue()
            for name, meaning, value in (
                (
                    "last_executed_height",
                    "Height of the latest block that completed async execution.",
                    executed,
                ),
                ("last_settled_height", "Height of the latest block that has settled.", max(0, executed - 3)),
                (
                    "execution_queue_blocks",
                    "Number of accepted blocks that have not yet completed execution.",
                    self.execution_queue(),
                ),
            ):
                yield SAE + name, "gauge", meaning, {chain: float(value)}


# ---- The API --------------------------------------------------------------------------------------------


class Server(ThreadingHTTPServer):
    """The API server; like the real node, it listens when it is created and responds when it serves."""

    daemon_threads = True

    def __init__(self, node: Node) -> None:
        self.node = node
        super().__init__(node.settings.http_address, Handler)


class RpcError(Exception):
    """A JSON-RPC call failed; the response has the message."""


def rpc_result(node: Node, method: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of a JSON-RPC call, or raise `RpcError`."""
    simulation, settings = node.simulation, node.settings
    network_id = simulation.reported_network_id or settings.network_id
    version = simulation.application
    vm_versions = {"avm": version, "evm": "v" + version.rpartition("/")[2], "platform": version}
    results: dict[str, dict[str, Any]] = {
        "health.health": node.health.answer(),
        "health.readiness": node.readiness.answer(),
        "health.liveness": Checks().answer(),
        "info.getNetworkID": {"networkID": str(network_id)},
        "info.getNetworkName": {"networkName": settings.network},
        "info.getNodeID": {
            "nodeID": NODE_ID,
            "nodePOP": {"publicKey": "0x" + "89" * 48, "proofOfPossession": "0x" + "b9" * 96},
        },
        "info.getNodeVersion": {
            "version": version,
            "databaseVersion": DATABASE_VERSION,
            "rpcProtocolVersion": str(DIALECTS[simulation.dialect].rpc),
            "gitCommit": simulation.commit,
            "vmVersions": vm_versions,
        },
        "info.peers": {
            "numPeers": str(node.peers()),
            "peers": [peer(n, version, node.wall()) for n in range(node.peers())],
        },
    }
    if method == "info.isBootstrapped":
        chain = parameters.get("chain")
        if chain not in {"P", "X", "C", node.tracked}:
            raise RpcError(f"there is no chain with alias/ID '{chain}'")
        return {"isBootstrapped": chain in node.finished}
    if method not in results:
        raise RpcError(f'rpc: can\'t find method "{method}"')
    return results[method]


def peer(number: int, version: str, moment: float) -> dict[str, Any]:
    """Return one of the peers that the node reports."""
    address, now = f"127.0.{number // 250}.{number % 250 + 1}:9651", go_time(int(moment * 1e9))
    return {
        "ip": address,
        "publicIP": address,
        "nodeID": NODE_ID,
        "version": version,
        "observedUptime": "99",
    } | {
        "lastSent": now,
        "lastReceived": now,
        "trackedSubnets": [],
        "benched": [],
    }


class Handler(BaseHTTPRequestHandler):
    """The handler of one API connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # buffered, so that headers and body are sent together
    server: Server

    def do_GET(self) -> None:
        """Serve health, with a status code, and metrics."""
        node = self.server.node
        path = self.path.partition("?")[0]
        checks = {
            "/ext/health": node.health,
            "/ext/health/health": node.health,
            "/ext/health/readiness": node.readiness,
            "/ext/health/liveness": Checks(),
        }
        if not self._host_allowed():
            self._send(403, "text/plain", "invalid host specified\n")
        elif path in checks:
            answer = checks[path].answer()
            self._send(200 if answer["healthy"] else 503, "application/json", compact(answer))
        elif path == "/ext/metrics":
            self._send(200, "text/plain; version=0.0.4; charset=utf-8", metrics_page(node.families()))
        else:
            self._send(404, "text/plain; charset=utf-8", "404 page not found\n")

    def do_POST(self) -> None:
        """Serve JSON-RPC calls."""
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), MEBIBYTE))
        if not self._host_allowed():
            return self._send(403, "text/plain", "invalid host specified\n")
        if self.path not in {"/ext/health", "/ext/info"}:
            return self._send(404, "text/plain; charset=utf-8", "404 page not found\n")
        answer: dict[str, Any] = {"jsonrpc": "2.0"}
        request: Any = None
        try:
            request = json.loads(body)
            parameters = request.get("params") or {}
            parameters = parameters[0] if isinstance(parameters, list) else parameters
            answer["result"] = rpc_result(self.server.node, str(request.get("method")), parameters)
        except (RpcError, ValueError, AttributeError) as error:
            answer["error"] = {"code": -32000, "message": str(error), "data": None}
        answer["id"] = request.get("id") if isinstance(request, dict) else None
        return self._send(200, "application/json; charset=utf-8", compact(answer))

    def log_message(self, *_: object) -> None:
        """Log nothing: like the real node, the simulated node does not log requests."""

    def _host_allowed(self) -> bool:
        host = re.sub(r":\d+$", "", self.headers.get("Host", "localhost")).strip("[]")
        allowed = self.server.node.settings.allowed_hosts
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return host in allowed or "*" in allowed
        return True

    def _send(self, status: int, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def compact(value: object) -> str:
    """Format a value as Go's JSON encoder does."""
    return json.dumps(value, separators=(",", ":")) + "\n"


# ---- The program ----------------------------------------------------------------------------------------


def versions_json(simulation: Simulation) -> str:
    """Return the output of `--version-json`."""
    versions = {
        "application": simulation.application,
        "database": DATABASE_VERSION,
        "rpcchainvm": DIALECTS[simulation.dialect].rpc,
        "commit": simulation.commit,
        "go": GO_VERSION,
    }
    return json.dumps(versions, indent=2)


def help_text() -> str:
    """Return the output of `--help`: the options of the simulation, one per line."""
    lines = ["AvalancheGo's flags and AVAGO_* variables, and these flags (or SIMULATE_* variables):"]
    for option in fields(Simulation):
        flag = f"--simulate-{option.name.replace('_', '-')}={option.default}"
        lines.append(f"  {flag:<50} {option.metadata['help']}")
    return "\n".join(lines)


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the node; return the exit code."""
    flags = read_arguments(arguments)
    try:
        simulation = simulation_of(flags, environment)
        if "help" in flags or "version-json" in flags:
            sys.stdout.write((help_text() if "help" in flags else versions_json(simulation)) + "\n")
            return 0
        settings = settings_of(flags, environment)
    except ValueError as error:
        sys.stdout.write(f"couldn't load node config: {error}\n")
        return 1
    if simulation.exit_at_start:
        sys.stdout.write("couldn't start node: simulated\n")
        return 1
    try:
        node = Node(settings, simulation, display=sys.stdout)
    except (OSError, ValueError) as error:
        sys.stdout.write(f"couldn't start node: {error}\n")
        return 1
    # PID 1 in a container receives only signals for which it has handlers.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: setattr(node, "stopping", True))
    return node.run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
