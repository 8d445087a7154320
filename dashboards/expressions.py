"""Reads the expressions of a dashboard's JSON, to run or check them.

for each in expressions(json.loads(FILE.read_text())):
    ask(filled(each.expr, {"tester": "tester-0", "cluster": ".*", ...}), instant=each.instant)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

# Grafana's built-in variables, for a view of the last hour with a scrape every 15 s.
BUILT_IN = {
    "__rate_interval": "1m",
    "__interval": "15s",
    "__interval_ms": "15000",
    "__range": "1h",
    "__range_s": "3600",
    "__range_ms": "3600000",
    "__from": "0",
    "__to": "4102444800000",
}

_REFERENCE = re.compile(r"\$(?:\{(?P<braced>\w+)(?::\w+)?\}|(?P<bare>\w+))|\[\[(?P<squared>\w+)(?::\w+)?\]\]")
_LABEL_VALUES = re.compile(r"label_values\((?P<expr>.+),\s*(?P<label>\w+)\)")
_TARGET_OF_LABEL_REPLACE = re.compile(r"\d+")


class Kind(StrEnum):
    """The part of a dashboard that has an expression."""

    PANEL = "panel"
    VARIABLE = "variable"
    ANNOTATION = "annotation"


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression of a dashboard, with its variables.

    `panel` is the title of the panel, or the name of the variable or annotation. `ref` is the target's
    letter, or the label whose values a variable lists. An `instant` expression is evaluated at the end of the
    range, any other one over the whole range.
    """

    panel: str
    ref: str
    expr: str
    instant: bool
    kind: Kind = Kind.PANEL


def panels(dashboard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every panel except rows, including the panels of collapsed rows."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel.get("panels", [])
        else:
            yield panel


def expressions(dashboard: Mapping[str, Any]) -> list[Expression]:
    """Return all expressions of a dashboard: of its panels, its variables and its annotations."""
    of_panels = [
        Expression(panel["title"], target["refId"], target["expr"], bool(target.get("instant")))
        for panel in panels(dashboard)
        for target in panel.get("targets", [])
    ]
    return [*of_panels, *_of_variables(dashboard), *_of_annotations(dashboard)]


def filled(expr: str, variables: Mapping[str, str]) -> str:
    """Return the expression with its variables filled in; `variables` overrides the built-in ones.

    Values are inserted as they are, so a regular expression must be escaped already.

    Raises:
        KeyError: a variable of the expression has no value.
    """
    values = BUILT_IN | dict(variables)

    def value(reference: re.Match[str]) -> str:
        name = reference["braced"] or reference["bare"] or reference["squared"]
        # "$1" is the first group of a label_replace, which Grafana does not replace.
        return reference[0] if _TARGET_OF_LABEL_REPLACE.fullmatch(name) else values[name]

    return _REFERENCE.sub(value, expr)


def _of_variables(dashboard: Mapping[str, Any]) -> Iterator[Expression]:
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query" and (found := _LABEL_VALUES.fullmatch(variable["query"]["query"])):
            yield Expression(
                variable["name"], found["label"], found["expr"], instant=True, kind=Kind.VARIABLE
            )


def _of_annotations(dashboard: Mapping[str, Any]) -> Iterator[Expression]:
    for annotation in dashboard["annotations"]["list"]:
        if "expr" in annotation:
            yield Expression(annotation["name"], "A", annotation["expr"], instant=False, kind=Kind.ANNOTATION)
