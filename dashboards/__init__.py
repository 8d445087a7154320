"""The Grafana dashboards, as code.

`python -m dashboards` writes `fleet.json` and `tester.json` to this folder. The files are committed, so that
users of the dashboards need no Python. A test compares the files with the output of the code.

- `states`: the values of a tester's states, each with a number, a text and a colour.
- `queries`: builds expressions that select testers and that work across a moved pod.
- `panels`, `tables`: build panels from expressions.
- `alerts`, `regressions`: the panels of both dashboards.
- `variables`, `annotations`, `links`: the parts of both dashboards.
- `fleet`, `tester`: the two dashboards.
- `expressions`: reads the expressions of a dashboard's JSON, to run or check them.
- `lint`: the rules for that JSON.
"""

import warnings

with warnings.catch_warnings():
    # The SDK prefers the newer form, which Grafana accepts neither from files nor from the sidecar.
    warnings.filterwarnings("ignore", message="Prefer using dashboardv2", category=DeprecationWarning)
    from grafana_foundation_sdk.builders import dashboard as _dashboard  # noqa: F401
    from grafana_foundation_sdk.builders import stat as _stat  # noqa: F401
