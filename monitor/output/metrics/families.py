"""Every metric that is derived from the Status: its name, help text and own labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from monitor.domain.regression import Measure
from monitor.domain.status import Phase
from monitor.output.format import active_seconds
from monitor.output.metrics import samples as of
from monitor.output.metrics.attention import Attention, attention


@dataclass(frozen=True, slots=True)
class Family:
    """A metric. A name that ends in `_total` is a counter, any other name is a gauge."""

    name: str
    text: str
    samples: of.Samples
    labels: tuple[str, ...] = ()


_BUILD_LABELS = ("run", "version", "commit")
_CHAIN_LABELS = ("run", "chain")
_RESULT_LABELS = ("run", "version")


def _numbered(words: Iterable[str]) -> str:
    return ", ".join(f"{number} {word}" for number, word in enumerate(words, 1))


FAMILIES = (
    Family(
        "bootstrap_monitor_attention",
        "The most urgent reason why the tester needs attention, as a label and as a number: 0 none, "
        f"{_numbered(list(Attention)[1:])}.",
        attention,
        ("reason",),
    ),
    Family(
        "bootstrap_monitor_run_info",
        "The current run, open or ended, and the build it bootstraps; always 1.",
        of.run_info,
        ("run", "image", "version", "commit", "build", "testbed"),
    ),
    Family(
        "bootstrap_monitor_run_phase",
        "What the tester is doing: 1 for the phase it is in, 0 for the others.",
        of.phases,
        ("phase",),
    ),
    Family(
        "bootstrap_monitor_phase_number",
        f"The phase of the tester as a number: {_numbered(Phase)}.",
        of.phase_number,
    ),
    Family(
        "bootstrap_monitor_phase_since_timestamp_seconds",
        "Since when the tester has been in its phase, in seconds since the Unix epoch.",
        of.phase_since,
        ("phase",),
    ),
    Family(
        "bootstrap_monitor_run_start_timestamp_seconds",
        "When the open run started, in seconds since the Unix epoch.",
        of.run_start,
        (*_BUILD_LABELS, "build"),
    ),
    Family(
        "bootstrap_monitor_run_active_seconds",
        "How long the node's process has bootstrapped in the open run, in seconds, until the node is healthy.",
        of.open_run(lambda _, run: active_seconds(run)),
        _BUILD_LABELS,
    ),
    Family(
        "bootstrap_monitor_run_last_progress_timestamp_seconds",
        "When the open run last made progress, in seconds since the Unix epoch.",
        of.open_run(lambda _, run: run.tracking.progress_at),
        _BUILD_LABELS,
    ),
    Family(
        "bootstrap_monitor_run_no_progress_seconds",
        "How long the slowest active chain of the open run has made no progress, in seconds of observed time.",
        of.open_run(lambda _, run: run.tracking.idle_seconds),
        _BUILD_LABELS,
    ),
    Family(
        "bootstrap_monitor_run_stalled_seconds",
        "How long the open run, or one chain of it, has made no progress; present only while it is stalled.",
        of.open_run(of.stalled_seconds),
        _BUILD_LABELS,
    ),
    Family(
        "bootstrap_monitor_run_progress_unknown_seconds",
        "How long the open run has shown no signal of progress; present only while a stall would not be detected.",
        of.open_run(of.unknown_seconds),
        _BUILD_LABELS,
    ),
    Family(
        "bootstrap_monitor_run_late_seconds",
        "By how much the active time of the open run exceeds the limit; present only while it does.",
        of.open_run(of.late_seconds),
        _BUILD_LABELS,
    ),
    Family(
        "bootstrap_monitor_run_node_down_seconds",
        "How long the node of the open run has been down, in seconds of observed time; present only while it is.",
        of.open_run(lambda _, run: run.tracking.down_seconds or None),
        _BUILD_LABELS,
    ),
    Family(
        "bootstrap_monitor_run_recent_node_restarts",
        "Restarts of the node of the open run within the last six hours; present only if there was one.",
        of.open_run(of.recent_restarts),
        _BUILD_LABELS,
    ),
    Family(
        "bootstrap_monitor_run_expected_free_ratio",
        "Share of the volume that is left if the open run uses as much as the last success; may be negative.",
        of.open_run(of.expected_free_ratio),
        _BUILD_LABELS,
    ),
    Family(
        "bootstrap_monitor_run_eta_timestamp_seconds",
        "When the stage of the slowest chain ends, by the node's own estimate; absent without an estimate.",
        of.end_estimate,
        _BUILD_LABELS,
    ),
    Family(
        "bootstrap_monitor_run_progress_ratio",
        "How much of its stage a chain has done, 0 to 1, by the node's log; absent without an estimate.",
        of.chain_ratios,
        _CHAIN_LABELS,
    ),
    Family(
        "bootstrap_monitor_run_blocks_fetched",
        "Blocks that the node fetched in the current run, by chain, added up over restarts of the node.",
        of.counted("blocks_fetched"),
        _CHAIN_LABELS,
    ),
    Family(
        "bootstrap_monitor_run_blocks_accepted",
        "Blocks that the node executed in the current run, by chain, added up over restarts of the node.",
        of.counted("blocks_accepted"),
        _CHAIN_LABELS,
    ),
    Family(
        "bootstrap_monitor_run_state_sync_leaves",
        "Leaves of the state that a chain synced in the current run, over all restarts; absent while it counts none.",
        of.leaves,
        _CHAIN_LABELS,
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
        _BUILD_LABELS,
    ),
    Family(
        "bootstrap_monitor_node_unhealthy_since_timestamp_seconds",
        "Since when a node whose run succeeded has not been healthy; present only while it is unhealthy or down.",
        of.node_unhealthy_since,
        _BUILD_LABELS,
    ),
    Family(
        "bootstrap_monitor_node_silent_since_timestamp_seconds",
        "Since when a node whose run succeeded has not been healthy; present only while it runs without reporting it.",
        of.node_silent_since,
        _BUILD_LABELS,
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
        "When the run ended, in seconds since the Unix epoch. The reason is empty unless it failed.",
        of.result_ends,
        (*_RESULT_LABELS, "build", "outcome", "reason"),
    ),
    Family(
        "bootstrap_monitor_result_info",
        "How a run ended, for the newest ended runs; always 1. The reason is empty unless it failed.",
        of.result_info,
        ("run", "image", "version", "commit", "outcome", "reason"),
    ),
    Family(
        "bootstrap_monitor_last_run_info",
        "How the newest ended run ended; always 1. The reason is empty unless it failed.",
        of.last_run,
        (*_BUILD_LABELS, "outcome", "reason"),
    ),
    Family(
        "bootstrap_monitor_last_failure_timestamp_seconds",
        "When the newest failed run ended, and why it failed; present until a run succeeds.",
        of.last_failure,
        (*_BUILD_LABELS, "reason", "message"),
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
        "bootstrap_monitor_consecutive_build_failures",
        "Runs that failed because of the build since the last one that succeeded.",
        of.tester(lambda status: status.build_failures),
    ),
    Family(
        "bootstrap_monitor_consecutive_failed_builds",
        "Builds of the runs that failed because of the build since the last one that succeeded.",
        of.tester(lambda status: status.failed_builds),
    ),
    Family(
        "bootstrap_monitor_trying_since_timestamp_seconds",
        "The end of the first unsuccessful run after the newest success, or else the start of the open run; "
        "present until a run succeeds.",
        of.trying_since,
    ),
    Family(
        "bootstrap_monitor_trying_limit_seconds",
        "How long trying may take: 3 times the limit of the duration, from 3 to 14 days (60 for full-sync).",
        of.trying_limit_seconds,
    ),
    Family(
        "bootstrap_monitor_last_success_timestamp_seconds",
        "When the last successful run ended, in seconds since the Unix epoch.",
        of.last_success(lambda run: run.ended_at),
    ),
    Family(
        "bootstrap_monitor_last_duration_seconds",
        "How long the node's process ran until it was healthy, in seconds, in the last successful run.",
        of.last_success(lambda run: run.duration_seconds),
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
            (
                Measure.LEAF_TIME,
                "leaf_time",
                "seconds",
                "Active time of a run per leaf of the state that the C-Chain synced",
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
        "bootstrap_monitor_last_success_excess_ratio",
        "By which share the last successful run exceeds the baseline that it was compared with, by measure, with the "
        "values as texts; absent if it was not compared.",
        of.excess_ratios,
        ("measure", "newest", "baseline", "limit"),
    ),
    Family(
        "bootstrap_monitor_regression",
        "Whether the newest runs are worse than usual, by measure: 1 for the verdict, 0 for the others.",
        of.verdicts,
        ("measure", "verdict"),
    ),
    Family(
        "bootstrap_monitor_regression_info",
        "A regression that is suspected or confirmed, and its last good and first bad commit; always 1.",
        of.regression_commits,
        ("measure", "verdict", "version", "commit_good", "commit_bad"),
    ),
    Family(
        "bootstrap_monitor_confirming_run_info",
        "The ended run whose result another run of its build confirms; always 1, present only until that run ends.",
        of.confirming,
        _BUILD_LABELS,
    ),
    Family(
        "bootstrap_monitor_build_failure_ratio",
        "Share of the runs of the newest build that failed because of it; present only if others succeeded. "
        "The verdict is by its newest two runs: flaky if they differ.",
        of.mixed_results,
        ("version", "commit", "verdict"),
    ),
    Family(
        "bootstrap_monitor_history_changed_timestamp_seconds",
        "When the newest build first failed after a success, if its newest two runs failed: the network's history "
        "or the testbed changed, not the build.",
        of.history_changed,
        (*_BUILD_LABELS, "run_good"),
    ),
    Family(
        "bootstrap_monitor_new_build_info",
        "A build that was found and is not tested yet; always 1.",
        of.new_build,
        ("image", "version", "commit", "build"),
    ),
    Family(
        "bootstrap_monitor_last_image_check_success_timestamp_seconds",
        "Time of the last successful lookup of a newer build, in seconds since the Unix epoch.",
        of.tester(lambda status: status.last_image_check_at),
    ),
    Family(
        "bootstrap_monitor_image_checks_failing_since_timestamp_seconds",
        "Since when every lookup of a newer build has failed; present only while they fail.",
        of.tester(lambda status: status.lookups_failing_since),
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
        "bootstrap_monitor_recent_pin_reverts",
        "How often the image was reverted within the last day; present only if it was.",
        of.tester(lambda status: status.recent_pin_reverts or None),
    ),
    Family(
        "bootstrap_monitor_ledger_recoveries_total",
        "How often a damaged ledger was moved away and replaced by a new one.",
        of.tester(lambda status: status.recoveries),
    ),
    Family(
        "bootstrap_monitor_ledger_recovered_timestamp_seconds",
        "When a damaged ledger was last replaced by a new one; absent if none was.",
        of.tester(lambda status: status.recovered_at),
    ),
)
