"""The panels with the current state of one tester."""

from __future__ import annotations

from dashboards.panels import (
    About,
    AnyPanel,
    name,
    number,
    thresholds,
    word,
)
from dashboards.queries import (
    age,
    aggregated,
    current_build,
    largest,
    milliseconds,
    number_of,
    numbered,
    of_today,
    series,
)
from dashboards.states import (
    LAST_OUTCOME,
    PHASES,
    VERDICTS,
    mapping_of,
)

_DAY_SECONDS = 86400
_NO_OPEN_RUN = "no open run"


def now_row() -> list[AnyPanel]:
    """Return eight figures with the current state of the tester."""
    return [*_run_now(), *_results_now()]


def _run_now() -> list[AnyPanel]:
    return [
        word(
            About(
                "Phase",
                "The current phase. Blocked: the timers are paused until the node has peers again, or its image is no "
                "longer reverted.",
                3,
                4,
            ),
            number_of(PHASES),
            mapping_of(PHASES),
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
                "Done (estimate)",
                "The end of the current stage of the slowest chain, estimated by the node. Later stages are not "
                "included.",
                3,
                4,
                unit="dateTimeFromNow",
                none="unknown",
            ),
            milliseconds(largest("run_eta_timestamp_seconds")),
        ),
        number(
            About(
                "Time so far",
                "How long the node has run in the open run, which becomes the duration of the run. Above the band in "
                "Duration by version, the build is already late.",
                3,
                4,
                unit="s",
                none=_NO_OPEN_RUN,
            ),
            largest("run_active_seconds"),
        ),
    ]


def _results_now() -> list[AnyPanel]:
    return [
        word(
            About(
                "Last result",
                "The result of the newest run, on the current network and in the current sync mode.",
                3,
                4,
                none="no run yet",
            ),
            aggregated("max", of_today(numbered(LAST_OUTCOME))),
            mapping_of(LAST_OUTCOME),
        ),
        number(
            About(
                "Last success",
                "Time since the last successful run. If that is longer than two runs take, builds fail or there are no "
                "new builds.",
                3,
                4,
                unit="s",
                none="no run yet",
            ),
            age(aggregated("max", of_today(series("last_success_timestamp_seconds")))),
            thresholds((None, "green"), (7 * _DAY_SECONDS, "orange"), (21 * _DAY_SECONDS, "red")),
        ),
        word(
            About(
                "Regression",
                "The worst verdict of all measures. Confirmed: review the changes between the commits below.",
                3,
                4,
            ),
            number_of(VERDICTS),
            mapping_of(VERDICTS),
        ),
    ]
