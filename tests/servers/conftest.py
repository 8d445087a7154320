"""The servers, and a monitor that has lived under their eyes."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from servers import tools
from servers.life import JOB, TARGET_LABELS, Life
from servers.prometheus import Prometheus, Target, configuration, prometheus
from servers.rules import hasty, loaded
from servers.tools import VERSIONS, Tool
from support.provisioned import required
from support.simulated_builds import PATIENCE_SECONDS, eventually, free_port

# What the story ends with; it is scraped and evaluated soon after.
TOLD = (
    "bootstrap_monitor_new_build_info",
    "bootstrap_monitor_run_late == 1",
    "bootstrap_monitor_run_progress_ratio",
    "bootstrap_monitor_consecutive_failures == 3",
)


def found(tool: Tool) -> Path:
    """The program; where it cannot be had the test is skipped, but with CI set it fails."""
    with required():
        return tool.found()


@pytest.fixture(scope="session")
def promtools() -> Mapping[str, Path]:
    """promtool, by the version that it is of: "2.42" and "3"."""
    return {version: found(tool) for version, tool in tools.PROMTOOL.items()}


@pytest.fixture(scope="session")
def pint() -> Path:
    """The linter of rules."""
    return found(tools.PINT)


@pytest.fixture(scope="session")
def alertmanager_program() -> Path:
    """Debian's Alertmanager."""
    return found(tools.ALERTMANAGER)


@pytest.fixture(scope="session")
def registry_program() -> Path:
    """Debian's registry of images."""
    return found(tools.REGISTRY)


@dataclass(frozen=True)
class Lived:
    """A monitor's life: from when to when, and the servers that saw it, which still run and look.

    `alertmanagers` is where each server looks for two of them.
    """

    life: Life
    start: float
    end: float
    servers: Mapping[str, Prometheus]
    alertmanagers: Mapping[str, tuple[str, str]]


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    """The monitor has lived, and its last run is open; see `life`."""
    programs = {version: found(tools.PROMETHEUS[version]) for version in VERSIONS}
    folder = tmp_path_factory.mktemp("lived")
    life = Life(folder / "tester")
    rules = folder / "rules.yaml"
    rules.write_text(json.dumps(hasty(loaded())))  # JSON is YAML
    alertmanagers = {
        version: (f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}") for version in VERSIONS
    }
    start = time.time()
    with contextlib.ExitStack() as stack:
        stack.enter_context(life.begun())
        servers = {
            version: stack.enter_context(
                prometheus(
                    version,
                    programs[version],
                    folder / version,
                    configuration(
                        [Target(life.address, TARGET_LABELS[version])], JOB, [rules], alertmanagers[version]
                    ),
                )
            )
            for version in VERSIONS
        }
        life.live()
        for server in servers.values():
            for expression in TOLD:
                _await(server, expression, life)
        yield Lived(life, start, time.time(), servers, alertmanagers)


def _await(server: Prometheus, expression: str, life: Life) -> None:
    eventually(
        lambda: bool(server.now(expression)),
        f"{server.version} has {expression}; the monitor said:\n{life.said()}",
        2 * PATIENCE_SECONDS,
    )


@pytest.fixture(params=VERSIONS)
def server(request: pytest.FixtureRequest, lived: Lived) -> Prometheus:
    """Each of the servers that saw the life."""
    return lived.servers[request.param]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A life has to be lived; each wait has a deadline of its own.

    What fixtures build is not in it: they may have to wait until a Kubernetes is built for others.
    """
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(1800, func_only=True))
