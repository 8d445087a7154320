"""Generates the parts of docs/how-it-works.md that come from code: the diagrams of the rules, the signals."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from docs.marked import marked
from docs.signals_page import signals_table
from monitor.decide.init_rules import INIT_RULES
from monitor.decide.wait_rules import WAIT_RULES

HOW_IT_WORKS = Path(__file__).with_name("how-it-works.md")
# The result of each rule that matches; a test compares the reasons with those in the rule's code.
INIT_ENDS: Mapping[str, str] = {
    "image_follows_nothing": "stops with an error",
    "pin_conflict": "stops with an error, after 10 min",
    "open_run_continues": "pins the image, recreates the pod",
    "build_unresolved": "resolves the tag, pins the image, recreates the pod",
    "clearing_unfinished": "clears, starts the run, evaluates the rules again",
    "run_resumes": "starts the node",
    "data_unknown": "stops with an error, or adopts the data",
    "start_new_run": "records, clears, evaluates the rules again; or stops with an error",
}
WAIT_ENDS: Mapping[str, str] = {
    "run_belongs_to_other_pod": "judges nothing, may recreate the pod",
    "identity_mismatch": "failed: misconfigured",
    "node_is_healthy": "succeeded",
    "volume_is_full": "failed: disk_full",
    "node_does_not_start": "failed: not_started",
    "node_is_misconfigured": "failed: misconfigured",
    "node_crashes": "failed: out_of_memory, disk_full or crashed",
    "node_stays_unhealthy": "failed: unhealthy or disk_full",
    "build_is_outdated": "failed: outdated",
    "run_stalls": "failed: stalled",
    "run_is_overdue": "failed: deadline",
    "build_is_due": "pins the image, recreates the pod",
    "nothing_to_do": "evaluates the rules again at the next tick",
}
_RULE = re.compile(r"Rule (?P<number>\w+): (?P<text>.*)\.")
_Rule = Callable[[Any], object]


def how_it_works(written: str) -> str:
    """Return the page with its diagrams and its table updated from the code.

    Args:
        written: the current page.
    """
    for name, rules, ends in (("init", INIT_RULES, INIT_ENDS), ("wait", WAIT_RULES, WAIT_ENDS)):
        begin, end = f"<!-- {name}: made by `make generate` -->", f"<!-- end of {name} -->"
        written = marked(
            HOW_IT_WORKS.name, written, begin, end, f"\n\n```mermaid\n{diagram(rules, ends)}\n```\n\n"
        )
    begin, end = "<!-- signals: made by `make generate` -->", "<!-- end of signals -->"
    return marked(HOW_IT_WORKS.name, written, begin, end, f"\n\n{signals_table()}\n\n")


def diagram(rules: Sequence[_Rule], ends: Mapping[str, str]) -> str:
    """Return a Mermaid flow chart of the rules in their order, each with its result."""
    return "\n".join(("flowchart TD", *_nodes(rules, ends)))


def _nodes(rules: Sequence[_Rule], ends: Mapping[str, str]) -> Iterator[str]:
    for position, rule in enumerate(rules):
        number, text = _number_and_text(rule)
        name = rule.__name__
        yield f'    {name}["<b>{number} {name}</b><br>{_escaped(text)}"]'
        yield f'    {name} -- matches --> {name}_end(["{_escaped(ends[name])}"])'
        if position:
            yield f"    {rules[position - 1].__name__} -- else --> {name}"


def _number_and_text(rule: _Rule) -> tuple[str, str]:
    """Return the number and the text in the first line of a rule's docstring."""
    first = (rule.__doc__ or "").partition("\n")[0]
    found = _RULE.fullmatch(first)
    if found is None:
        raise ValueError(f"{rule.__name__}: its docstring must begin 'Rule N: …', but does {first!r}")
    return found["number"], found["text"]


def _escaped(text: str) -> str:
    """Return the text without the character that ends a Mermaid text."""
    return text.replace('"', "#quot;")
