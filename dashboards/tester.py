"""The dashboard *Tester*: one tester, its run, its results, and its regressions."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync

from dashboards.annotations import events
from dashboards.links import FLEET_UID, TAG, TESTER_UID, to_dashboard
from dashboards.panels import folded
from dashboards.tester_now import now_row
from dashboards.tester_results import results
from dashboards.tester_run import run
from dashboards.tester_volume import monitor_itself, volume
from dashboards.variables import variables


def tester() -> Dashboard:
    """Return the dashboard."""
    dashboard = (
        Dashboard("Bootstrap monitor: Tester")
        .uid(TESTER_UID)
        .description("One tester: its run, its results, and whether bootstraps became slower or larger.")
        .tags([TAG])
        .readonly()
        .time("now-30d", "now")
        .refresh("1m")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .variables(variables(one_tester=True))
        .annotations([*events()])
        .link(to_dashboard("Fleet", FLEET_UID))
    )
    for title, panels in (
        ("Now", now_row()),
        ("Results", results()),
        ("Run", run()),
    ):
        dashboard = dashboard.with_row(Row(title))
        for panel in panels:
            dashboard = dashboard.with_panel(panel)
    return dashboard.with_row(folded("Volume", volume())).with_row(
        folded("The monitor itself", monitor_itself())
    )
