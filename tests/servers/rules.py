"""The project's rules as these servers load them."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml
from servers.life import RULES
from servers.processes import JsonObject

# Longer than a look at a run that has just begun may take.
HASTE = "4s"
_LONG = re.compile(r"\b(\d+) \* (3600|86400)\b")


@dataclass(frozen=True)
class Rule:
    """A rule: the name of its alert or its record, its severity, its expression, and the text of its annotations."""

    name: str
    severity: str
    expression: str
    text: str


def loaded() -> JsonObject:
    """The rules as they are."""
    found: JsonObject = yaml.safe_load(RULES.read_text())
    return found


def hasty(rules: JsonObject) -> JsonObject:
    """The rules for a life of minutes: what they wait for in hours or days they wait for in seconds.

    How long an alert waits is what promtool's tests prove.
    """
    found = copy.deepcopy(rules)
    for group in found["groups"]:
        group.pop("interval", None)
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = HASTE
            rule["expr"] = _LONG.sub(r"\1", rule["expr"])
    return found


def rules_of(rules: JsonObject) -> Iterator[Rule]:
    """Every rule of a file."""
    for group in rules["groups"]:
        for rule in group["rules"]:
            yield Rule(
                name=rule.get("alert") or rule["record"],
                severity=rule["labels"]["severity"] if "alert" in rule else "",
                expression=rule["expr"],
                text="\n".join((*rule.get("annotations", {}).values(), *rule.get("labels", {}).values())),
            )
