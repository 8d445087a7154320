"""The selectors and labels in a PromQL expression."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from promql_parser import (
    AggregateExpr,
    BinaryExpr,
    Call,
    Expr,
    MatrixSelector,
    StringLiteral,
    VectorSelector,
    parse,
    walk,
)

_ASKING = {"MatchOp.Equal": "=", "MatchOp.Re": "=~"}
# Functions that create the label in their second argument, and the positions of the labels that they read.
_MAKES_LABEL = {"label_replace": slice(3, 4), "label_join": slice(3, None)}
_OF_RULE = re.compile(r"\$labels\.(\w+)")
_OF_LEGEND = re.compile(r"{{\s*(\w+)\s*}}")


@dataclass(frozen=True)
class Selector:
    """A selector: the metric's name, its positive matchers as text, and the labels of all matchers.

    A negative matcher may exclude all existing series, so `matchers` contains only `=` and `=~`.
    """

    name: str
    matchers: str
    labels: frozenset[str]

    def __str__(self) -> str:
        return f"{self.name}{{{self.matchers}}}"


@dataclass(frozen=True)
class Named:
    """The names in an expression.

    `labels` are the labels that it reads, and those that it groups or matches by. `made` are the labels
    that it creates. `papered_over` means that it returns a constant if there is no data.
    """

    selectors: tuple[Selector, ...]
    labels: frozenset[str]
    made: frozenset[str]
    papered_over: bool

    def unknown(self, known: Mapping[str, set[str]], more: frozenset[str] = frozenset()) -> list[str]:
        """Return the metrics and labels, including the `more` labels, that are not among the known ones."""
        metrics = [f"no metric {each.name}" for each in self.selectors if each.name not in known]
        matched = [
            f"no label {label} on {each.name}"
            for each in self.selectors
            for label in sorted(each.labels - known.get(each.name, each.labels))
        ]
        of_any = {label for each in self.selectors for label in known.get(each.name, ())} | self.made
        return metrics + matched + [f"no label {label}" for label in sorted((self.labels | more) - of_any)]


def named(expression: str) -> Named:
    """Parse an expression.

    Raises:
        ValueError: the text is not valid PromQL.
    """
    selectors: list[Selector] = []
    labels: set[str] = set()
    made: set[str] = set()
    papered_over = False

    def visit(node: Expr) -> None:
        nonlocal papered_over
        if isinstance(node, MatrixSelector):
            selectors.append(_selector(node.vector_selector))
        elif isinstance(node, VectorSelector):
            selectors.append(_selector(node))
        elif isinstance(node, AggregateExpr):
            labels.update(node.modifier.labels if node.modifier else ())
            if isinstance(node.param, StringLiteral):  # the label that count_values creates
                made.add(node.param.val)
        elif isinstance(node, BinaryExpr):
            papered_over = papered_over or (_operator(node) == "or" and _makes_series(node.rhs))
            labels.update(_of_matching(node))
        elif isinstance(node, Call) and node.func.name in _MAKES_LABEL:
            words = [each.val if isinstance(each, StringLiteral) else "" for each in node.args]
            made.add(words[1])
            read = words[_MAKES_LABEL[node.func.name]]
            labels.update(each for each in read if each)

    walk(parse(expression), visit)
    return Named(tuple(dict.fromkeys(selectors)), frozenset(labels), frozenset(made), papered_over)


def labels_of_rule(text: str) -> frozenset[str]:
    """Return the labels in an annotation of a rule."""
    return frozenset(_OF_RULE.findall(text))


def labels_of_legend(text: str) -> frozenset[str]:
    """Return the labels in the legend of a panel or the text of an annotation."""
    return frozenset(_OF_LEGEND.findall(text))


def _operator(node: BinaryExpr) -> str:
    return str(node.op)


def _selector(node: VectorSelector) -> Selector:
    matchers = [each for each in node.matchers.matchers if each.name != "__name__"]
    asking = [
        f"{each.name}{_ASKING[str(each.op)]}{_quoted(each.value)}"
        for each in matchers
        if str(each.op) in _ASKING
    ]
    name = node.name or next((each.value for each in node.matchers.matchers if each.name == "__name__"), "")
    return Selector(name, ",".join(asking), frozenset(each.name for each in matchers))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _of_matching(node: BinaryExpr) -> set[str]:
    modifier = node.modifier
    if modifier is None:
        return set()
    return {*(modifier.matching.labels if modifier.matching else ()), *(modifier.group_labels or ())}


def _makes_series(node: Expr) -> bool:
    """Return whether an expression returns a series without any data: `vector(0)`, also if nested."""
    found = False

    def visit(inner: Expr) -> None:
        nonlocal found
        found = found or (isinstance(inner, Call) and inner.func.name == "vector")

    walk(node, visit)
    return found
