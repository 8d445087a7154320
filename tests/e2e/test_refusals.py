"""On a real Kubernetes, a failure is reported in one line and changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from e2e.conftest import Deploy
from e2e.tester import INIT, MONITOR, NODE, DeployedTester
from testbed.bed import until

SIMULATED = "avalanchego-simulated"
JsonObject = dict[str, Any]


def without(verb: str, resource: str) -> Callable[[JsonObject], None]:
    """Return a change that removes one verb on one resource from the Role."""

    def change(found: JsonObject) -> None:
        if found["kind"] != "Role":
            return
        for rule in found["rules"]:
            if rule["resources"] == [resource]:
                rule["verbs"] = [each for each in rule["verbs"] if each != verb]
        found["rules"] = [each for each in found["rules"] if each["verbs"]]

    return change


def forbidden_message(verb: str, resource: str) -> str:
    """Return the text with which the monitor reports a missing permission."""
    return f"allow {verb} on {resource} in its Role"


def refusal(tester: DeployedTester) -> str:
    """Return the exit code and the error of `init`: the one line of its output that is not a log record."""

    def poll() -> str | None:
        pod = tester.pod()
        for each in (pod or {}).get("status", {}).get("initContainerStatuses", ()):
            if each["name"] != INIT:
                continue
            for state in (each["state"], each.get("lastState", {})):
                ended = state.get("terminated")
                if ended and ended["exitCode"]:
                    return f"{ended['exitCode']}"
        return None

    code = until(poll, 180, "init has ended with an error", tester.details)
    log = tester.log(INIT) + tester.log(INIT, previous=True)
    errors = [each for each in log.splitlines() if each.startswith("bootstrap-monitor: ")]
    assert errors, log
    assert "Traceback" not in log
    return f"{code} {errors[0]}"


@pytest.mark.parametrize(
    ("verb", "resource", "source"),
    [
        pytest.param("get", "pods", "auto", id="read its pod"),
        pytest.param("create", "pods", "pod", id="make a version pod, where no registry is asked"),
        pytest.param("get", "statefulsets", "auto", id="read its StatefulSet"),
        pytest.param("patch", "statefulsets", "auto", id="pin"),
    ],
)
def test_a_permission_that_lacks_is_named(deploy: Deploy, verb: str, resource: str, source: str) -> None:
    tester = deploy(repository=SIMULATED, settings={"imageSource": source}, change=without(verb, resource))
    message = refusal(tester)

    assert message.startswith("1 "), message
    assert forbidden_message(verb, resource) in message


@pytest.mark.parametrize(
    ("verb", "resource", "container"),
    [
        pytest.param("create", "pods", INIT, id="learn versions"),
        pytest.param("get", "pods/log", INIT, id="read what a version pod printed"),
        pytest.param("create", "events", MONITOR, id="say it on the StatefulSet"),
    ],
)
def test_without_an_optional_permission_it_continues_and_reports_it(
    deploy: Deploy, verb: str, resource: str, container: str
) -> None:
    tester = deploy(repository=SIMULATED, change=without(verb, resource))
    first = tester.log_until(container, forbidden_message(verb, resource))
    ended = tester.await_end(1)

    assert ended["outcome"] == "succeeded", first
    assert bool(ended["commit"]) is (resource == "events"), json.dumps(ended)
    if resource == "events":
        counted = {
            labels["operation"]: value for labels, value in tester.samples()["bootstrap_monitor_errors_total"]
        }
        assert counted["announce"] > 0, counted


def test_a_pod_that_it_may_not_recreate_is_named_and_loses_nothing(deploy: Deploy) -> None:
    """A rerun of one build does not change the template, so the monitor has to delete the pod itself."""
    verb, resource = "delete", "pods"
    tester = deploy(
        repository=SIMULATED, settings={"imageSource": "registry"}, change=without(verb, resource)
    )
    ended = tester.await_end(1)
    tester.monitor("rerun", "--data-dir=/data")

    tester.log_until(MONITOR, forbidden_message(verb, resource))
    assert tester.history() == [ended]


def test_a_recreated_service_account_is_named_and_costs_no_build(deploy: Deploy) -> None:
    """The pod's token belongs to the deleted account; only a new pod gets a valid token."""
    tester = deploy(repository=SIMULATED)
    first = tester.await_end(1)
    tester.recreate_service_account()
    tester.push_variant({"COMMIT": "2" * 40})
    message = tester.log_until(MONITOR, "probably because its ServiceAccount was recreated: delete the pod")
    assert "(401: Unauthorized)" in message
    assert tester.history() == [first]

    tester.delete_pod()
    second = tester.await_end(2)
    assert (second["outcome"], second["commit"]) == ("succeeded", "2" * 40), tester.details()
    assert len(tester.events("BootstrapSucceeded", about="Run 2")) == 1


def test_a_rerun_of_what_the_registry_does_not_have_is_refused(deploy: Deploy) -> None:
    """The command asks the registry as the sidecar does, and clears nothing."""
    tester = deploy(repository=SIMULATED)
    ended = tester.await_end(1)
    pinned, repository = tester.image(), tester.image().partition("@")[0]
    absent = f"{repository}@sha256:{'f' * 64}"
    with pytest.raises(AssertionError) as refused:
        tester.monitor("rerun", "--data-dir=/data", absent)
    assert f"{absent} not found: check the name and the digest; no run was requested" in str(refused.value)
    assert tester.history() == [ended]

    assert "the build of run 1, will be bootstrapped again" in tester.monitor(
        "rerun", "--data-dir=/data", pinned
    )
    assert tester.await_end(2)["outcome"] == "succeeded"


def test_check_names_what_lacks_to_it(deploy: Deploy) -> None:
    verb, resource = "get", "persistentvolumeclaims"
    tester = deploy(repository=SIMULATED, change=without(verb, resource))
    tester.await_run(1)

    assert forbidden_message(verb, resource) in tester.monitor("check")


def test_by_its_registry_alone_a_tester_needs_no_pods(deploy: Deploy) -> None:
    """With this setting, the chart's Role has no permission on pods other than the tester's."""
    tester = deploy(repository=SIMULATED, settings={"imageSource": "registry"})
    ended = tester.await_end(1)

    assert (ended["outcome"], tester.versions()) == ("succeeded", {}), json.dumps(ended)
    newer = tester.push_variant({"COMMIT": "2" * 40})
    assert tester.await_end(2)["outcome"] == "succeeded"
    assert tester.image().endswith(f"@{newer}")


def test_a_container_that_is_not_there_is_named(deploy: Deploy) -> None:
    def misnamed(found: JsonObject) -> None:
        if found["kind"] == "StatefulSet":
            for each in found["spec"]["template"]["spec"]["initContainers"]:
                right = f"--node-container-name={NODE}"
                each["args"] = [arg.replace(right, "--node-container-name=avalanche") for arg in each["args"]]

    message = refusal(deploy(repository=SIMULATED, change=misnamed))

    assert message.startswith("2 "), message
    names = ", ".join(f"{each!r}" for each in (MONITOR, INIT, NODE))
    assert f"has no container 'avalanche' (it has {names})" in message


def test_a_simulated_node_is_tested_like_a_real_one(deploy: Deploy) -> None:
    tester = deploy(repository=SIMULATED, node_environment={"SIMULATE_BOOTSTRAP_SECONDS": "2"})
    ended = tester.await_end(1)

    assert (ended["outcome"], ended["network"]) == ("succeeded", "fuji"), json.dumps(ended)
