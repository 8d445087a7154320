"""The rules of Grafana's dashboard linter, under the same names.

They are reimplemented from its documentation. The rules for Loki are left out, as no dashboard here uses it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import promql_parser as parser

from dashboards.expressions import Expression, Kind, expressions, panels
from dashboards.lint.problems import Problem
from dashboards.lint.promql import ancestors, matched, parsed, selectors
from dashboards.queries import HOURS

Dashboard = Mapping[str, Any]
Found = Iterator[tuple[str, str]]

_DATASOURCES = {"$datasource", "${datasource}"}
_ON_TIME_CHANGE = 2
_RATES = {"rate", "irate"}
_COUNTED = {"rate", "irate", "increase"}
_WITH_UNITS = {"stat", "table", "timeseries", "gauge", "state-timeline", "status-history"}
# The units of Grafana that these dashboards use.
UNITS = {
    "none",
    "string",
    "short",
    "percentunit",
    "s",
    HOURS,
    "bytes",
    "cps",
    "dateTimeAsIso",
    "dateTimeFromNow",
}
_RATE_INTERVAL = "$__rate_interval"
_RANGE_OF_RATE = re.compile(r"\b(?:rate|irate)\((?:[^\[\]])*\[([^\]]+)\]")


def template_datasource(dashboard: Dashboard) -> Found:
    """Report a dashboard without exactly one data source variable of the usual name."""
    found = [each for each in _variables(dashboard) if each["type"] == "datasource"]
    if len(found) != 1:
        yield "", f"{len(found)} variables of type datasource, want 1"
    for variable in found:
        if (variable["name"], variable["label"], variable["query"]) != (
            "datasource",
            "Data Source",
            "prometheus",
        ):
            yield (
                variable["name"],
                "the variable must have the name datasource, the label Data Source and the type prometheus",
            )


def template_label(label: str) -> Callable[[Dashboard], Found]:
    """Return a rule that reports a dashboard without a variable for a label of the target."""

    def rule(dashboard: Dashboard) -> Found:
        if label not in {each["name"] for each in _variables(dashboard)}:
            yield "", f"no variable {label}"

    return rule


def template_label_promql(dashboard: Dashboard) -> Found:
    """Report a variable whose query is not `label_values` of a selector."""
    listed = {each.panel: each for each in expressions(dashboard) if each.kind is Kind.VARIABLE}
    for variable in _variables(dashboard):
        if variable["type"] != "query":
            continue
        expression = listed.get(variable["name"])
        if expression is None:
            yield variable["name"], "its query is not label_values(SELECTOR, LABEL)"
        elif error := _error(expression):
            yield variable["name"], error


def template_on_time_change_reload(dashboard: Dashboard) -> Found:
    """Report a variable that is not refreshed when the time range changes."""
    for variable in _variables(dashboard):
        if variable["type"] == "query" and variable.get("refresh") != _ON_TIME_CHANGE:
            yield variable["name"], "it is not refreshed when the time range changes"


def uneditable_dashboard(dashboard: Dashboard) -> Found:
    """Report a dashboard that can be edited, as changes belong in the code."""
    if dashboard.get("editable") is not False:
        yield "", "it can be edited"


def panel_datasource(dashboard: Dashboard) -> Found:
    """Report panels, targets, variables and annotations that do not use the chosen data source."""
    asking = [
        (panel["title"], each) for panel in panels(dashboard) for each in (panel, *panel.get("targets", []))
    ]
    asking += [(each["name"], each) for each in _variables(dashboard) if each["type"] == "query"]
    asking += [(each["name"], each) for each in dashboard["annotations"]["list"]]
    for where, each in asking:
        if each.get("datasource", {}).get("uid") not in _DATASOURCES:
            yield where, "it does not use the data source variable"


def panel_title_description(dashboard: Dashboard) -> Found:
    """Report a panel without a title or a description."""
    for panel in panels(dashboard):
        if not panel.get("title"):
            yield "", f"panel {panel['id']} has no title"
        if not panel.get("description"):
            yield panel.get("title", ""), "it has no description"


def panel_units(dashboard: Dashboard) -> Found:
    """Report a unit that is not one of `UNITS`."""
    for panel in panels(dashboard):
        if panel["type"] not in _WITH_UNITS:
            continue
        config = panel["fieldConfig"]
        overridden = [
            each["value"] for one in config["overrides"] for each in one["properties"] if each["id"] == "unit"
        ]
        for unit in (config["defaults"].get("unit"), *overridden):
            if unit not in UNITS:
                yield panel["title"], f"the unit {unit} is unknown"


def panel_no_targets(dashboard: Dashboard) -> Found:
    """Report a panel without targets."""
    for panel in panels(dashboard):
        if not panel.get("targets"):
            yield panel["title"], "it has no targets"


def target_promql(dashboard: Dashboard) -> Found:
    """Report an expression that is not valid PromQL."""
    for expression in expressions(dashboard):
        if error := _error(expression):
            yield expression.panel, f"{expression.ref}: {error}"


def target_rate_interval(dashboard: Dashboard) -> Found:
    """Report a rate over another range than `$__rate_interval`."""
    for expression in expressions(dashboard):
        for interval in _RANGE_OF_RATE.findall(expression.expr):
            if interval != _RATE_INTERVAL:
                yield (
                    expression.panel,
                    f"{expression.ref}: the range of the rate is {interval}, not {_RATE_INTERVAL}",
                )


def target_label(label: str) -> Callable[[Dashboard], Found]:
    """Return a rule that reports a selector without a matcher for a label of the target."""

    def rule(dashboard: Dashboard) -> Found:
        for expression, tree in trees(dashboard):
            if expression.kind is Kind.PANEL and any(label not in matched(each) for each in selectors(tree)):
                yield expression.panel, f"{expression.ref}: no matcher of {label}"

    return rule


def target_counter_agg(dashboard: Dashboard) -> Found:
    """Report a counter without `rate` or `increase`, as it restarts at 0 with its process."""
    for expression, tree in trees(dashboard):
        for node, outside in ancestors(tree, parser.VectorSelector):
            name = getattr(node, "name", "")
            calls = [each.func.name for each in outside[-2:] if isinstance(each, parser.Call)]
            if name.endswith("_total") and not _COUNTED.intersection(calls):
                yield (
                    expression.panel,
                    f"{expression.ref}: the counter {name} is used without rate or increase",
                )


def trees(dashboard: Dashboard) -> Iterator[tuple[Expression, parser.Expr]]:
    """Yield each expression that is valid PromQL, with its syntax tree."""
    for expression in expressions(dashboard):
        if not _error(expression):
            yield expression, parsed(expression.expr)


def named(
    name: str, rule: Callable[[Dashboard], Found]
) -> tuple[str, Callable[[Dashboard], Iterator[Problem]]]:
    """Return a rule with its name, which its problems carry."""

    def problems(dashboard: Dashboard) -> Iterator[Problem]:
        for where, text in rule(dashboard):
            yield Problem(name, where, text)

    return name, problems


def _variables(dashboard: Dashboard) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = dashboard["templating"]["list"]
    return found


def _error(expression: Expression) -> str:
    try:
        parsed(expression.expr)
    except ValueError as error:
        return f"not valid PromQL: {error}"
    except KeyError as error:
        return f"unknown variable {error}"
    return ""


RULES = dict(
    (
        named("template-datasource-rule", template_datasource),
        named("template-job-rule", template_label("job")),
        named("template-instance-rule", template_label("instance")),
        named("template-label-promql-rule", template_label_promql),
        named("template-on-time-change-reload-rule", template_on_time_change_reload),
        named("uneditable-dashboard", uneditable_dashboard),
        named("panel-datasource-rule", panel_datasource),
        named("panel-title-description-rule", panel_title_description),
        named("panel-units-rule", panel_units),
        named("panel-no-targets-rule", panel_no_targets),
        named("target-promql-rule", target_promql),
        named("target-rate-interval-rule", target_rate_interval),
        named("target-job-rule", target_label("job")),
        named("target-instance-rule", target_label("instance")),
        named("target-counter-agg-rule", target_counter_agg),
    )
)
