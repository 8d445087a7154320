"""The panels of one tester's results, and of the baselines that they are compared with."""

from __future__ import annotations

from grafana_foundation_sdk.builders import timeseries

from dashboards.links import to_build_of_row, to_commit
from dashboards.panels import About, AnyPanel, Line, logarithmic, steps, with_band
from dashboards.queries import (
    HOURS,
    TESTER,
    aggregated,
    excess,
    hours,
    largest,
    milliseconds,
    number_of,
    on_tester,
)
from dashboards.regressions import MEASURES, magnitudes, regressions
from dashboards.states import OUTCOMES, VERDICTS, label_mapping, mapping_of, value_mapping
from dashboards.tables import COLOURED_CELL, GAUGE, Column, commit, merged, shortened

_RUN = ("network", "sync_mode", "run")
# Without `fieldMinMax`, the greatest value of all columns would be the end of each gauge.
_OWN_RANGE: dict[str, object] = {"min": 0, "fieldMinMax": True}


def results() -> list[AnyPanel]:
    """Return the panels of the results."""
    return [_table(), _verdicts(), _block_time(), _duration(), _disk_usage(), regressions()]


def _duration() -> AnyPanel:
    return _with_limit(
        About(
            "Duration",
            "The duration of the newest success, with the band between baseline and limit. A step above the band is a "
            "slower build, or an outlier until the next run confirms it. The line of the open run rises.",
            12,
            9,
            unit=HOURS,
        ),
        Line(hours(largest("last_duration_seconds")), "newest success"),
        Line(hours(largest("run_active_seconds")), "open run"),
        baseline=hours(largest("duration_baseline_seconds")),
        limit=hours(largest("duration_limit_seconds")),
    ).min(0)


def _disk_usage() -> AnyPanel:
    return _with_limit(
        About(
            "Disk usage",
            "The size of the node's data at the end of the newest success, with the band between baseline and limit. A "
            "step above the band is a build that stores more.",
            12,
            9,
            unit="bytes",
        ),
        Line(largest("last_disk_usage_bytes"), "newest success"),
        Line(largest("disk_usage_bytes"), "now"),
        baseline=largest("disk_usage_baseline_bytes"),
        limit=largest("disk_usage_limit_bytes"),
    ).min(0)


def _block_time() -> AnyPanel:
    executed = aggregated("sum", largest("run_blocks_accepted", "chain"))
    panel = _with_limit(
        About(
            "Seconds per block",
            "The time of the current run per executed block, with the band between baseline and limit. It does not "
            "depend on the growth of the chain: above the band, the build executes more slowly. C-Chain state sync has "
            "no band.",
            10,
            8,
            unit="s",
        ),
        Line(f"{largest('run_active_seconds')} / {on_tester()} ({executed} > 0)", "open run"),
        baseline=largest("block_time_baseline_seconds"),
        limit=largest("block_time_limit_seconds"),
    )
    return logarithmic(panel)


def _with_limit(about: About, *lines: Line, baseline: str, limit: str) -> timeseries.Panel:
    return with_band(
        steps(about, *lines, Line(baseline, "baseline"), Line(limit, "limit")), "baseline", "limit"
    )


def _verdicts() -> AnyPanel:
    return merged(
        About(
            "Regression verdicts",
            "The verdict on each measure. Usual is the baseline. Suspected: the newest run was over its limit, so "
            "wait for the next one. Too few runs: no verdict yet.",
            14,
            8,
        ),
        Column("Measure", label="measure", mappings=value_mapping(MEASURES)),
        Column(
            "Verdict",
            number_of(VERDICTS, "measure"),
            mappings=mapping_of(VERDICTS),
            cell=COLOURED_CELL,
            width=110,
        ),
        *magnitudes(excess()),
        Column("Samples", largest("baseline_samples", "measure"), width=90),
        hidden=TESTER,
        sort_by="Measure",
    )


def _table() -> AnyPanel:
    return merged(
        About(
            "Results",
            "The most recent runs, newest first. A wall time far above the duration is an outage. A build links to its "
            "results on all testers, and a commit to its changes.",
            24,
            10,
        ),
        Column("Run", label="run", width=60),
        Column(expr=largest("result_info", *_RUN, "image", "commit", "outcome", "reason")),
        Column(
            "Ended",
            milliseconds(largest("result_end_timestamp_seconds", *_RUN, "build")),
            unit="dateTimeAsIso",
            width=170,
        ),
        Column("Build", label="build", links=[to_build_of_row()], width=170),
        commit("Commit", "commit", to_commit(), width=90),
        Column("Result", label="outcome", mappings=label_mapping(OUTCOMES), cell=COLOURED_CELL, width=110),
        Column("Reason", label="reason", width=120),
        Column("Duration", largest("result_duration_seconds", *_RUN), unit="s", cell=GAUGE, more=_OWN_RANGE),
        Column("Wall time", largest("result_wall_seconds", *_RUN), unit="s", width=100),
        Column("Disk", largest("result_disk_usage_bytes", *_RUN), unit="bytes", cell=GAUGE, more=_OWN_RANGE),
        Column("Image", label="image", mappings=[shortened("^.*sha256:(.{12}).*$")]),
        hidden=(*TESTER, "network", "sync_mode"),
        sort_by="Ended",
        descending=True,
    )
