"""The panels of one tester's results, and of the baselines that they are compared with."""

from __future__ import annotations

from dashboards.links import to_commit, to_comparison, to_fleet, to_runbook
from dashboards.panels import About, AnyPanel, Line, steps, with_band
from dashboards.queries import (
    TESTER,
    aggregated,
    by_newest_success,
    largest,
    milliseconds,
    numbered,
    on_tester,
    series,
)
from dashboards.states import OUTCOMES, VERDICTS, mapping_of
from dashboards.tables import COLOURED_CELL, GAUGE, Column, merged

_RUN = ("network", "sync_mode", "run")


def results() -> list[AnyPanel]:
    """Return the panels of the results."""
    return [_duration(), _disk_usage(), _block_time(), _verdicts(), _table()]


def _duration() -> AnyPanel:
    return _by_version(
        About(
            "Duration by version",
            "The duration of the newest success, by build, with the band between baseline and limit. A step above the "
            "band is a slower build, or an outlier until the next run confirms it. The line of the open run rises.",
            12,
            9,
            unit="s",
        ),
        Line(by_newest_success("result_duration_seconds"), "{{build}}"),
        Line(largest("run_active_seconds"), "open run"),
        measure="duration",
        unit="seconds",
    )


def _disk_usage() -> AnyPanel:
    return _by_version(
        About(
            "Disk by version",
            "The size of the node's data at the end of the newest success, by build, with the band between baseline "
            "and limit. A step above the band is a build that stores more.",
            12,
            9,
            unit="bytes",
        ),
        Line(by_newest_success("result_disk_usage_bytes"), "{{build}}"),
        Line(largest("disk_usage_bytes"), "now"),
        measure="disk_usage",
        unit="bytes",
    )


def _block_time() -> AnyPanel:
    executed = aggregated("sum", largest("run_blocks_accepted", "chain"))
    return _by_version(
        About(
            "Seconds per block",
            "The time of the current run per executed block, with the band between baseline and limit. It does not "
            "depend on the growth of the chain: above the band, the build executes more slowly. C-Chain state sync has "
            "no band.",
            8,
            8,
            unit="s",
        ),
        Line(f"{largest('run_active_seconds')} / {on_tester()} ({executed} > 0)", "open run"),
        measure="block_time",
        unit="seconds",
    )


def _by_version(about: About, *lines: Line, measure: str, unit: str) -> AnyPanel:
    baseline = Line(largest(f"{measure}_baseline_{unit}"), "baseline")
    limit = Line(largest(f"{measure}_limit_{unit}"), "limit")
    return with_band(steps(about, *lines, baseline, limit).min(0), "baseline", "limit")


def _verdicts() -> AnyPanel:
    return merged(
        About(
            "Regression verdicts",
            "The verdict on each measure. Confirmed: several runs agree, so review the changes between the commits. "
            "Suspected: the newest run was over its limit, so wait for the next one. Too few runs: no verdict yet.",
            16,
            8,
        ),
        Column("Measure", label="measure", width=110),
        Column(
            "Verdict",
            aggregated("max", numbered(VERDICTS), "measure"),
            mappings=mapping_of(VERDICTS),
            cell=COLOURED_CELL,
            links=[to_runbook("BootstrapRegressed")],
            width=110,
        ),
        Column("Samples", largest("baseline_samples", "measure"), width=80),
        Column(expr=aggregated("group", series("regression_info"), "measure", "commit_good", "commit_bad")),
        Column("Last good commit", label="commit_good", links=[to_commit()]),
        Column("First bad commit", label="commit_bad", links=[to_commit(), to_comparison()]),
        hidden=TESTER,
        sort_by="Measure",
    )


def _table() -> AnyPanel:
    build = ("image", "version", "commit", "outcome", "reason")
    return merged(
        About(
            "Results",
            "The most recent runs, newest first. A wall time far above the duration is an outage. A failed run links "
            "to its runbook, a commit to its changes.",
            24,
            10,
            none="-",
        ),
        Column("Run", label="run", width=60),
        Column(
            "Ended",
            milliseconds(largest("result_end_timestamp_seconds", *_RUN)),
            unit="dateTimeAsIso",
            width=170,
        ),
        Column("Version", label="version", links=[to_fleet()], width=180),
        Column("Commit", label="commit", links=[to_commit()]),
        Column(
            "Result",
            aggregated("max", numbered(OUTCOMES), *_RUN, *build),
            mappings=mapping_of(OUTCOMES),
            cell=COLOURED_CELL,
            width=110,
        ),
        Column("Reason", label="reason", links=[to_runbook("BootstrapFailed")], width=120),
        Column("Duration", largest("result_duration_seconds", *_RUN), unit="s", cell=GAUGE, more={"min": 0}),
        Column("Wall time", largest("result_wall_seconds", *_RUN), unit="s", width=100),
        Column("Disk", largest("result_disk_usage_bytes", *_RUN), unit="bytes", cell=GAUGE, more={"min": 0}),
        Column("Network", label="network", width=100),
        Column("Sync mode", label="sync_mode", width=170),
        Column("Image", label="image"),
        hidden=(*TESTER, "outcome"),
        sort_by="Ended",
        descending=True,
    )
