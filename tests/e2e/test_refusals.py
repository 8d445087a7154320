"""What stands in a tester's way on a real Kubernetes is told in one line, and touches nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from e2e.conftest import Deploy
from e2e.tester import DeployedTester
from testbed import manifests
from testbed.bed import until

SIMULATED = {"AVAGO_NETWORK_ID": "fuji"}


def allowed_but(verb: str, resource: str) -> list[dict[str, Any]]:
    """The rules of a tester's Role without one verb on one resource."""
    return [
        {**rule, "verbs": [each for each in rule["verbs"] if rule["resources"] != [resource] or each != verb]}
        for rule in manifests.RULES
        if rule["resources"] != [resource] or rule["verbs"] != [verb]
    ]


def refusal(tester: DeployedTester) -> str:
    """The error that `init` ended with: the one line that is no log record."""

    def look() -> str | None:
        pod = tester.pod()
        for each in (pod or {}).get("status", {}).get("initContainerStatuses", ()):
            for state in (each["state"], each.get("lastState", {})):
                ended = state.get("terminated")
                if ended and ended["exitCode"]:
                    return f"{ended['exitCode']}"
        return None

    code = until(look, 180, "init has ended with an error", tester.told)
    log = tester.log(manifests.INIT) + tester.log(manifests.INIT, previous=True)
    errors = [each for each in log.splitlines() if each.startswith("bootstrap-monitor: ")]
    assert errors, log
    assert "Traceback" not in log
    return f"{code} {errors[0]}"


@pytest.mark.parametrize(
    ("verb", "resource"),
    [
        pytest.param("get", "pods", id="read its pod"),
        pytest.param("create", "pods", id="make a check pod"),
        pytest.param("get", "statefulsets", id="read its StatefulSet"),
        pytest.param("patch", "statefulsets", id="pin"),
    ],
)
def test_a_permission_that_lacks_is_named(deploy: Deploy, verb: str, resource: str) -> None:
    flags, rules = (
        ["--image-source=pod"],
        allowed_but(verb, resource),
    )  # with a registry a check pod is no need
    tester = deploy(SIMULATED, repository="avalanchego-simulated", flags=flags, rules=rules)
    said = refusal(tester)

    assert said.startswith("1 "), said
    assert f"allow {verb} on {resource} in its Role" in said


def test_by_its_registry_alone_a_tester_needs_no_pods(deploy: Deploy) -> None:
    flags, rules = ["--image-source=registry"], allowed_but("create", "pods")
    tester = deploy(SIMULATED, repository="avalanchego-simulated", flags=flags, rules=rules)
    ended = tester.await_end(1)

    assert (ended["outcome"], tester.versions()) == ("succeeded", {}), json.dumps(ended)
    newer = tester.push_variant({"COMMIT": "2" * 40})
    assert tester.await_end(2)["outcome"] == "succeeded"
    assert tester.image().endswith(f"@{newer}")


def test_a_container_that_is_not_there_is_named(deploy: Deploy) -> None:
    flags = ["--node-container-name=avalanche"]
    tester = deploy(SIMULATED, repository="avalanchego-simulated", flags=flags)
    said = refusal(tester)

    assert said.startswith("2 "), said
    assert (
        "has no container 'avalanche' but 'bootstrap-monitor-init', 'bootstrap-monitor', 'avalanchego'"
        in said
    )


def test_a_simulated_node_is_tested_like_a_real_one(deploy: Deploy) -> None:
    environment = {**SIMULATED, "SIMULATE_BOOTSTRAP_SECONDS": "2"}
    tester = deploy(environment, repository="avalanchego-simulated")
    ended = tester.await_end(1)

    assert (ended["outcome"], ended["network"]) == ("succeeded", "fuji"), json.dumps(ended)
