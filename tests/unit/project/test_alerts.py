"""Tests that alerts, runbooks and metrics agree, and that each check fails on a broken copy.

The effect of the rules is tested with promtool in tests/servers.
"""

from __future__ import annotations

import copy
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from support.shipped_alerts import ALERTS, CHECKS, EXPECTED, Shipped, inhibited, problems

from monitor.domain.run import Reason

SHIPPED = Shipped.load()


def test_nothing_is_wrong() -> None:
    assert problems(SHIPPED) == []


def _replaced(name: str, old: str, new: str) -> Callable[[Shipped], None]:
    """Return a change that replaces a word in an alert's expression and texts."""

    def broken(shipped: Shipped) -> None:
        rule = shipped.alert(name)
        before = copy.deepcopy(rule)
        rule["expr"] = rule["expr"].replace(old, new)
        rule["annotations"] = {key: text.replace(old, new) for key, text in rule["annotations"].items()}
        assert rule != before, f"{name} has no {old}"

    return broken


def _in_runbook(name: str, old: str, new: str) -> Callable[[Shipped], None]:
    def broken(shipped: Shipped) -> None:
        before = shipped.runbooks[name]
        shipped.runbooks[name] = before.replace(old, new)
        assert shipped.runbooks[name] != before, f"the runbook of {name} has no {old}"

    return broken


def _without_alert(shipped: Shipped) -> None:
    shipped.rules.remove(shipped.alert("BootstrapLate"))


def _another_alert(shipped: Shipped) -> None:
    shipped.rules.append({**shipped.alert("BootstrapLate"), "alert": "BootstrapBoring"})


def _without_runbook(shipped: Shipped) -> None:
    del shipped.runbooks["BootstrapLate"]


def _another_runbook(shipped: Shipped) -> None:
    shipped.runbooks["BootstrapBoring"] = shipped.runbooks["BootstrapLate"]


def _without_test(shipped: Shipped) -> None:
    del shipped.promtool_tests["BootstrapLate"]


def _severity(severity: str | None) -> Callable[[Shipped], None]:
    def broken(shipped: Shipped) -> None:
        labels = shipped.alert("BootstrapLate")["labels"]
        if severity is None:
            del labels["severity"]
        else:
            labels["severity"] = severity

    return broken


def _without_annotation(shipped: Shipped) -> None:
    del shipped.alert("BootstrapLate")["annotations"]["summary"]


def _with_runbook(shipped: Shipped) -> None:
    shipped.alert("BootstrapLate")["annotations"]["runbook_url"] = "https://example.org/BootstrapLate.md"


def _another_dashboard(shipped: Shipped) -> None:
    shipped.dashboard["uid"] = "another"


def _without_variable(shipped: Shipped) -> None:
    variables = shipped.dashboard["templating"]["list"]
    variables[:] = [each for each in variables if each["name"] != "tester"]


def _only(fires: bool) -> Callable[[Shipped], None]:  # noqa: FBT001 - a test parameter
    def broken(shipped: Shipped) -> None:
        tests = yaml.safe_load(shipped.promtool_tests["BootstrapLate"])
        for test in tests["tests"]:
            test["alert_rule_test"] = [
                case for case in test.get("alert_rule_test", ()) if bool(case.get("exp_alerts")) is fires
            ]
        shipped.promtool_tests["BootstrapLate"] = yaml.safe_dump(tests)

    return broken


def _old_object(shipped: Shipped) -> None:
    shipped.rules_text = shipped.rules_text.replace("for: 1h", "for: 2h")


def _inhibits_nothing(shipped: Shipped) -> None:
    shipped.alertmanager = shipped.alertmanager.replace("Unknown|Late|Node", "Unknown|Later|Node")


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        pytest.param(_without_alert, "no alert BootstrapLate", id="an alert is missing"),
        pytest.param(_another_alert, "a alert BootstrapBoring of no alert", id="an alert too many"),
        pytest.param(_without_runbook, "no runbook BootstrapLate", id="a runbook is missing"),
        pytest.param(_another_runbook, "a runbook BootstrapBoring of no alert", id="a runbook too many"),
        pytest.param(_without_test, "no test BootstrapLate", id="a test is missing"),
        pytest.param(_severity(None), "BootstrapLate: severity None", id="no severity"),
        pytest.param(_severity("page"), "BootstrapLate: severity page", id="a strange severity"),
        pytest.param(_severity("critical"), "BootstrapLate: critical", id="critical for nothing"),
        pytest.param(
            _without_annotation,
            "BootstrapLate: annotations ['dashboard_url', 'description']",
            id="an annotation is missing",
        ),
        pytest.param(
            _replaced("BootstrapLate", "A bootstrap", "{{ $labels.tester }}"),
            "BootstrapLate: the summary is not a fixed sentence",
            id="a summary that changes",
        ),
        pytest.param(
            _replaced("BootstrapLate", "({{ $labels.network }}", "("),
            "BootstrapLate: the description does not say which tester",
            id="a description without its network",
        ),
        pytest.param(
            _with_runbook,
            "BootstrapLate: annotations ['dashboard_url', 'description', 'runbook_url', 'summary']",
            id="a link to an address that is nobody's",
        ),
        pytest.param(
            _another_dashboard,
            "BootstrapLate: no dashboard /d/bootstrap-monitor-tester",
            id="a link to no dashboard",
        ),
        pytest.param(
            _replaced("BootstrapLate", "var-network", "var-net"),
            "BootstrapLate: the dashboard's network is not set",
            id="a link that leaves the network open",
        ),
        pytest.param(
            _without_variable,
            "BootstrapLate: the dashboard has no variable tester",
            id="a link with a variable that the dashboard has not",
        ),
        pytest.param(
            _replaced("BootstrapNotStarting", "node_down", "node_off"),
            "BootstrapNotStarting: no metric bootstrap_monitor_run_node_off_seconds",
            id="a metric that is not exposed",
        ),
        pytest.param(
            _replaced("BootstrapBlocked", "{phase=", "{stage="),
            "BootstrapBlocked: no label stage on bootstrap_monitor_phase_since_timestamp_seconds",
            id="a matcher of a label that the metric has not",
        ),
        pytest.param(
            _replaced("BootstrapBlocked", "network, sync_mode)", "net)"),
            "BootstrapBlocked: no label net",
            id="grouped by a label that nothing has",
        ),
        pytest.param(
            _replaced("BootstrapLate", "$labels.version", "$labels.release"),
            "BootstrapLate: no label release",
            id="a text with a label that nothing has",
        ),
        pytest.param(
            _replaced("BootstrapBlocked", '"blocked"', '"bloqued"'),
            "BootstrapBlocked: no phase is bloqued",
            id="a value that a label never has",
        ),
        pytest.param(
            _replaced("BootstrapLate", "max_over_time", "last_over_time"),
            "BootstrapLate: last_over_time is not allowed",
            id="an expression that bridges what a metric should show",
        ),
        pytest.param(
            _replaced("BootstrapLate", "unless", "\n\nunless"),
            "BootstrapLate: the expression is longer than 5 lines of 120 columns",
            id="an expression that is too long",
        ),
        pytest.param(
            _replaced("BootstrapProblem", "|registry|", "|registry|volume|"),
            "BootstrapProblem: ['volume_held', 'volume_unusable'] are wrong or missing",
            id="causes that are excluded",
        ),
        pytest.param(
            _in_runbook("BootstrapLate", "# BootstrapLate", "# Late"),
            "BootstrapLate: its heading is not its name",
            id="a runbook with another heading",
        ),
        pytest.param(
            _in_runbook("BootstrapLate", "## Impact", "## Effect"),
            "BootstrapLate: its sections are not Meaning, Impact, Diagnosis, Mitigation",
            id="a runbook without a section",
        ),
        pytest.param(
            _in_runbook("BootstrapFailed", "bootstrap-monitor rerun", "bootstrap-monitor retry"),
            "BootstrapFailed: no command retry",
            id="a runbook with a command that there is not",
        ),
        pytest.param(
            _in_runbook("BootstrapStalled", "--stall-timeout", "--stall-limit"),
            "BootstrapStalled: no flag --stall-limit",
            id="a runbook with a flag that there is not",
        ),
        pytest.param(
            _in_runbook("BootstrapLate", "(BootstrapRegressed.md)", "(BootstrapSlower.md)"),
            "BootstrapLate: a link to BootstrapSlower.md, which does not exist",
            id="a runbook with a dead link",
        ),
        pytest.param(_only(fires=False), "BootstrapLate: never fires", id="a test without an alert"),
        pytest.param(_only(fires=True), "BootstrapLate: always fires", id="a test without silence"),
        pytest.param(
            _old_object,
            "prometheus-rule.yaml does not match rules.yaml: run make generate",
            id="an object of other rules",
        ),
        pytest.param(
            _inhibits_nothing,
            'no alert BootstrapLater in alertname=~"Bootstrap(Stalled|ProgressUnknown|Later|NodeRestarting)"',
            id="an inhibition of nothing",
        ),
    ],
)
def test_what_is_wrong_is_found(broken: Callable[[Shipped], None], problem: str) -> None:
    shipped = copy.deepcopy(SHIPPED)
    broken(shipped)

    assert any(problem in check(shipped) for check in CHECKS)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        pytest.param({"alertname": "BootstrapImageChecksFailing"}, True, id="lookups"),
        *(
            pytest.param({"alertname": "BootstrapMonitorErrors", "operation": each}, True, id=each)
            for each in ("tick", "announce", "disk")
        ),
        *(
            pytest.param({"alertname": "BootstrapMonitorErrors", "operation": each}, False, id=each)
            for each in ("ledger", "metrics", "report")
        ),
        pytest.param({"alertname": "BootstrapFailed"}, False, id="a failed run"),
    ],
)
def test_a_problem_mutes_only_the_errors_that_it_causes(target: dict[str, str], *, expected: bool) -> None:
    """A problem mutes only the errors that it causes.

    For example, a ledger that was renamed has lost its history, independent of other problems.
    """
    assert inhibited(SHIPPED, {"alertname": "BootstrapProblem"}, target) is expected


@pytest.mark.parametrize(
    ("reason", "expected"),
    [pytest.param(reason, reason.is_build_failure, id=reason) for reason in Reason],
)
def test_a_changed_history_mutes_only_failures_of_the_build(reason: Reason, *, expected: bool) -> None:
    target = {"alertname": "BootstrapFailed", "reason": reason}

    assert inhibited(SHIPPED, {"alertname": "BootstrapHistoryChanged"}, target) is expected


def _example(page: str, language: str) -> str:
    """Return the first example on a page."""
    found: list[str] = re.findall(rf"```{language}\n(.+?)```", page, re.DOTALL)
    return found[0]


@pytest.mark.parametrize("name", ["rules.yaml", "prometheus-rule.yaml"])
def test_one_command_sets_all_links(tmp_path: Path, name: str) -> None:
    for each in ("rules.yaml", "prometheus-rule.yaml"):
        (tmp_path / each).write_bytes((ALERTS / each).read_bytes())
    subprocess.run(
        ["sh", "-ec", _example((ALERTS / "README.md").read_text(), "sh")], cwd=tmp_path, check=True
    )
    changed = yaml.safe_load((tmp_path / name).read_text())
    (group,) = changed.get("spec", changed)["groups"]
    rules = [rule for rule in group["rules"] if "alert" in rule]

    assert len(rules) == len(SHIPPED.alerts())
    for rule in rules:
        links = rule["annotations"]
        assert links["runbook_url"] == f"https://wiki.corp/runbooks/{rule['alert']}.md"
        assert links["dashboard_url"].partition("?")[0] == "https://grafana.corp/d/bootstrap-monitor-tester"


def test_the_patch_of_the_readme_is_of_the_rule_that_it_names() -> None:
    (patched,) = yaml.safe_load(_example((ALERTS / "README.md").read_text(), "yaml"))["patches"]
    groups = yaml.safe_load(SHIPPED.object_text)["spec"]["groups"]
    for operation in yaml.safe_load(patched["patch"]):
        _, _, _, group, _, rule, field = operation["path"].split("/")
        found = groups[int(group)]["rules"][int(rule)]

        assert field in found
        assert operation["op"] != "test" or found[field] == operation["value"]


def test_the_readme_lists_every_alert() -> None:
    listed = re.findall(r"^\| `(Bootstrap\w+)` \|", (ALERTS / "README.md").read_text(), re.MULTILINE)

    assert sorted(listed) == sorted(EXPECTED)


@pytest.mark.parametrize("name", sorted(SHIPPED.runbooks))
def test_a_runbook_begins_with_its_urgency_and_a_whole_command(name: str) -> None:
    beginning = SHIPPED.runbooks[name].partition("## Meaning")[0]

    assert re.search(r"^\*\*(Not urgent|Urgent)\b.*\*\*: ", beginning, re.MULTILINE)
    assert "production" in beginning
    assert re.search(r"^```sh\nkubectl (exec|describe) .*-n NAMESPACE TESTER-0", beginning, re.MULTILINE)
    assert re.search(r"^`NAMESPACE`.* are labels of the alert\.", beginning, re.MULTILINE)


@pytest.mark.parametrize("name", sorted(SHIPPED.runbooks))
def test_a_command_of_a_runbook_names_its_namespace(name: str) -> None:
    """A person on call copies a command into a shell whose default namespace is another one."""
    text = SHIPPED.runbooks[name]
    commands = re.findall(r"kubectl [a-z-]+ [^`\n]*", text)

    assert [command for command in commands if "-n NAMESPACE" not in command] == []
    if "`bootstrap-monitor " in text:
        assert "other `bootstrap-monitor` commands of this page in the same way" in " ".join(text.split())
