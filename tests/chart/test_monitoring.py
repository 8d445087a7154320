"""The chart's objects for Prometheus, Grafana and the network select the testers and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart.helm import CHART, PROJECT, Helm, JsonObject, named, of_kind, written
from chart.restricted import containers

from monitor.k8s.version_pod_manifest import version_pod

_RULES = yaml.safe_load((PROJECT / "alerts" / "rules.yaml").read_text())
_OWNER = {"kind": "StatefulSet", "name": "bed-mainnet", "uid": "1"}


@pytest.fixture(scope="module")
def objects(helm4: Helm) -> list[JsonObject]:
    """Return the objects with every switch on."""
    return helm4.render(CHART / "ci" / "everything.yaml")


def _selects(labels: dict[str, str], found: JsonObject) -> bool:
    return bool(labels.items() <= found["metadata"]["labels"].items())


def _testers(objects: list[JsonObject]) -> list[JsonObject]:
    """Return the templates of the testers' pods."""
    return [each["spec"]["template"] for each in of_kind(objects, "StatefulSet")]


def _version_pod(objects: list[JsonObject]) -> JsonObject:
    """Return the version pod that a tester's monitor starts."""
    template = named(objects, "StatefulSet", "bed-mainnet")["spec"]["template"]
    metadata = {"name": "bed-mainnet-0", "uid": "2", "ownerReferences": [_OWNER]}
    own = {"metadata": metadata, "spec": template["spec"]}
    return version_pod(own, "avalanchego", "registry.example/node:1", deadline_seconds=1)


def test_the_pod_monitor_finds_all_testers_and_no_other_pod(objects: list[JsonObject]) -> None:
    (found,) = of_kind(objects, "PodMonitor")
    labels = found["spec"]["selector"]["matchLabels"]
    assert all(_selects(labels, each) for each in _testers(objects))
    others = [*of_kind(objects, "Pod"), _version_pod(objects)]
    assert not any(_selects(labels, each) for each in others)
    assert found["metadata"]["labels"]["release"] == "kube-prometheus-stack"


def test_one_port_of_each_tester_is_scraped(objects: list[JsonObject]) -> None:
    (found,) = of_kind(objects, "PodMonitor")
    (endpoint,) = found["spec"]["podMetricsEndpoints"]
    for each in _testers(objects):
        ports = [
            port["name"] for container in containers(each["spec"]) for port in container.get("ports", ())
        ]
        assert ports == [endpoint["port"]]


def test_the_rules_are_those_of_the_project_but_for_their_links(objects: list[JsonObject]) -> None:
    (found,) = of_kind(objects, "PrometheusRule")
    rules, expected = _alerts(found["spec"]), _alerts(_RULES)
    assert rules.keys() == expected.keys()
    for name, rule in rules.items():
        links = {key: rule["annotations"].pop(key) for key in ("runbook_url", "dashboard_url")}
        assert links["runbook_url"] == f"https://wiki.example/runbooks/{rule['alert']}.md"
        assert links["dashboard_url"].startswith("https://grafana.example/d/bootstrap-monitor-")
        kept = {key: text for key, text in expected[name]["annotations"].items() if key not in links}
        assert rule == expected[name] | {"annotations": kept}


def test_without_addresses_the_rules_are_those_of_the_project(helm4: Helm, tmp_path: Path) -> None:
    values = yaml.safe_load((CHART / "ci" / "minimal.yaml").read_text()) | {
        "prometheusRule": {"enabled": True}
    }
    (found,) = of_kind(helm4.render(written(tmp_path, values)), "PrometheusRule")

    assert found["spec"] == _RULES


def _alerts(rules: Any) -> dict[str, Any]:
    found = [rule for group in rules["groups"] for rule in group["rules"] if "alert" in rule]
    return {f"{rule['alert']} {rule['labels']} {number}": rule for number, rule in enumerate(found)}


def test_the_dashboards_are_those_of_the_project(objects: list[JsonObject]) -> None:
    found = {
        name.removeprefix("bootstrap-monitor-"): json.loads(text)
        for each in of_kind(objects, "ConfigMap")
        for name, text in each["data"].items()
    }
    shipped = {each.name: json.loads(each.read_text()) for each in (PROJECT / "dashboards").glob("*.json")}
    assert found == shipped
    assert all(
        each["metadata"]["labels"]["grafana_dashboard"] == "1" for each in of_kind(objects, "ConfigMap")
    )


def test_a_network_policy_is_of_one_tester_and_one_of_all_version_pods(objects: list[JsonObject]) -> None:
    selectors = {
        each["metadata"]["name"]: each["spec"]["podSelector"]["matchLabels"]
        for each in of_kind(objects, "NetworkPolicy")
    }
    assert selectors.keys() == {"bed-mainnet", "bed-kept", "bed-version-check"}
    for each in of_kind(objects, "StatefulSet"):
        template = each["spec"]["template"]
        found = {name for name, labels in selectors.items() if _selects(labels, template)}
        assert found == {each["metadata"]["name"]}
    checks = {name for name, labels in selectors.items() if _selects(labels, _version_pod(objects))}
    assert checks == {"bed-version-check"}
    policy = named(objects, "NetworkPolicy", "bed-version-check")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert not policy.keys() & {"ingress", "egress"}


def test_helm_test_may_ask_the_monitor(objects: list[JsonObject]) -> None:
    first = named(objects, "NetworkPolicy", "bed-mainnet")["spec"]["ingress"][0]
    assert first["ports"] == [{"protocol": "TCP", "port": 9642}]
    labels = first["from"][0]["podSelector"]["matchLabels"]
    assert all(_selects(labels, each) for each in of_kind(objects, "Pod"))
    assert not any(_selects(labels, each) for each in _testers(objects))
