"""The panels with the current state of the testers."""

from __future__ import annotations

from dashboards.links import (
    to_runbook,
    to_tester_of_row,
)
from dashboards.panels import (
    About,
    AnyPanel,
    number,
    thresholds,
)
from dashboards.queries import (
    PRESENCE,
    age,
    aggregated,
    current_build,
    largest,
    milliseconds,
    newest,
    number_of,
    numbered,
    of_today,
    on_tester,
    or_none,
    run_lateness,
    run_progress,
    series,
)
from dashboards.states import (
    ANSWERS,
    LAST_OUTCOME,
    LATE,
    PHASES,
    PROGRESS,
    VERDICTS,
    mapping_of,
    value_mapping,
)
from dashboards.tables import COLOURED_CELL, COLOURED_TEXT, GAUGE, Column, merged

_DAY_SECONDS = 86400
_BAD_ABOVE_NONE = thresholds((None, "green"), (1, "red"))
_ODD_ABOVE_NONE = thresholds((None, "green"), (1, "orange"))


def now_rows() -> list[AnyPanel]:
    """Return six figures, and a table of the testers."""
    return [*_counts(), _testers()]


def _counts() -> list[AnyPanel]:
    present = aggregated("group", series(PRESENCE))
    seen = aggregated("group", f"present_over_time({series(PRESENCE)}[$__range])")
    blocked = aggregated("max", series("run_phase", 'phase="blocked"'))
    failed = or_none(aggregated("max", of_today(series("last_run_info", 'outcome="failed"'))))
    stalled = aggregated("group", series("run_stalled_seconds"))
    open_runs = aggregated("max", series("run_active_seconds"))
    confirmed = aggregated("max", series("regression", 'verdict="confirmed"'))
    return [
        number(
            About("Answering", "Testers that Prometheus can scrape now.", 4, 4, none="no tester answers"),
            f"count({present})",
        ),
        number(
            About(
                "No answer",
                "Testers that were scraped in this time range but are not now. Above 0: a monitor is down, or a "
                "tester was removed; the table shows which.",
                4,
                4,
                none="no tester",
            ),
            f"count({seen}) - count({present})",
            _BAD_ABOVE_NONE,
        ),
        number(
            About(
                "Stalled",
                "Open runs without progress for longer than the stall warning. Above 0: check the tester before the "
                "run fails at the stall timeout.",
                4,
                4,
                none="no open run",
            ),
            f"sum({stalled} or {open_runs} * 0)",
            _ODD_ABOVE_NONE,
        ),
        number(
            About(
                "Blocked",
                "Testers whose timers are paused: the node has no peers, or its image is reverted repeatedly. Above 0: "
                "fix the environment of the node; the build is not the cause.",
                4,
                4,
            ),
            f"sum({blocked})",
            _ODD_ABOVE_NONE,
        ),
        number(
            About(
                "Last run failed",
                "Testers whose newest ended run failed. Above 0: see the reason below.",
                4,
                4,
            ),
            f"sum({failed})",
            _BAD_ABOVE_NONE,
        ),
        number(
            About(
                "Regressed",
                "Testers with a confirmed regression, not a single outlier. Above 0: compare the commits below.",
                4,
                4,
            ),
            f"sum({confirmed})",
            _BAD_ABOVE_NONE,
        ),
    ]


def _testers() -> AnyPanel:
    present = aggregated("group", series(PRESENCE), "network", "sync_mode")
    seen = aggregated("group", f"present_over_time({series(PRESENCE)}[$__range])", "network", "sync_mode")
    reason = aggregated("group", of_today(series("last_run_info", 'outcome="failed"')), "reason")
    return merged(
        About(
            "Testers",
            "One row for each tester. Check red and orange cells. The name links to the tester, a reason to its "
            "runbook. Last result and last success are for the current network and sync mode.",
            24,
            10,
        ),
        Column("Tester", label="tester", links=[to_tester_of_row()], width=130),
        Column("Network", label="network", width=80),
        Column("Sync mode", label="sync_mode", width=160),
        Column(
            "Monitor",
            f"{present} or {on_tester()} 0 * {seen}",
            mappings=value_mapping(ANSWERS),
            cell=COLOURED_TEXT,
            links=[to_runbook("BootstrapMonitorDown")],
            width=90,
        ),
        Column("Phase", number_of(PHASES), mappings=mapping_of(PHASES), cell=COLOURED_CELL, width=110),
        Column(expr=current_build()),
        Column("Build", label="build", width=180),
        Column(
            "Progress",
            aggregated("min", series("run_progress_ratio")),
            unit="percentunit",
            cell=GAUGE,
            more={"min": 0, "max": 1},
            width=120,
        ),
        Column(
            "Done (estimate)",
            milliseconds(largest("run_eta_timestamp_seconds")),
            unit="dateTimeFromNow",
            width=125,
        ),
        Column(
            "Stall",
            run_progress(),
            mappings=value_mapping(PROGRESS),
            cell=COLOURED_TEXT,
            width=80,
        ),
        Column("Time", run_lateness(), mappings=value_mapping(LATE), cell=COLOURED_TEXT, width=75),
        Column(
            "Last result",
            aggregated("max", of_today(numbered(LAST_OUTCOME))),
            mappings=mapping_of(LAST_OUTCOME),
            cell=COLOURED_CELL,
            width=100,
        ),
        Column(expr=newest(reason)),
        Column("Reason", label="reason", links=[to_runbook("BootstrapFailed")], width=115),
        Column(
            "Failed in a row",
            largest(PRESENCE),
            steps=((None, "text"), (1, "orange"), (3, "red")),
            cell=COLOURED_TEXT,
            width=110,
        ),
        Column(
            "Last success",
            age(aggregated("max", of_today(series("last_success_timestamp_seconds")))),
            unit="s",
            steps=((None, "green"), (7 * _DAY_SECONDS, "orange"), (21 * _DAY_SECONDS, "red")),
            cell=COLOURED_TEXT,
            width=105,
        ),
        Column(
            "Regression",
            number_of(VERDICTS),
            mappings=mapping_of(VERDICTS),
            cell=COLOURED_CELL,
            links=[to_runbook("BootstrapRegressed")],
            width=110,
        ),
        Column("Namespace", label="namespace", width=110),
        Column("Cluster", label="cluster", width=90),
        sort_by="Tester",
    )
