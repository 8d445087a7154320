"""What `local` lives on: its folder, which one process has at a time, and what a node needs to start beside others."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import resource
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from monitor.avalanchego.node_config import (
    NodeConfiguration,
    NoNetworkError,
    configuration_of,
    state_sync_hazard,
    visible_setting,
)
from monitor.avalanchego.node_files import open_regular
from monitor.commands.free_ports import Ports
from monitor.commands.startup import patiently_opened
from monitor.errors import ConfigurationError, MonitorError
from monitor.ledger.codecs import COMPARISON
from monitor.local.platform import node_container
from monitor.settings import LocalSettings, local_testers

_log = logging.getLogger(__name__)
_LOCK = "local.lock"
_LOCK_BYTES = 20
# AvalancheGo's own, by flag.
_USUAL_PORTS = {"http-port": 9650, "staking-port": 9651}
_USUAL_OPEN_FILES = 32768


def configuration_of_node(
    settings: LocalSettings, arguments: Sequence[str], environment: Mapping[str, str]
) -> NodeConfiguration:
    """What the node's arguments and variables say of the test; log what keeps the node from making it.

    Raises:
        ConfigurationError: they do not say it.
    """
    container = node_container("node", arguments, environment)
    try:
        found = configuration_of(container, settings.network or None, settings.settled_sync_mode)
    except NoNetworkError as error:
        raise ConfigurationError(
            "nothing says which network the node is to join: end the command with -- --network-id=fuji, or mainnet"
        ) from error
    if hazard := state_sync_hazard(container, found):
        _log.warning("%s", hazard)
    return found


def usual_folder(configuration: NodeConfiguration, environment: Mapping[str, str]) -> Path:
    """A folder for each network and mode, so that one does not supersede the other's run."""
    name = re.sub(r"[^a-z0-9-]", "-", f"{configuration.network}-{configuration.sync_mode}")
    return local_testers(environment) / name


def with_folder(settings: LocalSettings, usual: Path) -> LocalSettings:
    """The settings with the folder that is asked for, else the usual one; it is there.

    Raises:
        ConfigurationError: it cannot be made.
    """
    folder = settings.data_dir.absolute() if "data_dir" in settings.model_fields_set else usual
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"--data-dir {folder} cannot be made ({error.strerror}): give another"
        ) from error
    return settings.model_copy(update={"data_dir": folder})


@contextlib.contextmanager
def exclusively(data_dir: Path) -> Iterator[None]:
    """Hold a data folder for this process; the lock goes with the process, however it ends.

    Raises:
        MonitorError: another process has it.
    """
    path = data_dir / _LOCK
    try:
        opened = open_regular(path, data_dir, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise ConfigurationError(
            f"--data-dir {data_dir} cannot be written ({error.strerror}): give another, or run as its owner"
        ) from error
    with opened as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            process = file.read(_LOCK_BYTES).decode(errors="replace").strip()
            raise MonitorError(
                f"{data_dir} is in use by bootstrap-monitor (process {process}): "
                "stop that one, or give another --data-dir"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()).encode())
        file.flush()
        yield


def is_left(data_dir: Path) -> bool:
    """Whether `local` lived on a folder, and no process of its number is there; one in a container is not seen."""
    try:
        with open_regular(data_dir / _LOCK, beneath=data_dir) as file:
            os.kill(int(file.read(_LOCK_BYTES)), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError, OverflowError):
        return False
    return False


def refuse_comparison(data_dir: Path, stopping: threading.Event) -> None:
    """A tester's runs must not be where a comparison would clear them.

    Raises:
        ConfigurationError: the folder is a comparison's.
    """
    with contextlib.closing(patiently_opened(data_dir, stopping)) as ledger:
        if ledger.reading(COMPARISON) is not None:
            raise ConfigurationError(
                f"{data_dir} is a comparison's, which clears it for each run: give another --data-dir"
            )


def fitted_arguments(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    ports: Ports,
    usual_ports: Mapping[str, int] = _USUAL_PORTS,
    max_files: int | None = None,
) -> list[str]:
    """The node's arguments, and what it needs besides to start on this machine, where a node may run already.

    Its usual ports are replaced where they are taken, and it asks for no more open files than it may have.  What a
    person set stays.  None of it changes how a bootstrap goes.

    Raises:
        MonitorError: a port that a person set is that of another `bootstrap-monitor`'s node; or none is free.
    """
    container = node_container("node", arguments, environment)
    found = list(arguments)
    for flag, usual in usual_ports.items():
        given = visible_setting(container, flag)
        if given is None:
            found += [f"--{flag}={port}"] if (port := ports.free(usual)) != usual else []
        elif given.isdecimal() and int(given):
            ports.take(int(given))
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1] if max_files is None else max_files
    if visible_setting(container, "fd-limit") is None and 0 < most < _USUAL_OPEN_FILES:
        found.append(f"--fd-limit={most}")
    return found
