"""A real AvalancheGo bootstraps a real history on a real Kubernetes, build after build.

The shipped chart installs the tester: restricted pods, its Role and its admission policy. The registry's
address has a port.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from e2e.conftest import Deploy, full_sync
from e2e.tester import DeployedTester
from testbed.bed import until

COMMITS = {"first": "1" * 40, "second": "2" * 40}


def version_pods(tester: DeployedTester) -> list[str]:
    """Return the names of the pods in the tester's namespace other than its own."""
    return [each for each in tester.bed.names("pods", tester.namespace) if each != tester.tester.pod]


def test_a_tester_pins_bootstraps_records_and_continues_with_the_next_build(
    deploy: Deploy, source: dict[str, Any]
) -> None:
    tester = deploy(**full_sync(source))
    first = tester.await_run(1)
    repository, _, digest = tester.image().partition("@")
    assert repository == tester.tester.image.removesuffix(f":{tester.tester.rolling_tag}")
    assert digest.startswith("sha256:")
    assert tester.versions()["commit"] == COMMITS["first"], "the annotation was not there before"
    tester.mark()

    ended = tester.await_end(1)
    assert ended["startedAt"] == first["startedAt"]
    assert (ended["outcome"], ended["commit"]) == ("succeeded", COMMITS["first"]), tester.details()
    assert ended["durationSeconds"] > 0
    assert ended["diskUsageBytes"] > 2**16
    progress = {(each["chain"], each["signal"]): each["value"] for each in tester.status()["progress"]}
    assert progress["C", "blocks_fetched"] >= source["blocks"], "the node really fetched the history"
    assert progress["C", "blocks_accepted"] >= source["blocks"], "and executed it"
    check_result_metrics(tester, ended)

    uid = tester.uid()
    tester.delete_pod()
    tester.await_other_pod(uid)
    resumed = tester.await_run(1, uid_other_than=uid)
    assert resumed == ended, "a result is final: nothing of it changed"
    assert tester.marked(), "nothing was cleared"

    newer = tester.push("second")
    second = tester.await_end(2)
    assert tester.image() == f"{repository}@{newer}"
    assert (second["outcome"], second["commit"]) == ("succeeded", COMMITS["second"]), tester.details()
    assert second["startedAt"] > ended["endedAt"]
    assert tester.versions()["commit"] == COMMITS["second"]
    assert not tester.marked(), "the volume was cleared for the new run"
    assert [each["run"] for each in tester.history()] == [2, 1]
    assert tester.history()[1] == ended
    until(lambda: not version_pods(tester), 60, "no version pod is left", tester.details)
    assert tester.version_pods_started() == 2, (
        "one for each digest, also if its pod was recreated during the lookup"
    )


def check_result_metrics(tester: DeployedTester, ended: dict[str, Any]) -> None:
    """Check that the metrics of a success equal the history."""
    samples = tester.samples()
    own = {
        "tester": tester.tester.name,
        "network": "network-54321",
        "sync_mode": "full-sync",
        "run": "1",
        "version": ended["version"],
    }
    for name, value in (
        ("success", 1.0),
        ("duration_seconds", ended["durationSeconds"]),
        ("disk_usage_bytes", ended["diskUsageBytes"]),
    ):
        assert (own, value) in samples[f"bootstrap_monitor_result_{name}"]
    about = {"image": tester.image(), "commit": ended["commit"], "outcome": "succeeded", "reason": ""}
    info = {**own, **about}
    assert (info, 1.0) in samples["bootstrap_monitor_result_info"]
    totals = {labels["outcome"]: value for labels, value in samples["bootstrap_monitor_runs_total"]}
    assert totals == {"succeeded": 1, "failed": 0, "superseded": 0}


def test_an_interrupted_run_resumes(
    deploy: Deploy, source: dict[str, Any], held_source: Callable[[], None]
) -> None:
    tester = deploy(**full_sync(source))
    opened = tester.await_run(1)
    assert opened["outcome"] is None
    tester.mark()
    uid = tester.uid()
    tester.delete_pod()
    tester.await_other_pod(uid)
    assert tester.marked()
    held_source()

    ended = tester.await_end(1)
    assert (ended["outcome"], ended["startedAt"]) == ("succeeded", opened["startedAt"]), tester.details()
    assert tester.marked(), "nothing was cleared"
    assert ended["nodeRestarts"] == 0, "a moved pod is not a node restart"
    assert [each["run"] for each in tester.history()] == [1]


def test_the_rolling_tag_set_back_by_hand_clears_nothing(
    deploy: Deploy, source: dict[str, Any], held_source: Callable[[], None]
) -> None:
    tester = deploy(**full_sync(source))
    opened = tester.await_run(1)
    pinned, rolling = tester.image(), tester.tester.image
    tester.mark()

    for moved in (False, True):
        if moved:
            assert not pinned.endswith(tester.push("second"))
        uid = tester.uid()
        tester.set_image(rolling)
        tester.await_other_pod(uid)
        until(lambda: tester.image() == pinned, 120, "the open run's build is pinned again", tester.details)
        resumed = tester.await_run(1, uid_other_than=uid)
        assert (resumed["outcome"], resumed["startedAt"]) == (None, opened["startedAt"]), tester.details()
        assert tester.marked(), "nothing was cleared"

    held_source()
    assert tester.await_end(1)["outcome"] == "succeeded"
    second = tester.await_end(2)
    assert (second["outcome"], second["commit"]) == ("succeeded", COMMITS["second"]), tester.details()
