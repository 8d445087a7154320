"""What the committed files hold."""

from __future__ import annotations

import json
from pathlib import Path

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.fleet import fleet
from dashboards.tester import tester

FOLDER = Path(__file__).parent


def contents() -> dict[str, str]:
    """The text of each file, by its name."""
    return {"fleet.json": _text(fleet()), "tester.json": _text(tester())}


def _text(builder: Dashboard) -> str:
    """The dashboard's JSON, with what the SDK's builders leave open."""
    dashboard = builder.build()
    for number, panel in enumerate(dashboard.panels or [], start=1):
        # A link to a panel goes by its number.
        panel.id_val = number
    found = json.loads(json.dumps(dashboard, cls=JSONEncoder))
    for shown in (*found["links"], *found["annotations"]["list"]):
        # The SDK puts all of them away into a menu; here they stand above the panels.
        del shown["placement"]
    return json.dumps(found, indent=2, sort_keys=True) + "\n"
