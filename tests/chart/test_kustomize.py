"""The component adds the monitor to an existing StatefulSet."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart.helm import CHART, KUBERNETES_VERSIONS, PROJECT, JsonObject, kustomized, named
from chart.restricted import PROBES, containers, problems
from chart.schemas import mistake

from monitor.avalanchego.node_config import check_node_data, configuration_of
from monitor.flags import parse
from monitor.k8s.objects import pod_of
from monitor.preflight.permissions import needed_permissions
from monitor.settings import InitSettings, WaitSettings

_EXAMPLE = PROJECT / "deploy" / "kustomize" / "example"
_COMPONENT = PROJECT / "deploy" / "kustomize" / "monitor"
_NAME = "my-fuji-node"


@pytest.fixture(scope="module")
def objects(kubectl: Path) -> list[JsonObject]:
    """Return the objects that kustomize renders for the example."""
    assert kubectl.exists()
    return kustomized(_EXAMPLE)


def _spec(objects: list[JsonObject]) -> JsonObject:
    spec: JsonObject = named(objects, "StatefulSet", _NAME)["spec"]["template"]["spec"]
    return spec


@pytest.mark.parametrize("kubernetes", KUBERNETES_VERSIONS)
def test_kubernetes_knows_every_field(objects: list[JsonObject], kubernetes: str) -> None:
    assert [mistake(each, kubernetes) for each in objects] == [""] * len(objects)


def test_the_pod_is_restricted(objects: list[JsonObject]) -> None:
    assert problems(_spec(objects)) == []


def test_the_monitor_stands_before_the_node(objects: list[JsonObject]) -> None:
    spec = _spec(objects)
    assert [each["name"] for each in containers(spec)] == [
        "bootstrap-monitor",
        "bootstrap-monitor-init",
        "avalanchego",
    ]
    assert {each["image"] for each in spec["initContainers"]} == {"registry.example/bootstrap-monitor:0.1.0"}
    assert spec["serviceAccountName"] == f"{_NAME}-bootstrap-monitor"


def test_the_probes_are_the_charts(objects: list[JsonObject]) -> None:
    sidecar, *others = containers(_spec(objects))
    values = yaml.safe_load((CHART / "values.yaml").read_text())["defaults"]["monitor"]
    asked = {
        name: {key: value for key, value in sidecar[name].items() if key != "httpGet"} for name in PROBES
    }
    assert asked == {name: values[name] for name in PROBES}
    assert not any(name in each for each in others for name in PROBES)


def test_the_monitor_takes_its_flags_and_finds_the_data(
    objects: list[JsonObject], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("POD_NAME", "POD_NAMESPACE", "POD_UID"):
        monkeypatch.setenv(name, "1")
    sidecar, init, _ = containers(_spec(objects))
    waiting = parse(WaitSettings, "wait-for-completion", sidecar["args"][1:], {})
    assert str(waiting.data_dir) == str(parse(InitSettings, "init", init["args"][1:], {}).data_dir) == "/data"
    # So that `kubectl exec … -- bootstrap-monitor history` needs no flag.
    assert {"name": "BOOTSTRAP_MONITOR_DATA_DIR", "value": "/data"} in sidecar["env"]
    owner = {"kind": "StatefulSet", "name": _NAME, "uid": "1"}
    pod = pod_of(
        {"metadata": {"name": f"{_NAME}-0", "uid": "2", "ownerReferences": [owner]}, "spec": _spec(objects)}
    )
    node, monitor = pod.container("avalanchego"), pod.container("bootstrap-monitor")
    assert node is not None
    assert monitor is not None
    check_node_data(node, monitor, "/data")
    assert configuration_of(node).network == "fuji"


def _assert_granted(objects: list[JsonObject], stateful_set: str) -> None:
    """Check that a StatefulSet's pods have their own ServiceAccount, with a Role that names their objects."""
    name = f"{stateful_set}-bootstrap-monitor"
    pod = named(objects, "StatefulSet", stateful_set)["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == named(objects, "ServiceAccount", name)["metadata"]["name"]
    binding = named(objects, "RoleBinding", name)
    assert (binding["roleRef"]["name"], [each["name"] for each in binding["subjects"]]) == (name, [name])
    rules = named(objects, "Role", name)["rules"]
    granted = {
        (verb, resource, name)
        for rule in rules
        for verb in rule["verbs"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
    }
    needed = {
        (verb, each.resource, each.name)
        for each in needed_permissions(f"{stateful_set}-0", stateful_set, version_pods=True)
        for verb in each.verbs
    }
    assert granted == needed


def test_the_role_is_of_this_stateful_set(objects: list[JsonObject]) -> None:
    _assert_granted(objects, _NAME)


def _kustomization(folder: Path, *, node: str = "", **fields: Any) -> Path:
    """Write a kustomization to a new folder, optionally with the example's StatefulSet under another name."""
    folder.mkdir()
    if node:
        text = (_EXAMPLE / "node.yaml").read_text()
        (folder / "node.yaml").write_text(text.replace(_NAME, node))
        fields["resources"] = ["node.yaml"]
    (folder / "kustomization.yaml").write_text(json.dumps(fields))
    return folder


@pytest.fixture
def component(kubectl: Path, tmp_path: Path) -> str:
    """Copy the component, and return its path relative to a neighbouring folder."""
    assert kubectl.exists()
    shutil.copytree(_COMPONENT, tmp_path / "monitor")
    return "../monitor"


def test_two_in_one_namespace_take_nothing_from_each_other(component: str, tmp_path: Path) -> None:
    for node in ("node-a", "node-b"):
        _kustomization(tmp_path / node, node=node, components=[component], namespace="testers")
    both = kustomized(_kustomization(tmp_path / "both", resources=["../node-a", "../node-b"]))
    for node in ("node-a", "node-b"):
        _assert_granted(both, node)


def test_a_prefix_may_be_set_below(component: str, tmp_path: Path) -> None:
    _kustomization(tmp_path / "node", node="node-a", namePrefix="prod-")
    objects = kustomized(_kustomization(tmp_path / "above", resources=["../node"], components=[component]))
    _assert_granted(objects, "prod-node-a")


def test_the_readme_s_commands_are_about_the_example(objects: list[JsonObject]) -> None:
    commands = re.findall(r"^kubectl (.*)$", (_EXAMPLE.parent / "README.md").read_text(), re.MULTILINE)
    stateful_set = named(objects, "StatefulSet", _NAME)["metadata"]
    create, apply, *executed = commands

    assert create == f"create namespace {stateful_set['namespace']}"
    assert (PROJECT / apply.rpartition(" ")[2]).samefile(_EXAMPLE)
    for command in executed:
        words, _, own = command.partition(" -- bootstrap-monitor ")
        sidecar = containers(_spec(objects))[0]["name"]
        assert words == f"exec -n {stateful_set['namespace']} {_NAME}-0 -c {sidecar}"
        assert own in {"check --wait 5m", "history"}


def _patched(folder: Path, component: str, containing: str, node: str) -> JsonObject:
    """Return the pod's spec of a StatefulSet with the README's patch that contains a text."""
    readme = (_EXAMPLE.parent / "README.md").read_text()
    blocks = re.findall(r"^```yaml\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)
    (patch,) = (block for block in blocks if containing in block)
    _kustomization(folder, resources=["node.yaml"], components=[component], **yaml.safe_load(patch))
    (folder / "node.yaml").write_text(node)
    return _spec(kustomized(folder))


def test_a_patch_of_the_readme_sets_flags_of_both_commands(component: str, tmp_path: Path) -> None:
    node = (_EXAMPLE / "node.yaml").read_text()
    spec = _patched(tmp_path / "node", component, "--retest-after", node)

    for container in spec["initContainers"]:
        assert container["args"][-2:] == ["--rolling-tag=v1.14.2", "--retest-after=7d"]


def test_a_patch_of_the_readme_is_for_other_names_and_init_containers(component: str, tmp_path: Path) -> None:
    own = "initContainers: [{name: own, image: own}]\n      containers:"
    node = (_EXAMPLE / "node.yaml").read_text().replace("containers:", own)
    node = node.replace("name: avalanchego\n", "name: node\n").replace("node-data", "data")
    spec = _patched(tmp_path / "node", component, "--node-container-name", node)
    *monitor, last = spec["initContainers"]

    assert last["name"] == "own"
    assert spec["containers"][0]["name"] == "node"
    for container in monitor:
        assert "--node-container-name=node" in container["args"]
        assert container["volumeMounts"][0] == {"name": "data", "mountPath": "/data"}
    assert "node-data" not in json.dumps(spec)


def test_the_example_meets_the_requirements_of_the_readme(objects: list[JsonObject]) -> None:
    assert named(objects, "StatefulSet", _NAME)["spec"]["podManagementPolicy"] == "Parallel"
    assert _spec(objects)["containers"][0]["terminationMessagePolicy"] == "FallbackToLogsOnError"


def test_the_pods_do_not_have_the_labels_of_the_chart_s(objects: list[JsonObject]) -> None:
    """docs/scraping.md says so, because its PodMonitor selects the chart's label."""
    labels = named(objects, "StatefulSet", _NAME)["spec"]["template"]["metadata"]["labels"]

    assert labels == {"app": _NAME}
