"""Rules with one part removed or changed; the tests of the alert must notice each change."""

from __future__ import annotations

import pytest

_TEST = "cluster, namespace, tester, network, sync_mode"


def _of_any_run(recorded: str) -> tuple[str, str]:
    """Return an expression, and a broken one that takes the values of any run for the open run's."""
    looked = f"last_over_time({recorded}[15m])"
    return (
        f"{looked}\n            * on ({_TEST}, run) group_left (version, commit)",
        f"max by ({_TEST}) ({looked})\n            * on ({_TEST}) group_left (run, version, commit)",
    )


_REVERTS = (
    "last_over_time(tester:bootstrap_monitor_pin_reverts_total:max[6h])\n"
    "            - min_over_time(tester:bootstrap_monitor_pin_reverts_total:max[1d])"
)

# For each alert: the mistakes that it would make if one part of its rule were missing.
BREAKAGES = (
    pytest.param(
        "BootstrapFailed", "keep_firing_for: 1h", "keep_firing_for: 1m", id="failed: ends while a pod moves"
    ),
    pytest.param(
        "BootstrapFailed",
        "reason) (",
        "reason, instance) (",
        id="failed: another alert after a pod has moved",
    ),
    pytest.param(
        "BootstrapFailed",
        "or on (cluster, namespace, tester)\n            tester:bootstrap_monitor_consecutive_failures:max\n",
        "",
        id="failed: needs the result",
    ),
    pytest.param(
        "BootstrapFailed",
        ':since_success{outcome="failed"}',
        ":since_success",
        id="failed: takes any result for a failure",
    ),
    pytest.param(
        "BootstrapFailed",
        "or on (cluster, namespace, tester)\n",
        "or on (cluster, namespace, tester, network, sync_mode)\n",
        id="failed: goes by another network's failure",
    ),
    pytest.param("BootstrapFailingRepeatedly", ">= 3\n", ">= 2\n", id="repeatedly: fires too early"),
    pytest.param(
        "BootstrapFailingRepeatedly",
        "crashed|deadline|",
        "not_started|crashed|deadline|",
        id="repeatedly: wakes for nothing",
    ),
    pytest.param(
        "BootstrapFailingRepeatedly",
        "tester:bootstrap_monitor_last_success_timestamp_seconds:max\n                or\n",
        "",
        id="repeatedly: wakes for failures before a success",
    ),
    pytest.param(
        "BootstrapRegressed",
        '          commit_bad: ""\n',
        "",
        id="regressed: another alert for each first bad commit",
    ),
    pytest.param(
        "BootstrapRegressed",
        "or on (cluster, namespace, tester, network, sync_mode, measure)\n"
        "          measure:bootstrap_monitor_regression:confirmed == 1\n",
        "",
        id="regressed: needs the commits",
    ),
    pytest.param(
        "BootstrapRegressed", 'verdict="confirmed"', 'verdict="suspected"', id="regressed: when suspected"
    ),
    pytest.param(
        "BootstrapRegressed",
        " (ne $labels.commit_good $labels.commit_bad)",
        "",
        id="regressed: compares a commit with itself",
    ),
    pytest.param(
        "BootstrapNoRecentSuccess",
        "or tester:bootstrap_monitor_run_start_timestamp_seconds:newest\n",
        "\n",
        id="no success: needs a result",
    ),
    pytest.param(
        "BootstrapNoRecentSuccess",
        "tester:bootstrap_monitor_last_success_timestamp_seconds:max\n                or max by",
        "max by",
        id="no success: forgets the success before twenty runs",
    ),
    pytest.param(
        "BootstrapNoRecentSuccess",
        "60 * 86400",
        "14 * 86400",
        id="no success: has no patience with a full-sync",
    ),
    pytest.param(
        "BootstrapUnhealthyAfterSuccess",
        "unless on (cluster, namespace, tester)\n          tester:bootstrap_monitor_run_info:open\n        for: 1h",
        "for: 1h",
        id="unhealthy: while a run is open",
    ),
    pytest.param("BootstrapUnhealthyAfterSuccess", "[5h]", "[1h]", id="unhealthy: silent for an hour or two"),
    pytest.param(
        "BootstrapUnhealthyAfterSuccess",
        '          health: ""\n',
        "",
        id="unhealthy: two alerts for one node",
    ),
    pytest.param("BootstrapStalled", "> 2 * 3600", "> 60", id="stalled: fires too early"),
    pytest.param("BootstrapStalled", "for: 1h", "for: 10m", id="stalled: soon after an outage"),
    pytest.param("BootstrapStalled", 'phase="blocked"', 'phase="paused"', id="stalled: while blocked"),
    pytest.param(
        "BootstrapStalled",
        *_of_any_run("run:bootstrap_monitor_run_stalled:seconds"),
        id="stalled: by the run before",
    ),
    pytest.param("BootstrapProgressUnknown", "for: 1h", "for: 10m", id="progress unknown: for a short gap"),
    pytest.param(
        "BootstrapProgressUnknown",
        'phase="blocked"',
        'phase="paused"',
        id="progress unknown: while blocked",
    ),
    pytest.param(
        "BootstrapProgressUnknown",
        *_of_any_run("run:bootstrap_monitor_run_progress_unknown:max"),
        id="progress unknown: of the run before",
    ),
    pytest.param(
        "BootstrapLate",
        "active_seconds * bootstrap_monitor_run_late",
        "active_seconds",
        id="late: before its time",
    ),
    pytest.param(
        "BootstrapLate",
        *_of_any_run("run:bootstrap_monitor_run_late:active_seconds"),
        id="late: by the run before",
    ),
    pytest.param("BootstrapBlocked", "for: 1h", "for: 30m", id="blocked: fires too early"),
    pytest.param(
        "BootstrapBlocked",
        'run_phase{phase="blocked"}[15m])\n          ) == 1\n        for',
        'run_phase{phase="blocked"}[1m])\n          ) == 1\n        for',
        id="blocked: begins anew after a missed scrape",
    ),
    pytest.param("BootstrapNotStarting", "for: 30m", "for: 5m", id="not starting: while a pod moves"),
    pytest.param(
        "BootstrapNodeRestarting",
        *_of_any_run("run:bootstrap_monitor_node_restarts_total:max"),
        id="restarting: for the restarts of the run before",
    ),
    pytest.param(
        "BootstrapNodeRestarting",
        "\n                - min_over_time(run:bootstrap_monitor_node_restarts_total:max[6h])",
        "",
        id="restarting: for old restarts",
    ),
    pytest.param(
        "BootstrapNodeRestarting",
        "\n            or\n            tester:bootstrap_monitor_run_start_timestamp_seconds:newest > time() - 6 * 3600",
        "",
        id="restarting: misses those before the first scrape",
    ),
    pytest.param("BootstrapNodeRestarting", "for: 5m", "for: 0m", id="restarting: at once"),
    pytest.param(
        "BootstrapVolumeFillingUp", ") * 0.1\n", ") * 0.3\n", id="volume: a sync that fills it as it should"
    ),
    pytest.param("BootstrapVolumeFillingUp", ") * 0.12", ") * 0.2", id="volume: far from the floor"),
    pytest.param("BootstrapPinReverted", "\n          >= 2\n", "\n          >= 1\n", id="reverted: for one"),
    pytest.param(
        "BootstrapPinReverted",
        _REVERTS,
        "increase(tester:bootstrap_monitor_pin_reverts_total:max[1d:5m])",
        id="reverted: makes two of one",
    ),
    pytest.param(
        "BootstrapPinReverted",
        "last_over_time(tester:bootstrap_monitor_pin_reverts_total:max[6h])",
        "tester:bootstrap_monitor_pin_reverts_total:max",
        id="reverted: ends while no pod starts",
    ),
    pytest.param(
        "BootstrapPinReverted",
        _REVERTS,
        "max by (cluster, namespace, tester, network, sync_mode) (increase(bootstrap_monitor_pin_reverts_total[1d]))",
        id="reverted: loses what comes with a new pod",
    ),
    pytest.param(
        "BootstrapImageChecksFailing",
        "unless on (cluster, namespace, tester)\n            tester:bootstrap_monitor_run_info:open",
        "",
        id="image checks: while a run is open",
    ),
    pytest.param(
        "BootstrapImageChecksFailing",
        "\n                unless on (cluster, namespace, tester, network, sync_mode)\n"
        '                last_over_time(bootstrap_monitor_image_checks_total{result="error",source="pod"}[2h])',
        "",
        id="image checks: of a registry that pods stand in for",
    ),
    pytest.param(
        "BootstrapImageChecksFailing",
        'result="error",source!="registry"',
        'result="error",source="file"',
        id="image checks: of pods go unseen",
    ),
    pytest.param(
        "BootstrapImageChecksFailing", "< 2 * 3600", "< 1 * 3600", id="image checks: for a short outage"
    ),
    pytest.param("BootstrapMonitorErrors", "for: 45m", "for: 5m", id="errors: for a burst"),
    pytest.param(
        "BootstrapMonitorErrors", 'operation!="image"', 'operation!=""', id="errors: of looks for builds"
    ),
    pytest.param(
        "BootstrapMonitorErrors",
        "\n              - min_over_time(tester:bootstrap_monitor_ledger_recoveries_total:max[6h])",
        "",
        id="errors: of a ledger that was recreated long ago",
    ),
    pytest.param("BootstrapProblem", "}[5m]", "}[15m]", id="problem: after an outage has ended"),
    pytest.param("BootstrapProblem", "> 20 * 60", "> 60", id="problem: for a short outage"),
    pytest.param(
        "BootstrapProblem",
        "|other|",
        "|other|image_pull_failed|",
        id="problem: of a cause with its own alert",
    ),
    pytest.param(
        "BootstrapProblem",
        "sync_mode, cause) (\n            last_over_time(\n              bootstrap_monitor_problem",
        "sync_mode, cause, pod) (\n            last_over_time(\n              bootstrap_monitor_problem",
        id="problem: two alerts while a pod moves",
    ),
    pytest.param("BootstrapMonitorDown", "failures:max[1d]", "failures:max[30m]", id="down: ends too early"),
    pytest.param(
        "BootstrapMonitorDown",
        "\n          unless on (cluster, namespace, tester)\n"
        '          last_over_time(bootstrap_monitor_errors_total{operation="metrics"}[20m])',
        "",
        id="down: though the monitor answers",
    ),
    pytest.param("BootstrapMonitorDown", "for: 10m", "for: 0m", id="down: before the first scrapes"),
    pytest.param(
        "BootstrapMonitorDown",
        "unless on (cluster, namespace, tester)\n          last_over_time(",
        "unless on (namespace, tester)\n          last_over_time(",
        id="down: takes one cluster's tester for another's",
    ),
)
