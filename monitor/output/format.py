"""Formats sizes, times and builds for the terminal and the status page."""

from __future__ import annotations

import re

from monitor.avalanchego.source_links import compare_link
from monitor.domain.baseline import Verdict
from monitor.domain.build import Build
from monitor.domain.chains import chain_name
from monitor.domain.duration import duration_text
from monitor.domain.observations import ChainLog
from monitor.domain.regression import Measure, Regression
from monitor.domain.run import Outcome, Run
from monitor.domain.tracking import Counts
from monitor.domain.verdict_sentence import measure_text, too_few_text
from monitor.domain.workload import SyncMode
from monitor.errors import Cause

MARKS = {Outcome.SUCCEEDED: "✓", Outcome.FAILED: "✗", Outcome.SUPERSEDED: "–"}  # noqa: RUF001 - a dash
_CLIENT = re.compile(r"^[\w.-]+/")
SILENT_SECONDS = 120.0  # a tick is due every few seconds; after this time the monitor counts as silent
LATE = "the open run is over its limit"
PROGRESS_UNKNOWN = "progress unknown"
NOTHING_SHOWS_IT = "no metric or log line of the node shows progress; a stall would not be detected"
ALL_EXECUTED = "state sync skipped, all blocks executed"
PAUSED = "no other run starts until resume"
HISTORY_COMMAND = "bootstrap-monitor history"
"""The command that prints the runs, in a pod."""
ACTIONS = {
    Cause.API_SERVER_UNAVAILABLE: "The monitor retries. Check the API server, and the NetworkPolicy of the pod.",
    Cause.API_SERVER_UNAUTHORIZED: "If the ServiceAccount was recreated, delete the pod: a new one gets a new token.",
    Cause.PERMISSION_MISSING: "Restore the Role and its RoleBinding; bootstrap-monitor check lists what is missing.",
    Cause.REQUEST_DENIED: "Change the quota or the admission policy, or the pod that the message names.",
    Cause.STATEFULSET_PARTITIONED: "Set spec.updateStrategy.rollingUpdate.partition of the StatefulSet to 0.",
    Cause.STATEFULSET_NOT_OBSERVED: "Check that kube-controller-manager runs.",
    Cause.IMAGE_REVERTED: "Configure the tool that sets the image to ignore it (docs/gitops.md), then delete the pod.",
    Cause.IMAGE_PULL_FAILED: "Check that the registry has the digest, and the pull secrets of the pod.",
    Cause.CONTAINER_NOT_STARTED: "Fix what the message names. In Kubernetes, kubectl describe pod shows the Events.",
    Cause.NODE_CRASHING: "Read the node's log. An open run fails after --crash-limit restarts without progress; "
    "the result of an ended run does not change.",
    Cause.VERSION_POD_FAILED: "Fix what the message names. The open run is not affected; new builds are not found.",
    Cause.VERSIONS_UNKNOWN: "No action is needed: the build is tested, but its version and commit are not shown.",
    Cause.REGISTRY_UNAVAILABLE: "The monitor retries. Check the registry, the proxy and the NetworkPolicy of the pod.",
    Cause.REGISTRY_UNAUTHORIZED: "Set valid credentials with --registry-config.",
    Cause.VOLUME_HELD: "Stop the other pod or process. If it has died, its lease expires after --holder-timeout.",
    Cause.VOLUME_UNUSABLE: "Make the volume writable for the monitor's user, and free some space.",
    Cause.DATA_UNKNOWN: "Set --adopt to keep or clear the data, as the message describes.",
    Cause.CONFIGURATION_INVALID: "Correct what the message names.",
    Cause.OTHER: "Read the monitor's log.",
}
"""The action for an operator, by the cause of a problem."""
MEASURES = {
    Measure.DURATION: "duration",
    Measure.DISK_USAGE: "disk usage",
    Measure.BLOCK_TIME: "time per block",
    Measure.LEAF_TIME: "time per leaf",
}


def age_text(seconds: float) -> str:
    """Return how long ago something was, in one unit, such as `3 min ago`; it changes once a minute at most."""
    for least_seconds, unit_seconds, unit in ((2 * 86400, 86400, "days"), (3600, 3600, "h"), (60, 60, "min")):
        if seconds >= least_seconds:
            return f"{seconds // unit_seconds:.0f} {unit} ago"
    return "just now"


def count_text(count: float) -> str:
    """Return a count with its decimal prefix, such as `812`, `24.1k` or `5.3M`."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.1f}{unit}"
    return f"{count:.0f}"


def version_text(build: Build) -> str:
    """Return the version of a build without the client's name; empty if unknown."""
    return _CLIENT.sub("", build.version)


def build_text(build: Build) -> str:
    """Return the version without the client's name, and the short commit; the short digest if unknown."""
    if build.versions is None:
        return build.image.rpartition("@")[2][:19]
    version = version_text(build)
    return f"{version} ({build.commit[:8]})" if build.commit else version


def blocks_text(chain: str, counts: Counts) -> str:
    """Return how much state a chain synced and how many blocks it fetched and executed; omit zeros."""
    rates = [
        f"{word} {counts[chain, signal].value:,.0f}"
        for word, signal in (("fetched", "blocks_fetched"), ("executed", "blocks_accepted"))
        if (chain, signal) in counts and counts[chain, signal].value
    ]
    leaves = counts.get((chain, "leaves_synced"))
    synced = [f"synced {leaves.value:,.0f} leaves of the state"] if leaves and leaves.value else []
    return " · ".join([*synced, *([f"{' · '.join(rates)} blocks"] if rates else [])])


def left_text(chain: ChainLog, now_wall: float) -> str:
    """Return the time until the stage ends, by the node's own estimate; empty without an estimate."""
    if chain.end_at is None or chain.end_at <= now_wall:
        return ""
    return f"done in {duration_text(chain.end_at - now_wall)}"


def stall_text(run: Run) -> str:
    """Return which chain of an open run has made no progress, and for how much observed time."""
    tracking = run.tracking
    chain = f" of chain {chain_name(tracking.stalled_chain)}" if tracking.stalled_chain else ""
    return f"no progress{chain} for {duration_text(tracking.idle_seconds)}"


def tested_text(run: Run) -> str:
    """Return the network and sync mode of a run, with a note if the node skipped the state sync."""
    all_executed = run.sync_mode is SyncMode.C_CHAIN_STATE_SYNC and run.tracking.state_synced is False
    return f"{run.network} · {run.sync_mode}" + (f" ({ALL_EXECUTED})" if all_executed else "")


def outcome_text(run: Run) -> str:
    """Return the outcome of a run with its reason, or `open`."""
    if run.outcome is None:
        return "open"
    return f"{run.outcome}: {run.reason}" if run.reason else str(run.outcome)


def active_seconds(run: Run) -> float:
    """Return how long a run has taken, in seconds.

    Time that the node was healthy before the workload was replaced is excluded.
    """
    return run.tracking.bootstrap_seconds if run.duration_seconds is None else run.duration_seconds


def regression_sentence(measure: Measure, regression: Regression) -> str:
    """Return the usual value of a measure, and the verdict on the newest runs."""
    limit, good, bad = regression.limit, regression.last_good, regression.first_bad
    if limit is None:
        return too_few_text(regression.compared)
    usual = f"usually {measure_text(measure, limit.baseline)}, at most {measure_text(measure, limit.limit)}"
    if bad is None:
        return usual
    verdict = "regression" if regression.verdict is Verdict.CONFIRMED else "regression suspected"
    since = f"{verdict} since run {bad.number}" + (f", last good run {good.number}" if good else "")
    return f"{since} ({usual})"


def regression_text(measure: Measure, regression: Regression) -> str:
    """Return the usual value and the verdict, with a link to the changes between the commits."""
    return " ".join(filter(None, (regression_sentence(measure, regression), compare_link(regression))))
