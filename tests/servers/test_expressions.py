"""Every expression of the rules and dashboards runs on each server and returns data of the scenario."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from servers.checks import Asked, Seen
from servers.conftest import Lived
from servers.life import BETWEEN_BUILDS, NETWORK, NEVER_SYNCED, NOT_LIVED, SYNC_MODE, TARGET_LABELS, TESTER
from servers.prometheus import Prometheus
from servers.promql import labels_of_legend, labels_of_rule
from servers.rules import hasty, loaded, rules_of
from support.local_life import ROOT

from dashboards.expressions import expressions, filled
from dashboards.queries import on_tester
from dashboards.states import NO_ANSWER
from monitor.output.metrics import EVERY_FAMILY, label_names

DASHBOARDS = ("fleet.json", "tester.json")
# Alerts that fire in the scenario, with hours as seconds. The others wait for events outside it.
LIVED_ALERTS = {
    ("BootstrapStalled", "warning"),
    ("BootstrapFailed", "warning"),
    ("BootstrapFailingRepeatedly", "critical"),
    ("BootstrapLate", "warning"),
    ("BootstrapNoRecentSuccess", "warning"),
    ("BootstrapRegressed", "warning"),
}
# The tester's only problem is a crashing node, for which BootstrapProblem does not fire.
NEVER_A_PROBLEM = "bootstrap_monitor_problem_since_timestamp_seconds"
NEVER_BLOCKED = 'phase="blocked"'
# The tester answers from start to end.
NEVER_GONE = f'"{NO_ANSWER.text}"'
# The limit of days is longer than the scenario.
NEVER_OVERDUE = f"and {on_tester()} time() - bootstrap_monitor_trying_since_timestamp_seconds"
# Labels of alerts that do not fire in the scenario.
MORE_OF_ALERTS = {"cause", "operation"}
CHOSEN = {
    "cluster": ".*",
    "namespace": TARGET_LABELS["3"]["namespace"],
    "network": NETWORK,
    "sync_mode": SYNC_MODE,
    "tester": TESTER,
    "build": "",
}


def of_dashboard(name: str) -> Iterator[Asked]:
    """Yield all expressions of a dashboard, with its variables filled in."""
    dashboard = json.loads((ROOT / "dashboards" / name).read_text())
    for each in expressions(dashboard):
        if NEVER_SYNCED not in each.expr:
            where = f"{name}: {each.panel} {each.ref}"
            lived = NEVER_GONE not in each.expr and NEVER_OVERDUE not in each.expr
            yield Asked(where, filled(each.expr, CHOSEN), lived=lived)


def of_rules() -> Iterator[Asked]:
    """Yield all expressions of the rules: as shipped, and with hours as seconds."""
    rules = loaded()
    for each in rules_of(rules):
        if _is_not_lived(each.expression):
            continue
        yield Asked(each.name, each.expression, labels_of_rule(each.text), lived=False)
    for each in rules_of(hasty(rules)):
        if not _is_not_lived(each.expression):
            lived = (each.name, each.severity) in LIVED_ALERTS
            yield Asked(f"hasty {each.name}", each.expression, labels_of_rule(each.text), lived)


def _is_not_lived(expression: str) -> bool:
    return any(name in expression for name in (NEVER_A_PROBLEM, NEVER_BLOCKED, BETWEEN_BUILDS, *NOT_LIVED))


@pytest.fixture
def seen(server: Prometheus, lived: Lived) -> Seen:
    known = server.labels(lived.start, lived.end, '{__name__=~".+"}')
    for family in EVERY_FAMILY:
        known.setdefault(family.name, {*label_names(family), *TARGET_LABELS["3"]})
    for alerts in ("ALERTS", "ALERTS_FOR_STATE"):
        known[alerts] |= MORE_OF_ALERTS
    for labels in known.values():
        labels.add("cluster")  # operators of several clusters attach it to every target
    return Seen(server, lived.start, lived.end, known)


def test_these_are_the_dashboards() -> None:
    assert {path.name for path in (ROOT / "dashboards").glob("*.json")} == set(DASHBOARDS)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_shows_the_tester(seen: Seen, name: str) -> None:
    asked = list(of_dashboard(name))

    assert len(asked) > 10
    problems = [problem for each in asked for problem in seen.problems(each)]
    assert not problems, "\n".join(problems)


def test_a_rule_sees_the_tester(seen: Seen) -> None:
    asked = list(of_rules())

    assert len([each for each in asked if each.lived]) == len(LIVED_ALERTS)
    problems = [problem for each in asked for problem in seen.problems(each)]
    assert not problems, "\n".join(problems)


def test_the_server_evaluates_each_rule(server: Prometheus) -> None:
    rules = [rule for group in server.rule_groups() for rule in group["rules"]]

    assert {rule["name"] for rule in rules} == {rule.name for rule in rules_of(loaded())}
    assert {rule["name"]: rule.get("lastError", "") for rule in rules if rule["health"] != "ok"} == {}


REGRESSED = 'max by (tester) (max_over_time(bootstrap_monitor_regression{verdict="confirmed"}[1m])) > 0'
BROKEN = {
    "a misspelt metric": (("_regression", "_regresion"), "no metric bootstrap_monitor_regresion"),
    "a misspelt label": (("verdict=", "verdikt="), "no label verdikt on bootstrap_monitor_regression"),
    "a misspelt label to group by": (("(tester)", "(tster)"), "no label tster"),
    "a wrong value of a label": (("confirmed", "proven"), "no data for"),
    "no data papered over": (("> 0", "or vector(0)"), "no data is papered over in"),
    "a condition that never held": (("> 0", "> 1"), "no data for"),
    "no expression": (("> 0", "> "), "invalid promql query"),
    "labels that do not match": (
        ("> 0", '* on (tester) bootstrap_monitor_regression{verdict="none"}'),
        "found duplicate series",
    ),
}


def test_an_expression_that_works_has_no_problems(seen: Seen) -> None:
    assert seen.problems(Asked("regressed", REGRESSED)) == []


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_copy_is_found(seen: Seen, name: str) -> None:
    (old, new), says = BROKEN[name]
    broken = REGRESSED.replace(old, new)

    problems = seen.problems(Asked("regressed", broken))

    assert broken != REGRESSED
    assert any(says in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(("_regression", "_regresion"), "no metric bootstrap_monitor_regresion", id="metric"),
        pytest.param(("confirmed", "proven"), "no data for bootstrap_monitor_regression", id="value"),
    ],
)
def test_a_broken_copy_of_what_was_not_lived_through_is_found(
    seen: Seen, change: tuple[str, str], says: str
) -> None:
    """The whole expression returns nothing, but each of its parts must return data."""
    spared = f"{REGRESSED} > 1"
    broken = spared.replace(*change)

    problems = seen.problems(Asked("regressed", broken, lived=False))

    assert seen.problems(Asked("regressed", spared, lived=False)) == []
    assert any(says in problem for problem in problems), problems


@pytest.mark.parametrize("labels", [labels_of_rule("{{ $labels.tster }}"), labels_of_legend("{{tster}}")])
def test_a_broken_text_is_found(seen: Seen, labels: frozenset[str]) -> None:
    assert seen.problems(Asked("regressed", REGRESSED, labels)) == ["regressed: no label tster"]


def test_another_testers_data_is_found(seen: Seen) -> None:
    renamed = f'label_replace({REGRESSED}, "tester", "other", "", "")'

    assert "regressed: data of other" in seen.problems(Asked("regressed", renamed))


def test_a_warning_of_the_current_server_is_found(lived: Lived) -> None:
    """The old server version returns no warning."""
    server = lived.servers["3"]
    known = server.labels(lived.start, lived.end, '{__name__=~".+"}')

    problems = Seen(server, lived.start, lived.end, known).problems(
        Asked("quantile", "quantile(2, bootstrap_monitor_run_active_seconds)")
    )

    assert len(problems) == 1
    assert "quantile value should be between 0 and 1" in problems[0]
