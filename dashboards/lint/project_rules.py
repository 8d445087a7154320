"""Lint rules of this project, in addition to those of Grafana's linter."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import promql_parser as parser

from dashboards.expressions import Kind, expressions, panels
from dashboards.links import FLEET_UID, TESTER_UID
from dashboards.lint.grafana_rules import Dashboard, Found, named, trees
from dashboards.lint.promql import OF_A_POD, Labels, matched, nodes, parsed, selectors
from dashboards.queries import MATCHERS, VARIABLES

RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"

_NEWEST_CLASSIC_SCHEMA = 42
_GRID_COLUMNS = 24
# Widths in px; a column without a width of its own shares the rest of the table, and may become this narrow.
_MAX_TABLE_WIDTH = 1300
_MIN_COLUMN_WIDTH = 100
_MAX_LINES = 3
_LINE_CHARACTERS = 110
# The functions of Prometheus 2.42 that these dashboards use; newer ones must not be used.
FUNCTIONS = {"time", "rate", "increase", "present_over_time", "label_join", "label_replace"}
_DASHBOARD_LINK = re.compile(r"^/d/([\w-]+)")
# The matchers of a selector, which may have variables in braces.
_SELECTOR = re.compile(r"(?<!\$)\{((?:\$\{[^{}]*\}|[^{}])*)\}")
_METRIC = re.compile(r"\b(?:bootstrap_monitor_|ALERTS)")
_RUNBOOK_LINK = re.compile(r"^\$\{runbooks:raw\}/(\w+)\.md$")
_RUNBOOK_OF_ALERT = "${runbooks:raw}/${__data.fields.alertname}.md"
_SOURCE_LINK = re.compile(r"^https://github\.com/ava-labs/avalanchego/(commit/\S+|compare/\S+\.\.\.\S+)$")
_FIELD_OF_LINK = re.compile(r"\$\{__data\.fields\.(\w+)\}")


def template_testers(dashboard: Dashboard) -> Found:
    """Report a missing variable of a tester, or one whose "all" does not match a missing label."""
    names = [each["name"] for each in dashboard["templating"]["list"]]
    for label in VARIABLES:
        if label not in names:
            yield "", f"no variable {label}"
    for variable in dashboard["templating"]["list"]:
        if variable.get("includeAll") and variable.get("allValue") != ".*":
            yield variable["name"], "its value for all does not match a missing label"


def template_chained(dashboard: Dashboard) -> Found:
    """Report a variable whose list is not narrowed by exactly the variables before it."""
    for expression, tree in trees(dashboard):
        if expression.kind is Kind.VARIABLE and expression.panel in VARIABLES:
            before = set(VARIABLES[: VARIABLES.index(expression.panel)])
            if any(matched(each) != before for each in selectors(tree)):
                yield expression.panel, "its query must match exactly the variables before it"


def target_testers(dashboard: Dashboard) -> Found:
    """Report a selector that also selects testers that were not chosen."""
    for expression in expressions(dashboard):
        if expression.kind is not Kind.VARIABLE:
            chosen = [matchers for matchers in _SELECTOR.findall(expression.expr) if "$" in matchers]
            missing = {each for each in VARIABLES for one in chosen if f'{each}=~"${each}"' not in one}
            if missing or len(chosen) != len(_METRIC.findall(expression.expr)):
                yield (
                    expression.panel,
                    f"{expression.ref}: a selector also matches other testers, matchers missing: {sorted(missing)}",
                )


def target_exposition(dashboard: Dashboard) -> Found:
    """Report a metric or label that is not in the exposition."""
    for expression, tree in trees(dashboard):
        labels = Labels()
        known = labels.of(tree)
        if expression.kind is Kind.VARIABLE and expression.ref not in known:
            labels.problems.append(f"it lists the unknown label {expression.ref}")
        for problem in labels.problems:
            yield expression.panel, f"{expression.ref}: {problem}"


def target_moved_pod(dashboard: Dashboard) -> Found:
    """Report a result with labels of the pod, which would split a tester whose pod moved."""
    for expression, tree in trees(dashboard):
        if expression.kind is not Kind.VARIABLE and (kept := OF_A_POD & Labels().of(tree)):
            yield expression.panel, f"{expression.ref}: the result has {', '.join(sorted(kept))}"


def target_functions(dashboard: Dashboard) -> Found:
    """Report a function outside `FUNCTIONS`: Prometheus 2.42 may lack it, or it may invent values."""
    for expression, tree in trees(dashboard):
        for node in nodes(tree):
            if isinstance(node, parser.Call) and node.func.name not in FUNCTIONS:
                yield (
                    expression.panel,
                    f"{expression.ref}: the function {node.func.name} is not allowed",
                )


def target_length(dashboard: Dashboard) -> Found:
    """Report an expression of more than three lines, which nobody can check at a glance.

    The matchers of the variables, which every selector has, do not count.
    """
    for expression in expressions(dashboard):
        length = len(expression.expr.replace(MATCHERS, ""))
        if length > _MAX_LINES * _LINE_CHARACTERS:
            yield (
                expression.panel,
                f"{expression.ref}: the expression has {length} characters: export what it derives as a metric",
            )


def mapping_text_and_colour(dashboard: Dashboard) -> Found:
    """Report a value mapping without a text or without a colour."""
    for panel in panels(dashboard):
        config = panel["fieldConfig"]
        mappings = [*config["defaults"].get("mappings", [])]
        for override in config["overrides"]:
            mappings += [
                one for each in override["properties"] if each["id"] == "mappings" for one in each["value"]
            ]
        of_values = [each["options"] for each in mappings if each["type"] == "value"]
        for value, shown in (item for options in of_values for item in options.items()):
            if not shown.get("text") or not shown.get("color"):
                yield panel["title"], f"the mapping of {value} lacks a text or a colour"


def table_columns(dashboard: Dashboard) -> Found:
    """Report a label of a table's queries that is neither shown nor hidden on purpose."""
    for panel in panels(dashboard):
        organized = [each["options"] for each in panel.get("transformations", []) if each["id"] == "organize"]
        for options in organized:
            placed = set(options["excludeByName"]) | set(options["indexByName"])
            for target in panel["targets"]:
                labels = _labels(target["expr"])
                if stray := labels - placed:
                    yield (
                        panel["title"],
                        f"{target['refId']}: the labels {sorted(stray)} are neither shown nor hidden",
                    )


def table_width(dashboard: Dashboard) -> Found:
    """Report a table that is wider than a usual screen, so that its last columns are off-screen."""
    for panel in panels(dashboard):
        titles = {
            title
            for transformation in panel.get("transformations", [])
            for title in transformation["options"].get("renameByName", {}).values()
        }
        properties = {
            override["matcher"]["options"]: {each["id"]: each["value"] for each in override["properties"]}
            for override in panel["fieldConfig"]["overrides"]
        }
        widths = [_width(properties.get(title, {})) for title in titles]
        if sum(widths) > _MAX_TABLE_WIDTH:
            yield panel["title"], f"the columns need {sum(widths)} px, at most {_MAX_TABLE_WIDTH}"


def table_value(dashboard: Dashboard) -> Found:
    """Report a table that does not name its values if only its first expression has a result.

    Grafana then names the column "Value", not "Value #A".
    """
    for panel in panels(dashboard):
        for transformation in panel.get("transformations", []):
            if transformation["id"] == "organize":
                options = transformation["options"]
                titles = {name: options["renameByName"].get(name) for name in ("Value #A", "Value")}
                hidden = options["excludeByName"]
                if titles["Value"] != titles["Value #A"] or ("Value" in hidden) != ("Value #A" in hidden):
                    yield panel["title"], "a column would be named Value"


def link_targets(dashboard: Dashboard) -> Found:
    """Report a link that leads neither to a dashboard or an existing runbook, nor to the node's sources."""
    for where, url in _links(dashboard):
        if found := _DASHBOARD_LINK.match(url):
            if found[1] not in {FLEET_UID, TESTER_UID}:
                yield where, f"a link to the unknown dashboard {found[1]}"
        elif found := _RUNBOOK_LINK.match(url):
            if not (RUNBOOKS / f"{found[1]}.md").exists():
                yield where, f"a link to the unknown runbook {found[1]}"
        elif url != _RUNBOOK_OF_ALERT and not _SOURCE_LINK.match(url):
            yield where, f"the link {url} has an unknown target"


def link_fields(dashboard: Dashboard) -> Found:
    """Report a link in a table that uses a label without a column."""
    for panel in panels(dashboard):
        columns = {
            name
            for each in panel.get("transformations", [])
            for name in each["options"].get("renameByName", {})
        }
        for where, url in _links_of(panel):
            if missing := set(_FIELD_OF_LINK.findall(url)) - columns:
                yield where, f"a link uses {sorted(missing)}, which is not a column"


def layout(dashboard: Dashboard) -> Found:
    """Report overlapping panels, and rows of panels that do not fill the width of the page."""
    boxes = [(each.get("title", ""), each["gridPos"]) for each in dashboard["panels"]]
    for (one, a), (other, b) in combinations(boxes, 2):
        if _between(a["x"], b["x"], a["w"], b["w"]) and _between(a["y"], b["y"], a["h"], b["h"]):
            yield one, f"it overlaps {other}"
    for y in sorted({box["y"] for _, box in boxes}):
        line = [box for _, box in boxes if box["y"] == y]
        if sum(box["w"] for box in line) != _GRID_COLUMNS or len({box["h"] for box in line}) != 1:
            yield "", f"the row of panels at y={y} does not fill the width, or has unequal heights"


def unique_names(dashboard: Dashboard) -> Found:
    """Report panels that share an ID or a title."""
    for key in ("id", "title"):
        of = [each[key] for each in (dashboard["panels"] if key == "id" else panels(dashboard))]
        for value, number in Counter(of).items():
            if number > 1:
                yield str(value), f"{number} panels have this {key}"


def classic_schema(dashboard: Dashboard) -> Found:
    """Report a dashboard that is not in the classic form, the only one for files and ConfigMaps."""
    if not dashboard.get("uid") or not 0 < dashboard.get("schemaVersion", 0) <= _NEWEST_CLASSIC_SCHEMA:
        yield "", "it has no uid, or does not use the classic schema"


def _width(properties: Mapping[str, Any]) -> int:
    width = properties.get("custom.width") or properties.get("custom.minWidth") or _MIN_COLUMN_WIDTH
    return int(width)


def _between(a: int, b: int, size_a: int, size_b: int) -> bool:
    return a < b + size_b and b < a + size_a


def _labels(expr: str) -> frozenset[str]:
    try:
        return Labels().of(parsed(expr))
    except (ValueError, KeyError):
        return frozenset()


def _links(dashboard: Dashboard) -> Iterator[tuple[str, str]]:
    for link in dashboard.get("links", []):
        yield link["title"], link["url"]
    for panel in panels(dashboard):
        yield from _links_of(panel)


def _links_of(panel: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    config = panel["fieldConfig"]
    overridden = [each for one in config["overrides"] for each in one["properties"] if each["id"] == "links"]
    of_columns = [link for each in overridden for link in each["value"]]
    for link in (*config["defaults"].get("links", []), *of_columns):
        yield panel["title"], link["url"]


RULES = dict(
    (
        named("template-testers-rule", template_testers),
        named("template-chained-rule", template_chained),
        named("target-testers-rule", target_testers),
        named("target-exposition-rule", target_exposition),
        named("target-moved-pod-rule", target_moved_pod),
        named("target-functions-rule", target_functions),
        named("target-length-rule", target_length),
        named("mapping-text-and-colour-rule", mapping_text_and_colour),
        named("table-columns-rule", table_columns),
        named("table-width-rule", table_width),
        named("table-value-rule", table_value),
        named("link-targets-rule", link_targets),
        named("link-fields-rule", link_fields),
        named("layout-rule", layout),
        named("unique-names-rule", unique_names),
        named("classic-schema-rule", classic_schema),
    )
)
