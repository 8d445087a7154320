"""A surprising result is confirmed by another run of the build, and an old one is retested."""

from __future__ import annotations

import base64
import json
import sqlite3
from contextlib import closing

from e2e.conftest import Deploy
from e2e.tester import DeployedTester
from testbed.bed import until

from monitor.domain.baseline import MIN_VALUES

SIMULATED = "avalanchego-simulated"
# Runs of which the node is down for more than 5 % are not compared, and its container starts within seconds.
USUAL_SECONDS = 60
SLOW = {"COMMIT": "2" * 40, "BOOTSTRAP_SECONDS": "120"}
HISTORY = """
import base64, subprocess, sys
command = [sys.executable, "-m", "monitor", "history", "--data-dir=/data"]
"""
EXPORT = f"""{HISTORY}
exported = subprocess.run([*command, "--export=-"], capture_output=True, check=True).stdout
print(base64.b64encode(exported).decode())
"""


def import_earlier_runs(tester: DeployedTester) -> None:
    """Give the tester as many usual runs as a verdict needs, like its first one."""
    exported = tester.python(EXPORT)
    with closing(sqlite3.connect(":memory:")) as history:
        history.deserialize(base64.b64decode(exported))
        columns = [row[1] for row in history.execute("PRAGMA table_info(runs)")]
        others = ", ".join(name for name in columns if name not in {"number", "started_at", "ended_at"})
        for number in range(1, MIN_VALUES):
            history.execute(
                f"INSERT INTO runs (number, started_at, ended_at, {others}) "  # noqa: S608 - names of the schema
                f"SELECT 1 - ?, started_at - 3600 * ?, ended_at - 3600 * ?, {others} FROM runs WHERE number = 1",
                (number, number, number),
            )
        history.execute(
            "UPDATE runs SET duration_seconds = :usual, wall_seconds = :usual WHERE number < 1",
            {"usual": USUAL_SECONDS},
        )
        history.commit()
        imported = base64.b64encode(history.serialize()).decode()
    tester.python(
        f'{HISTORY}subprocess.run([*command, "--import=-"], input=base64.b64decode("{imported}"), check=True)'
    )


def test_a_slower_build_is_confirmed_by_its_own_run(deploy: Deploy) -> None:
    tester = deploy(repository=SIMULATED, settings={"confirmRegressions": True})
    tester.await_end(1)
    import_earlier_runs(tester)
    digest = tester.push_variant(SLOW)
    suspected = tester.await_end(2)
    shown = until(
        lambda: tester.status() if tester.status().get("confirmingRun") == 2 else None,
        60,
        "the status shows that run 2 is being confirmed",
        tester.details,
    )
    confirming = tester.await_end(3)

    assert shown["regressions"]["duration"]["verdict"] == "suspected"
    assert (suspected["image"], confirming["image"]) == (tester.image(), tester.image())
    assert tester.image().endswith(f"@{digest}")
    status = tester.status()
    assert status["regressions"]["duration"]["verdict"] == "confirmed", json.dumps(status["regressions"])
    assert status["regressions"]["duration"]["firstBadRun"] == 2
    assert status["confirmingRun"] is None
    verdicts = {
        labels["verdict"]: value
        for labels, value in tester.samples()["bootstrap_monitor_regression"]
        if labels["measure"] == "duration"
    }
    assert verdicts["confirmed"] == 1
    assert len(tester.events("BootstrapRepeated", about="confirm")) == 1
    tester.await_idle()


def test_a_build_is_retested_after_its_interval(deploy: Deploy) -> None:
    tester = deploy(repository=SIMULATED, settings={"retestAfter": "40s"})
    first = tester.await_end(1)
    second = tester.await_end(2)

    assert (second["image"], second["outcome"]) == (first["image"], "succeeded")
    assert second["startedAt"] - first["startedAt"] >= 40
    assert tester.events("BootstrapRepeated", about="retest")
