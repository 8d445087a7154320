"""The Grafana dashboards, as code.

`python -m dashboards` writes `fleet.json` and `tester.json` beside this file.  They are committed, so that whoever
uses them needs none of this; a test compares them with what the code makes.

- `states`: the words that a tester's state has, each with a number, a text and a colour.
- `queries`: how an expression chooses testers and survives a moved pod.
- `panels`, `tables`: how a panel is made of them.
- `variables`, `annotations`, `links`: what both dashboards have.
- `fleet`, `tester`: the two dashboards.
- `expressions`: reads the expressions of a dashboard's JSON again, for whoever wants to run or check them.
- `lint`: what is demanded of that JSON.
"""

import warnings

with warnings.catch_warnings():
    # The SDK would rather make the newer form, which Grafana takes neither from files nor from the sidecar.
    warnings.filterwarnings("ignore", message="Prefer using dashboardv2", category=DeprecationWarning)
    from grafana_foundation_sdk.builders import dashboard as _dashboard  # noqa: F401
    from grafana_foundation_sdk.builders import stat as _stat  # noqa: F401
