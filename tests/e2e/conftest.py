"""A cluster with the images in its registry, the source of a real history, and testers of it."""

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

SOURCE_NAMESPACE = "source"
# The fixtures of a module whose tests share one deployment.
SHARED = {"holder", "neighbours", "prepared", "tester"}
# Tests that need the machine, or take it.
BUSY = {"test_slow_clients", "test_starved"}
Deploy = Callable[..., DeployedTester]
# A namespace that is going may not be gone when the next case of a test starts.
_numbers = itertools.count(1)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two clusters at once where each worker makes its own: these tests wait more than they work."""
    options = config.getoption
    return 1 if kubernetes_versions(options("kubeconfig"), options("registry")) == ("",) else 2


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The whole suite runs on one Kubernetes; what is marked `every_kubernetes` on the others too."""
    if "bed" in metafunc.fixturenames:
        options = metafunc.config.getoption
        versions = kubernetes_versions(options("kubeconfig"), options("registry"))
        everywhere = metafunc.definition.get_closest_marker("every_kubernetes") is not None
        metafunc.parametrize("bed", versions if everywhere else versions[:1], indirect=True, scope="session")


@pytest.fixture(scope="session")
def bed(pytestconfig: pytest.Config, request: pytest.FixtureRequest) -> Iterator[Bed]:
    """The cluster; where there is none these tests are skipped, but with CI set they fail."""
    options = pytestconfig.getoption
    with contextlib.ExitStack() as stack:
        with required():
            found = stack.enter_context(bed_of(options("kubeconfig"), options("registry"), request.param))
        furnish(found)
        yield found


def furnish(bed: Bed) -> None:
    """Put into the registry what every pod needs."""
    if bed.sandbox_image:
        bed.push("pause", "1", bed.sandbox_image)
    bed.push("bootstrap-monitor", "1", "bootstrap-monitor:1")


@pytest.fixture(scope="session")
def source(bed: Bed) -> dict[str, Any]:
    """The node with the history: what a tester's node is told to bootstrap from it."""
    return started_source(bed)


def started_source(bed: Bed) -> dict[str, Any]:
    """Start the node with the history; what the network is, and its address there."""
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
    """What a tester in a namespace of its own needs, until the stack ends; a build is under its rolling tag."""
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
    """The same, installed."""
    found = made(bed, stack, words, **settings)
    Release(bed, [found.tester]).install()
    return found


def full_sync(source: dict[str, Any]) -> dict[str, Any]:
    """What makes a tester bootstrap the whole history from the source."""
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
    """Deploys a tester."""
    words = request.node.originalname.removeprefix("test_")
    with contextlib.ExitStack() as stack:
        yield functools.partial(deployed, bed, stack, words)


@pytest.fixture
def held_source(bed: Bed, source: dict[str, Any]) -> Iterator[Callable[[], None]]:
    """The source is stopped; calling it starts the source again, and so does the end of the test."""
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
    """A failing test says what its testers were doing."""
    report = yield
    if report.when == "call" and report.failed and isinstance(item, pytest.Function):
        for tester in DeployedTester.present:
            report.sections.append((f"tester {tester.namespace}", tester.told()))
    return report


@pytest.hookimpl(tryfirst=True)  # before the plugin that reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Pulls, clearings and bootstraps take their time; each wait has a deadline of its own.

    What fixtures build is not in it: a Kubernetes takes a quarter of an hour where nothing is cached.
    Workers that run at once have a cluster each.  The tests of a group run in one worker, and before the others:
    a group takes long.
    """
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(900, func_only=True))
            if group := _group(item):
                item.add_marker(pytest.mark.xdist_group(f"{group} {_version(item)}"))
    items.sort(key=lambda item: (_version(item), item.get_closest_marker("xdist_group") is None))


def _group(item: pytest.Item) -> str:
    """Return the group of a test that shares its deployment with others, or keeps the machine busy; else nothing."""
    if isinstance(item, pytest.Function) and not SHARED.isdisjoint(item.fixturenames):
        return item.path.stem
    return "busy" if item.path.stem in BUSY else ""


def _version(item: pytest.Item) -> str:
    """Return the Kubernetes version that a test runs on; empty where a cluster has its own."""
    parameters: dict[str, str] = getattr(getattr(item, "callspec", None), "params", {})
    return parameters.get("bed", "")
