"""Links of the dashboards: to each other, to the node's sources, to the runbooks."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import DashboardLink
from grafana_foundation_sdk.models.dashboard import DashboardLinkType

from monitor.avalanchego.source_links import SOURCE_URL

FLEET_UID = "bootstrap-monitor-fleet"
TESTER_UID = "bootstrap-monitor-tester"
TAG = "bootstrap-monitor"

_SAME_VIEW = "${__url_time_range}&var-datasource=${datasource}&var-runbooks=${runbooks}"


def to_tester_of_row() -> dict[str, object]:
    """Return a link from a table's row to its tester.

    A label that the row lacks becomes an empty value, which matches a tester without that label.
    """
    row = "".join(f"&var-{label}=${{__data.fields.{label}}}" for label in ("cluster", "namespace", "tester"))
    return _link("Open this tester", f"/d/{TESTER_UID}?{_SAME_VIEW}{row}", new_tab=False)


def to_tester_of_series() -> DashboardLink:
    """Return a link from a tester's series to its dashboard."""
    chosen = "&${cluster:queryparam}&${namespace:queryparam}&var-tester=${__field.labels.tester}"
    return DashboardLink("Open this tester").url(f"/d/{TESTER_UID}?{_SAME_VIEW}{chosen}")


def to_build_of_row() -> dict[str, object]:
    """Return a link from a row with a build to the results of this build on all testers."""
    return _link(
        "This build on all testers",
        f"/d/{FLEET_UID}?{_SAME_VIEW}&var-build=${{__data.fields.build}}",
        new_tab=False,
    )


def to_commit() -> dict[str, object]:
    """Return a link from a cell with a commit to its changes."""
    return _link("Open this commit", f"{SOURCE_URL}/commit/${{__value.raw}}")


def to_comparison() -> dict[str, object]:
    """Return a link from a row with `commit_good` and `commit_bad` to the changes between them."""
    commits = "${__data.fields.commit_good}...${__data.fields.commit_bad}"
    return _link("Compare last good and first bad commit", f"{SOURCE_URL}/compare/{commits}")


def to_runbook_of_row() -> dict[str, object]:
    """Return a link from a row with an alert to its runbook, below the address in the variable `runbooks`."""
    return _link("What to do: the runbook", "${runbooks:raw}/${__data.fields.alertname}.md")


def to_dashboard(title: str, uid: str) -> DashboardLink:
    """Return a link to the other dashboard, with the same time range and variables."""
    return (
        DashboardLink(title)
        .type(DashboardLinkType.LINK)
        .icon("dashboard")
        .tooltip(f"The same time range and variables in {title}")
        .url(f"/d/{uid}")
        .keep_time(True)
        .include_vars(True)
    )


def _link(title: str, url: str, *, new_tab: bool = True) -> dict[str, object]:
    return {"title": title, "url": url, "targetBlank": new_tab}
