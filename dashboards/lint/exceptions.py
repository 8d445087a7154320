"""Exemptions from rules, with their reasons."""

from __future__ import annotations

from dataclasses import dataclass

from dashboards.lint.problems import Problem


@dataclass(frozen=True, slots=True)
class Exemption:
    """An exemption from a rule; `where` names one panel, or is empty for the whole dashboard."""

    rule: str
    where: str
    reason: str

    def covers(self, problem: Problem) -> bool:
        """Return whether the exemption applies to a problem."""
        return self.rule == problem.rule and self.where in {"", problem.where}


_BY_TESTER = (
    "The labels of a tester identify it, and stay when its pod moves; job and instance identify the pod's target. "
    "The rules template-testers-rule and target-testers-rule require the tester's labels instead."
)
EXCEPTIONS = (
    Exemption("template-job-rule", "", _BY_TESTER),
    Exemption("template-instance-rule", "", _BY_TESTER),
    Exemption("target-job-rule", "", _BY_TESTER),
    Exemption("target-instance-rule", "", _BY_TESTER),
    Exemption(
        "target-counter-agg-rule",
        "Restarts and failures",
        "The restarts of the node start at 0 with each run, so the panel shows the count. An increase would lose the "
        "restarts that were counted before the pod moved.",
    ),
)
