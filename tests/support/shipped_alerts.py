"""The shipped alerts, and the checks on them that need no server."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from servers.promql import labels_of_rule, named

from alerts.generate import rendered
from monitor import settings
from monitor.cli import _COMMANDS
from monitor.domain.baseline import Verdict
from monitor.domain.regression import Measure
from monitor.domain.run import Outcome, Reason
from monitor.domain.status import Phase
from monitor.domain.workload import SyncMode
from monitor.engine.activity import IMAGE_CHECK_RESULTS
from monitor.errors import Cause
from monitor.output.metrics import EVERY_FAMILY, label_names

ROOT = Path(__file__).resolve().parents[2]
ALERTS, RUNBOOKS = ROOT / "alerts", ROOT / "docs" / "runbooks"
EXPECTED = {
    "BootstrapStalled",
    "BootstrapProgressUnknown",
    "BootstrapFailed",
    "BootstrapHistoryChanged",
    "BootstrapFailingRepeatedly",
    "BootstrapLate",
    "BootstrapRegressed",
    "BootstrapNoRecentSuccess",
    "BootstrapBlocked",
    "BootstrapNotStarting",
    "BootstrapNodeRestarting",
    "BootstrapUnhealthyAfterSuccess",
    "BootstrapVolumeFillingUp",
    "BootstrapPinReverted",
    "BootstrapImageChecksFailing",
    "BootstrapMonitorErrors",
    "BootstrapProblem",
    "BootstrapMonitorDown",
}
CRITICAL = {"BootstrapFailingRepeatedly"}
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]
# The address of the runbooks is the operator's, so no link is shipped.
ANNOTATIONS = {"summary", "description", "dashboard_url"}
MORE_ANNOTATIONS = {"BootstrapRegressed": {"compare_url"}}
OF_TARGETS = {"cluster", "namespace"}
VALUES: Mapping[str, set[str]] = {
    "phase": {*Phase},
    "outcome": {*Outcome},
    "reason": {*Reason},
    "verdict": {*Verdict},
    "measure": {*Measure},
    "sync_mode": {*SyncMode},
    "result": {*IMAGE_CHECK_RESULTS},
    "source": {"registry", "pod", "file"},
}
# Causes that another alert reports, or that do not keep the tester from working.
NOT_ALERTED = {
    Cause.VERSION_POD_FAILED,
    Cause.CONTAINER_NOT_STARTED,
    Cause.IMAGE_PULL_FAILED,
    Cause.IMAGE_REVERTED,
    Cause.NODE_CRASHING,
    Cause.REGISTRY_UNAUTHORIZED,
    Cause.REGISTRY_UNAVAILABLE,
    Cause.VERSIONS_UNKNOWN,
}
MAX_LINES, MAX_COLUMNS = 5, 120
NOT_ALLOWED = ("label_replace", "label_join", "last_over_time")
_MATCHER = re.compile(r'(\w+)\s*(?:=~|!=|!~|=)\s*"([^"]*)"')
_CALL = re.compile(r"bootstrap-monitor ([a-z]+(?:-[a-z]+)*)")
_CODE = re.compile(r"`([^`\n]+)`|```sh\n(.+?)```", re.DOTALL)

Rule = dict[str, Any]


@dataclass
class Shipped:
    """The shipped files; tests modify a copy."""

    rules: list[Rule]
    rules_text: str
    object_text: str
    runbooks: dict[str, str]
    promtool_tests: dict[str, str]
    alertmanager: str
    dashboard: dict[str, Any]

    @classmethod
    def load(cls) -> Shipped:
        """Load the files as they are shipped."""
        text = (ALERTS / "rules.yaml").read_text()
        return cls(
            rules=yaml.safe_load(text)["groups"][0]["rules"],
            rules_text=text,
            object_text=(ALERTS / "prometheus-rule.yaml").read_text(),
            runbooks={path.stem: path.read_text() for path in RUNBOOKS.glob("*.md") if path.stem != "README"},
            promtool_tests={path.stem: path.read_text() for path in (ALERTS / "tests").glob("*.yaml")},
            alertmanager=(ALERTS / "alertmanager.yaml").read_text(),
            dashboard=json.loads((ROOT / "dashboards" / "tester.json").read_text()),
        )

    def alert(self, name: str) -> Rule:
        """Return the first rule of an alert."""
        return next(rule for rule in self.alerts() if rule["alert"] == name)

    def alerts(self) -> list[Rule]:
        """Return the alerting rules."""
        return [rule for rule in self.rules if "alert" in rule]


def known_labels(shipped: Shipped) -> dict[str, set[str]]:
    """Return the labels of each metric: from the exposition, the target, and the recording rules."""
    known = {family.name: {*label_names(family), *OF_TARGETS} for family in EVERY_FAMILY}
    for rule in shipped.rules:
        if "record" in rule:
            what = named(rule["expr"])
            found = {label for each in what.selectors for label in known.get(each.name, ())}
            known[rule["record"]] = found | what.made
    return known


def wrong_names(shipped: Shipped) -> Iterator[str]:
    """Yield alerts, runbooks and tests that are missing or unexpected."""
    names = {rule["alert"] for rule in shipped.alerts()}
    for what, found in (
        ("alert", names),
        ("runbook", set(shipped.runbooks)),
        ("test", set(shipped.promtool_tests)),
    ):
        yield from (f"no {what} {name}" for name in sorted(EXPECTED - found))
        yield from (f"a {what} {name} of no alert" for name in sorted(found - EXPECTED))


def wrong_labels(shipped: Shipped) -> Iterator[str]:
    """Yield alerts with an invalid severity, or with `critical` where nobody has to act immediately."""
    for rule in shipped.alerts():
        severity = rule.get("labels", {}).get("severity")
        if severity not in {"warning", "critical"}:
            yield f"{rule['alert']}: severity {severity}"
        if severity == "critical" and rule["alert"] not in CRITICAL:
            yield f"{rule['alert']}: critical"


def wrong_annotations(shipped: Shipped) -> Iterator[str]:
    """Yield alerts with missing annotations, or with links that lead nowhere."""
    dashboard = shipped.dashboard
    variables = {each["name"] for each in dashboard["templating"]["list"]}
    for rule in shipped.alerts():
        name, texts = rule["alert"], rule.get("annotations", {})
        if texts.keys() != ANNOTATIONS | MORE_ANNOTATIONS.get(name, set()):
            yield f"{name}: annotations {sorted(texts)}"
            continue
        if not re.fullmatch(r"[A-Z][^{]+\.", texts["summary"]):
            yield f"{name}: the summary is not a fixed sentence"
        if not {"tester", "network", "sync_mode"} <= labels_of_rule(texts["description"]):
            yield f"{name}: the description does not say which tester"
        path, _, query = texts["dashboard_url"].partition("?")
        if path != f"/d/{dashboard['uid']}":
            yield f"{name}: no dashboard {path}"
        for variable in ("tester", "namespace", "network", "sync_mode", "cluster"):
            if f"var-{variable}={{{{ $labels.{variable} | urlquery }}}}" not in query:
                yield f"{name}: the dashboard's {variable} is not set"
            if variable not in variables:
                yield f"{name}: the dashboard has no variable {variable}"


def wrong_expressions(shipped: Shipped) -> Iterator[str]:
    """Yield metrics, labels and values in rules that the exposition never has."""
    known = known_labels(shipped)
    for rule in shipped.rules:
        name = rule.get("alert") or rule["record"]
        texts = [*rule.get("annotations", {}).values(), *rule.get("labels", {}).values()]
        named_in_texts = labels_of_rule("\n".join(texts))
        yield from (f"{name}: {problem}" for problem in named(rule["expr"]).unknown(known, named_in_texts))
        for label, value in _MATCHER.findall(rule["expr"]):
            strange = set(value.split("|")) - VALUES.get(label, set(value.split("|"))) - {""}
            yield from (f"{name}: no {label} is {each}" for each in sorted(strange))


def wrong_forms(shipped: Shipped) -> Iterator[str]:
    """Yield expressions that are too long to read, or that relabel or bridge what a metric should show."""
    for rule in shipped.rules:
        name, lines = rule.get("alert") or rule["record"], rule["expr"].splitlines()
        if len(lines) > MAX_LINES or max(map(len, lines)) > MAX_COLUMNS:
            yield f"{name}: the expression is longer than {MAX_LINES} lines of {MAX_COLUMNS} columns"
        yield from (
            f"{name}: {function} is not allowed" for function in NOT_ALLOWED if function in rule["expr"]
        )


def wrong_causes(shipped: Shipped) -> Iterator[str]:
    """Yield causes that do not alert exactly once: as a problem, or with the alert for that cause."""
    excluded = dict(_MATCHER.findall(shipped.alert("BootstrapProblem")["expr"]))["cause"]
    wrong = {cause.value for cause in set(Cause) ^ NOT_ALERTED if re.fullmatch(excluded, cause)}
    wrong |= {cause.value for cause in NOT_ALERTED if not re.fullmatch(excluded, cause)}
    if wrong:
        yield f"BootstrapProblem: {sorted(wrong)} are wrong or missing"


def wrong_runbooks(shipped: Shipped) -> Iterator[str]:
    """Yield wrong headings and sections in runbooks, and commands, flags and links that do not exist."""
    fields = {name for each in vars(settings).values() if isinstance(each, type) for name in _fields(each)}
    flags = {f"--{field.replace('_', '-')}" for field in fields}
    for name, text in shipped.runbooks.items():
        if text.splitlines()[0] != f"# {name}":
            yield f"{name}: its heading is not its name"
        if re.findall(r"^## (.+)$", text, re.MULTILINE) != SECTIONS:
            yield f"{name}: its sections are not {', '.join(SECTIONS)}"
        for code in ("".join(each) for each in _CODE.findall(text)):
            ours = "kubectl" not in code
            yield from (f"{name}: no command {each}" for each in _CALL.findall(code) if each not in _COMMANDS)
            if ours:
                used = re.findall(r"--[a-z][a-z-]*", code)
                yield from (f"{name}: no flag {each}" for each in used if each not in flags | {"--previous"})
        for link in re.findall(r"\]\(([^)#]+)\)", text):
            if not link.startswith("https://") and Path(link).stem not in {*shipped.runbooks, "README"}:
                yield f"{name}: a link to {link}, which does not exist"


def wrong_tests(shipped: Shipped) -> Iterator[str]:
    """Yield alerts that never fire, or always fire, in their test."""
    for name, text in shipped.promtool_tests.items():
        cases = [case for test in yaml.safe_load(text)["tests"] for case in test.get("alert_rule_test", ())]
        of_it = [bool(case.get("exp_alerts")) for case in cases if case["alertname"] == name]
        if True not in of_it:
            yield f"{name}: never fires"
        if False not in of_it:
            yield f"{name}: always fires"


def wrong_object(shipped: Shipped) -> Iterator[str]:
    """Yield differences between the PrometheusRule and the rules."""
    if rendered(shipped.rules_text) != shipped.object_text:
        yield "prometheus-rule.yaml does not match rules.yaml: run make generate"
    if yaml.safe_load(shipped.object_text)["spec"] != yaml.safe_load(shipped.rules_text):
        yield "prometheus-rule.yaml has other rules"


def matcher_parts(matcher: str) -> tuple[str, str, str]:
    """Return the label, the operator and the value of an Alertmanager matcher."""
    found = re.fullmatch(r'(\w+)(=~|=)"(.+)"', matcher)
    assert found, matcher
    label, operator, value = found.groups()
    return label, operator, value


def inhibited(shipped: Shipped, source: Mapping[str, str], target: Mapping[str, str]) -> bool:
    """Return whether the shipped configuration mutes an alert while another alert of one tester fires."""

    def matches(labels: Mapping[str, str], matcher: str) -> bool:
        label, operator, value = matcher_parts(matcher)
        pattern = value if operator == "=~" else re.escape(value)
        return re.fullmatch(pattern, labels.get(label, "")) is not None

    return any(
        all(matches(source, matcher) for matcher in each["source_matchers"])
        and all(matches(target, matcher) for matcher in each["target_matchers"])
        for each in yaml.safe_load(shipped.alertmanager)["inhibit_rules"]
    )


def wrong_alertmanager(shipped: Shipped) -> Iterator[str]:
    """Yield inhibition rules that name an unknown alert."""
    for inhibition in yaml.safe_load(shipped.alertmanager)["inhibit_rules"]:
        for matcher in (*inhibition["source_matchers"], *inhibition["target_matchers"]):
            label, operator, pattern = matcher_parts(matcher)
            if label != "alertname":
                continue
            beginning, _, endings = pattern.partition("(")
            names = (
                [beginning + end for end in endings.rstrip(")").split("|")] if operator == "=~" else [pattern]
            )
            yield from (f"no alert {name} in {matcher}" for name in names if name not in EXPECTED)


def _fields(settings_class: type) -> Iterator[str]:
    fields = settings_class.model_fields if issubclass(settings_class, BaseModel) else {}
    yield from (field.alias or name for name, field in fields.items())


CHECKS: tuple[Callable[[Shipped], Iterator[str]], ...] = (
    wrong_names,
    wrong_labels,
    wrong_annotations,
    wrong_expressions,
    wrong_forms,
    wrong_causes,
    wrong_runbooks,
    wrong_tests,
    wrong_object,
    wrong_alertmanager,
)


def problems(shipped: Shipped) -> list[str]:
    """Return everything that is wrong with the shipped files."""
    return [problem for check in CHECKS for problem in check(shipped)]
