"""The panels with the current state of the testers."""

from __future__ import annotations

from dashboards.alerts import firing
from dashboards.links import to_tester_of_row
from dashboards.panels import (
    About,
    AnyPanel,
    name,
    number,
    thresholds,
)
from dashboards.queries import (
    PRESENCE,
    absent,
    aggregated,
    attention,
    current_build,
    largest,
    milliseconds,
    new_build,
    newest,
    number_of,
    of_today,
    ok_of_all,
    or_none,
    phase_since,
    renamed,
    run_pace,
    series,
)
from dashboards.states import (
    ATTENTION,
    LAST_OUTCOME,
    NO_ANSWER,
    PACE,
    PHASES,
    VERDICTS,
    label_mapping,
    mapping_of,
    value_mapping,
)
from dashboards.tables import COLOURED_CELL, COLOURED_TEXT, Column, merged

_BAD_ABOVE_NONE = thresholds((None, "green"), (1, "red"))
_ODD_ABOVE_NONE = thresholds((None, "green"), (1, "orange"))


def now_rows() -> list[AnyPanel]:
    """Return the firing alerts, six figures, the testers that need attention, and all testers."""
    return [firing(8), *_counts(), _needs_attention(), _testers()]


def _counts() -> list[AnyPanel]:
    present = aggregated("group", series(PRESENCE))
    seen = aggregated("group", f"present_over_time({series(PRESENCE)}[$__range])")
    blocked = aggregated("max", series("run_phase", 'phase="blocked"'))
    failed = or_none(aggregated("max", of_today(series("last_run_info", 'outcome="failed"'))))
    stalled = aggregated("group", series("run_stalled_seconds"))
    open_runs = aggregated("max", series("run_active_seconds"))
    confirmed = aggregated("max", series("regression", 'verdict="confirmed"'))
    return [
        name(
            About(
                "Testers ok",
                "Testers that need no attention, of all that were scraped in this time range. The others are below.",
                4,
                4,
                none="no tester",
            ),
            ok_of_all(),
            "text",
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
            _BAD_ABOVE_NONE,
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


def _needs_attention() -> AnyPanel:
    failure = largest("last_failure_timestamp_seconds", "reason", "message")
    return merged(
        About(
            "Needs attention",
            "The testers that are not ok, most urgent first. Failed: no run has succeeded since that failure. Blocked: "
            "the timers are paused until the node has peers again, or its image is no longer reverted.",
            24,
            8,
            none="every tester is ok",
        ),
        Column(
            "Attention",
            attention(),
            mappings=value_mapping(ATTENTION),
            cell=COLOURED_CELL,
            width=95,
        ),
        Column("Tester", label="tester", links=[to_tester_of_row()], width=160),
        Column("Phase", label="phase", mappings=label_mapping(PHASES), width=110),
        Column("In phase since", phase_since(), unit="dateTimeFromNow", width=120),
        Column("Failed in a row", f"{largest(PRESENCE)} > 0", width=120),
        Column("Last failure", milliseconds(newest(failure)), unit="dateTimeFromNow", width=110),
        Column("Reason", label="reason", width=110),
        Column("Message", label="message"),
        Column("Namespace", label="namespace", width=100),
        Column("Cluster", label="cluster", width=80),
        sort_by="Attention",
        descending=True,
        above_zero="Value #A",
    )


def _testers() -> AnyPanel:
    result = aggregated("group", of_today(series("last_run_info")), "outcome")
    no_answer = f'label_replace({absent()}, "phase", "{NO_ANSWER.text}", "", "")'
    return merged(
        About(
            "Testers",
            "One row for each tester, most urgent first. The name links to the tester. Last result and last success "
            "are for the current network and sync mode.",
            24,
            13,
            none="no tester",
        ),
        Column(
            "Attention",
            attention(),
            mappings=value_mapping(ATTENTION),
            cell=COLOURED_CELL,
            width=95,
        ),
        Column("Tester", label="tester", links=[to_tester_of_row()], width=160),
        Column(
            "Phase",
            label="phase",
            mappings=label_mapping(PHASES, **{NO_ANSWER.text: NO_ANSWER}),
            cell=COLOURED_CELL,
            width=105,
        ),
        Column(expr=aggregated("group", no_answer, "phase")),
        Column("Since", phase_since(), unit="dateTimeFromNow", width=100),
        Column("Pace", run_pace(), mappings=value_mapping(PACE), cell=COLOURED_TEXT, width=75),
        Column(
            "Progress",
            aggregated("min", series("run_progress_ratio")),
            unit="percentunit",
            width=80,
        ),
        Column(expr=newest(result)),
        Column(
            "Last result",
            label="outcome",
            mappings=label_mapping(LAST_OUTCOME),
            cell=COLOURED_CELL,
            width=90,
        ),
        Column(
            "Regression", number_of(VERDICTS), mappings=mapping_of(VERDICTS), cell=COLOURED_CELL, width=95
        ),
        Column(
            "Last success",
            milliseconds(largest("last_success_timestamp_seconds")),
            unit="dateTimeFromNow",
            width=100,
        ),
        Column(expr=current_build()),
        Column("Build", label="build", width=140),
        # A second label `build` would join the rows of equal builds only.
        Column(expr=renamed("build", "next_build", new_build())),
        Column("Next build", label="next_build", width=140),
        Column("Namespace", label="namespace", more={"custom.minWidth": 50}),
        Column("Cluster", label="cluster", more={"custom.minWidth": 50}),
        sort_by="Attention",
        descending=True,
    )
