"""On a real Kubernetes, a problem is shown while it lasts, logged once, and ends when its cause is fixed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from e2e.conftest import Deploy
from e2e.tester import MONITOR, DeployedTester
from testbed.bed import until

SIMULATED = "avalanchego-simulated"
METRIC = "bootstrap_monitor_problem_since_timestamp_seconds"
JsonObject = dict[str, Any]
Undo = Callable[[], None]


def role_deleted(tester: DeployedTester) -> Undo:
    """Delete the Role of the tester's ServiceAccount; return a function that restores it."""
    bed = tester.bed
    role = bed.get("role", tester.tester.name, tester.namespace)
    assert role is not None
    restored = {key: role[key] for key in ("apiVersion", "kind", "rules")}
    restored["metadata"] = {key: role["metadata"][key] for key in ("name", "namespace", "labels")}
    bed.run("delete", "role", tester.tester.name, f"--namespace={tester.namespace}")
    return lambda: bed.apply(restored)


def partitioned(tester: DeployedTester) -> Undo:
    """Set a partition that keeps the pod on the old revision; return a function that removes it."""

    def patch(partition: int) -> None:
        rolling = {"type": "RollingUpdate", "rollingUpdate": {"partition": partition}}
        tester.bed.run(
            "patch",
            "statefulset",
            tester.tester.name,
            f"--namespace={tester.namespace}",
            "--type=merge",
            f"--patch={json.dumps({'spec': {'updateStrategy': rolling}})}",
        )

    patch(1)
    return lambda: patch(0)


def await_problem(tester: DeployedTester, cause: str) -> JsonObject:
    """Return the problem with this cause, once the API reports it."""

    def poll() -> JsonObject | None:
        return next((each for each in tester.status().get("problems", ()) if each["cause"] == cause), None)

    return until(poll, 120, f"the status has the problem {cause}", tester.details)


@pytest.mark.parametrize(
    ("put", "cause", "words"),
    [
        pytest.param(role_deleted, "permission_missing", "get statefulsets", id="Role deleted"),
        pytest.param(partitioned, "statefulset_partitioned", "has partition 1", id="partition 1"),
    ],
)
def test_what_hinders_a_rerun_is_shown_until_it_is_gone(
    deploy: Deploy, put: Callable[[DeployedTester], Undo], cause: str, words: str
) -> None:
    tester = deploy(
        repository=SIMULATED,
        settings={"imageSource": "registry"},
        node_environment={"SIMULATE_BOOTSTRAP_SECONDS": "2"},
    )
    ended = tester.await_end(1)
    undo = put(tester)
    tester.monitor("rerun", "--data-dir=/data")
    problem = await_problem(tester, cause)
    at = tester.status()["tickAt"]
    until(lambda: tester.status().get("tickAt", 0) > at + 5, 60, "ticks meet it again", tester.details)
    shown = tester.monitor("status", "--data-dir=/data")
    sampled = {labels["cause"]: value for labels, value in tester.samples()[METRIC]}
    logged = [line for line in tester.log(MONITOR).splitlines() if words in line]

    assert words in problem["message"]
    assert f"problem   {cause} since " in shown
    assert problem["message"] in shown
    assert problem["action"] in shown
    assert sampled == {cause: pytest.approx(problem["since"])}
    assert f"⚠ {cause} since " in tester.served("/")
    assert len(logged) == 1, "logged once, however many ticks meet it"
    assert tester.history() == [ended], "nothing is lost by it"
    undo()
    assert tester.await_end(2)["outcome"] == "succeeded"
    until(lambda: tester.status().get("problems") == [], 60, "the problem is over", tester.details)


def test_an_image_that_cannot_be_pulled_is_named_with_the_kubelets_reason(deploy: Deploy) -> None:
    tester = deploy(
        repository=SIMULATED,
        settings={"imageSource": "registry"},
        node_environment={"SIMULATE_BOOTSTRAP_SECONDS": "2"},
    )
    tester.await_end(1)
    image = tester.image()
    tester.set_image(f"{image.partition('@')[0]}@sha256:{'f' * 64}")
    problem = await_problem(tester, "image_pull_failed")
    shown = tester.monitor("status", "--data-dir=/data")

    assert "ImagePull" in problem["message"]
    assert "problem   image_pull_failed since " in shown
    tester.set_image(image)
    tester.delete_pod()
    until(lambda: tester.status().get("problems") == [], 180, "the problem is over", tester.details)
    assert tester.history()[-1]["outcome"] == "succeeded", "its result stays"
