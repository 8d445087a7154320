"""Both Helms render every values file into equal objects, which are valid and restricted."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
from chart.helm import KUBERNETES_VERSIONS, NAMESPACE, VALUES, Helm, JsonObject, of_kind, written
from chart.restricted import containers, pod_specs, problems
from chart.schemas import mistake

_CUSTOM = {"PodMonitor", "PrometheusRule"}
_CLUSTER_WIDE = {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}


def _ids(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("values", VALUES, ids=_ids)
def test_helm_finds_nothing_to_blame(values: Path, helm3: Helm, helm4: Helm) -> None:
    helm3.lint(values)
    helm4.lint(values)


@pytest.mark.parametrize("values", VALUES, ids=_ids)
def test_both_helms_render_the_same(values: Path, helm3: Helm, helm4: Helm) -> None:
    assert helm3.render(values) == helm4.render(values)


@pytest.mark.parametrize("kubernetes", KUBERNETES_VERSIONS)
def test_kubernetes_knows_every_field(rendered: list[JsonObject], kubernetes: str) -> None:
    unknown = set()
    for each in rendered:
        try:
            assert mistake(each, kubernetes) == "", each["metadata"]["name"]
        except LookupError:
            unknown.add(each["kind"])
    assert unknown <= _CUSTOM


def test_a_release_may_be_called_by_a_number(helm4: Helm) -> None:
    objects = helm4.render(VALUES[0].with_name("odd-names.yaml"), release="123", namespace="456")
    names = {each["metadata"].get("namespace", "456") for each in objects}
    labels = [each["metadata"]["labels"] for each in objects]
    assert names == {"456"}
    assert {each["app.kubernetes.io/instance"] for each in labels} == {"123"}
    assert all(isinstance(value, str) for each in labels for value in each.values())


@pytest.mark.parametrize("kind", sorted(_CUSTOM))
def test_what_is_made_once_may_be_called_by_a_number(helm4: Helm, tmp_path: Path, kind: str) -> None:
    switch = kind[0].lower() + kind[1:]
    values = {switch: {"enabled": True, "labels": {"release": "5"}}}
    (found,) = of_kind(helm4.render(written(tmp_path, values), release="123"), kind)
    assert (found["metadata"]["name"], found["metadata"]["labels"]["release"]) == ("123", "5")


def test_an_unknown_field_would_be_seen(rendered: list[JsonObject]) -> None:
    stateful_set = copy.deepcopy(of_kind(rendered, "StatefulSet")[0])
    stateful_set["spec"]["template"]["spec"]["containers"][0]["imgae"] = "typo"
    assert "imgae" in mistake(stateful_set, KUBERNETES_VERSIONS[-1])


def test_every_pod_is_restricted(rendered: list[JsonObject]) -> None:
    found = {name: problems(spec) for name, spec in pod_specs(rendered)}
    assert found
    assert all(each == [] for each in found.values()), found


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param(lambda spec: spec.update(hostNetwork=True), "pod: hostNetwork", id="host network"),
        pytest.param(
            lambda spec: spec.update(shareProcessNamespace=True), "pod: shareProcessNamespace", id="processes"
        ),
        pytest.param(
            lambda spec: spec["securityContext"].pop("runAsNonRoot"), "pod: runAsNonRoot", id="root"
        ),
        pytest.param(
            lambda spec: spec["securityContext"].pop("seccompProfile"), "pod: seccompProfile", id="seccomp"
        ),
        pytest.param(
            lambda spec: spec["securityContext"].pop("fsGroupChangePolicy"),
            "pod: fsGroupChangePolicy",
            id="ownership",
        ),
        pytest.param(
            lambda spec: spec.pop("automountServiceAccountToken"),
            "pod: automountServiceAccountToken",
            id="token",
        ),
        pytest.param(
            lambda spec: spec["volumes"].append({"name": "x", "hostPath": {"path": "/"}}),
            "volume x: hostPath",
            id="path",
        ),
        pytest.param(
            lambda spec: containers(spec)[0]["securityContext"].pop("capabilities"),
            "bootstrap-monitor: capabilities",
            id="capabilities",
        ),
        pytest.param(
            lambda spec: containers(spec)[0]["securityContext"].pop("allowPrivilegeEscalation"),
            "bootstrap-monitor: allowPrivilegeEscalation",
            id="escalation",
        ),
        pytest.param(
            lambda spec: containers(spec)[0]["securityContext"].update(privileged=True),
            "bootstrap-monitor: privileged",
            id="privileged",
        ),
        pytest.param(
            lambda spec: containers(spec)[0]["securityContext"].pop("readOnlyRootFilesystem"),
            "bootstrap-monitor: readOnlyRootFilesystem",
            id="root file system",
        ),
        pytest.param(
            lambda spec: containers(spec)[-1]["securityContext"].update(runAsUser=7),
            "avalanchego: a user of its own",
            id="user",
        ),
        pytest.param(
            lambda spec: containers(spec)[-1]["volumeMounts"].extend(containers(spec)[0]["volumeMounts"]),
            "avalanchego: token",
            id="the node's token",
        ),
        pytest.param(
            lambda spec: containers(spec)[0].update(volumeMounts=[]),
            "bootstrap-monitor: token",
            id="no token",
        ),
    ],
)
def test_a_pod_that_is_not_restricted_would_be_seen(
    helm4: Helm, change: Callable[[JsonObject], object], problem: str
) -> None:
    objects = helm4.render(VALUES[0].with_name("minimal.yaml"))
    (spec,) = (spec for name, spec in pod_specs(objects) if name == "prod-fuji")
    change(spec)
    assert problem in problems(spec)


def test_everything_is_in_the_releases_namespace_or_cluster_wide_by_need(rendered: list[JsonObject]) -> None:
    for each in rendered:
        if each["kind"] in _CLUSTER_WIDE:
            assert NAMESPACE in each["metadata"]["name"].split(".")
            assert "namespace" not in each["metadata"]
        elif each["kind"] == "ConfigMap":
            assert each["metadata"]["namespace"] in {NAMESPACE, "monitoring"}
        else:
            assert each["metadata"]["namespace"] == NAMESPACE


def test_no_name_is_taken_twice(rendered: list[JsonObject]) -> None:
    names = [(each["kind"], each["metadata"]["name"]) for each in rendered]
    assert len(set(names)) == len(names)
