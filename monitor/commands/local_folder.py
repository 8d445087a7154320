"""The data folder of `local`, used by one process at a time, and the node's arguments on a shared machine."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import resource
import threading
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from monitor.avalanchego.conventions import HTTP_PORT, STAKING_PORT
from monitor.avalanchego.node_config import (
    NodeConfiguration,
    NoNetworkError,
    configuration_of,
    state_sync_hazard,
    visible_setting,
)
from monitor.avalanchego.node_files import open_regular
from monitor.commands.free_ports import Ports
from monitor.commands.startup import opened_ledger
from monitor.domain.container import Container
from monitor.domain.run import Run
from monitor.domain.workload import Workload
from monitor.errors import ConfigurationError, MonitorError
from monitor.ledger.codecs import COMPARISON
from monitor.local.platform import node_container
from monitor.settings import LocalSettings, local_testers

_log = logging.getLogger(__name__)
_LOCK = "local.lock"
_LOCK_BYTES = 20
# The default ports of AvalancheGo, by flag.
_USUAL_PORTS = {"http-port": HTTP_PORT, "staking-port": STAKING_PORT}
_USUAL_OPEN_FILES = 32768


def configuration_of_node(
    settings: LocalSettings, arguments: Sequence[str], environment: Mapping[str, str]
) -> NodeConfiguration:
    """Return the test's configuration from the node's arguments and environment; log a state sync hazard.

    Raises:
        ConfigurationError: the node's arguments and environment do not name the network.
    """
    container = node_container("node", arguments, environment)
    try:
        configuration = configuration_of(container, settings.network or None, settings.settled_sync_mode)
    except NoNetworkError as error:
        names = {word.lstrip("-").partition("=")[0]: word for word in arguments}
        near = get_close_matches("network-id", names, 1)
        raise ConfigurationError(
            "the node's network is not set: "
            + (
                f"{names[near[0]]} is not its flag (did you mean --network-id?)"
                if near
                else "end the command with -- --network-id=fuji, or mainnet"
            )
        ) from error
    if settings.network:
        _refuse_network_of_no_node(settings, container)
    if hazard := state_sync_hazard(container, configuration):
        _log.warning("%s", hazard)
    return configuration


def _refuse_network_of_no_node(settings: LocalSettings, container: Container) -> None:
    """Raise if only `--network` names the network: it does not configure the node, which would join mainnet.

    Raises:
        ConfigurationError: no argument, variable or configuration file of the node may set its network.
    """
    try:
        configuration_of(container, None, settings.settled_sync_mode)
    except NoNetworkError as error:
        raise ConfigurationError(
            f"--network {settings.network} does not set the node's network: add -- --network-id={settings.network}"
        ) from error
    except ConfigurationError:
        return  # a file that the monitor cannot read may set it


def usual_folder(configuration: NodeConfiguration, environment: Mapping[str, str]) -> Path:
    """Return the default folder of a network and sync mode, so that runs of others are not superseded."""
    name = re.sub(r"[^a-z0-9-]", "-", f"{configuration.network}-{configuration.sync_mode}")
    return local_testers(environment) / name


def with_folder(settings: LocalSettings, usual: Path) -> LocalSettings:
    """Return the settings with the requested folder, or else the default one, and create the folder.

    Raises:
        ConfigurationError: the folder cannot be created.
    """
    folder = settings.data_dir.absolute() if "data_dir" in settings.model_fields_set else usual
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"--data-dir {folder} cannot be created ({error.strerror}): use another folder"
        ) from error
    return settings.model_copy(update={"data_dir": folder})


@contextlib.contextmanager
def exclusively(data_dir: Path) -> Iterator[None]:
    """Lock a data folder for this process; the kernel releases the lock when the process ends.

    Raises:
        MonitorError: another process has the lock.
    """
    path = data_dir / _LOCK
    try:
        opened = open_regular(path, data_dir, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise ConfigurationError(
            f"--data-dir {data_dir} cannot be written ({error.strerror}): use another folder, or run as its owner"
        ) from error
    with opened as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            process = file.read(_LOCK_BYTES).decode(errors="replace").strip()
            raise MonitorError(
                f"{data_dir} is in use by bootstrap-monitor (process {process}): "
                "stop that process, or use another --data-dir"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()).encode())
        file.flush()
        yield


def is_left(data_dir: Path) -> bool:
    """Return whether the `local` process of a folder is gone; a process in a container is not found."""
    try:
        with open_regular(data_dir / _LOCK, beneath=data_dir) as file:
            os.kill(int(file.read(_LOCK_BYTES)), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError, OverflowError):
        return False
    return False


def refuse_folder_of_others(
    data_dir: Path, configuration: NodeConfiguration, stopping: threading.Event
) -> None:
    """Raise if the folder is a comparison's, which would delete a tester's runs, or if its runs are of another test.

    Raises:
        ConfigurationError: the folder belongs to a comparison, or its newest run is of another network or sync
            mode.
    """
    with contextlib.closing(opened_ledger(data_dir, stopping)) as ledger:
        if ledger.reading(COMPARISON) is not None:
            raise ConfigurationError(
                f"{data_dir} belongs to a comparison, which clears it before each run: use another --data-dir"
            )
        last = ledger.last()
    if last is not None:
        refuse_another_test(last, configuration, data_dir)


def refuse_another_test(last: Run, wanted: NodeConfiguration | Workload, data_dir: Path) -> None:
    """Raise if the newest run is of another network or sync mode, so that a mistyped flag starts no run.

    Raises:
        ConfigurationError: the network or the sync mode differs.
    """
    was, now = f"{last.network}, {last.sync_mode}", f"{wanted.network}, {wanted.sync_mode}"
    if was != now:
        runs = (
            f"run {last.number} in {data_dir} is open and tests"
            if last.open
            else f"the newest run in {data_dir} tested"
        )
        raise ConfigurationError(f"{runs} {was}, but this command tests {now}: use another --data-dir")


def fitted_arguments(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    ports: Ports,
    usual_ports: Mapping[str, int] = _USUAL_PORTS,
    max_files: int | None = None,
) -> list[str]:
    """Return the node's arguments with the additions it needs to start beside another node.

    A default port that is in use is replaced, and the limit of open files is lowered to the allowed one.
    Flags that the user set are kept. No addition affects the bootstrap.

    Raises:
        MonitorError: a port that the user set belongs to another `bootstrap-monitor`'s node, or no port is
            free.
    """
    container = node_container("node", arguments, environment)
    fitted = list(arguments)
    for flag, usual in usual_ports.items():
        chosen = visible_setting(container, flag)
        if chosen is None:
            fitted += [f"--{flag}={port}"] if (port := ports.free(usual)) != usual else []
        elif chosen.isdecimal() and int(chosen):
            ports.take(int(chosen))
    max_open = resource.getrlimit(resource.RLIMIT_NOFILE)[1] if max_files is None else max_files
    if visible_setting(container, "fd-limit") is None and 0 < max_open < _USUAL_OPEN_FILES:
        fitted.append(f"--fd-limit={max_open}")
    return fitted
