"""The panels of one tester's open run, over time."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from dashboards.panels import (
    About,
    AnyPanel,
    Line,
    over_time,
    steps,
    timeline,
    with_line_at,
)
from dashboards.queries import (
    HOURS,
    PRESENCE,
    aggregated,
    hours,
    largest,
    node_health,
    node_process,
    run_lateness,
    run_progress,
    series,
)
from dashboards.states import (
    HEALTHY,
    LATE,
    PHASE_NUMBERS,
    PROGRESS,
    UP,
    value_mapping,
)


def run() -> list[AnyPanel]:
    """Return the panels of the open run, over time."""
    return [
        *(_run_timeline(), _progress(), _blocks_per_second(), _blocks()),
        *(_leaves(), _time_left(), _since_progress(), _restarts()),
    ]


def _run_timeline() -> AnyPanel:
    panel = timeline(
        About(
            "Run timeline",
            "The phase of the tester, and the state of the node. Red and orange are wrong: a node that is down for ten "
            "minutes of its run, or unhealthy after its success. A gap in all rows is a monitor that was not scraped. "
            "Progress unknown: a stall would not be detected; see the runbook BootstrapProgressUnknown.",
            24,
            8,
        ),
        Line(largest("phase_number"), "phase"),
        Line(node_process(), "process"),
        Line(node_health(), "health"),
        Line(run_progress(), "progress"),
        Line(run_lateness(), "time"),
    ).mappings(value_mapping(PHASE_NUMBERS))
    for letter, states in (("B", UP), ("C", HEALTHY), ("D", PROGRESS), ("E", LATE)):
        panel = panel.override_by_query(letter, [DynamicConfigValue("mappings", value_mapping(states))])
    return panel


def _progress() -> AnyPanel:
    return (
        over_time(
            About(
                "Progress by chain",
                "The share of its stage that each chain has completed, from the node's log. A drop to 0 is the next "
                "stage, or a restart. A flat line is a stall, unless the chain compacts. A state sync reports a "
                "percentage for its first blocks only.",
                8,
                8,
                unit="percentunit",
            ),
            Line(largest("run_progress_ratio", "chain"), "{{chain}}"),
        )
        .min(0)
        .max(1)
    )


def _blocks_per_second() -> AnyPanel:
    def rate(metric: str) -> str:
        return aggregated("max", f"rate({series(metric)}[$__rate_interval])", "chain")

    return over_time(
        About(
            "Blocks per second",
            "How fast each chain fetches and executes blocks. A rate that falls over days is a disk that slows down. A "
            "drop at a new build is a slower build.",
            8,
            8,
            unit="cps",
        ),
        Line(rate("run_blocks_fetched"), "{{chain}} fetched"),
        Line(rate("run_blocks_accepted"), "{{chain}} executed"),
    )


def _blocks() -> AnyPanel:
    return over_time(
        About(
            "Blocks of the run",
            "Blocks so far, summed over restarts of the node. The gap between fetched and executed blocks is the "
            "remaining work.",
            8,
            8,
            unit="short",
        ),
        Line(largest("run_blocks_fetched", "chain"), "{{chain}} fetched"),
        Line(largest("run_blocks_accepted", "chain"), "{{chain}} executed"),
    )


def _leaves() -> AnyPanel:
    return over_time(
        About(
            "State sync leaves",
            "State leaves that each chain has synced, summed over restarts of the node. A flat line during a state "
            "sync is a stall, or a release without this counter. The total is unknown.",
            6,
            7,
            unit="short",
        ),
        Line(largest("run_state_sync_leaves", "chain"), "{{chain}} leaves"),
    )


def _time_left() -> AnyPanel:
    return over_time(
        About(
            "Time left in the stage",
            "The remaining time of the current stage of the slowest chain, estimated by the node. Later stages are not "
            "included. A line that does not fall is an estimate that keeps moving.",
            6,
            7,
            unit=HOURS,
        ),
        Line(hours(f"({largest('run_eta_timestamp_seconds')} - time())"), "left"),
    )


def _since_progress() -> AnyPanel:
    panel = over_time(
        About(
            "Time without progress",
            "How long the slowest unfinished chain has made no progress. The time grows while the node compacts. The "
            "alert BootstrapStalled fires after 3 h. At the stall timeout (12 h by default) the run fails.",
            6,
            7,
            unit=HOURS,
        ),
        Line(hours(largest("run_no_progress_seconds")), "without progress"),
    )
    return with_line_at(panel.min(0).axis_soft_max(4), (None, "transparent"), (3, "orange"), (12, "red"))


def _restarts() -> AnyPanel:
    panel = steps(
        About(
            "Restarts and failures",
            "Restarts of the node in the current run, and failed runs since the last success. After five restarts "
            "without progress in between, the run fails as crashed.",
            6,
            7,
            unit="short",
        ),
        Line(largest("node_restarts_total"), "restarts in this run"),
        Line(largest(PRESENCE), "failed in a row"),
    )
    return with_line_at(panel.min(0).axis_soft_max(6).decimals(0), (None, "transparent"), (5, "red"))
