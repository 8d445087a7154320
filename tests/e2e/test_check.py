"""`check` reports no problem with an installed chart, from inside the pod and as the release's Helm test."""

from __future__ import annotations

import json

import pytest
from e2e.conftest import Deploy
from e2e.installed import RELEASE, Release


@pytest.mark.every_kubernetes
@pytest.mark.parametrize("native", [True, False], ids=["native sidecar", "plain sidecar"])
def test_all_is_well_with_a_tester_that_works(deploy: Deploy, *, native: bool) -> None:
    environment = {"SIMULATE_BOOTSTRAP_SECONDS": "2"}
    tester = deploy(repository="avalanchego-simulated", node_environment=environment, native_sidecar=native)
    ended = tester.await_end(1)
    assert ended["outcome"] == "succeeded", tester.details()

    inside = json.loads(tester.monitor("check", "--json"))
    wrong = [each for each in inside["checks"] if each["result"] != "ok"]
    assert (inside["ok"], wrong) == (True, [])

    tester.await_idle()
    for version in ("4", "3"):
        output = Release(tester.bed, [tester.tester]).helm("test", RELEASE, "--logs", version=version)
        lines = [each for each in output.splitlines() if each.startswith(("ok ", "warn ", "FAIL "))]
        assert lines, output
        assert all(each.startswith("ok ") for each in lines), output

    newer = tester.push_variant({"COMMIT": "2" * 40})
    assert tester.await_end(2)["outcome"] == "succeeded", tester.details()
    assert tester.image().endswith(newer)
