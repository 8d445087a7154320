"""Two testers of one release in one namespace do not affect each other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

import pytest
from e2e.conftest import made
from e2e.installed import Release
from e2e.tester import DeployedTester
from testbed.bed import Bed

from monitor.k8s.version_pod_manifest import version_pod_name

REPOSITORY = "avalanchego-simulated"


@pytest.fixture(scope="module")
def neighbours(bed: Bed) -> Iterator[tuple[DeployedTester, DeployedTester]]:
    with contextlib.ExitStack() as stack:
        one = made(bed, stack, "neighbours", REPOSITORY, node_environment={"SIMULATE_BOOTSTRAP_SECONDS": "2"})
        tag = f"{one.tester.rolling_tag}-other"
        tester = replace(one.tester, key="other", rolling_tag=tag, sync_mode="full-sync")
        other = DeployedTester(bed, tester, REPOSITORY)
        other.push_variant({"COMMIT": "4" * 40, "BOOTSTRAP_SECONDS": "2"})
        stack.callback(other.remove)
        other.prepare()
        Release(bed, [one.tester, other.tester]).install()
        yield one, other


def test_each_has_results_of_its_own(neighbours: tuple[DeployedTester, DeployedTester]) -> None:
    one, other = neighbours
    results = [each.await_end(1) for each in neighbours]

    assert [each["outcome"] for each in results] == ["succeeded"] * 2
    assert [each["syncMode"] for each in results] == ["c-chain-state-sync", "full-sync"]
    assert one.image() != other.image()
    newer = one.push_variant({"COMMIT": "3" * 40})
    assert one.await_end(2)["commit"] == "3" * 40
    assert one.image().endswith(newer)
    assert [each["run"] for each in other.history()] == [1]


def may(tester: DeployedTester, verb: str, what: str) -> str:
    """Return whether a tester's monitor may do something to an object in its namespace: `yes` or `no`."""
    account = f"system:serviceaccount:{tester.namespace}:{tester.tester.name}"
    asked = ("auth", "can-i", verb, what, f"--as={account}", f"--namespace={tester.namespace}")
    return tester.bed.run(*asked, check=False).strip()


@pytest.mark.parametrize("verb", ["get", "delete"])
@pytest.mark.parametrize("which", ["pod", "version pod"])
def test_neither_sees_the_others_pods(
    neighbours: tuple[DeployedTester, DeployedTester], verb: str, which: str
) -> None:
    pods = [each.tester.pod if which == "pod" else version_pod_name(each.tester.name) for each in neighbours]
    assert [may(neighbours[0], verb, f"pod/{name}") for name in pods] == ["yes", "no"]


def test_neither_changes_the_others_statefulset(
    neighbours: tuple[DeployedTester, DeployedTester],
) -> None:
    sets = [f"statefulset/{each.tester.name}" for each in neighbours]
    assert [may(neighbours[0], "patch", name) for name in sets] == ["yes", "no"]
