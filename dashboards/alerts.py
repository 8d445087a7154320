"""The panel of the firing alerts, which both dashboards start with."""

from __future__ import annotations

from dashboards.links import to_runbook_of_row, to_tester_of_row
from dashboards.panels import About, AnyPanel
from dashboards.queries import firing_alerts
from dashboards.states import State, value_mapping
from dashboards.tables import COLOURED_CELL, Column, merged

_SEVERITIES = {"critical": State("critical", "red"), "warning": State("warning", "orange")}


def firing(height: int) -> AnyPanel:
    """Return a table of the firing alerts, critical ones first."""
    return merged(
        About(
            "Firing alerts",
            "The alerts of this project that fire for the chosen testers, critical ones first. The name of an alert "
            "links to its runbook. Empty as well if this Prometheus does not evaluate the rules.",
            24,
            height,
            none="no alert fires",
        ),
        Column(
            "Severity",
            label="severity",
            mappings=value_mapping(_SEVERITIES),
            cell=COLOURED_CELL,
            width=90,
        ),
        Column("Alert", label="alertname", links=[to_runbook_of_row()], width=260),
        Column("Tester", label="tester", links=[to_tester_of_row()], width=200),
        Column("Run", label="run", width=70),
        Column("Concerns", label="concerns", width=200),
        Column("Since", firing_alerts(), unit="dateTimeFromNow", width=130),
        Column("Namespace", label="namespace"),
        Column("Cluster", label="cluster"),
        sort_by="Severity",
    )
