"""A tester has the permissions in the README's table, only on its own objects."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from chart.helm import (
    CHART,
    NAMESPACE,
    RELEASE,
    VALUES,
    Helm,
    JsonObject,
    RefusedError,
    named,
    of_kind,
    written,
)
from chart.restricted import TOKEN_FOLDER, containers

from monitor.k8s.version_pod_manifest import CONTAINER, version_pod, version_pod_name
from monitor.preflight.permissions import needed_permissions

Grants = Mapping[tuple[str, bool], frozenset[str]]


def _values(name: str) -> Path:
    return CHART / "ci" / f"{name}.yaml"


def _grants(role: JsonObject) -> dict[tuple[str, bool], frozenset[str]]:
    """Return the granted verbs by resource and by whether they are restricted to names."""
    found: dict[tuple[str, bool], frozenset[str]] = {}
    for rule in role["rules"]:
        for resource in rule["resources"]:
            key = (resource, "resourceNames" in rule)
            found[key] = found.get(key, frozenset()) | frozenset(rule["verbs"])
    return found


def _table() -> dict[tuple[str, bool], frozenset[str]]:
    """Return the verbs in the README's table by resource and by whether they are restricted to names."""
    rows = re.findall(
        r"^\| `([a-z/]+)` \| (its own|any)[^|]*\| ([^|]+) \|", (CHART / "README.md").read_text(), re.MULTILINE
    )
    assert rows
    return {
        (resource, names == "its own"): frozenset(re.findall(r"`(\w+)`", verbs))
        for resource, names, verbs in rows
    }


def test_a_role_is_what_the_readme_says(helm4: Helm) -> None:
    (role,) = of_kind(helm4.render(_values("minimal")), "Role")
    assert _grants(role) == _table()


def test_without_version_pods_there_are_no_rights_for_them(helm4: Helm) -> None:
    (role,) = of_kind(helm4.render(_values("registry-only")), "Role")
    without = {key: verbs for key, verbs in _table().items() if key != ("pods", False)}
    assert _grants(role) == without
    assert version_pod_name("prod-fuji") not in str(role)


def test_check_finds_nothing_missing(rendered: list[JsonObject]) -> None:
    for stateful_set in of_kind(rendered, "StatefulSet"):
        name = stateful_set["metadata"]["name"]
        rules = named(rendered, "Role", name)["rules"]
        version_pods = "--image-source=registry" not in str(stateful_set)
        for needed in needed_permissions(f"{name}-0", name, version_pods=version_pods):
            granted = {
                verb
                for rule in rules
                if needed.resource in rule["resources"]
                and ("resourceNames" not in rule or needed.name in rule["resourceNames"])
                for verb in rule["verbs"]
            }
            assert granted >= set(needed.verbs), str(needed)


def test_no_tester_can_touch_another_one(helm4: Helm) -> None:
    objects = helm4.render(_values("fleet"))
    taken: set[str] = set()
    for role in of_kind(objects, "Role"):
        names = {name for rule in role["rules"] for name in rule.get("resourceNames", ())}
        assert not names & taken
        taken |= names
        name = role["metadata"]["name"]
        binding = named(objects, "RoleBinding", name)
        assert binding["roleRef"]["name"] == name
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}]
        pod = named(objects, "StatefulSet", name)["spec"]["template"]["spec"]
        assert pod["serviceAccountName"] == name
    selectors = [each["spec"]["selector"]["matchLabels"] for each in of_kind(objects, "StatefulSet")]
    for labels in (
        each["spec"]["template"]["metadata"]["labels"] for each in of_kind(objects, "StatefulSet")
    ):
        assert sum(selector.items() <= labels.items() for selector in selectors) == 1


def test_only_the_monitor_gets_the_token(rendered: list[JsonObject]) -> None:
    for account in of_kind(rendered, "ServiceAccount"):
        assert account["automountServiceAccountToken"] is False
    for stateful_set in of_kind(rendered, "StatefulSet"):
        spec = stateful_set["spec"]["template"]["spec"]
        with_token = {
            each["name"]
            for each in containers(spec)
            if any(
                mount["name"] == "token" or mount["mountPath"] == TOKEN_FOLDER
                for mount in each["volumeMounts"]
            )
        }
        assert with_token == {"bootstrap-monitor", "bootstrap-monitor-init"}


def test_the_node_sees_nothing_of_the_volume_but_its_own_folder(rendered: list[JsonObject]) -> None:
    for stateful_set in of_kind(rendered, "StatefulSet"):
        spec = stateful_set["spec"]["template"]["spec"]
        (node,) = (each for each in containers(spec) if each["name"] == "avalanchego")
        data = [each for each in node["volumeMounts"] if each["name"] == "node-data"]
        assert data == [{"name": "node-data", "mountPath": "/data/avalanchego", "subPath": "avalanchego"}]


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def test_a_policy_speaks_of_its_own_tester_alone(helm4: Helm, values: Path) -> None:
    objects = helm4.render(values)
    policies = of_kind(objects, "ValidatingAdmissionPolicy")
    stateful_sets = of_kind(objects, "StatefulSet")
    assert len(policies) in {0, len(stateful_sets)}
    for policy in policies:
        name = policy["metadata"]["name"]
        key = name.rpartition(".")[2]
        assert name == f"bootstrap-monitor.{NAMESPACE}.{RELEASE}.{key}"
        (owner,) = (
            each["metadata"]["name"]
            for each in stateful_sets
            if each["metadata"]["labels"]["bootstrap-monitor/tester"] == key
        )
        spec = policy["spec"]
        assert spec["failurePolicy"] == "Fail"
        (condition,) = spec["matchConditions"]
        assert (
            condition["expression"]
            == f'request.userInfo.username == "system:serviceaccount:{NAMESPACE}:{owner}"'
        )
        binding = named(objects, "ValidatingAdmissionPolicyBinding", name)
        assert binding["spec"] == {"policyName": name, "validationActions": ["Deny"]}


def test_the_policy_knows_version_pods_where_there_are_any(helm4: Helm) -> None:
    with_pods = of_kind(helm4.render(_values("everything")), "ValidatingAdmissionPolicy")
    without = of_kind(helm4.render(_values("registry-only")), "ValidatingAdmissionPolicy")
    assert all("CREATE /pods" in each["spec"]["validations"][0]["expression"] for each in with_pods)
    assert all("CREATE /pods" not in each["spec"]["validations"][0]["expression"] for each in without)
    assert all(CONTAINER not in str(each["spec"]["validations"]) for each in without)


def _version_pod(objects: list[JsonObject], stateful_set: str) -> JsonObject:
    """Return the version pod of a tester as the monitor creates it."""
    template = named(objects, "StatefulSet", stateful_set)["spec"]["template"]
    owner = {"kind": "StatefulSet", "name": stateful_set, "uid": "1"}
    metadata = {"name": f"{stateful_set}-0", "uid": "2", "ownerReferences": [owner]}
    own = {"metadata": metadata, "spec": template["spec"]}
    return version_pod(own, "avalanchego", "registry.example/node:1", deadline_seconds=1)


@pytest.mark.parametrize("values", ["everything", "odd-names"])
def test_the_policy_names_all_that_a_version_pod_has(helm4: Helm, values: str) -> None:
    """The end-to-end tests check this on a real API server, for one tester."""
    objects = helm4.render(_values(values))
    for policy in of_kind(objects, "ValidatingAdmissionPolicy"):
        key = policy["metadata"]["name"].rpartition(".")[2]
        (owner,) = (
            each["metadata"]["name"]
            for each in of_kind(objects, "StatefulSet")
            if each["metadata"]["labels"]["bootstrap-monitor/tester"] == key
        )
        pod = _version_pod(objects, owner)
        (container,) = pod["spec"]["containers"]
        expressions = str([each["expression"] for each in policy["spec"]["validations"]])
        given = {**pod["metadata"], **pod["spec"], **container, **container["securityContext"]}
        assert not re.search(r"(in|==) null\b", expressions)
        assert [name for name in given if f'"{name}"' not in expressions] == []
        most = {each["name"]: each["expression"] for each in policy["spec"]["variables"]}["mostResources"]
        assert json.loads(most).items() >= container["resources"]["limits"].items()
        assert f'in ["{pod["spec"]["priorityClassName"]}"]' in expressions


def test_an_affinity_that_the_api_server_changes_is_refused_with_a_policy(
    helm4: Helm, tmp_path: Path
) -> None:
    values = yaml.safe_load(_values("minimal").read_text())
    terms = [{"topologyKey": "zone", "matchLabelKeys": ["app"]}]
    affinity = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    values["defaults"] = {"affinity": affinity}
    assert helm4.render(written(tmp_path, values))
    values["admissionPolicy"] = {"enabled": True}
    with pytest.raises(RefusedError, match=r"^testers.fuji.affinity: .* use a labelSelector instead$"):
        helm4.render(written(tmp_path, values))
