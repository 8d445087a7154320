"""A bad build ends with its reason, once, and never blocks the next one.

One tester lives through all of them: each build is pushed under the rolling tag when the one before has ended,
and is found, run and judged without a hand on it.  What a build does is in its own image.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from e2e.conftest import Deploy, deployed
from e2e.tester import DeployedTester
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
# A real limit: what a build takes beyond it is its end.
RESOURCES = {"limits": {"memory": "192Mi"}}
GOOD = {"BOOTSTRAP_SECONDS": "2"}


@pytest.fixture(scope="module")
def tester(bed: Bed) -> Iterator[DeployedTester]:
    """One tester for all builds; its first one is good."""
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
    """Push a build that behaves so; the run of it once it has ended."""
    number = tester.history()[0]["run"] + 1
    commit = hashlib.sha1(repr((number, behaviour)).encode(), usedforsecurity=False).hexdigest()
    tester.push_variant({"COMMIT": commit, **behaviour})
    ended = tester.await_end(number)
    assert ended["commit"] == commit, tester.told()
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
            "killed for the memory it took",
            id="memory",
        ),
        pytest.param({"LISTEN_AFTER_SECONDS": "inf"}, "stalled", "no progress for", id="never listens"),
        pytest.param({"ANSWER_AFTER_SECONDS": "inf"}, "stalled", "no progress for", id="never answers"),
        pytest.param(
            {"HANG_AT_SHARE": "0.5", "BOOTSTRAP_SECONDS": "4"},
            "stalled",
            "no progress for",
            id="hangs half-way",
        ),
        pytest.param(
            {"REFETCH": "true", "BOOTSTRAP_SECONDS": "4", "BLOCKS": "10"},
            "stalled",
            "P fetching",
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
            "the node is on network mainnet, but the run is of fuji",
            id="another network",
        ),
    ],
)
def test_a_bad_build_fails_with_its_reason(
    tester: DeployedTester, behaviour: Mapping[str, str], reason: str, message: str
) -> None:
    ended = run_next(tester, behaviour)

    assert (ended["outcome"], ended["reason"]) == ("failed", reason), tester.told()
    assert message in str(ended["message"])
    told = until(lambda: tester.events("BootstrapFailed", f"Run {ended['run']} of"), 30, "an Event tells it")
    assert len(told) == 1
    assert f"({reason}): {ended['message']}" in told[0]


def test_a_build_that_fills_its_volume_is_the_testbeds_fault(deploy: Deploy) -> None:
    """The end is recorded though nothing is free, and the next build finds the volume cleared."""
    found = deploy(
        repository="avalanchego-simulated",
        settings={"crashLimit": 50},
        volume_mib=96,
    )
    found.await_end(1)
    full = run_next(found, {"BOOTSTRAP_SECONDS": "60", "FILL_VOLUME_MIB": "400"})
    good = run_next(found, GOOD)

    assert (full["outcome"], full["reason"]) == ("failed", "disk_full"), found.told()
    assert good["outcome"] == "succeeded", found.told()


def test_restarts_with_progress_between_are_no_crash_loop(tester: DeployedTester) -> None:
    """It is restarted more often than the limit, comes further each time, and succeeds.

    Three processes of 8 s do not finish 25 s of work; a fourth has time for the rest and for the soak.
    """
    ended = run_next(tester, {"CRASH_AFTER_SECONDS": "8", "BOOTSTRAP_SECONDS": "25", "BLOCKS": "400"})

    assert ended["outcome"] == "succeeded", tester.told()
    assert ended["nodeRestarts"] > 2, tester.told()


def test_a_network_that_is_away_is_no_fault_of_the_build(tester: DeployedTester) -> None:
    """It is blocked for longer than every time-out, and goes on when the peers are back."""
    number = tester.history()[0]["run"] + 1
    tester.push_variant({"COMMIT": "b" * 40, "BOOTSTRAP_SECONDS": "4", "NO_PEERS_SECONDS": "40"})
    until(lambda: tester.status().get("phase") == "blocked", 120, "the run is blocked", tester.told)
    ended = tester.await_end(number)

    assert (ended["outcome"], ended["nodeRestarts"]) == ("succeeded", 0), tester.told()
    assert ended["durationSeconds"] < 40 < ended["wallSeconds"]


def test_a_digest_that_is_gone_is_the_testbeds_fault(tester: DeployedTester) -> None:
    """It judges nothing, and the next build is taken without a hand."""
    number = tester.history()[0]["run"] + 1
    repository = tester.image().partition("@")[0]
    tester.set_image(f"{repository}@sha256:{'0' * 64}")
    ended = tester.await_end(number)

    assert (ended["outcome"], ended["reason"]) == ("failed", "not_started"), tester.told()
    assert "Image" in str(ended["message"])


def test_a_good_build_succeeds_after_all_of_them(tester: DeployedTester) -> None:
    ended = run_next(tester, GOOD)

    assert ended["outcome"] == "succeeded", tester.told()
    numbers = [each["run"] for each in tester.history()]
    assert numbers == sorted(numbers, reverse=True), "one result each"
    last_words = tester.monitor("history", "--run=2", "--data-dir=/data")
    assert "FATAL" in last_words or "exit" in last_words, last_words
