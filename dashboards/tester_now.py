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
                "What the tester does now. Blocked: its clocks stand still until peers are back, or a pin is no "
                "longer fought over.",
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
                "How much of its stage the slowest chain has done, by the node's log. It starts again at 0 with the "
                "next stage. A state sync has one for its first blocks only.",
                3,
                4,
                unit="percentunit",
                none="not said",
            ),
            aggregated("min", series("run_progress_ratio")),
        ),
        number(
            About(
                "Done (estimate)",
                "When the stage of the slowest chain ends, by the node's own estimate. Later stages are not included.",
                3,
                4,
                unit="dateTimeFromNow",
                none="not said",
            ),
            milliseconds(largest("run_eta_timestamp_seconds")),
        ),
        number(
            About(
                "Time so far",
                "How long the node has run in the open run: the duration that is judged in the end. Over the band of "
                "Duration by version, the build is late already.",
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
                "How the newest run ended, on the network and in the mode of today.",
                3,
                4,
                none="none yet",
            ),
            aggregated("max", of_today(numbered(LAST_OUTCOME))),
            mapping_of(LAST_OUTCOME),
        ),
        number(
            About(
                "Last success",
                "How long ago a run last succeeded. Older than two runs take: no build gets through, or none comes.",
                3,
                4,
                unit="s",
                none="none yet",
            ),
            age(aggregated("max", of_today(series("last_success_timestamp_seconds")))),
            thresholds((None, "green"), (7 * _DAY_SECONDS, "orange"), (21 * _DAY_SECONDS, "red")),
        ),
        word(
            About(
                "Regression",
                "The worst verdict of all measures. Confirmed: read the changes between the commits below.",
                3,
                4,
            ),
            number_of(VERDICTS),
            mapping_of(VERDICTS),
        ),
    ]
