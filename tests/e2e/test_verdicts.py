"""A bad build ends with its reason, once, and never blocks the next build.

One tester runs all builds. Each is pushed under the rolling tag after the previous one has ended, and the
tester finds, runs and judges it without intervention. The behaviour of a build is part of its image.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from e2e.conftest import Deploy, deployed
from e2e.tester import NODE, DeployedTester
from testbed.bed import Bed, until

SETTINGS = {
    "crashLimit": 2,
    "startTimeout": "20s",
    "unhealthyTimeout": "5s",
    "stallWarning": "5s",
    "stallTimeout": "30s",
    "deadline": "90s",
    "diskFloor": 0,
    "nodeTimeout": "500ms",
}
# A real limit: a build that uses more is killed.
RESOURCES = {"limits": {"memory": "192Mi"}}
GOOD = {"BOOTSTRAP_SECONDS": "2"}


@pytest.fixture(scope="module")
def tester(bed: Bed) -> Iterator[DeployedTester]:
    """Yield the tester that runs all builds, after a good first build."""
    with contextlib.ExitStack() as stack:
        found = deployed(
            bed,
            stack,
            "verdicts",
            repository="avalanchego-simulated",
            settings=SETTINGS,
            node_resources=RESOURCES,
        )
        found.await_end(1)
        yield found


def run_next(tester: DeployedTester, behaviour: Mapping[str, str]) -> dict[str, Any]:
    """Push a build with this behaviour; return its run once it has ended."""
    number = tester.history()[0]["run"] + 1
    commit = hashlib.sha1(repr((number, behaviour)).encode(), usedforsecurity=False).hexdigest()
    tester.push_variant({"COMMIT": commit, **behaviour})
    ended = tester.await_end(number)
    assert ended["commit"] == commit, tester.details()
    return ended


@pytest.mark.parametrize(
    ("behaviour", "reason", "message"),
    [
        pytest.param(
            {"EXIT_AT_START": "true"},
            "crashed",
            "restarted 2 times without progress (exit code 1)",
            id="exits",
        ),
        pytest.param(
            {"CRASH_AFTER_SECONDS": "2", "FORGET": "true", "BOOTSTRAP_SECONDS": "60"},
            "crashed",
            "failed to verify block",
            id="crashes before it comes anywhere",
        ),
        pytest.param(
            {"EAT_MEMORY_MIB": "400", "HANG_AT_SHARE": "0"},
            "out_of_memory",
            "killed because it ran out of memory",
            id="memory",
        ),
        pytest.param({"LISTEN_AFTER_SECONDS": "inf"}, "stalled", "no progress for", id="never listens"),
        pytest.param({"ANSWER_AFTER_SECONDS": "inf"}, "stalled", "no progress for", id="never answers"),
        pytest.param(
            {"HANG_AT_SHARE": "0.5", "BOOTSTRAP_SECONDS": "4"},
            "stalled",
            "no progress of chain",
            id="hangs half-way",
        ),
        pytest.param(
            {"REFETCH": "true", "BOOTSTRAP_SECONDS": "4", "BLOCKS": "10"},
            "deadline",
            "not bootstrapped after 1m30s",
            id="fetches the same for ever",
        ),
        pytest.param(
            {**GOOD, "FAILING_CHECKS": "router"},
            "unhealthy",
            "unhealthy for 5s: router",
            id="stays unhealthy",
        ),
        pytest.param(
            {**GOOD, "DIE_AFTER_BOOTSTRAPPED_SECONDS": "1"}, "crashed", "panicking", id="dies in the soak"
        ),
        pytest.param({"BOOTSTRAP_SECONDS": "900"}, "deadline", "not bootstrapped after 1m30s", id="too slow"),
        pytest.param(
            {**GOOD, "REPORTED_NETWORK_ID": "1"},
            "misconfigured",
            "the node is on network mainnet, but the run is on fuji",
            id="another network",
        ),
    ],
)
def test_a_bad_build_fails_with_its_reason(
    tester: DeployedTester, behaviour: Mapping[str, str], reason: str, message: str
) -> None:
    ended = run_next(tester, behaviour)

    assert (ended["outcome"], ended["reason"]) == ("failed", reason), tester.details()
    assert message in str(ended["message"])
    events = until(
        lambda: tester.events("BootstrapFailed", f"Run {ended['run']} of"), 30, "an Event reports it"
    )
    assert len(events) == 1
    assert f"({reason}): {ended['message']}" in events[0]


def test_a_build_that_fills_its_volume_is_the_testbeds_fault(deploy: Deploy) -> None:
    """The end is recorded even though the volume is full, and the next build starts on a cleared volume."""
    found = deploy(
        repository="avalanchego-simulated",
        settings={"crashLimit": 50, "unhealthyTimeout": "1m"},
        volume_mib=96,
    )
    found.await_end(1)
    full = run_next(found, {"BOOTSTRAP_SECONDS": "60", "FILL_VOLUME_MIB": "400"})
    good = run_next(found, GOOD)

    assert (full["outcome"], full["reason"]) == ("failed", "disk_full"), found.details()
    assert good["outcome"] == "succeeded", found.details()


FILL = """
with open("/data/filler", "wb", buffering=0) as filler:
    try:
        while filler.write(bytes(4096)):
            pass
    except OSError:
        print("full")
"""
EMPTY = "import os; os.unlink('/data/filler')"
BURST_SECONDS = 40


def test_a_neighbour_that_fills_the_volume_for_a_while_ends_no_run(deploy: Deploy) -> None:
    """The full volume stops the node, which continues when there is space again."""
    found = deploy(
        repository="avalanchego-simulated",
        settings={"soak": "60s"},
        volume_mib=96,
        node_environment={"AVAGO_SYSTEM_TRACKER_DISK_REQUIRED_AVAILABLE_SPACE_PERCENTAGE": "3"},
    )
    opened = found.await_run(1)
    assert found.python(FILL).strip() == "full"
    until(lambda: node_restarts(found) > 0, 120, "the node has stopped", found.details)
    time.sleep(BURST_SECONDS)
    found.python(EMPTY)
    ended = found.await_end(1, 600)

    assert (ended["outcome"], ended["startedAt"]) == ("succeeded", opened["startedAt"]), found.details()


def node_restarts(tester: DeployedTester) -> int:
    """Return how often the kubelet restarted the node's container."""
    states = (tester.pod() or {}).get("status", {}).get("containerStatuses", ())
    return sum(each["restartCount"] for each in states if each["name"] == NODE)


def mistyped(each: dict[str, Any]) -> None:
    """Give the node's container a command that is not in its image."""
    if each["kind"] == "StatefulSet":
        containers = each["spec"]["template"]["spec"]["containers"]
        next(found for found in containers if found["name"] == NODE)["command"] = ["/avalanchegoo"]


def test_a_command_that_cannot_be_started_is_not_a_build_failure(deploy: Deploy) -> None:
    """The run is retried after the command is changed."""
    settings = {"startTimeout": "20s", "imageSource": "registry"}
    found = deploy(repository="avalanchego-simulated", settings=settings, change=mistyped)
    failed = found.await_end(1)
    fixed = json.dumps({"spec": {"template": {"spec": {"containers": [{"name": NODE, "command": None}]}}}})
    found.bed.run(
        "patch", "statefulset", found.tester.name, f"--namespace={found.namespace}", f"--patch={fixed}"
    )
    again = found.await_end(2)

    assert (failed["outcome"], failed["reason"]) == ("failed", "not_started"), found.details()
    assert re.search(
        r"\((StartError|RunContainerError|CreateContainerError): .*avalanchegoo", failed["message"]
    )
    assert (again["outcome"], again["image"]) == ("succeeded", failed["image"]), found.details()


def test_a_run_on_whose_data_another_build_ran_is_compared_with_none(deploy: Deploy) -> None:
    """A change of the image in the pod runs no `init`. After the pod is recreated, the run continues."""
    found = deploy(repository="avalanchego-simulated", settings={"soak": "90s"})
    opened = found.await_run(1)
    uid = found.uid()
    digest = found.push_variant({"COMMIT": "e" * 40, **GOOD})
    other = f"{found.image().partition('@')[0]}@{digest}"
    where = (f"pod/{found.tester.pod}", f"{NODE}={other}", f"--namespace={found.namespace}")
    found.bed.run("set", "image", *where)
    found.await_other_pod(uid)
    ended = found.await_end(1, 600)

    assert (ended["outcome"], ended["startedAt"]) == ("succeeded", opened["startedAt"]), found.details()
    assert ended["otherBuild"] == other, found.details()
    assert found.await_end(2)["otherBuild"] is None, found.details()
    history = found.monitor("history", "--run=1", "--data-dir=/data")
    assert f"compared  with no other run: another build ran on its data: {other}" in history


def test_restarts_with_progress_between_are_not_a_crash_loop(tester: DeployedTester) -> None:
    """The node restarts more often than the limit, progresses further each time, and succeeds.

    Three processes of 8 s do not finish 25 s of work. The fourth completes the rest and the soak.
    """
    ended = run_next(tester, {"CRASH_AFTER_SECONDS": "8", "BOOTSTRAP_SECONDS": "25", "BLOCKS": "400"})

    assert ended["outcome"] == "succeeded", tester.details()
    assert ended["nodeRestarts"] > 2, tester.details()


def test_an_unreachable_network_is_not_a_build_failure(tester: DeployedTester) -> None:
    """The run is blocked for longer than every timeout, and continues when the peers are back."""
    number = tester.history()[0]["run"] + 1
    tester.push_variant({"COMMIT": "b" * 40, "BOOTSTRAP_SECONDS": "4", "NO_PEERS_SECONDS": "40"})
    until(lambda: tester.status().get("phase") == "blocked", 120, "the run is blocked", tester.details)
    ended = tester.await_end(number)

    assert (ended["outcome"], ended["nodeRestarts"]) == ("succeeded", 0), tester.details()
    assert ended["durationSeconds"] < 40 < ended["wallSeconds"]


def test_a_digest_that_is_gone_is_the_testbeds_fault(tester: DeployedTester) -> None:
    """The failure does not judge the build, and the next build starts without intervention."""
    number = tester.history()[0]["run"] + 1
    repository = tester.image().partition("@")[0]
    tester.set_image(f"{repository}@sha256:{'0' * 64}")
    ended = tester.await_end(number)

    assert (ended["outcome"], ended["reason"]) == ("failed", "not_started"), tester.details()
    assert "Image" in str(ended["message"])


def test_a_good_build_succeeds_after_all_of_them(tester: DeployedTester) -> None:
    ended = run_next(tester, GOOD)

    assert ended["outcome"] == "succeeded", tester.details()
    numbers = [each["run"] for each in tester.history()]
    assert numbers == sorted(numbers, reverse=True), "one result each"
    log_tail = tester.monitor("history", "--run=2", "--data-dir=/data")
    assert "FATAL" in log_tail or "exit" in log_tail, log_tail
