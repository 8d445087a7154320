"""The panels with the current state of one tester."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from dashboards.alerts import firing
from dashboards.panels import (
    About,
    AnyPanel,
    name,
    now,
    number,
    word,
)
from dashboards.queries import (
    aggregated,
    current_build,
    largest,
    milliseconds,
    new_build,
    newest,
    number_of,
    of_today,
    on_tester,
    overdue,
    phase_since,
    run_end_estimate,
    series,
)
from dashboards.states import (
    LAST_OUTCOME,
    PHASES,
    VERDICTS,
    label_mapping,
    mapping_of,
)

_NO_OPEN_RUN = "no open run"


def now_row() -> list[AnyPanel]:
    """Return the firing alerts, and figures with the current state of the tester."""
    return [firing(6), *_run_now(), *_results_now()]


def _run_now() -> list[AnyPanel]:
    return [
        word(
            About(
                "Phase",
                "The current phase. Blocked: the timers are paused until the node has peers again, or its image "
                "is no longer reverted.",
                3,
                4,
            ),
            phase_since(),
            label_mapping(PHASES),
            label="phase",
        ),
        number(
            About("In phase since", "Since when the tester is in its phase.", 3, 4, unit="dateTimeFromNow"),
            phase_since(),
        ),
        name(
            About("Build", "The build of the current run, open or ended.", 3, 4, none="no run yet"),
            current_build(),
            "build",
        ),
        number(
            About(
                "Progress",
                "The share of its stage that the slowest chain has completed, from the node's log. It restarts at 0 "
                "with the next stage. A state sync reports it for its first blocks only.",
                3,
                4,
                unit="percentunit",
                none="unknown",
            ),
            aggregated("min", series("run_progress_ratio")),
        ),
        number(
            About(
                "Stage ends",
                "The end of the current stage of the slowest chain, estimated by the node. Later stages are not "
                "included. Unknown while the tester is blocked.",
                3,
                4,
                unit="dateTimeFromNow",
                none="unknown",
            ),
            run_end_estimate(),
        ),
        number(
            About(
                "Time so far",
                "How long the node has run in the open run, which becomes the duration of the run. Above the limit, "
                "the build is late.",
                3,
                4,
                unit="s",
                none=_NO_OPEN_RUN,
            ),
            largest("run_active_seconds"),
        ),
        number(
            About("Usual time", "The baseline of the duration.", 3, 4, unit="s", none="too few runs"),
            largest("duration_baseline_seconds"),
        ),
        number(
            About("Limit", "The duration above which a run is late.", 3, 4, unit="s", none="too few runs"),
            largest("duration_limit_seconds"),
        ),
    ]


def _results_now() -> list[AnyPanel]:
    return [
        word(
            About(
                "Last result",
                "The result of the newest run, on the current network and in the current sync mode.",
                6,
                4,
                none="no run yet",
            ),
            newest(aggregated("group", of_today(series("last_run_info")), "outcome")),
            label_mapping(LAST_OUTCOME),
            label="outcome",
        ),
        _last_success(),
        word(
            About(
                "Regression",
                "The worst verdict of all measures. Confirmed: review the changes between the commits below.",
                6,
                4,
            ),
            number_of(VERDICTS),
            mapping_of(VERDICTS),
        ),
        name(
            About("Next build", "The build that waits for its test.", 6, 4, none="none waits"),
            new_build(),
            "build",
        ),
    ]


def _last_success() -> AnyPanel:
    at = largest("last_success_timestamp_seconds")
    panel = number(
        About(
            "Last success",
            "When the last run succeeded. Orange: the tester has been trying for longer than its own limit, which is "
            "three times the limit of the duration, and at least three days.",
            6,
            4,
            unit="dateTimeFromNow",
            none="none yet",
        ),
        milliseconds(f"({at} unless {on_tester()} {overdue()})"),
    )
    late = now(milliseconds(f"({at} and {on_tester()} {overdue()})")).ref_id("B")
    orange = DynamicConfigValue("color", {"mode": "fixed", "fixedColor": "orange"})
    return panel.with_target(late).override_by_query("B", [orange])
