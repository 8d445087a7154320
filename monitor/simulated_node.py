#!/usr/bin/env python3
"""A simulated AvalancheGo: it answers as the real node does, bootstraps in seconds, and misbehaves when told.

It is one file of the standard library, so that a copy of it is a node by itself: as an executable named
`avalanchego`, or in an image.  AvalancheGo's own flags and `AVAGO_*` variables mean what they mean there.

How it simulates is told by `Simulation`; each of its options has, strongest first, a flag
(`--simulate-hang-at-share=0.5`), a variable (`SIMULATE_HANG_AT_SHARE`) and a place in the file itself: the
last line that begins with `# simulate: ` holds JSON (`{"hang_at_share": 0.5}`).  By that line, and by
`COMMIT`, a build carries its own behaviour; `variant` makes such a build.

The bootstrap is a plan of stages on one time line.  How much of it is done is one number of seconds.  It is
kept in the database directory and outlives the process; the counters on the metrics page do not.
"""

from __future__ import annotations

import base64
import binascii
import errno
import ipaddress
import json
import os
import re
import shutil
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

COMMIT = "5150000000000000000000000000000000000001"

DATABASE_VERSION = "v1.4.5"
RPC_VERSION = 45
GO_VERSION = "1.26.8"
CARRIED = "# simulate: "
PRIMARY_SUBNET = "11111111111111111111111111111111LpoYY"
NODE_ID = "NodeID-KbtbiAnY4NMuPPjSrtcLT91VjamVwjDyg"
BLOCK_ID = "2XcArjSDp6Mb86LeRpRmsUXdsacU3BvxYpZYrJmXQDSNWcHgJJ"
NETWORKS = {"mainnet": 1, "cascade": 2, "denali": 3, "everest": 4, "fuji": 5, "testnet": 5, "testing": 10} | {
    "local": 12345
}
NEVER = float("inf")
MEBIBYTE = 1 << 20
CHECK_DURATION_NANOSECONDS = 10_000


# ---- What it is told ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Simulation:
    """How the node behaves.  Lengths in seconds; `inf` is never; a share is one of the whole bootstrap."""

    version: str = field(default="avalanchego/1.14.2", metadata={"help": "the version it reports"})
    commit: str = field(default=COMMIT, metadata={"help": "the commit it reports"})
    bootstrap_seconds: float = field(default=10, metadata={"help": "how long it bootstraps in all"})
    blocks: int = field(default=2000, metadata={"help": "blocks of each chain"})
    block_bytes: int = field(default=200, metadata={"help": "bytes written for each block, twice"})
    peers: int = field(default=20, metadata={"help": "peers it is connected to"})
    no_peers_seconds: float = field(default=0, metadata={"help": "no peers, and no progress, for so long"})
    compact_seconds: float = field(default=0, metadata={"help": "P's database is compacted for so long"})
    stale_while_executing: bool = field(default=False, metadata={"help": "health stands still meanwhile"})
    freeze_health_after_seconds: float = field(default=NEVER, metadata={"help": "health stands still then"})
    exit_at_start: bool = field(default=False, metadata={"help": "exits with 1 at once"})
    listen_after_seconds: float = field(default=0, metadata={"help": "the port is closed until then"})
    answer_after_seconds: float = field(default=0, metadata={"help": "listens, but is silent until then"})
    crash_after_seconds: float = field(default=NEVER, metadata={"help": "each process lives so long"})
    crash_at_share: float = field(default=NEVER, metadata={"help": "dies of a bad block there, each time"})
    forget: bool = field(default=False, metadata={"help": "each process begins the bootstrap anew"})
    hang_at_share: float = field(default=NEVER, metadata={"help": "progress stops there"})
    hang_seconds: float = field(default=NEVER, metadata={"help": "... for so long in each process"})
    refetch: bool = field(default=False, metadata={"help": "fetches P's blocks for ever, executes none"})
    failing_checks: str = field(default="", metadata={"help": "health checks (a,b) failing once it is done"})
    die_after_bootstrapped_seconds: float = field(default=NEVER, metadata={"help": "panics so long after it"})
    reported_network_id: int = field(default=0, metadata={"help": "says it is on this network (0: as told)"})
    eat_memory_mib: int = field(default=0, metadata={"help": "takes so much memory, quickly"})
    fill_volume_mib: int = field(default=0, metadata={"help": "writes so much to its volume, quickly"})


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
    "chain-config-content": "",
    "health-check-frequency": "",
    "system-tracker-disk-warning-available-space-percentage": "10",
    "system-tracker-disk-required-available-space-percentage": "3",
}
SWITCHES = {"help", "version", "version-json", "partial-sync-primary-network"} | {
    "simulate-" + option.name.replace("_", "-") for option in fields(Simulation) if option.type == "bool"
}


class SettingError(ValueError):
    """The node cannot start with what it was told."""


class NodeDeathError(Exception):
    """The node ends, as its behaviour demands."""

    def __init__(self, exit_code: int, chain: str, message: str, **details: str) -> None:
        super().__init__(message)
        self.exit_code, self.chain, self.message, self.details = exit_code, chain, message, details


def read_arguments(arguments: Sequence[str]) -> dict[str, str]:
    """Flags as AvalancheGo takes them: `--name=value`, `--name value` or a bare `--switch`."""
    found, rest = {}, list(arguments)
    while rest:
        name, equals, value = rest.pop(0).lstrip("-").partition("=")
        if not equals:
            bare = name in SWITCHES or not rest or rest[0].startswith("-")
            value = "true" if bare else rest.pop(0)
        found[name] = value
    return found


def truth(text: str, name: str) -> bool:
    """One of Go's words for a boolean; empty is false."""
    if text in {"1", "t", "T", "TRUE", "true", "True"}:
        return True
    if text in {"", "0", "f", "F", "FALSE", "false", "False"}:
        return False
    raise SettingError(f'invalid boolean "{text}" for "{name}"')


def carried_options() -> dict[str, Any]:
    """The behaviour that this very file carries."""
    lines = Path(__file__).read_text("utf-8").splitlines()
    carried = [line.removeprefix(CARRIED) for line in lines if line.startswith(CARRIED)]
    return dict(json.loads(carried[-1])) if carried else {}


def variant(commit: str, **behaviour: float | str) -> str:
    """The text of another build of this program: its commit, and the behaviour that it carries."""
    text = Path(__file__).read_text("utf-8")
    text = text.replace(f'\nCOMMIT = "{COMMIT}"\n', f'\nCOMMIT = "{commit}"\n', 1)
    return f"{text}\n{CARRIED}{json.dumps(behaviour)}\n"


def simulation_of(flags: Mapping[str, str], environment: Mapping[str, str]) -> Simulation:
    """The options from the file itself, the environment and the flags."""
    told = {name: str(value) for name, value in carried_options().items()}
    for found, prefix in ((environment, "SIMULATE_"), (flags, "simulate-")):
        mine = {name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix)}
        told |= {name.replace("-", "_").lower(): value for name, value in mine.items()}
    defaults = {option.name: option.default for option in fields(Simulation)}
    if unknown := told.keys() - defaults.keys():
        raise SettingError(f"no such simulation: {', '.join(sorted(unknown))}; --help lists all")
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
    return simulation


@dataclass(frozen=True)
class Settings:
    """What AvalancheGo's flags and variables say."""

    network: str
    network_id: int
    sync_mode: str
    database: Path
    logs: Path
    process_file: Path
    http_address: tuple[str, int]
    allowed_hosts: frozenset[str]
    health_check_seconds: float | None
    disk_warning_percent: int
    disk_required_percent: int
    unknown: tuple[str, ...]


def settings_of(flags: Mapping[str, str], environment: Mapping[str, str]) -> Settings:
    """Flags win over `AVAGO_*`; what the simulation does not know is only noted."""
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
    state_sync = state_sync_enabled(value["chain-config-content"])
    frequency = value["health-check-frequency"]
    return Settings(
        network=network,
        network_id=network_id,
        sync_mode="only-p" if partial else "state-sync" if state_sync else "full-sync",
        database=Path(value["db-dir"] or data / "db") / network / DATABASE_VERSION,
        logs=Path(value["log-dir"] or data / "logs"),
        process_file=Path(value["process-context-file"] or data / "process.json"),
        http_address=(value["http-host"], int(value["http-port"])),
        allowed_hosts=frozenset(value["http-allowed-hosts"].split(",")),
        health_check_seconds=seconds_of(frequency) if frequency else None,
        disk_warning_percent=int(value["system-tracker-disk-warning-available-space-percentage"]),
        disk_required_percent=int(value["system-tracker-disk-required-available-space-percentage"]),
        unknown=tuple(sorted(told.keys() - NODE_DEFAULTS.keys())),
    )


def network_id_of(text: str) -> int:
    """A network's ID from its name, `network-<ID>` or ID."""
    number = text.lower().removeprefix("network-")
    if number in NETWORKS:
        return NETWORKS[number]
    if not number.isdecimal():
        raise SettingError(f"failed to parse network name: {text!r}")
    return int(number)


def state_sync_enabled(content: str) -> bool:
    """Whether the C-Chain's configuration leaves state sync on, as it is by default."""
    try:
        chains = json.loads(base64.b64decode(content, validate=True)) if content else {}
        encoded = chains.get("C", {}).get("Config") or ""
        configuration = json.loads(base64.b64decode(encoded, validate=True)) if encoded else {}
        return str(configuration.get("state-sync-enabled", True)).lower() != "false"
    except (binascii.Error, ValueError, AttributeError, TypeError) as error:
        raise SettingError(f"couldn't read chain configs: {error}") from error


def seconds_of(duration: str) -> float:
    """The seconds of a duration in Go's writing, such as `1m30s` or `500ms`."""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
    if not re.fullmatch(r"([0-9.]+(h|ms|m|s|us|µs|ns))+", duration):
        raise SettingError(f'time: invalid duration "{duration}"')
    return sum(float(n) * units[unit] for n, unit in re.findall(r"([0-9.]+)(h|ms|m|s|us|µs|ns)", duration))


# ---- How Go writes --------------------------------------------------------------------------------------


def go_duration(seconds: float) -> str:
    """A duration in Go's writing, to the millisecond."""
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
    """A number as it stands on a metrics page: `450560`, `1.79547591718e+09`."""
    if abs(value) >= 1e6:  # noqa: PLR2004 - from here on it has an exponent
        return next(text for digits in range(18) if float(text := f"{value:.{digits}e}") == value)
    return str(int(value)) if value == int(value) else repr(value)


def go_time(nanoseconds: int) -> str:
    """A moment since the Unix epoch as RFC 3339, without needless zeros."""
    seconds, fraction = divmod(nanoseconds, 10**9)
    tail = f".{fraction:09}".rstrip("0").rstrip(".")
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}{tail}Z"


# ---- The bootstrap --------------------------------------------------------------------------------------

FETCHED, ACCEPTED = "avalanche_snowman_bs_fetched", "avalanche_snowman_bs_accepted"
DAG = "avalanche_avalanche_bs_"
CHAIN_TIME = "avalanche_proposervm_last_accepted_timestamp"
FIRST_BLOCK_TIME, BLOCK_SECONDS = 1.6e9, 2.0
BLOCKS = (("fetching", (FETCHED,)), ("executing", (ACCEPTED,)))
VERTICES = (
    ("vertices", (DAG + "fetched_vts", DAG + "fetched_txs")),
    ("vertices", (DAG + "accepted_vts", DAG + "accepted_txs")),
)
LEAVES = (
    (
        "syncing",
        ("avalanche_evm_eth_state_sync_total_leafs", "avalanche_evm_eth_sync_state_trie_leaves_received"),
    ),
)
P_SHARE = 0.4


@dataclass(frozen=True)
class Stage:
    """One part of a chain's bootstrap on the time line; `counters` rise by `amount` meanwhile."""

    chain: str
    activity: str
    counters: tuple[str, ...]
    amount: int
    begins: float
    ends: float

    def share(self, worked_seconds: float) -> float:
        """How much of it is done."""
        return min(1.0, max(0.0, (worked_seconds - self.begins) / (self.ends - self.begins)))


def plan_of(sync_mode: str, simulation: Simulation) -> tuple[Stage, ...]:
    """P first, alone; then X and C beside each other."""
    total, compacting = simulation.bootstrap_seconds, simulation.compact_seconds
    p_ends = total if sync_mode == "only-p" else total * P_SHARE
    half = p_ends / 2
    plan = [Stage("P", "fetching", (FETCHED,), simulation.blocks, 0, half)]
    if compacting:
        plan.append(Stage("P", "compacting", (), 0, half, half + compacting))
    plan.append(
        Stage("P", "executing", (ACCEPTED,), simulation.blocks, half + compacting, p_ends + compacting)
    )
    if sync_mode != "only-p":
        c_work = LEAVES + BLOCKS if sync_mode == "state-sync" else BLOCKS
        for chain, work in (("X", VERTICES + BLOCKS), ("C", c_work)):
            step = (total - p_ends) / len(work)
            for number, (activity, counters) in enumerate(work):
                begins = compacting + p_ends + number * step
                plan.append(Stage(chain, activity, counters, simulation.blocks, begins, begins + step))
    return tuple(plan)


class Bootstrap:
    """How far it is; kept in the database."""

    def __init__(self, database: Path, plan: tuple[Stage, ...], simulation: Simulation) -> None:
        self.plan, self.simulation = plan, simulation
        self.total_seconds = max(stage.ends for stage in plan)
        self.counters: dict[tuple[str, str], int] = defaultdict(int)
        self.written_bytes = 0
        self._database = database
        self._hung_seconds = self._idle_seconds = 0.0
        self._state = database / "simulated.json"
        database.mkdir(parents=True, exist_ok=True)
        kept = 0.0
        if self._state.exists() and not simulation.forget:
            kept = float(json.loads(self._state.read_text("utf-8"))["worked_seconds"])
        self.worked_seconds = min(kept, self.total_seconds)

    @property
    def done(self) -> bool:
        """All chains are through."""
        return self.worked_seconds >= self.total_seconds

    def active(self) -> list[Stage]:
        """What goes on now."""
        return [stage for stage in self.plan if stage.begins <= self.worked_seconds < stage.ends]

    def chains(self) -> list[str]:
        """The chains that exist by now: X and C are created when P is through."""
        return list(
            dict.fromkeys(s.chain for s in self.plan if s.begins <= self.worked_seconds or s.chain == "P")
        )

    def count(self, chain: str, counter: str) -> int:
        """The position of a counter over all processes."""
        mine = [s for s in self.plan if s.chain == chain and counter in s.counters]
        return sum(int(stage.share(self.worked_seconds) * stage.amount) for stage in mine)

    def advance(self, seconds: float) -> None:
        """Work for so long, as far as the behaviour lets it."""
        before, after = self.worked_seconds, self._reached(seconds)
        for stage in self.plan:
            risen = int(stage.share(after) * stage.amount) - int(stage.share(before) * stage.amount)
            for counter in stage.counters:
                self.counters[stage.chain, counter] += risen
            self.write("000001.log", risen * self.simulation.block_bytes)
        if self.simulation.refetch and after >= self.plan[0].ends:
            after = 0.0
        self.worked_seconds = after
        self._visit_p_again(seconds)
        if any(stage.activity == "compacting" for stage in self.active()):
            self.write("compaction.tmp", 4096, mode="wb")
        self._keep()

    def write(self, name: str, size: int, mode: str = "ab") -> None:
        """Write real bytes to the database."""
        if size > 0:
            with (self._database / name).open(mode) as file:
                file.write(bytes(size))
            self.written_bytes += size

    def _reached(self, seconds: float) -> float:
        limit = min(self.total_seconds, self.simulation.crash_at_share * self.total_seconds)
        hang = self.simulation.hang_at_share * self.total_seconds
        if self.worked_seconds <= hang and self._hung_seconds < self.simulation.hang_seconds:
            limit = min(limit, hang)
            self._hung_seconds += seconds if self.worked_seconds == hang else 0
        if self.simulation.refetch:
            limit = min(limit, self.plan[0].ends)
        return max(self.worked_seconds, min(limit, self.worked_seconds + seconds))

    def _visit_p_again(self, seconds: float) -> None:
        """While P waits for the others it bootstraps what is new, so its counters keep rising."""
        self._idle_seconds += seconds if len(self.chains()) > 1 and not self.done else 0
        while self._idle_seconds >= 1:
            self._idle_seconds -= 1
            self.counters["P", FETCHED] += 1
            self.counters["P", ACCEPTED] += 1

    def _keep(self) -> None:
        aside = self._state.with_suffix(".new")
        aside.write_text(json.dumps({"worked_seconds": self.worked_seconds}), "utf-8")
        aside.replace(self._state)


# ---- What it shows --------------------------------------------------------------------------------------


class Journal:
    """The node's logs: one file for itself, one for each chain, and all of it on standard output."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory

    def write(self, chain: str, level: str, source: str, message: str, **details: float | str | bool) -> None:
        """One line; with `chain` empty it is the node's own."""
        stamp = f"{datetime.now(UTC):%m-%d|%H:%M:%S.%f}"[:-3]
        of = f" <{chain} Chain>" if chain else ""
        tail = f" {json.dumps(details, ensure_ascii=False)}" if details else ""
        line = f"[{stamp}] {level}{of} {source} {message}{tail}\n"
        sys.stdout.write(line)
        sys.stdout.flush()
        try:
            with (self._directory / f"{chain or 'main'}.log").open("a", encoding="utf-8") as file:
                file.write(line)
        except OSError as error:  # a full volume takes no logs, but that is not what a node dies of
            sys.stderr.write(f"could not write to log: {error}\n")


Finding = tuple[Any, str]


class Checks:
    """Health checks and what the last round of them found."""

    def __init__(self) -> None:
        self._reports: dict[str, dict[str, Any]] = {}

    def register(self, names: Sequence[str]) -> None:
        """Add checks that have not run yet."""
        unrun = {"error": "not yet run", "timestamp": "0001-01-01T00:00:00Z", "duration": 0}
        self._reports = {name: self._reports.get(name, dict(unrun)) for name in [*self._reports, *names]}

    def run(self, findings: Mapping[str, Finding]) -> None:
        """One round: each check's message and error (either may be empty)."""
        reports = {}
        for name, (message, error) in findings.items():
            now = go_time(time.time_ns())
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
        """How many fail."""
        return sum("error" in report for report in self._reports.values())

    def answer(self) -> dict[str, Any]:
        """As the API gives it."""
        return {"checks": dict(sorted(self._reports.items())), "healthy": not self.failing()}


def chain_finding(bootstrap: Bootstrap, chain: str, *, connected: bool) -> Finding:
    """The health of a chain; P has too few validators until it has executed its blocks."""
    height = bootstrap.count(chain, ACCEPTED)
    consensus = {
        "avgAcceptanceTime": "0s",
        "lastAcceptedHeight": height,
        "lastAcceptedID": BLOCK_ID,
        "longestProcessingBlock": "0s",
        "processingBlocks": 0,
    }
    early = chain == "P" and len(bootstrap.chains()) == 1 and not bootstrap.done
    share = 0.065 if early else 1 if connected else 0
    networking = {"disconnectedValidators": [] if share == 1 else [NODE_ID], "percentConnected": share}
    error = f"not connected to enough stake: connected to {share * 100:.6f}%; required at least 80.000000%"
    message = {
        "engine": {"consensus": consensus if bootstrap.done else {}, "vm": None},
        "networking": networking,
    }
    return message, "" if share == 1 else error


def network_finding(peers: int, uptime_seconds: float) -> Finding:
    """The health of the network layer."""
    message: dict[str, Any] = {"connectedPeers": peers, "sendFailRate": 0}
    if not peers:
        return message, "network layer is unhealthy reason: not connected to a minimum of 1 peer(s) only 0"
    last = go_duration(uptime_seconds % 1)
    return message | {"timeSinceLastMsgReceived": last, "timeSinceLastMsgSent": last}, ""


def process_started_at() -> float:
    """When this process began, by the kernel where it says so."""
    try:
        ticks = Path("/proc/self/stat").read_text("utf-8").rpartition(")")[2].split()[19]
        booted = re.search(r"^btime (\d+)", Path("/proc/stat").read_text("utf-8"), re.MULTILINE)
        return float(booted[1] if booted else 0) + int(ticks) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return time.time()


Family = tuple[str, str, str, Mapping[str, float]]


def metrics_page(families: Iterator[Family]) -> str:
    """The metrics as text: each family's name, type, meaning and its values by their labels."""
    lines = []
    for name, kind, meaning, samples in families:
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"] if samples else []
        lines += [f"{name}{labels} {go_number(value)}" for labels, value in samples.items()]
    return "\n".join(lines) + "\n"


# ---- The node -------------------------------------------------------------------------------------------


class Node:
    """The node itself: one loop that works, and threads that answer."""

    def __init__(self, settings: Settings, simulation: Simulation) -> None:
        self.settings, self.simulation = settings, simulation
        self.bootstrap = Bootstrap(settings.database, plan_of(settings.sync_mode, simulation), simulation)
        self.journal = Journal(settings.logs)
        self.health, self.readiness = Checks(), Checks()
        self.stopping = False
        self.uptime_seconds = 0.0
        self.bootstrapped = False
        self._bootstrapped_at = NEVER
        self._started_at = process_started_at()
        self._server: Server | None = None
        self._answering = False
        self._hoard: list[bytes] = []
        self._health_seconds = settings.health_check_seconds or min(30.0, simulation.bootstrap_seconds / 20)
        self._next_round = self._next_log = 0.0
        self._last_active: list[Stage] = []

    def run(self) -> int:
        """Live until told to stop, or until the behaviour says so; the exit code."""
        tick_seconds = min(0.25, max(0.01, self.simulation.bootstrap_seconds / 200))
        self.journal.write("", "INFO", "node/node.go:150", "initializing node", nodeID=NODE_ID)
        for name in self.settings.unknown:
            self.journal.write("", "WARN", "config/config.go:1", "setting is not simulated", name=name)
        began = last = time.monotonic()
        try:
            while not self.stopping:
                now = time.monotonic()
                self.uptime_seconds = now - began
                self._tick(min(now - last, 1.0))
                last = now
                time.sleep(tick_seconds)
        except NodeDeathError as death:
            self.journal.write(death.chain, "FATAL", "node/node.go:1", death.message, **death.details)
            return death.exit_code
        except OSError as error:
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            message = "closing database to avoid possible corruption" if full else "couldn't start node"
            self.journal.write("", "FATAL", "node/node.go:1", message, error=str(error))
            return 1
        self.journal.write("", "INFO", "node/node.go:1", "finished node shutdown")
        self.settings.process_file.unlink(missing_ok=True)
        return 0

    def _tick(self, seconds: float) -> None:
        if self._server is None and self.uptime_seconds >= self.simulation.listen_after_seconds:
            self._server = Server(self)
        if (
            self._server
            and not self._answering
            and self.uptime_seconds >= self.simulation.answer_after_seconds
        ):
            self._answer(self._server)
        if self._answering and self.peers():
            self.bootstrap.advance(seconds)
        if self._answering:
            self._log_progress()
            self._notice_end()
            self._run_checks()
        self._misbehave()

    def _answer(self, server: Server) -> None:
        Thread(target=server.serve_forever, daemon=True).start()
        self._answering = True
        host, port = server.server_address[:2]
        uri = f"http://{host!s}:{port}"
        context = {"pid": os.getpid(), "uri": uri, "stakingAddress": "127.0.0.1:9651"}
        self.settings.process_file.write_text(json.dumps(context), "utf-8")
        self.journal.write("", "INFO", "node/node.go:674", "API server listening", uri=uri)
        self.journal.write(
            "P", "INFO", "bootstrap/bootstrapper.go:192", "starting bootstrapper", lastAcceptedID=BLOCK_ID
        )
        unrun = ["P", "bootstrapped"]
        chains = self.bootstrap.chains()
        first = {name: found for name, found in self._findings().items() if name not in {*chains, *unrun}}
        self.health.run(first)
        self.health.register(unrun)
        self.readiness.register(["bootstrapped"])
        self._next_round = self.uptime_seconds + self._health_seconds

    def _notice_end(self) -> None:
        self.health.register(self.bootstrap.chains())
        if self.bootstrap.done and not self.bootstrapped:
            self.bootstrapped, self._bootstrapped_at = True, self.uptime_seconds
            for chain in self.bootstrap.chains():
                self.journal.write(chain, "INFO", "snowman/engine.go:511", "starting consensus")

    def _misbehave(self) -> None:
        simulation, uptime = self.simulation, self.uptime_seconds
        reached = self.bootstrap.worked_seconds / self.bootstrap.total_seconds
        chain = self.bootstrap.active()[-1].chain if self.bootstrap.active() else "P"
        if (
            self._answering and reached >= simulation.crash_at_share
        ) or uptime >= simulation.crash_after_seconds:
            height = self.bootstrap.count(chain, ACCEPTED) + 1
            error = f"failed to verify block {BLOCK_ID} (height={height}) in bootstrapping: simulated"
            reason = "received an unexpected error"
            raise NodeDeathError(1, chain, "shutting down chain", reason=reason, error=error)
        if uptime - self._bootstrapped_at >= simulation.die_after_bootstrapped_seconds:
            raise NodeDeathError(2, "", "panicking", reason="simulated panic", **{"from": "simulated"})
        if len(self._hoard) * 4 < simulation.eat_memory_mib:
            self._hoard.append(b"x" * 4 * MEBIBYTE)
        if self.bootstrap.written_bytes < simulation.fill_volume_mib * MEBIBYTE:
            self.bootstrap.write("filling", 4 * MEBIBYTE)

    def _log_progress(self) -> None:
        active, worked = self.bootstrap.active(), self.bootstrap.worked_seconds
        begun = [stage for stage in active if stage not in self._last_active]
        ended = [stage for stage in self._last_active if worked >= stage.ends]
        self._last_active = active
        due = self.uptime_seconds >= self._next_log
        if due:
            self._next_log = self.uptime_seconds + min(5.0, self.simulation.bootstrap_seconds / 20)
        for stage in ended:
            self._log_end(stage)
        for stage in begun:
            self._log_begin(stage)
        for stage in active if due else ():
            if stage.activity in STAGE_GOES_ON:
                done = int(stage.share(worked) * stage.amount)
                message, numerator, denominator = STAGE_GOES_ON[stage.activity]
                eta = go_duration(stage.ends - worked)
                numbers: dict[str, float | str] = {numerator: done, denominator: stage.amount, "eta": eta}
                numbers["pctComplete"] = round(stage.share(worked) * 100, 2)
                self.journal.write(stage.chain, "INFO", "bootstrap/bootstrapper.go:644", message, **numbers)

    def _log_end(self, stage: Stage) -> None:
        source = "bootstrap/storage.go:187"
        if stage.activity == "executing":
            amounts = {"numExecuted": stage.amount, "numToExecute": stage.amount, "halted": False}
            self.journal.write(stage.chain, "INFO", source, "executed blocks", **amounts)
            if not self.bootstrap.done:
                message = "waiting for the remaining chains in this subnet to finish syncing"
                self.journal.write(stage.chain, "INFO", "bootstrap/bootstrapper.go:738", message)

    def _log_begin(self, stage: Stage) -> None:
        amounts: dict[str, int] = {}
        if stage.activity == "fetching":
            done = int(stage.share(self.bootstrap.worked_seconds) * stage.amount)
            amounts = {
                "numKnownBlocks": done,
                "numAcceptedBlocks": 1,
                "numMissingBlocks": stage.amount - done,
            }
        elif stage.activity == "executing":
            amounts = {"numToExecute": stage.amount}
        begins = STAGE_BEGINS[stage.activity]
        self.journal.write(stage.chain, "INFO", "bootstrap/bootstrapper.go:397", begins, **amounts)

    def _run_checks(self) -> None:
        if self.uptime_seconds < self._next_round:
            return
        self._next_round = self.uptime_seconds + self._health_seconds
        findings = self._findings()
        self.readiness.run({"bootstrapped": findings["bootstrapped"]})
        executing = any(stage.activity == "executing" for stage in self.bootstrap.active())
        frozen = self.uptime_seconds >= self.simulation.freeze_health_after_seconds
        if frozen or (executing and self.simulation.stale_while_executing):
            return
        self.health.run(findings)
        if findings["diskspace"][0]["availableDiskPercentage"] < self.settings.disk_required_percent:
            raise NodeDeathError(1, "", "low on disk space. Shutting down...")

    def _findings(self) -> dict[str, Finding]:
        peers, done = self.peers(), self.bootstrapped
        disk = shutil.disk_usage(self.settings.database)
        percent = disk.free * 100 // disk.total
        low = "" if percent >= self.settings.disk_warning_percent else "remaining available disk is low"
        upgrade = {"localUpgradeTime": "2020-12-05T05:00:00Z", "modeUpgradeTime": "2020-12-05T05:00:00Z"} | {
            "modeUpgradeWeightPercentage": 100,
            "numUpgradeTimes": 1,
        }
        findings: dict[str, Finding] = {
            "bls": ("node is not a validator", ""),
            "bootstrapped": ([] if done else [PRIMARY_SUBNET], "" if done else "subnets not bootstrapped"),
            "database": (None, ""),
            "diskspace": ({"availableDiskBytes": disk.free, "availableDiskPercentage": percent}, low),
            "futureupgrade": (upgrade, ""),
            "network": network_finding(peers, self.uptime_seconds),
            "router": ({"longestRunningRequest": "0s", "outstandingRequests": 0}, ""),
        }
        if self.settings.sync_mode == "only-p":
            findings["validation"] = (None, "")
        for chain in self.bootstrap.chains():
            findings[chain] = chain_finding(self.bootstrap, chain, connected=peers > 0)
        for name in filter(None, self.simulation.failing_checks.split(",")) if done else ():
            findings[name] = (findings.get(name, (None, ""))[0], "simulated failure")
        return findings

    def peers(self) -> int:
        """How many peers it has now."""
        return self.simulation.peers if self.uptime_seconds >= self.simulation.no_peers_seconds else 0

    def families(self) -> Iterator[Family]:
        """What stands on the metrics page."""
        chains, counters = self.bootstrap.chains(), dict(self.bootstrap.counters)
        names = [FETCHED, ACCEPTED, *(name for stage in self.bootstrap.plan for name in stage.counters)]
        for name in dict.fromkeys(names):
            having = [
                c for c in chains if any(s.chain == c and name in s.counters for s in self.bootstrap.plan)
            ]
            counts = {f'{{chain="{c}"}}': float(counters.get((c, name), 0)) for c in having}
            yield name, "counter", "Number of what its name says during bootstrapping", counts
        reached = {
            f'{{block_type="{kind}",chain="{c}"}}': FIRST_BLOCK_TIME + BLOCK_SECONDS * height
            for c in chains
            for kind in ("inner", "proposervm")
            if (height := self.bootstrap.count(c, ACCEPTED))
        }
        yield CHAIN_TIME, "gauge", "timestamp of the last block accepted", reached
        gauges = (
            (
                "avalanche_snowman_bootstrap_finished",
                "Whether or not bootstrap process has completed. 1 is success",
            ),
            ("avalanche_snowman_last_accepted_height", "Last height accepted"),
        )
        done = float(self.bootstrapped)
        yield gauges[0][0], "gauge", gauges[0][1], {f'{{chain="{c}"}}': done for c in chains}
        heights = {f'{{chain="{c}"}}': float(self.bootstrap.count(c, ACCEPTED)) for c in chains}
        yield gauges[1][0], "gauge", gauges[1][1], heights if done else {}
        failing = {'{check="health",tag="all"}': float(self.health.failing())}
        yield "avalanche_health_checks_failing", "gauge", "number of currently failing health checks", failing
        yield "avalanche_network_peers", "gauge", "Number of network peers", {"": float(self.peers())}
        began = {"": self._started_at}
        yield "avalanche_process_process_start_time_seconds", "gauge", "Start time since unix epoch", began
        resident = float(len(self._hoard) * 4 * MEBIBYTE)
        yield (
            "avalanche_process_process_resident_memory_bytes",
            "gauge",
            "Resident memory size",
            {"": resident},
        )
        written = {f'{{processID="{os.getpid()}"}}': float(self.bootstrap.written_bytes)}
        yield "avalanche_system_resources_num_disk_write_bytes", "gauge", "Disk bytes written", written


STAGE_BEGINS = {
    "fetching": "starting to fetch blocks",
    "compacting": "compacting database before executing blocks...",
    "executing": "executing blocks",
    "vertices": "starting bootstrap",
    "syncing": "starting state sync",
}
STAGE_GOES_ON = {
    "fetching": ("fetching blocks", "numFetchedBlocks", "numTotalBlocks"),
    "executing": ("executing blocks", "numExecuted", "numToExecute"),
}


# ---- The API --------------------------------------------------------------------------------------------


class Server(ThreadingHTTPServer):
    """Listens as soon as it is made, answers once it serves, as the real node does."""

    daemon_threads = True

    def __init__(self, node: Node) -> None:
        self.node = node
        super().__init__(node.settings.http_address, Handler)


class RpcError(Exception):
    """What a JSON-RPC call is refused with."""


def rpc_result(node: Node, method: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The result of one call."""
    simulation, settings = node.simulation, node.settings
    network_id = simulation.reported_network_id or settings.network_id
    version = simulation.version
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
            "rpcProtocolVersion": str(RPC_VERSION),
            "gitCommit": simulation.commit,
            "vmVersions": vm_versions,
        },
        "info.peers": {
            "numPeers": str(node.peers()),
            "peers": [peer(n, version) for n in range(node.peers())],
        },
    }
    if method == "info.isBootstrapped":
        chain = parameters.get("chain")
        if chain not in {"P", "X", "C"}:
            raise RpcError(f"there is no chain with alias/ID '{chain}'")
        return {"isBootstrapped": node.bootstrapped and chain in node.bootstrap.chains()}
    if method not in results:
        raise RpcError(f'rpc: can\'t find method "{method}"')
    return results[method]


def peer(number: int, version: str) -> dict[str, Any]:
    """One of the peers it says it has."""
    address, now = f"127.0.{number // 250}.{number % 250 + 1}:9651", go_time(time.time_ns())
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
    """One connection to the API."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body leave together
    server: Server

    def do_GET(self) -> None:
        """Health by status code, and metrics."""
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
        """JSON-RPC."""
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
        """The real node logs no requests either."""

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
    """JSON as Go's encoder sends it."""
    return json.dumps(value, separators=(",", ":")) + "\n"


# ---- The program ----------------------------------------------------------------------------------------


def versions_json(simulation: Simulation) -> str:
    """What `--version-json` prints."""
    versions = {
        "application": simulation.version,
        "database": DATABASE_VERSION,
        "rpcchainvm": RPC_VERSION,
        "commit": simulation.commit,
        "go": GO_VERSION,
    }
    return json.dumps(versions, indent=2)


def help_text() -> str:
    """The options of the simulation, one a line."""
    lines = ["AvalancheGo's flags and AVAGO_* variables, and these (also SIMULATE_*):"]
    for option in fields(Simulation):
        flag = f"--simulate-{option.name.replace('_', '-')}={option.default}"
        lines.append(f"  {flag:<50} {option.metadata['help']}")
    return "\n".join(lines)


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the node; the exit code."""
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
        node = Node(settings, simulation)
    except (OSError, ValueError) as error:
        sys.stdout.write(f"couldn't start node: {error}\n")
        return 1
    # Process 1 of a container gets only the signals that it handles.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: setattr(node, "stopping", True))
    return node.run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
