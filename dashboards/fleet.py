"""The dashboard *Fleet*: every tester in one view, and which of them need attention."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync

from dashboards.annotations import events
from dashboards.fleet_now import now_rows
from dashboards.fleet_over_time import history_row, worse_row
from dashboards.links import (
    FLEET_UID,
    TAG,
    TESTER_UID,
    to_dashboard,
)
from dashboards.variables import variables


def fleet() -> Dashboard:
    """Return the dashboard."""
    dashboard = (
        Dashboard("Bootstrap monitor: Fleet")
        .uid(FLEET_UID)
        .description(
            "All testers: current state, last result, and whether bootstraps became slower or larger."
        )
        .tags([TAG])
        .readonly()
        .time("now-7d", "now")
        .refresh("1m")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .variables(variables(one_tester=False))
        .annotations([each.enable(False) for each in events()])
        .link(to_dashboard("Tester", TESTER_UID))
    )
    for title, row in (
        ("Now", now_rows()),
        ("History", history_row()),
        ("Slower or bigger", worse_row()),
    ):
        dashboard = dashboard.with_row(Row(title))
        for panel in row:
            dashboard = dashboard.with_panel(panel)
    return dashboard
