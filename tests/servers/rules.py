"""The project's rules as the tests load them into servers."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml
from servers.life import RULES
from servers.processes import JsonObject

# Longer than the first poll of a new run may take.
HASTE = "4s"
_LONG = re.compile(r"\b(\d+) \* (60|3600)\b")
# A limit of days, which the monitor exports.
_LIMIT = "bootstrap_monitor_trying_limit_seconds"


@dataclass(frozen=True)
class Rule:
    """A rule: the name of its alert or record, its severity, its expression, and its texts."""

    name: str
    severity: str
    expression: str
    text: str


def loaded() -> JsonObject:
    """Return the shipped rules."""
    found: JsonObject = yaml.safe_load(RULES.read_text())
    return found


def hasty(rules: JsonObject) -> JsonObject:
    """Return the rules for a scenario of minutes, with hours and days replaced by seconds.

    The tests with promtool check the original durations.
    """
    found = copy.deepcopy(rules)
    for group in found["groups"]:
        group.pop("interval", None)
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = HASTE
            rule["expr"] = _LONG.sub(r"\1", rule["expr"]).replace(_LIMIT, f"{_LIMIT} / 86400")
    return found


def rules_of(rules: JsonObject) -> Iterator[Rule]:
    """Yield every rule of a file."""
    for group in rules["groups"]:
        for rule in group["rules"]:
            yield Rule(
                name=rule.get("alert") or rule["record"],
                severity=rule["labels"]["severity"] if "alert" in rule else "",
                expression=rule["expr"],
                text="\n".join((*rule.get("annotations", {}).values(), *rule.get("labels", {}).values())),
            )
