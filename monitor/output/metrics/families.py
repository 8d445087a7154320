"""Every metric that is derived from the Status: its name, help text and own labels."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.domain.regression import Measure
from monitor.output.format import active_seconds
from monitor.output.metrics import samples as of


@dataclass(frozen=True, slots=True)
class Family:
    """A metric. A name that ends in `_total` is a counter, any other name is a gauge."""

    name: str
    text: str
    samples: of.Samples
    labels: tuple[str, ...] = ()
    of_tester = True


_RESULT_LABELS = ("run", "image", "version")

FAMILIES = (
    Family(
        "bootstrap_monitor_run_info",
        "The current run, open or ended, and the build it bootstraps; always 1.",
        of.run_info,
        ("run", "image", "version", "commit", "testbed"),
    ),
    Family(
        "bootstrap_monitor_run_phase",
        "What the tester is doing: 1 for the phase it is in, 0 for the others.",
        of.phases,
        ("phase",),
    ),
    Family(
        "bootstrap_monitor_run_start_timestamp_seconds",
        "When the open run started, in seconds since the Unix epoch.",
        of.open_run(lambda run: run.started_at),
    ),
    Family(
        "bootstrap_monitor_run_active_seconds",
        "How long the node's process has bootstrapped in the open run, in seconds, until the node is healthy.",
        of.open_run(active_seconds),
    ),
    Family(
        "bootstrap_monitor_run_last_progress_timestamp_seconds",
        "When the open run last made progress, in seconds since the Unix epoch.",
        of.open_run(lambda run: run.tracking.progress_at),
    ),
    Family(
        "bootstrap_monitor_run_no_progress_seconds",
        "How long the slowest active chain of the open run has made no progress, in seconds of observed time.",
        of.open_run(lambda run: run.tracking.idle_seconds),
    ),
    Family(
        "bootstrap_monitor_run_stalled",
        "Whether the open run, or one chain of it, made no progress for the stall warning; blocked time is excluded.",
        of.stalled,
    ),
    Family(
        "bootstrap_monitor_run_progress_unknown",
        "Whether the open run showed no signal of progress for the stall warning; a stall would not be detected.",
        of.progress_unknown,
    ),
    Family(
        "bootstrap_monitor_run_late",
        "Whether the open run has been active for longer than the limit; absent while there is no limit.",
        of.late,
    ),
    Family(
        "bootstrap_monitor_run_eta_timestamp_seconds",
        "When the stage of the slowest chain ends, by the node's own estimate; absent without an estimate.",
        of.end_estimate,
    ),
    Family(
        "bootstrap_monitor_run_progress_ratio",
        "How much of its stage a chain has done, 0 to 1, by the node's log; absent without an estimate.",
        of.chain_ratios,
        ("chain",),
    ),
    Family(
        "bootstrap_monitor_run_blocks_fetched",
        "Blocks that the node fetched in the current run, by chain, added up over restarts of the node.",
        of.counted("blocks_fetched"),
        ("chain",),
    ),
    Family(
        "bootstrap_monitor_run_blocks_accepted",
        "Blocks that the node executed in the current run, by chain, added up over restarts of the node.",
        of.counted("blocks_accepted"),
        ("chain",),
    ),
    Family(
        "bootstrap_monitor_run_state_sync_leaves",
        "Leaves of the state that a chain synced in the current run, over all restarts; absent while it counts none.",
        of.leaves,
        ("chain",),
    ),
    Family(
        "bootstrap_monitor_node_up",
        "Whether the node's process was running when the node was last polled.",
        of.tester(lambda status: status.node.up if status.node else None),
    ),
    Family(
        "bootstrap_monitor_node_healthy",
        "Whether the node reports itself healthy; absent while its health is unknown or stale.",
        of.tester(of.node_healthy),
    ),
    Family(
        "bootstrap_monitor_node_restarts_total",
        "Restarts of the node's process in the current run; starts at 0 with each run.",
        of.current_run(lambda run: run.tracking.node_restarts),
    ),
    Family(
        "bootstrap_monitor_disk_usage_bytes",
        "Disk usage of the node's data on the volume, in bytes, as last measured.",
        of.tester(lambda status: status.volume.usage_bytes if status.volume else None),
    ),
    Family(
        "bootstrap_monitor_volume_size_bytes",
        "Size of the volume, in bytes.",
        of.tester(lambda status: status.volume.size_bytes if status.volume else None),
    ),
    Family(
        "bootstrap_monitor_volume_available_bytes",
        "Free space on the volume, in bytes, as last measured.",
        of.tester(lambda status: status.volume.available_bytes if status.volume else None),
    ),
    Family(
        "bootstrap_monitor_result_success",
        "Whether a run succeeded, for the newest ended runs; absent for superseded runs.",
        of.results(of.succeeded),
        _RESULT_LABELS,
    ),
    Family(
        "bootstrap_monitor_result_duration_seconds",
        "How long the node's process ran until it was healthy, in seconds: the duration that is judged.",
        of.results(lambda run: run.duration_seconds),
        _RESULT_LABELS,
    ),
    Family(
        "bootstrap_monitor_result_wall_seconds",
        "Wall-clock time of the run, in seconds, including time when the node was down.",
        of.results(lambda run: run.wall_seconds),
        _RESULT_LABELS,
    ),
    Family(
        "bootstrap_monitor_result_disk_usage_bytes",
        "Disk usage of the node's data at the end of the run, in bytes.",
        of.results(lambda run: run.disk_usage_bytes),
        _RESULT_LABELS,
    ),
    Family(
        "bootstrap_monitor_result_end_timestamp_seconds",
        "When the run ended, in seconds since the Unix epoch.",
        of.results(lambda run: run.ended_at),
        _RESULT_LABELS,
    ),
    Family(
        "bootstrap_monitor_result_info",
        "How a run ended, for the newest ended runs; always 1. The reason is empty unless it failed.",
        of.result_info,
        (*_RESULT_LABELS, "commit", "outcome", "reason"),
    ),
    Family(
        "bootstrap_monitor_last_run_outcome",
        "How the newest ended run ended: 1 for its outcome and reason, 0 for the others.",
        of.last_outcome,
        ("outcome", "reason"),
    ),
    Family(
        "bootstrap_monitor_runs_total",
        "Runs that ended, by outcome; kept over restarts of the monitor.",
        of.run_totals,
        ("outcome",),
    ),
    Family(
        "bootstrap_monitor_run_failures_total",
        "Runs that failed, by reason; kept over restarts of the monitor.",
        of.failure_totals,
        ("reason",),
    ),
    Family(
        "bootstrap_monitor_consecutive_failures",
        "Runs that failed since the last one that succeeded.",
        of.tester(lambda status: status.consecutive_failures),
    ),
    Family(
        "bootstrap_monitor_last_success_timestamp_seconds",
        "When the last successful run ended, in seconds since the Unix epoch.",
        of.last_success(lambda run: run.ended_at),
    ),
    Family(
        "bootstrap_monitor_last_disk_usage_bytes",
        "Disk usage of the node's data at the end of the last successful run, in bytes.",
        of.last_success(lambda run: run.disk_usage_bytes),
    ),
    Family(
        "bootstrap_monitor_tester_since_timestamp_seconds",
        "When the tester's first run started, in seconds since the Unix epoch.",
        of.tester(lambda status: status.tester_since),
    ),
    *(
        family
        for measure, name, unit, what in (
            (Measure.DURATION, "duration", "seconds", "Active time of a run"),
            (Measure.DISK_USAGE, "disk_usage", "bytes", "Disk usage of the node's data at the end of a run"),
            (
                Measure.BLOCK_TIME,
                "block_time",
                "seconds",
                "Active time of a run per executed block",
            ),
        )
        for family in (
            Family(
                f"bootstrap_monitor_{name}_baseline_{unit}",
                f"{what}: the baseline from earlier runs, in {unit}; absent with fewer than 6 comparable runs.",
                of.limits(measure, lambda limit: limit.baseline),
            ),
            Family(
                f"bootstrap_monitor_{name}_limit_{unit}",
                f"{what}: the limit above which a run is unusual, in {unit}; absent with fewer than 6 comparable runs.",
                of.limits(measure, lambda limit: limit.limit),
            ),
        )
    ),
    Family(
        "bootstrap_monitor_baseline_samples",
        "Number of comparable runs for the baseline, also while there are too few, by measure.",
        of.regressions(lambda regression: regression.samples),
        ("measure",),
    ),
    Family(
        "bootstrap_monitor_regression",
        "Whether the newest runs are worse than usual, by measure: 1 for the verdict, 0 for the others.",
        of.verdicts,
        ("measure", "verdict"),
    ),
    Family(
        "bootstrap_monitor_regression_info",
        "The last good and the first bad commit of a regression that is suspected or confirmed; always 1.",
        of.regression_commits,
        ("measure", "commit_good", "commit_bad"),
    ),
    Family(
        "bootstrap_monitor_new_build_info",
        "A build that was found and is not tested yet; always 1.",
        of.new_build,
        ("image", "version", "commit"),
    ),
    Family(
        "bootstrap_monitor_last_image_check_success_timestamp_seconds",
        "Time of the last successful lookup of a newer build, in seconds since the Unix epoch.",
        of.tester(lambda status: status.last_image_check_at),
    ),
    Family(
        "bootstrap_monitor_problem_since_timestamp_seconds",
        "When a problem that affects the tester began, in seconds since the Unix epoch; absent without a problem.",
        of.problems,
        ("cause",),
    ),
    Family(
        "bootstrap_monitor_pin_reverts_total",
        "How often another actor reverted the image that the monitor had pinned.",
        of.tester(lambda status: status.pin_reverts),
    ),
    Family(
        "bootstrap_monitor_ledger_recoveries_total",
        "How often a damaged ledger was moved away and replaced by a new one.",
        of.tester(lambda status: status.recoveries),
    ),
)
