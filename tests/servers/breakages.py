"""Rules with one part removed or changed; the tests of the alert must notice each change."""

from __future__ import annotations

from typing import Any

import pytest

_OVER_TIME = "max_over_time(bootstrap_monitor_last_run_info[30m])"
_UNLESS_ENDED = f"\n          unless on (cluster, namespace, tester, run) {_OVER_TIME}"


def _of_open_run(alert: str, metric: str, threshold: str, lower: str) -> list[Any]:
    """Return the mistakes that an alert about the open run would make if one part of its rule were missing."""
    over_time, name = f"max_over_time({metric}[30m])", alert.removeprefix("Bootstrap")
    ended = f") {threshold}{_UNLESS_ENDED}"
    scraped = ended.replace("[30m])", "").replace("max_over_time(", "")
    return [
        pytest.param(alert, f") {threshold}\n", f") {lower}\n", id=f"{name}: fires too early"),
        pytest.param(alert, ended, f") {threshold}", id=f"{name}: fires after the result was scraped"),
        pytest.param(alert, ended, scraped, id=f"{name}: fires again while the pod is replaced"),
        pytest.param(alert, over_time, metric, id=f"{name}: ends while a pod moves"),
        pytest.param(
            alert,
            f"run, version, commit) (\n            {over_time}",
            f"run, version, commit, pod) (\n            {over_time}",
            id=f"{name}: two alerts after a pod has moved",
        ),
    ]


# For each alert: the mistakes that it would make if one part of its rule were missing.
BREAKAGES: tuple[Any, ...] = (
    pytest.param(
        "BootstrapFailed", "keep_firing_for: 1h", "keep_firing_for: 1m", id="failed: ends while a pod moves"
    ),
    pytest.param(
        "BootstrapFailed",
        "reason, message) (",
        "reason, message, pod) (",
        id="failed: another alert after a pod has moved",
    ),
    pytest.param("BootstrapFailed", ', message: ""', "", id="failed: the message identifies the alert"),
    pytest.param(
        "BootstrapFailed",
        "bootstrap_monitor_last_failure_timestamp_seconds",
        "bootstrap_monitor_last_run_info",
        id="failed: takes any result for a failure",
    ),
    pytest.param(
        "BootstrapFailed", ",tester=%q,run=%q", ",run=%q", id="failed: takes another tester's confirmation"
    ),
    pytest.param(
        "BootstrapHistoryChanged",
        "keep_firing_for: 1h",
        "keep_firing_for: 1m",
        id="history changed: ends while a pod moves",
    ),
    pytest.param(
        "BootstrapHistoryChanged",
        "run_good, version, commit) (",
        "run_good, version, commit, pod) (",
        id="history changed: another alert after a pod has moved",
    ),
    pytest.param(
        "BootstrapHistoryChanged",
        "bootstrap_monitor_history_changed_timestamp_seconds",
        "bootstrap_monitor_build_failure_ratio",
        id="history changed: takes a flaky build for a change",
    ),
    pytest.param("BootstrapFailingRepeatedly", ">= 3", ">= 2", id="repeatedly: fires too early"),
    pytest.param(
        "BootstrapFailingRepeatedly",
        "(bootstrap_monitor_consecutive_failed_builds) >= 3\n        keep",
        "(bootstrap_monitor_consecutive_failures) >= 3\n        keep",
        id="repeatedly: is critical for failures of the testbed",
    ),
    pytest.param(
        "BootstrapFailingRepeatedly",
        "\n          unless max by (cluster, namespace, tester, network, sync_mode) "
        "(bootstrap_monitor_consecutive_failed_builds) >= 3",
        "",
        id="repeatedly: warns beside a critical alert",
    ),
    pytest.param(
        "BootstrapFailingRepeatedly",
        "keep_firing_for: 1h",
        "keep_firing_for: 1m",
        id="repeatedly: ends while a pod moves",
    ),
    pytest.param(
        "BootstrapRegressed",
        ', commit_bad: ""',
        "",
        id="regressed: another alert for each first bad commit",
    ),
    pytest.param(
        "BootstrapRegressed",
        "sync_mode, measure) (1,",
        "sync_mode) (1,",
        id="regressed: one of several measures",
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
        " > bootstrap_monitor_trying_limit_seconds",
        " > 86400",
        id="no success: ignores the limit of the tester",
    ),
    pytest.param("BootstrapNoRecentSuccess", "for: 15m\n        keep", "keep", id="no success: immediately"),
    pytest.param(
        "BootstrapNoRecentSuccess",
        "keep_firing_for: 1h",
        "keep_firing_for: 1m",
        id="no success: ends while a pod moves",
    ),
    pytest.param("BootstrapUnhealthyAfterSuccess", "> 3600", "> 600", id="unhealthy: fires too early"),
    pytest.param(
        "BootstrapUnhealthyAfterSuccess", "> 6 * 3600", "> 3600", id="unhealthy: silent for an hour"
    ),
    pytest.param(
        "BootstrapUnhealthyAfterSuccess",
        "or time() - bootstrap_monitor_node_silent_since_timestamp_seconds > 6 * 3600",
        "",
        id="unhealthy: ignores a silent node",
    ),
    pytest.param(
        "BootstrapUnhealthyAfterSuccess",
        "keep_firing_for: 30m",
        "keep_firing_for: 1m",
        id="unhealthy: ends while a pod moves",
    ),
    *_of_open_run("BootstrapStalled", "bootstrap_monitor_run_stalled_seconds", "> 3 * 3600", "> 2 * 3600"),
    *_of_open_run(
        "BootstrapProgressUnknown", "bootstrap_monitor_run_progress_unknown_seconds", "> 90 * 60", "> 60 * 60"
    ),
    *_of_open_run("BootstrapLate", "bootstrap_monitor_run_late_seconds", "> 5 * 60", "> 60"),
    *_of_open_run("BootstrapNotStarting", "bootstrap_monitor_run_node_down_seconds", "> 30 * 60", "> 5 * 60"),
    *_of_open_run("BootstrapNodeRestarting", "bootstrap_monitor_run_recent_node_restarts", ">= 3", ">= 2"),
    *_of_open_run("BootstrapVolumeFillingUp", "bootstrap_monitor_run_expected_free_ratio", "< 0.12", "< 0.2"),
    pytest.param("BootstrapVolumeFillingUp", "for: 15m\n        labels", "labels", id="volume: for a moment"),
    pytest.param("BootstrapBlocked", ") > 3600\n", ") > 1800\n", id="blocked: fires too early"),
    pytest.param(
        "BootstrapBlocked",
        'phase="blocked"}[30m]',
        'phase="blocked"}[1m]',
        id="blocked: ends after a missed scrape",
    ),
    pytest.param(
        "BootstrapBlocked",
        "\n          unless on (cluster, namespace, tester)\n"
        '          max_over_time(bootstrap_monitor_phase_since_timestamp_seconds{phase!="blocked"}[30m])',
        "",
        id="blocked: after it is not",
    ),
    pytest.param(
        "BootstrapBlocked",
        'max_over_time(bootstrap_monitor_phase_since_timestamp_seconds{phase!="blocked"}[30m])',
        'bootstrap_monitor_phase_since_timestamp_seconds{phase!="blocked"}',
        id="blocked: again while the pod is replaced",
    ),
    pytest.param("BootstrapPinReverted", "[6h])) > 1", "[6h])) > 0", id="reverted: for one"),
    pytest.param(
        "BootstrapPinReverted",
        "max_over_time(bootstrap_monitor_recent_pin_reverts[6h])",
        "bootstrap_monitor_recent_pin_reverts",
        id="reverted: ends while no pod starts",
    ),
    pytest.param(
        "BootstrapPinReverted",
        "bootstrap_monitor_recent_pin_reverts",
        "bootstrap_monitor_pin_reverts_total",
        id="reverted: for reverts of long ago",
    ),
    pytest.param(
        "BootstrapImageChecksFailing",
        "\n            unless on (cluster, namespace, tester) bootstrap_monitor_run_start_timestamp_seconds",
        "",
        id="image checks: while a run is open",
    ),
    pytest.param(
        "BootstrapImageChecksFailing", "> 2 * 3600", "> 3600", id="image checks: for a short outage"
    ),
    pytest.param(
        "BootstrapImageChecksFailing",
        "> 6 * 3600",
        "> 12 * 3600",
        id="image checks: misses lookups that hang",
    ),
    pytest.param(
        "BootstrapImageChecksFailing",
        "for: 15m\n        keep_firing_for: 30m",
        "keep_firing_for: 30m",
        id="image checks: before the first lookup after a run",
    ),
    pytest.param("BootstrapMonitorErrors", "for: 45m", "for: 5m", id="errors: for a burst"),
    pytest.param(
        "BootstrapMonitorErrors",
        'operation!="image"',
        'operation!=""',
        id="errors: of lookups of builds",
    ),
    pytest.param(
        "BootstrapMonitorErrors", "[15m])) > 3600", "[1m])) > 3600", id="errors: misses a task after a scrape"
    ),
    pytest.param(
        "BootstrapMonitorErrors",
        "< 6 * 3600",
        "< 24 * 3600",
        id="errors: of a ledger that was replaced before",
    ),
    pytest.param("BootstrapProblem", "> 20 * 60", "> 60", id="problem: for a short outage"),
    pytest.param("BootstrapProblem", "|image|", "|images|", id="problem: of a cause with its own alert"),
    pytest.param(
        "BootstrapProblem",
        "sync_mode, cause) (",
        "sync_mode, cause, pod) (",
        id="problem: two alerts while a pod moves",
    ),
    pytest.param(
        "BootstrapProblem",
        "keep_firing_for: 30m\n        labels: {severity: warning}\n        annotations:\n"
        "          summary: A problem",
        "labels: {severity: warning}\n        annotations:\n          summary: A problem",
        id="problem: ends after a missed scrape",
    ),
    pytest.param("BootstrapMonitorDown", "[1d:30m]", "[30m:5m]", id="down: ends too early"),
    pytest.param(
        "BootstrapMonitorDown",
        "\n          unless on (cluster, namespace, tester) "
        'max_over_time(bootstrap_monitor_errors_total{operation="metrics"}[20m])',
        "",
        id="down: though the monitor answers",
    ),
    pytest.param("BootstrapMonitorDown", "for: 10m", "for: 0m", id="down: before the first scrapes"),
    pytest.param(
        "BootstrapMonitorDown",
        "unless on (cluster, namespace, tester) max_over_time(bootstrap_monitor_consecutive",
        "unless on (namespace, tester) max_over_time(bootstrap_monitor_consecutive",
        id="down: takes one cluster's tester for another's",
    ),
)
