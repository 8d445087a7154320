"""The panels with the history of the testers, and their regressions."""

from __future__ import annotations

from dashboards.links import (
    to_tester_of_series,
)
from dashboards.panels import (
    About,
    AnyPanel,
    Line,
    history,
    over_time,
    timeline,
    with_line_at,
)
from dashboards.queries import (
    largest,
    newest_of_builds,
    number_of,
    on_tester,
)
from dashboards.regressions import regressions
from dashboards.states import (
    LAST_OUTCOME,
    OUTCOMES,
    PHASE_NUMBERS,
    label_mapping,
    mapping_of,
    value_mapping,
)
from dashboards.tables import Column, matrix


def history_row() -> list[AnyPanel]:
    """Return the panels of phases and results."""
    return [_phases(), _last_results(), _results_by_build()]


def _phases() -> AnyPanel:
    return (
        timeline(
            About(
                "Phases",
                "The phase of each tester over time. Long blue is a bootstrap. Orange is an outage in the environment "
                "of the node. A gap is a monitor that was not scraped. Click to open the tester.",
                24,
                14,
            ),
            Line(largest("phase_number")),
        )
        .mappings(value_mapping(PHASE_NUMBERS))
        .data_links([to_tester_of_series()])
    )


def _last_results() -> AnyPanel:
    return (
        history(
            About(
                "Last result over time",
                "The result of the newest ended run over time. Lasting red in one row: no build succeeds on that "
                "tester. Red in all rows at the same time: a bad build or a network outage.",
                8,
                12,
            ),
            Line(number_of(LAST_OUTCOME)),
        )
        .mappings(mapping_of(LAST_OUTCOME))
        .data_links([to_tester_of_series()])
    )


def _results_by_build() -> AnyPanel:
    return matrix(
        About(
            "Results by build",
            "The newest result of the five newest builds on each tester, newest build first. A red column is a bad "
            "build. A red row is a problem of that tester. Build searches for one, by a part of its name.",
            16,
            12,
        ),
        newest_of_builds(5),
        rows=Column("Tester", label="name", width=240),
        columns="build",
        values="outcome",
        mappings=label_mapping(OUTCOMES),
    )


def worse_row() -> list[AnyPanel]:
    """Return the panels of slower or bigger bootstraps."""
    return [regressions(), _against_limit(), _free_space()]


def _against_limit() -> AnyPanel:
    panel = over_time(
        About(
            "Newest duration against its limit",
            "The duration of the newest success, as a share of the current limit. Above 100 %: too slow. A slow rise "
            "is growth of the chain. A step is a change of the build or of the testbed.",
            12,
            8,
            unit="percentunit",
        ),
        Line(f"{largest('last_duration_seconds')} / {on_tester()} {largest('duration_limit_seconds')}"),
    )
    return with_line_at(panel, (None, "transparent"), (1, "red"))


def _free_space() -> AnyPanel:
    panel = over_time(
        About(
            "Expected free space",
            "The share of each volume that is left if the open run needs as much disk as the last success. Below 12 %, "
            "the alert BootstrapVolumeFillingUp fires: expand the volume before the run fails as disk_full.",
            12,
            8,
            unit="percentunit",
        ),
        Line(largest("run_expected_free_ratio")),
    )
    return with_line_at(panel.max(1), (None, "red"), (0.12, "transparent"))
