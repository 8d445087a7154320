"""What is demanded of a dashboard, as rules that complain.

`grafana_rules` has the rules of Grafana's own dashboard linter, which is no library and not to be had as a program
everywhere; `project_rules` has what it does not know. `exceptions` says where a rule does not hold, and why.
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
    """All that is wrong with a dashboard's JSON by these rules, but for the exceptions."""
    return [
        problem
        for rule in rules
        for problem in RULES[rule](dashboard)
        if not any(each.covers(problem) for each in EXCEPTIONS)
    ]


__all__ = ["EXCEPTIONS", "RULES", "Exemption", "Problem", "complaints"]
