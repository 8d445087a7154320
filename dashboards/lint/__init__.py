"""Lint rules for the dashboards.

`grafana_rules` has the rules of Grafana's own dashboard linter, which is not a library and is not available
everywhere as a program. `project_rules` has additional rules. `exceptions` lists exemptions from rules with
their reasons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from dashboards.lint import grafana_rules, project_rules
from dashboards.lint.exceptions import EXCEPTIONS, Exemption
from dashboards.lint.problems import Problem

Rule = Callable[[Mapping[str, Any]], Iterator[Problem]]

RULES: Mapping[str, Rule] = {**grafana_rules.RULES, **project_rules.RULES}


def complaints(dashboard: Mapping[str, Any], rules: Iterable[str] = tuple(RULES)) -> list[Problem]:
    """Return all problems of a dashboard's JSON by these rules, without the exempted ones."""
    return [
        problem
        for rule in rules
        for problem in RULES[rule](dashboard)
        if not any(each.covers(problem) for each in EXCEPTIONS)
    ]


__all__ = ["EXCEPTIONS", "RULES", "Exemption", "Problem", "complaints"]
