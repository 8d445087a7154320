"""A cluster with the images in its registry, a node that serves a real history, and testers."""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e.installed import Release, Tester
from e2e.tester import DeployedTester
from support.provisioned import required
from testbed import manifests
from testbed.bed import Bed, bed_of, kubernetes_versions, network, until
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

SOURCE_NAMESPACE = "source"
# Modules that need the whole machine, or keep all of it busy.
BUSY = {"test_slow_clients", "test_starved"}
LONGEST = "test_verdicts"
Deploy = Callable[..., DeployedTester]
# Numbers the namespaces: a deleted namespace may still exist when the next case of a test starts.
_numbers = itertools.count(1)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return two workers if each creates a cluster of its own: these tests mostly wait."""
    return 1 if _versions(config) == ("",) else 2


def _versions(config: pytest.Config) -> tuple[str, ...]:
    return kubernetes_versions(config.getoption("kubeconfig"), config.getoption("registry"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the suite on one Kubernetes version, and tests marked `every_kubernetes` on the others too."""
    if "bed" in metafunc.fixturenames:
        versions = _versions(metafunc.config)
        everywhere = metafunc.definition.get_closest_marker("every_kubernetes") is not None
        metafunc.parametrize("bed", versions if everywhere else versions[:1], indirect=True, scope="session")


@pytest.fixture(scope="session")
def bed(pytestconfig: pytest.Config, request: pytest.FixtureRequest) -> Iterator[Bed]:
    """Yield the cluster; without one these tests are skipped, or fail if CI is set."""
    options = pytestconfig.getoption
    with contextlib.ExitStack() as stack:
        with required():
            found = stack.enter_context(bed_of(options("kubeconfig"), options("registry"), request.param))
        furnish(found)
        yield found


def furnish(bed: Bed) -> None:
    """Push the images that every pod needs to the registry."""
    if bed.sandbox_image:
        bed.push("pause", "1", bed.sandbox_image)
    bed.push("bootstrap-monitor", "1", "bootstrap-monitor:1")


@pytest.fixture(scope="session")
def source(bed: Bed) -> dict[str, Any]:
    """Return the settings with which a tester's node bootstraps from the source node."""
    return started_source(bed)


def started_source(bed: Bed) -> dict[str, Any]:
    """Start the node that has the history; return the description of its network, and its address."""
    bed.push("avalanchego-source", "1", "avalanchego-source:1")
    known = network()
    bed.apply(manifests.namespace(SOURCE_NAMESPACE, "baseline"))
    until(
        lambda: bed.get("serviceaccount", "default", SOURCE_NAMESPACE),
        30,
        "the namespace has its service account",
    )
    bed.apply(manifests.source(SOURCE_NAMESPACE, f"{bed.registry}/avalanchego-source:1", known))

    def address() -> str | None:
        found = bed.get("pod", "source", SOURCE_NAMESPACE)
        status = found.get("status", {}) if found else {}
        ready = any(
            each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions", ())
        )
        return str(status["podIP"]) if ready else None

    return {**known, "address": until(address, 180, "the source node is ready")}


def made(
    bed: Bed, stack: contextlib.ExitStack, words: str, repository: str = "avalanchego", **settings: Any
) -> DeployedTester:
    """Prepare a tester in its own namespace, with a build under its rolling tag, until the stack ends."""
    settings["settings"] = {"confirmRegressions": False, **settings.get("settings", {})}
    namespace = f"{words.replace('_', '-')[:50].strip('-')}-{next(_numbers)}"
    tester = Tester(
        namespace=namespace,
        repository=f"{bed.registry}/{repository}",
        monitor_image=f"{bed.registry}/bootstrap-monitor:1",
        rolling_tag=namespace,
        has_own_class=bool(bed.volumes),
        **settings,
    )
    found = DeployedTester(bed, tester, repository)
    found.push("first")
    stack.callback(found.remove)
    found.prepare()
    return found


def deployed(bed: Bed, stack: contextlib.ExitStack, words: str, **settings: Any) -> DeployedTester:
    """Install a tester in a namespace of its own, until the stack ends."""
    found = made(bed, stack, words, **settings)
    Release(bed, [found.tester]).install()
    return found


def full_sync(source: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that make a tester bootstrap the whole history from the source node."""
    environment = dict(source["environment"])
    return {
        "network": environment.pop("AVAGO_NETWORK_ID"),
        "sync_mode": "full-sync",
        "node_environment": {
            **environment,
            "AVAGO_BOOTSTRAP_IPS": f"{source['address']}:9651",
            "AVAGO_BOOTSTRAP_IDS": source["node_id"],
        },
    }


@pytest.fixture
def deploy(bed: Bed, request: pytest.FixtureRequest) -> Iterator[Deploy]:
    """Yield a function that deploys a tester."""
    words = request.node.originalname.removeprefix("test_")
    with contextlib.ExitStack() as stack:
        yield functools.partial(deployed, bed, stack, words)


@pytest.fixture
def held_source(bed: Bed, source: dict[str, Any]) -> Iterator[Callable[[], None]]:
    """Stop the source node; yield a function that starts it again, which the end of the test does too."""
    execute = ("exec", f"--namespace={SOURCE_NAMESPACE}", "source", "--", "sh", "-c")

    def state_is(wanted: str) -> Callable[[], bool]:
        return lambda: bed.run(*execute, "cat /data/state").strip() == wanted

    def released() -> None:
        bed.run(*execute, "rm -f /data/hold")
        until(state_is("running"), 30, "the source runs")

    assert source["address"]
    bed.run(*execute, "touch /data/hold; kill $(cat /data/pid)")
    until(state_is("held"), 60, "the source is stopped")
    yield released
    released()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Add the state of all testers to the report of a failing test."""
    report = yield
    if report.when == "call" and report.failed and isinstance(item, pytest.Function):
        for tester in DeployedTester.present:
            report.sections.append((f"tester {tester.namespace}", tester.details()))
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Set the timeout of each test, and run the longest module first.

    Pulls, clearings and bootstraps take time; each wait has its own deadline. The timeout excludes fixtures,
    because building Kubernetes takes a quarter of an hour if nothing is cached.
    """
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(900, func_only=True))
    items.sort(key=lambda item: (_version(item), item.path.stem != LONGEST))


class ByModule(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Scheduler that runs the tests of a module on one version of Kubernetes in one worker.

    They share deployments, and each worker has its own cluster. Modules in `BUSY` never run at the same time.
    """

    def _split_scope(self, nodeid: str) -> str:
        module = Path(nodeid.partition("::")[0]).stem
        version = next(
            (each for each in _versions(self.config) if f"[{each}" in nodeid or f"-{each}" in nodeid), ""
        )
        return "busy" if module in BUSY else f"{module} {version}"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByModule:
    """Return the scheduler of this suite."""
    return ByModule(config, log)


def _version(item: pytest.Item) -> str:
    """Return the Kubernetes version that a test runs on; empty for an existing cluster."""
    parameters: dict[str, str] = getattr(getattr(item, "callspec", None), "params", {})
    return parameters.get("bed", "")
