"""The servers, and a monitor that they scrape through a whole scenario."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from servers import tools
from servers.alertmanager import Delivery, delivery
from servers.life import JOB, TARGET_LABELS, Life
from servers.prometheus import Prometheus, Target, configuration, prometheus
from servers.rules import hasty, loaded
from servers.tools import VERSIONS, Tool
from support.provisioned import required
from support.simulated_builds import TIMEOUT_SECONDS, eventually, free_port

UNINHIBITED = "without inhibition"
# The end of the scenario; it is scraped and evaluated soon after.
LAST_EXPRESSIONS = (
    "bootstrap_monitor_new_build_info",
    "bootstrap_monitor_run_late_seconds",
    "bootstrap_monitor_run_progress_ratio",
    "bootstrap_monitor_consecutive_failures == 6",
)


def found(tool: Tool) -> Path:
    """Return the path of a program; skip the test if it is unavailable, or fail it if CI is set."""
    with required():
        return tool.found()


@pytest.fixture(scope="session")
def promtools() -> Mapping[str, Path]:
    """Return promtool by version: "2.42" and "3"."""
    return {version: found(tool) for version, tool in tools.PROMTOOL.items()}


@pytest.fixture(scope="session")
def pint() -> Path:
    """Return the path of pint, the linter of rules."""
    return found(tools.PINT)


@pytest.fixture(scope="session")
def alertmanager_program() -> Path:
    """Return the path of Debian's Alertmanager."""
    return found(tools.ALERTMANAGER)


@pytest.fixture(scope="session")
def registry_program() -> Path:
    """Return the path of Debian's image registry."""
    return found(tools.REGISTRY)


@dataclass(frozen=True)
class Lived:
    """A finished scenario: its time span, and the servers, which still run and scrape.

    `deliveries` has the Alertmanager that each server notifies, and one of the current server without
    inhibition.
    """

    life: Life
    start: float
    end: float
    servers: Mapping[str, Prometheus]
    deliveries: Mapping[str, Delivery]


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    """Run the scenario of `life` on the servers, until its last run is open."""
    programs = {version: found(tools.PROMETHEUS[version]) for version in VERSIONS}
    folder = tmp_path_factory.mktemp("lived")
    life = Life(folder / "tester")
    rules = folder / "rules.yaml"
    rules.write_text(json.dumps(hasty(loaded())))  # JSON is valid YAML
    alertmanagers = {
        version: (f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}") for version in VERSIONS
    }
    start = time.time()
    with contextlib.ExitStack() as stack:
        stack.enter_context(life.started())
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
        program = found(tools.ALERTMANAGER)

        def notified(name: str, version: str, which: int, **changes: object) -> Delivery:
            address, data = alertmanagers[version][which], folder / "alertmanager" / name
            return stack.enter_context(delivery(servers[version], program, data, address, **changes))

        deliveries = {version: notified(version, version, 0) for version in VERSIONS}
        deliveries[UNINHIBITED] = notified(UNINHIBITED, "3", 1, inhibit_rules=[])
        life.live()
        for server in servers.values():
            for expression in LAST_EXPRESSIONS:
                _await(server, expression, life)
        yield Lived(life, start, time.time(), servers, deliveries)


def _await(server: Prometheus, expression: str, life: Life) -> None:
    eventually(
        lambda: bool(server.now(expression)),
        f"{server.version} has {expression}; output of the monitor:\n{life.last_output()}",
        2 * TIMEOUT_SECONDS,
    )


@pytest.fixture(params=VERSIONS)
def server(request: pytest.FixtureRequest, lived: Lived) -> Prometheus:
    """Return each of the servers that scraped the scenario."""
    return lived.servers[request.param]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Set a timeout for each test, because the scenario takes long; each wait has a deadline of its own.

    The timeout excludes fixtures, which may wait while another process builds Kubernetes.
    """
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(1800, func_only=True))
