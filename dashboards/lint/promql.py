"""Analyses an expression: its metrics and labels, and the labels of its result.

The labels of a result are derived from the exposition, the labels that a target adds, and each operation in
turn. A label that no series carries is therefore found everywhere: in a matcher, in `by`, `on` or
`group_left`, and in a `label_replace`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

import promql_parser as parser

from dashboards.expressions import filled
from dashboards.queries import VARIABLES
from monitor.output.metrics import EVERY_FAMILY, label_names

# The labels of an alert of this project that are not in every expression of its rule may be empty.
_OF_ALERT = frozenset({"alertname", "severity", *VARIABLES, "run", "reason", "measure", "cause", "operation"})
EXPOSITION: Mapping[str, frozenset[str]] = {
    **{family.name: frozenset(label_names(family)) for family in EVERY_FAMILY},
    "ALERTS": _OF_ALERT | {"alertstate"},
    "ALERTS_FOR_STATE": _OF_ALERT,
}
# The labels that Prometheus and its operator add to every series of a target.
OF_A_TARGET = frozenset({"cluster", "namespace", "pod", "container", "endpoint", "instance", "job"})
# The labels that change when a pod moves or is scraped in another way.
OF_A_POD = OF_A_TARGET - {"cluster", "namespace"}

_ANYTHING = dict.fromkeys((*VARIABLES, "datasource", "build"), ".*")
_NOTHING: frozenset[str] = frozenset()
_LABELLED = {"label_replace": slice(3, 4), "label_join": slice(3, None)}


@cache
def parsed(expr: str) -> parser.Expr:
    """Return the parsed expression, with its variables filled in.

    Raises:
        ValueError: the expression is not valid PromQL.
        KeyError: the expression uses a variable that the dashboards do not have.
    """
    return parser.parse(filled(expr, _ANYTHING))


def nodes(expr: parser.Expr) -> list[parser.Expr]:
    """Return the expression and all its parts."""
    found: list[parser.Expr] = []
    parser.walk(expr, found.append)
    return found


def selectors(expr: parser.Expr) -> Iterator[parser.VectorSelector]:
    """Return every series selector of the expression."""
    return (node for node in nodes(expr) if isinstance(node, parser.VectorSelector))


def matched(selector: parser.VectorSelector) -> set[str]:
    """Return the labels for which a selector has matchers."""
    return {matcher.name for matcher in selector.matchers.matchers}


@dataclass(slots=True)
class Labels:
    """Derives the labels of an expression; `problems` lists the inconsistencies that were found."""

    problems: list[str] = field(default_factory=list)

    def of(self, expr: parser.Expr) -> frozenset[str]:
        """Return the labels that the result may have."""
        found = _NOTHING
        match expr:
            case parser.VectorSelector():
                found = self._of_selector(expr)
            case parser.MatrixSelector():
                found = self._of_selector(expr.vector_selector)
            case parser.AggregateExpr():
                found = self._of_aggregate(expr)
            case parser.BinaryExpr():
                found = self._of_binary(expr)
            case parser.Call():
                found = self._of_call(expr)
            case parser.ParenExpr() | parser.UnaryExpr() | parser.SubqueryExpr():
                found = self.of(expr.expr)
            case _:  # a number or a string
                pass
        return found

    def _demand(self, labels: set[str], known: frozenset[str], where: str) -> None:
        for label in sorted(labels - known):
            self.problems.append(f"{where} uses the unknown label {label}")

    def _of_selector(self, selector: parser.VectorSelector) -> frozenset[str]:
        name = selector.name or ""
        if name not in EXPOSITION:
            self.problems.append(f"the metric {name} is not in the exposition")
            return OF_A_TARGET
        labels = EXPOSITION[name] | OF_A_TARGET
        self._demand(matched(selector), labels, f"a matcher of {name}")
        return labels

    def _of_aggregate(self, expr: parser.AggregateExpr) -> frozenset[str]:
        inner = self.of(expr.expr)
        if isinstance(expr.param, parser.StringLiteral):  # the label that count_values adds
            return frozenset(expr.modifier.labels if expr.modifier else ()) | {expr.param.val}
        if expr.modifier is None:
            return _NOTHING if expr.param is None else inner
        listed = frozenset(expr.modifier.labels)
        self._demand(set(listed), inner, "an aggregation")
        if expr.modifier.type == parser.AggModifierType.Without:
            return inner - listed
        # Operators with a parameter choose among series, and keep their labels.
        return inner if expr.param is not None else listed

    def _of_binary(self, expr: parser.BinaryExpr) -> frozenset[str]:
        left, right = self.of(expr.lhs), self.of(expr.rhs)
        modifier = expr.modifier
        if modifier is None or modifier.matching is None:
            return left | right
        listed = frozenset(modifier.matching.labels)
        if modifier.matching.type == parser.LabelModifierType.Include:
            self._demand(set(listed), left & right, "a matching")
        if modifier.card == parser.VectorMatchCardinality.ManyToMany:
            return left
        if modifier.card == parser.VectorMatchCardinality.ManyToOne:
            added = frozenset(modifier.group_labels or ())
            self._demand(set(added), right, "group_left")
            return left | added
        return listed

    def _of_call(self, call: parser.Call) -> frozenset[str]:
        inner = frozenset[str]().union(*map(self.of, call.args))
        if call.func.name not in _LABELLED:
            return inner
        strings = [each.val if isinstance(each, parser.StringLiteral) else "" for each in call.args]
        sources = strings[_LABELLED[call.func.name]]
        # A `label_replace` without a source sets a constant.
        self._demand({source for source in sources if source}, inner, call.func.name)
        return inner | {strings[1]}


def ancestors(expr: parser.Expr, kind: type[parser.Expr]) -> list[tuple[parser.Expr, list[parser.Expr]]]:
    """Return each part of that kind with all parts that contain it, outermost first."""
    outside: list[parser.Expr] = []
    found: list[tuple[parser.Expr, list[parser.Expr]]] = []

    def enter(node: parser.Expr) -> None:
        if isinstance(node, kind):
            found.append((node, list(outside)))
        outside.append(node)

    def leave(_: parser.Expr) -> None:
        outside.pop()

    parser.walk(expr, enter, leave)
    return found
