"""The options of the simulation, from the build, the environment and the flags."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from simulated_node.go import SettingError, truth

COMMIT = "5150000000000000000000000000000000000001"
DATABASE_VERSION = "v1.4.5"
GO_VERSION = "1.26.8"
NEVER = float("inf")
T = TypeVar("T")


@dataclass(frozen=True)
class Dialect:
    """The differences of a release; `column` is the position of its line numbers in `tables.LINES`."""

    version: str
    rpc: int
    column: int


DIALECTS = {"1.14": Dialect("1.14.2", 45, 0), "1.15": Dialect("1.15.0", 46, 1)}
TRANSITIONS = ("none", "blocks", "eager")


def _option(default: T, text: str, *choices: str) -> T:
    """Return a field of `Simulation`, as its default for the type checker."""
    option: T = field(default=default, metadata={"help": text, "choices": choices})
    return option


@dataclass(frozen=True)
class Simulation:
    """The behavior of the node.

    Durations are in seconds, and `inf` means never. A share is a fraction of the whole bootstrap.
    """

    dialect: str = _option("1.14", "the release whose metrics and logs it imitates", *DIALECTS)
    version: str = _option("", "the version it reports (empty: the dialect's)")
    commit: str = _option(COMMIT, "the commit it reports")
    bootstrap_seconds: float = _option(10, "duration of the whole bootstrap")
    blocks: int = _option(2000, "blocks of each chain")
    block_bytes: int = _option(200, "bytes written for each block, twice")
    leaves: int = _option(2000, "leaves of C's state")
    tail_blocks: int = _option(0, "blocks of C after a state sync (0: as `blocks`)")
    p_share: float = _option(0.4, "share of the time that P takes, before the others")
    time_scale: float = _option(0, "how many times faster than real (0: the bootstrap stands for 1 h)")
    sample_blocks: int = _option(5000, "fetched blocks between two progress lines in the log")
    new_blocks_per_second: float = _option(1, "new blocks of the network, which waiting chains fetch")
    transition: str = _option("none", "1.15: C moves to SAE as it executes, or before its sync", *TRANSITIONS)
    peers: int = _option(20, "number of connected peers")
    source_frozen_at_share: float = _option(NEVER, "all peers freeze at this share")
    source_frozen_seconds: float = _option(NEVER, "... for this long, once")
    no_peers_seconds: float = _option(0, "no peers and no progress for this long")
    compact_seconds: float = _option(0, "P's database is compacted for this long")
    exit_at_start: bool = _option(False, "exits with 1 immediately")
    listen_after_seconds: float = _option(0, "the port is closed until this time")
    answer_after_seconds: float = _option(0, "listens, but does not respond until this time")
    crash_after_seconds: float = _option(NEVER, "each process exits after this time")
    crash_at_share: float = _option(NEVER, "exits with a bad block at this share, each time")
    forget: bool = _option(False, "each process restarts the bootstrap")
    hang_at_share: float = _option(NEVER, "progress stops at this share")
    refetch: bool = _option(False, "fetches P's blocks repeatedly, executes none")
    failing_checks: str = _option("", "health checks (a,b) that fail after the bootstrap")
    die_after_bootstrapped_seconds: float = _option(NEVER, "panics this long after the bootstrap")
    reported_network_id: int = _option(0, "the network ID that it reports (0: the configured one)")
    eat_memory_mib: int = _option(0, "allocates this much memory, quickly")
    fill_volume_mib: int = _option(0, "writes this much to its volume, quickly")

    @property
    def application(self) -> str:
        """The version that the node reports."""
        return self.version or f"avalanchego/{DIALECTS[self.dialect].version}"

    def scaled(self, seconds: float) -> float:
        """Convert a duration of a real node to the simulation's time scale (seconds)."""
        return seconds / (self.time_scale or max(1.0, 3600 / self.bootstrap_seconds))


def own_options(source: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Return the flags or variables with a prefix, by the names of fields."""
    own = {name.removeprefix(prefix): text for name, text in source.items() if name.startswith(prefix)}
    return {name.replace("-", "_").lower(): text for name, text in own.items()}


def parsed(kind: type, texts: Mapping[str, str], prefix: str = "--") -> dict[str, Any]:
    """Return the values of a dataclass's fields that are given as text; ignore other names.

    An error names the flag of a field, which begins with `prefix`.

    Raises:
        ValueError: a text is not a value of the field.
    """
    options = {option.name: option for option in fields(kind)}
    values: dict[str, Any] = {}
    for name in texts.keys() & options.keys():
        reader: Any = options[name].type
        choices = options[name].metadata.get("choices")
        flag = prefix + name.replace("_", "-")
        try:
            values[name] = truth(texts[name], flag) if reader is bool else reader(texts[name])
        except SettingError:
            raise
        except ValueError as error:
            raise SettingError(f"{flag} is {texts[name]!r}: it must be a number") from error
        if choices and texts[name] not in choices:
            raise SettingError(f"{flag} is {texts[name]}: it must be one of {', '.join(choices)}")
    return values


def simulation_of(
    flags: Mapping[str, str], environment: Mapping[str, str], carried: Mapping[str, str] | None = None
) -> Simulation:
    """Return the options; flags have precedence over the environment, and that over the build's options.

    Raises:
        SettingError: an option is unknown or its value is not allowed.
    """
    texts = {**(carried or {}), **own_options(environment, "SIMULATE_"), **own_options(flags, "simulate-")}
    if unknown := texts.keys() - {option.name for option in fields(Simulation)}:
        names = ", ".join(f"--simulate-{name.replace('_', '-')}" for name in sorted(unknown))
        raise SettingError(f"unknown simulation option: {names}; --help lists all")
    simulation = Simulation(**parsed(Simulation, texts, "--simulate-"))
    seconds = simulation.bootstrap_seconds
    if not 0 < seconds < NEVER:
        raise SettingError(f"--simulate-bootstrap-seconds is {seconds}: it must be longer than zero")
    if simulation.transition != "none" and simulation.dialect == "1.14":
        raise SettingError("--simulate-transition needs --simulate-dialect=1.15")
    return simulation


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
