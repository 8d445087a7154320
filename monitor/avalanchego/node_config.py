"""The bootstrap configuration of a node, derived from its container: network, sync mode and data directory.

AvalancheGo reads a setting from its arguments first, then from `AVAGO_*` variables, then from a configuration
file (avalanchego `config/viper.go`).  In a pod, only arguments and variables with literal values are visible.
If a required value may come from an invisible source, the functions here raise an error that names the
source.  They never guess.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitor.avalanchego.conventions import NODE_FOLDER
from monitor.avalanchego.networks import C_CHAIN_IDS, canonical_network
from monitor.avalanchego.node_command import node_command
from monitor.domain.container import REFERENCE, Container, expanded
from monitor.domain.json_text import json_text, json_value
from monitor.domain.workload import SyncMode
from monitor.errors import ConfigurationError

_TRUE_WORDS = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE_WORDS = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_NAMED_ONLY = "network-name"  # the name of the setting in the original tester's README
_FILE_KEYS = ("config-file", "config-file-content")
_SWITCHES = frozenset(
    {"partial-sync-primary-network", "sybil-protection-enabled"}
)  # boolean flags: the next word is not their value
# The node looks up a chain's configuration by blockchain ID first, then by alias.  The aliases of the genesis
# come first, in the order of `_C_CHAIN_ALIASES`; the aliases from the settings in `_ALIAS_KEYS` come next
# (avalanchego `chains/manager.go`, `genesis/aliases.go`, `node/node.go`).
_C_CHAIN_ALIASES = ("C", "evm")
_ALIAS_KEYS = ("chain-aliases-file-content", "chain-aliases-file")
_BLOCKCHAIN_ID = re.compile(r"[1-9A-HJ-NP-Za-km-z]{44,50}")  # 32 bytes and a checksum of 4, in base 58
# Settings that do not affect the bootstrap itself, such as those for logs, the API and profiling.
_IRRELEVANT = re.compile(
    r"log-.*|http-.*|api-.*|tracing-.*|profile-.*|public-ip.*|bootstrap-(ips|ids)"
    r"|staking-(host|port|tls-.*|signer-.*|ephemeral-.*)|network-(?!id$).*|fd-limit"
)


class NoNetworkError(ConfigurationError):
    """No visible setting of the node names its network."""


@dataclass(frozen=True, slots=True)
class NodeConfiguration:
    """The part of a node's configuration that defines its bootstrap.

    `alone` is whether it names no node to bootstrap from, so that the node needs no peers.
    """

    network: str
    sync_mode: SyncMode
    settings_digest: str
    alone: bool = False


@dataclass(frozen=True, slots=True)
class _Setting:
    value: str
    where: str


def configuration_of(
    container: Container, network: str | None = None, sync_mode: SyncMode | None = None
) -> NodeConfiguration:
    """Return the bootstrap configuration of a node's container.

    `network` and `sync_mode` are the values of `--network` and `--sync-mode`, for settings that are not
    visible in the container.

    Raises:
        ConfigurationError: a value is missing, malformed, contradictory or not visible.
    """
    settings = _Settings(container)
    settled = _settled_network(settings, network) if network else _network(settings)
    return NodeConfiguration(
        network=settled,
        sync_mode=sync_mode or _sync_mode(settings, settled),
        settings_digest=settings.digest(),
        alone=_is_alone(settings, settled),
    )


def state_sync_hazard(container: Container, configuration: NodeConfiguration) -> str | None:
    """Return a warning if the C-Chain's configuration makes a node with state sync exit, otherwise `None`.

    AvalancheGo 1.15.0 exits with FATAL if the state scheme is `firewood` and state sync is enabled.
    """
    try:
        content = _Settings(container).literal("chain-config-content")
        chain = _c_chain(content, configuration.network, ()) if content else None
        if (
            chain is None
            or not chain.state_sync
            or configuration.sync_mode is not SyncMode.C_CHAIN_STATE_SYNC
        ):
            return None
    except ConfigurationError:  # --sync-mode decides then
        return None
    if _member(chain.config, "state-scheme") != "firewood":
        return None
    return (
        f'{chain.where} sets "state-scheme" to "firewood" with state sync on; AvalancheGo 1.15.0 exits (FATAL): '
        'set "state-sync-enabled" to false or remove "state-scheme"'
    )


def visible_setting(container: Container, key: str) -> str | None:
    """Return the value of a node's setting, such as `http-port`, or `None` if it is not visible."""
    setting = _Settings(container).literal(key)
    return setting.value if setting else None


def check_node_data(node: Container, monitor: Container, data_dir: str) -> str:
    """Check that the folder that `init` clears contains the node's data directory; return the volume's name.

    Raises:
        ConfigurationError: the node's data or database directory is outside that folder.
    """
    cleared = _location(monitor, posixpath.join(data_dir, NODE_FOLDER))
    if cleared is None:
        raise ConfigurationError(
            f"--data-dir {data_dir} is not on a volume of container {monitor.name!r}: mount the volume there"
        )
    settings = _Settings(node)
    data = settings.find("data-dir", "set it as a literal value")
    database = settings.find("db-dir", "set it as a literal value")
    if data is None:
        raise ConfigurationError(
            f"container {node.name!r} does not set AVAGO_DATA_DIR, so its data would not be on the volume: "
            f"set it to the path where {data_dir}/avalanchego is mounted"
        )
    for setting in (data, database):
        if setting is None:
            continue
        location = _location(node, setting.value)
        if location is None or location[0] != cleared[0] or not _lies_in(location[1], cleared[1]):
            raise ConfigurationError(
                f"{setting.where} is {setting.value}, which is not in {data_dir}/avalanchego of volume "
                f"{cleared[0]!r}: the node's data must be in the folder that is cleared for a new run"
            )
    return cleared[0]


def _settled_network(settings: _Settings, flag: str) -> str:
    """Return the network of `--network`, unless it contradicts a visible setting of the node.

    Raises:
        ConfigurationError: the flag is malformed, or the node joins another network.
    """
    network, seen = canonical_network(flag, "--network"), settings.literal("network-id")
    if seen is not None and canonical_network(seen.value, seen.where) != network:
        raise ConfigurationError(
            f"--network is {flag!r} but {seen.where} is {seen.value!r}, which the node uses: remove --network"
        )
    return network


def _network(settings: _Settings) -> str:
    obeyed = settings.find("network-id", "--network")
    named = settings.find(_NAMED_ONLY, "--network") if obeyed is None else settings.literal(_NAMED_ONLY)
    networks = [canonical_network(each.value, each.where) for each in (obeyed, named) if each]
    match networks:
        case []:
            raise NoNetworkError(
                f"container {settings.container.name!r} has no network setting: set AVAGO_NETWORK_ID or its flag "
                "--network-id, or set --network"
            )
        case [one, other] if one != other and obeyed and named:
            raise ConfigurationError(
                f"{obeyed.where} is {obeyed.value!r} but {named.where} is {named.value!r}: set both to "
                "the same network (the node uses the network ID)"
            )
        case _:
            return networks[0]


def _sync_mode(settings: _Settings, network: str) -> SyncMode:
    partial = settings.find("partial-sync-primary-network", "--sync-mode")
    if partial and _boolean(partial.value, partial.where):
        return SyncMode.ONLY_P_CHAIN_FULL_SYNC
    content = settings.find("chain-config-content", "--sync-mode")
    if content:
        more_aliases = [alias.where for key in _ALIAS_KEYS if (alias := settings.literal(key))]
        chain = _c_chain(content, network, more_aliases)
        return SyncMode.C_CHAIN_STATE_SYNC if chain is None or chain.state_sync else SyncMode.FULL_SYNC
    directory = settings.find("chain-config-dir", "--sync-mode")
    if directory:
        raise ConfigurationError(
            f"{directory.where} may hold the C-Chain's configuration, which is not visible to the monitor: "
            "set --sync-mode"
        )
    return SyncMode.C_CHAIN_STATE_SYNC


def _is_alone(settings: _Settings, network: str) -> bool:
    """Return whether a node has no node to bootstrap from; false if that is not visible.

    AvalancheGo has default nodes for the public networks only (avalanchego `genesis/bootstrappers.go`). A
    node without sybil protection is its own validator, but waits for the nodes that its settings name.
    """
    try:
        named = settings.literal("bootstrap-ips")
        if named is not None:
            return not named.value.strip(", ")
        sybil = settings.literal("sybil-protection-enabled")
        if sybil is not None and sybil.value in _FALSE_WORDS:
            return True
        return (
            network not in C_CHAIN_IDS and settings.find("bootstrap-ips", "set it as a literal value") is None
        )
    except ConfigurationError:  # another source may name them
        return False


@dataclass(frozen=True, slots=True)
class _Chain:
    """A chain's configuration, and the name of its source."""

    config: Mapping[str, Any]
    where: str

    @property
    def state_sync(self) -> bool:
        enabled = _member(self.config, "state-sync-enabled")
        where = f'{self.where}: "state-sync-enabled"'
        match enabled:
            case None:
                return True
            case bool():
                return enabled
            case str() if enabled:
                return _boolean(enabled, where)
            case _:
                raise ConfigurationError(f"{where} is {enabled!r}: it must be true or false")


def _c_chain(content: _Setting, network: str, more_aliases: Sequence[str]) -> _Chain | None:
    """Return the C-Chain's configuration from the configurations of all chains, or `None` if absent."""
    chains = _json_object(_decode(content.value, content.where), content.where)
    name = _c_chain_name(chains, content.where, network, more_aliases)
    chain = chains[name] if name else None
    if chain is None:
        return None
    where = f'{content.where}: "{name}"'
    if not isinstance(chain, dict):
        raise ConfigurationError(f'{where} is not a JSON object: it must be {{"Config": "<base64>"}}')
    config = _member(chain, "Config")
    if config is None or config == "":
        return None
    where = f'{where}: "Config"'
    if not isinstance(config, str):
        raise ConfigurationError(f"{where} is not a string: it must be base64 of the C-Chain's JSON")
    return _Chain(_json_object(_decode(config, where), where), where)


def _c_chain_name(
    chains: Mapping[str, Any], where: str, network: str, more_aliases: Sequence[str]
) -> str | None:
    """Return the key under which the node finds the C-Chain's configuration, or `None` if absent."""
    identifier = C_CHAIN_IDS.get(network)
    unknown = () if identifier else (each for each in chains if _BLOCKCHAIN_ID.fullmatch(each))
    for each in unknown:
        raise ConfigurationError(
            f'{where}: "{each}" may be the C-Chain, whose blockchain ID on {network} is unknown: set --sync-mode'
        )
    names = (identifier, *_C_CHAIN_ALIASES)
    name = next((each for each in names if each in chains), None)
    for source in more_aliases if name is None and chains else ():
        raise ConfigurationError(
            f"{source} may give the C-Chain another name in {where}, which is not visible to the monitor: "
            "set --sync-mode"
        )
    return name


def _boolean(text: str, where: str) -> bool:
    if text in _TRUE_WORDS:
        return True
    if text in _FALSE_WORDS or text == "":
        return False
    raise ConfigurationError(f"{where} is {text!r}: it must be true or false")


def _decode(text: str, where: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split("\n")).replace("\r", ""), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ConfigurationError(f"{where} is not base64 ({error}): encode it") from error


def _json_object(text: bytes, where: str) -> Mapping[str, Any]:
    try:
        value = json_value(text)
    except ValueError as error:
        raise ConfigurationError(f"{where} is not JSON ({error}): fix it") from error
    if not isinstance(value, dict):
        raise ConfigurationError(f"{where} is not a JSON object (found {type(value).__name__}): fix it")
    return value


def _member(members: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 - JSON holds any value
    """Return a member of a JSON object as Go decodes structs: ignore case, and use the last match."""
    values = [value for key, value in members.items() if key.lower() == name.lower()]
    return values[-1] if values else None


class _Settings:
    """The visible AvalancheGo settings of a container."""

    def __init__(self, container: Container) -> None:
        self.container = container
        variables = {each.name: each for each in container.environment}
        self._values = {name: each.value for name, each in variables.items() if each.value is not None}
        self._hidden = {name: each.source for name, each in variables.items() if each.value is None}
        words = tuple(self._expanded(each) for each in (*container.command, *container.arguments))
        self._all_flags = dict(_flags(words[1:] if container.command else words))
        command = node_command(words)
        self._flags = dict(_flags(command.flags))
        sources = () if command.cleared else container.environment_sources
        self._unseen_sources = (command.hidden, *sources) if command.hidden else sources
        for name in [each for each in variables if each.startswith("AVAGO_")]:
            if command.cleared or name in command.variables:
                self._values.pop(name, None)
                self._hidden.pop(name, None)
        self._values |= {name: value for name, value in command.variables.items() if value is not None}

    def literal(self, key: str) -> _Setting | None:
        """Return a setting by the node's order of precedence, or `None` if no visible source sets it.

        Raises:
            ConfigurationError: the value refers to a variable whose value is not visible.
        """
        if key in self._flags:
            return _Setting(self._visible(self._flags[key], f"argument --{key}"), f"argument --{key}")
        name = _variable(key)
        value = self._values.get(name, "")
        return _Setting(self._visible(self._expanded(value), name), name) if value else None

    def find(self, key: str, settled_by: str) -> _Setting | None:
        """Return a visible setting, or `None` if the setting is certainly not set.

        Raises:
            ConfigurationError: an invisible source may set it; the message names the source and the remedy.
        """
        setting = self.literal(key)
        if setting:
            return setting
        name = _variable(key)
        if name in self._hidden:
            raise self._unseen(f"{name} (from {self._hidden[name]})", key, settled_by)
        for source in (*self._unseen_sources, *self._files()):
            raise self._unseen(source, key, settled_by)
        return None

    def digest(self) -> str:
        """Return a fingerprint of all settings that can affect the bootstrap."""
        flags = self._all_flags | self._flags  # arguments of a script or a wrapper can affect it too
        relevant = {key: value for key, value in flags.items() if not _IRRELEVANT.fullmatch(key)}
        for name, value in (self._values | self._hidden).items():
            key = name.removeprefix("AVAGO_").lower().replace("_", "-")
            if name.startswith("AVAGO_") and not _IRRELEVANT.fullmatch(key):
                relevant.setdefault(key, value)
        return hashlib.sha256(json_text(sorted(relevant.items())).encode()).hexdigest()[:16]

    def _files(self) -> Iterator[str]:
        for key in _FILE_KEYS:
            if key in self._flags:
                yield f"argument --{key}"
            elif self._values.get(_variable(key)) or _variable(key) in self._hidden:
                yield _variable(key)

    def _unseen(self, source: str, key: str, settled_by: str) -> ConfigurationError:
        settle = f"set {settled_by}" if settled_by.startswith("--") else settled_by
        return ConfigurationError(
            f"container {self.container.name!r}: {source} may set {key}, which is not visible to the monitor: "
            f"{settle}"
        )

    def _expanded(self, text: str) -> str:
        return expanded(text, self._values)

    def _visible(self, text: str, where: str) -> str:
        for name in REFERENCE.findall(text):
            if name in self._hidden:
                raise ConfigurationError(
                    f"{where} uses $({name}), whose value (from {self._hidden[name]}) is not visible to the "
                    "monitor: use a literal value"
                )
        return text


def _variable(key: str) -> str:
    return "AVAGO_" + key.upper().replace("-", "_")


def _flags(words: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield the key and value of each flag: `--key=value`, `--key value`, or `--key` (true)."""
    for position, word in enumerate(words):
        if word == "--":
            return
        if not word.startswith("-"):
            continue
        key, equals, value = word.lstrip("-").partition("=")
        following = words[position + 1] if position + 1 < len(words) else "-"
        alone = key in _SWITCHES or following.startswith("-")
        yield key, value if equals else ("true" if alone else following)


def _location(container: Container, path: str) -> tuple[str, str] | None:
    """Return the volume of a container's path, and the folder in it; `None` if no volume is mounted there."""
    path = posixpath.normpath(path)
    mounts = sorted(container.mounts, key=lambda mount: len(mount.path), reverse=True)
    for mount in mounts:
        root = posixpath.normpath(mount.path)
        if _lies_in(path, root):
            rest = posixpath.relpath(path, root)
            return mount.volume, posixpath.normpath(posixpath.join("/", mount.sub_path, rest))
    return None


def _lies_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
