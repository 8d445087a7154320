"""The contents of the committed dashboard files."""

from __future__ import annotations

import json
from pathlib import Path

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.fleet import fleet
from dashboards.tester import tester

FOLDER = Path(__file__).parent


def contents() -> dict[str, str]:
    """Return the text of each file by its name."""
    return {"fleet.json": _text(fleet()), "tester.json": _text(tester())}


def _text(builder: Dashboard) -> str:
    """Return the dashboard's JSON, with settings that the SDK's builders lack."""
    dashboard = builder.build()
    shown = [
        inner
        for panel in dashboard.panels or []
        for inner in (panel, *(getattr(panel, "panels", None) or []))
    ]
    for number, panel in enumerate(shown, start=1):
        # A link to a panel uses the panel's ID.
        panel.id_val = number
    found = json.loads(json.dumps(dashboard, cls=JSONEncoder))
    for shown in (*found["links"], *found["annotations"]["list"]):
        # The SDK moves all of them into a menu; without `placement` they are shown above the panels.
        del shown["placement"]
    return json.dumps(found, indent=2, sort_keys=True) + "\n"
