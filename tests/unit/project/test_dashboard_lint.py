"""Tests that the committed dashboards follow all rules, and that each rule finds an error."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from dashboards.expressions import panels
from dashboards.files import FOLDER
from dashboards.lint import EXCEPTIONS, RULES, Exemption, complaints
from dashboards.queries import VARIABLES

FILES = ("fleet.json", "tester.json")
RESTARTS = "Restarts and failures"
# The matchers in every selector of the dashboards.
CHOSEN = ", ".join(f'{each}=~"${each}"' for each in VARIABLES)
UP = f"max by (tester) (bootstrap_monitor_node_up{{{CHOSEN}}})"

Dashboard = dict[str, Any]
Break = Callable[[Dashboard], None]


def committed(name: str) -> Dashboard:
    found: Dashboard = json.loads((FOLDER / name).read_text())
    return found


def a_panel(dashboard: Dashboard, kind: str = "timeseries") -> Dashboard:
    """Return the first panel of this type."""
    return next(each for each in panels(dashboard) if each["type"] == kind)


def a_variable(dashboard: Dashboard, name: str) -> Dashboard:
    return next(each for each in dashboard["templating"]["list"] if each["name"] == name)


def asks(expr: str) -> Break:
    """Return a change that sets a panel's query."""

    def broken(dashboard: Dashboard) -> None:
        a_panel(dashboard)["targets"][0]["expr"] = expr

    return broken


def lists(query: str, name: str = "network") -> Break:
    """Return a change that sets a variable's query."""

    def broken(dashboard: Dashboard) -> None:
        a_variable(dashboard, name)["query"]["query"] = query

    return broken


def panel_has(key: str, value: Any, kind: str = "timeseries") -> Break:
    """Return a change that sets a value of a panel."""

    def broken(dashboard: Dashboard) -> None:
        a_panel(dashboard, kind)[key] = value

    return broken


def variable_has(name: str, key: str, value: Any) -> Break:
    """Return a change that sets a value of a variable."""

    def broken(dashboard: Dashboard) -> None:
        a_variable(dashboard, name)[key] = value

    return broken


def dashboard_has(key: str, value: Any) -> Break:
    """Return a change that sets a value of the dashboard."""

    def broken(dashboard: Dashboard) -> None:
        dashboard[key] = value

    return broken


def without_variable(name: str) -> Break:
    """Return a change that removes a variable."""

    def broken(dashboard: Dashboard) -> None:
        dashboard["templating"]["list"].remove(a_variable(dashboard, name))

    return broken


def unit(name: str) -> Break:
    """Return a change that sets a panel's unit."""

    def broken(dashboard: Dashboard) -> None:
        a_panel(dashboard)["fieldConfig"]["defaults"]["unit"] = name

    return broken


def mapping_without(key: str) -> Break:
    """Return a change that removes the text or the color of a state."""

    def broken(dashboard: Dashboard) -> None:
        mappings = a_panel(dashboard, "state-timeline")["fieldConfig"]["defaults"]["mappings"]
        del mappings[0]["options"]["1"][key]

    return broken


def column_dropped(dashboard: Dashboard) -> None:
    organize = next(
        each for each in a_panel(dashboard, "table")["transformations"] if each["id"] == "organize"
    )
    for places in organize["options"].values():
        places.pop("tester", None)
        places.pop("measure", None)


def value_unnamed(dashboard: Dashboard) -> None:
    """Drop the name of the values that a table has if only its first expression has a result."""
    for transformation in a_panel(dashboard, "table")["transformations"]:
        transformation["options"].get("renameByName", {}).pop("Value", None)


def widened(dashboard: Dashboard) -> None:
    """Make a column of a table as wide as a screen."""
    for override in a_panel(dashboard, "table")["fieldConfig"]["overrides"]:
        for each in override["properties"]:
            if each["id"] == "custom.width":
                each["value"] = 1200


def linked(url: str) -> Break:
    """Return a change that sets a panel's link."""

    def broken(dashboard: Dashboard) -> None:
        a_panel(dashboard, "table")["fieldConfig"]["defaults"]["links"] = [{"title": "there", "url": url}]

    return broken


def moved(**to: int) -> Break:
    """Return a change that moves or resizes a panel."""

    def broken(dashboard: Dashboard) -> None:
        a_panel(dashboard)["gridPos"] |= to

    return broken


def same_as_the_next(key: str) -> Break:
    """Return a change that gives two panels an equal number or title."""

    def broken(dashboard: Dashboard) -> None:
        one, other, *_ = panels(dashboard)
        other[key] = one[key]

    return broken


BROKEN = {
    "no data source to choose": ("template-datasource-rule", without_variable("datasource")),
    "a list by another function": ("template-label-promql-rule", lists("metrics(up)")),
    "a list made once": ("template-on-time-change-reload-rule", variable_has("tester", "refresh", 1)),
    "editable": ("uneditable-dashboard", dashboard_has("editable", True)),
    "a panel with its own data source": ("panel-datasource-rule", panel_has("datasource", {"uid": "abc"})),
    "a panel without title": ("panel-title-description-rule", panel_has("title", "")),
    "a panel without unit": ("panel-units-rule", unit("")),
    "a panel that asks nothing": ("panel-no-targets-rule", panel_has("targets", [])),
    "no PromQL": ("target-promql-rule", asks("max by (tester")),
    "a rate over a fixed time": (
        "target-rate-interval-rule",
        asks(f"max by (tester) (rate(bootstrap_monitor_errors_total{{{CHOSEN}}}[5m]))"),
    ),
    "a counter as it stands": (
        "target-counter-agg-rule",
        asks(f"max by (tester) (bootstrap_monitor_errors_total{{{CHOSEN}}})"),
    ),
    "no variable for the network": ("template-testers-rule", without_variable("network")),
    "a list that is not narrowed": (
        "template-chained-rule",
        lists("label_values(bootstrap_monitor_node_up, network)"),
    ),
    "a selector of all testers": ("target-testers-rule", asks("max by (tester) (bootstrap_monitor_node_up)")),
    "a metric that is not there": ("target-exposition-rule", asks(UP.replace("node_up", "node_down"))),
    "a series for each pod": ("target-moved-pod-rule", asks(f"bootstrap_monitor_node_up{{{CHOSEN}}}")),
    "0 where there is nothing": ("target-functions-rule", asks(f"{UP} or vector(0)")),
    "more than three lines": ("target-length-rule", asks(" or ".join([UP] * 8))),
    "a colour without a text": ("mapping-text-and-colour-rule", mapping_without("text")),
    "a label without a column": ("table-columns-rule", column_dropped),
    "a table wider than a screen": ("table-width-rule", widened),
    "a column named Value": ("table-value-rule", value_unnamed),
    "a link to no dashboard of these": ("link-targets-rule", linked("/d/elsewhere")),
    "a link by a column that is not there": (
        "link-fields-rule",
        linked("/d/x?var=${__data.fields.instance}"),
    ),
    "a panel on top of another": ("layout-rule", moved(x=1, y=1)),
    "two panels of one title": ("unique-names-rule", same_as_the_next("title")),
    "no uid": ("classic-schema-rule", dashboard_has("uid", "")),
}


@pytest.mark.parametrize("name", FILES)
def test_the_committed_dashboard_breaks_no_rule(name: str) -> None:
    assert complaints(committed(name)) == []


@pytest.mark.parametrize(("rule", "broken"), BROKEN.values(), ids=list(BROKEN))
def test_a_rule_sees_the_break_it_is_there_for(rule: str, broken: Break) -> None:
    dashboard = committed("tester.json")
    before = complaints(dashboard, [rule])
    broken(dashboard)
    assert set(complaints(dashboard, [rule])) - set(before), f"{rule} saw nothing"


def test_each_rule_is_shown_to_see_something() -> None:
    never_holds = {each.rule for each in EXCEPTIONS if not each.where}
    assert set(RULES) - never_holds == {rule for rule, _ in BROKEN.values()}


@pytest.mark.parametrize("exemption", EXCEPTIONS, ids=lambda each: each.rule)
def test_each_exception_is_needed_and_has_its_reason(exemption: Exemption) -> None:
    found = [each for name in FILES for each in RULES[exemption.rule](committed(name))]
    assert any(exemption.covers(each) for each in found)
    assert exemption.reason.endswith(".")


def test_an_exception_is_for_its_panel_alone() -> None:
    dashboard = committed("tester.json")
    counter = next(each for each in panels(dashboard) if each["title"] == RESTARTS)
    other = deepcopy(counter) | {"title": "Other", "id": 1000}
    dashboard["panels"].append(other)
    assert ("target-counter-agg-rule", "Other") in {(each.rule, each.where) for each in complaints(dashboard)}
