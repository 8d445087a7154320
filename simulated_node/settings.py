"""AvalancheGo's flags and `AVAGO_*` variables, as far as the node simulates them; the others have no effect."""

import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulated_node.go import SettingError, seconds_of
from simulated_node.options import DATABASE_VERSION, own_options, parsed

NETWORKS = {"mainnet": 1, "fuji": 5, "testnet": 5, "local": 12345}
LEVELS = ("VERBO", "DEBUG", "TRACE", "INFO", "WARN", "ERROR", "FATAL", "OFF")


@dataclass(frozen=True)
class Settings:
    """The values of AvalancheGo's flags and variables; the fields have the names of the flags."""

    network_id: str = "mainnet"
    data_dir: str = "~/.avalanchego"
    log_dir: str = ""
    http_host: str = "127.0.0.1"
    http_port: int = 9650
    partial_sync_primary_network: bool = False
    chain_config_content: str = ""
    log_format: str = "auto"
    log_level: str = "info"
    health_check_frequency: str = ""
    system_tracker_disk_warning_available_space_percentage: int = 10
    system_tracker_disk_required_available_space_percentage: int = 3

    @property
    def network(self) -> str:
        """The name of the network."""
        number = network_number(self.network_id)
        names = {number: name for name, number in NETWORKS.items() if name != "testnet"}
        return names.get(number, f"network-{number}")

    @property
    def sync_mode(self) -> str:
        """How the node bootstraps: `only-p`, `state-sync` or `full-sync`."""
        if self.partial_sync_primary_network:
            return "only-p"
        return "state-sync" if state_sync_enabled(self.chain_config_content) else "full-sync"

    @property
    def data(self) -> Path:
        """The data folder."""
        return Path(self.data_dir).expanduser()

    @property
    def database(self) -> Path:
        """The folder of the database."""
        return self.data / "db" / self.network / DATABASE_VERSION

    @property
    def logs(self) -> Path:
        """The folder of the logs."""
        return Path(self.log_dir or self.data / "logs")


def settings_of(flags: Mapping[str, str], environment: Mapping[str, str]) -> Settings:
    """Return the settings; flags have precedence over `AVAGO_*` variables.

    Raises:
        SettingError: a value is not allowed.
    """
    settings = Settings(**parsed(Settings, own_options(environment, "AVAGO_") | own_options(flags, "")))
    network_number(settings.network_id)
    state_sync_enabled(settings.chain_config_content)
    seconds_of(settings.health_check_frequency or "0s")
    if settings.log_format.lower() not in {"auto", "plain", "colors", "json"}:
        raise SettingError(f"unknown format mode: {settings.log_format}")
    if settings.log_level.upper() not in LEVELS:
        raise SettingError(f'unknown log level: "{settings.log_level}"')
    return settings


def network_number(text: str) -> int:
    """Return the ID of a network given by name, as `network-<ID>` or by ID."""
    number = text.lower().removeprefix("network-")
    if number in NETWORKS:
        return NETWORKS[number]
    if not number.isdecimal():
        raise SettingError(f"failed to parse network name: {text!r}")
    return int(number)


def state_sync_enabled(content: str) -> bool:
    """Return whether state sync is enabled in the C-Chain's configuration; the default is true.

    The content is that of `--chain-config-content`, with the alias `C`.
    """
    try:
        chain = _decoded(content).get("C") or {}
        return str(_decoded(chain.get("Config")).get("state-sync-enabled", True)).lower() != "false"
    except (ValueError, AttributeError, TypeError) as error:
        raise SettingError(f"couldn't read chain configs: {error}") from error


def _decoded(content: str | None) -> dict[str, Any]:
    """Return the JSON object in a base64 text; an empty text is an empty object."""
    text = binascii.a2b_base64(content, strict_mode=True) if content else b"{}"
    value: dict[str, Any] = json.loads(text)
    return value
