"""The monitor's own code accepts what the chart renders for a tester."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chart.helm import NAMESPACE, Helm, JsonObject, RefusedError, named, of_kind, written
from chart.restricted import PROBES, containers, timeout_seconds

from monitor.avalanchego.node_config import check_node_data, configuration_of
from monitor.flags import parse
from monitor.k8s.objects import pod_of
from monitor.k8s.pod import Pod
from monitor.k8s.version_pod_manifest import version_pod_name
from monitor.settings import CheckSettings, InitSettings, PodSettings, WaitSettings

_KINDS: dict[str, type[PodSettings]] = {
    "init": InitSettings,
    "wait-for-completion": WaitSettings,
    "check": CheckSettings,
}
MODES = ("c-chain-state-sync", "only-p-chain-full-sync", "full-sync")
MINIMAL = {
    "network": "fuji",
    "storage": {"size": "300Gi"},
    "monitor": {"image": {"repository": "registry.example/bootstrap-monitor"}},
}


def _pod(stateful_set: JsonObject) -> Pod:
    """Return the pod that a StatefulSet creates."""
    name = stateful_set["metadata"]["name"]
    owner = {"kind": "StatefulSet", "name": name, "uid": "1"}
    template = stateful_set["spec"]["template"]
    metadata = {**template["metadata"], "name": f"{name}-0", "uid": "2", "ownerReferences": [owner]}
    return pod_of({"metadata": metadata, "spec": template["spec"]})


def _tester(helm: Helm, folder: Path, *, defaults: Any = None, **changes: Any) -> JsonObject:
    """Return the StatefulSet of a minimal tester `one` with these changes."""
    values = {"defaults": defaults or {}, "testers": {"one": MINIMAL | changes}}
    return named(helm.render(written(folder, values)), "StatefulSet", "prod-one")


def _commands(objects: list[JsonObject]) -> list[JsonObject]:
    """Return all containers that run a command of the monitor."""
    specs = [each["spec"]["template"]["spec"] for each in of_kind(objects, "StatefulSet")]
    specs += [each["spec"] for each in of_kind(objects, "Pod")]
    return [each for spec in specs for each in containers(spec) if each["name"] != "avalanchego"]


def test_the_monitor_takes_every_flag(rendered: list[JsonObject], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"POD_NAME": "one-0", "POD_NAMESPACE": NAMESPACE, "POD_UID": "1"}.items():
        monkeypatch.setenv(name, value)
    found = _commands(rendered)
    for container in found:
        command, *flags = container["args"]
        settings = parse(_KINDS[command], command, flags, {})
        assert settings.model_fields_set >= {"data_dir", "node_container_name", "rolling_tag"}
    assert {each["args"][0] for each in found} == set(_KINDS)


def test_the_last_output_of_the_node_is_kept(rendered: list[JsonObject]) -> None:
    """The pod then shows why a node that rejects its flags has ended."""
    specs = [each["spec"]["template"]["spec"] for each in of_kind(rendered, "StatefulSet")]
    nodes = [each for spec in specs for each in containers(spec) if each["name"] == "avalanchego"]
    assert {each.get("terminationMessagePolicy") for each in nodes} == {"FallbackToLogsOnError"}


def test_both_commands_are_given_the_same(rendered: list[JsonObject]) -> None:
    known = {f"--{name.replace('_', '-')}" for name in InitSettings.model_fields}
    for stateful_set in of_kind(rendered, "StatefulSet"):
        flags = {
            each["args"][0]: [flag for flag in each["args"][1:] if flag.partition("=")[0] in known]
            for each in containers(stateful_set["spec"]["template"]["spec"])
            if each["name"] != "avalanchego"
        }
        assert flags["init"] == flags["wait-for-completion"]


def test_the_monitor_reads_network_and_mode_and_finds_the_data(helm4: Helm) -> None:
    fleet = helm4.render(Path(__file__).parents[2] / "deploy" / "chart" / "ci" / "fleet.yaml")
    found = {}
    for stateful_set in of_kind(fleet, "StatefulSet"):
        pod = _pod(stateful_set)
        node, init = pod.container("avalanchego"), pod.container("bootstrap-monitor-init")
        assert node is not None
        assert init is not None
        check_node_data(node, init, "/data")
        configuration = configuration_of(node)
        found[pod.stateful_set] = (configuration.network, configuration.sync_mode.value)
    assert found == {
        f"prod-{network}-{mode}": (network, mode) for network in ("mainnet", "fuji") for mode in MODES
    }


@pytest.mark.parametrize(
    ("native", "before", "beside"),
    [
        pytest.param(True, ["bootstrap-monitor", "bootstrap-monitor-init"], ["avalanchego"], id="native"),
        pytest.param(False, ["bootstrap-monitor-init"], ["avalanchego", "bootstrap-monitor"], id="plain"),
    ],
)
def test_containers_start_in_order(
    helm4: Helm, tmp_path: Path, *, native: bool, before: list[str], beside: list[str]
) -> None:
    spec = _tester(helm4, tmp_path, nativeSidecar=native)["spec"]["template"]["spec"]
    assert [each["name"] for each in spec["initContainers"]] == before
    assert [each["name"] for each in spec["containers"]] == beside
    always = [each["name"] for each in containers(spec) if each.get("restartPolicy") == "Always"]
    assert always == (["bootstrap-monitor"] if native else [])
    # A startup probe that waits for the node would prevent the node's start.
    assert [each["name"] for each in containers(spec) if "startupProbe" in each] == ["bootstrap-monitor"]


def test_a_starved_monitor_is_not_restarted(rendered: list[JsonObject]) -> None:
    for stateful_set in of_kind(rendered, "StatefulSet"):
        spec = stateful_set["spec"]["template"]["spec"]
        (sidecar,) = (each for each in containers(spec) if each["name"] == "bootstrap-monitor")
        assert sidecar["startupProbe"]["httpGet"]["path"] == "/-/ready"
        assert timeout_seconds(sidecar["startupProbe"]) >= 600
        assert timeout_seconds(sidecar["livenessProbe"]) >= 180
        assert all(sidecar[each]["timeoutSeconds"] >= 5 for each in PROBES)


def test_a_stuck_stateful_set_can_be_fixed(rendered: list[JsonObject]) -> None:
    for each in of_kind(rendered, "StatefulSet"):
        spec = each["spec"]
        assert (spec["replicas"], spec["podManagementPolicy"]) == (1, "Parallel")
        assert spec["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
        assert "volumeClaimTemplates" not in spec


def test_the_volume_stays_and_is_one_pods(helm4: Helm, tmp_path: Path) -> None:
    objects = helm4.render(written(tmp_path, {"testers": {"one": MINIMAL}}))
    (claim,) = of_kind(objects, "PersistentVolumeClaim")
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert claim["spec"] == {
        "accessModes": ["ReadWriteOncePod"],
        "resources": {"requests": {"storage": "300Gi"}},
    }


def test_nothing_wins_over_what_the_chart_says_itself(helm4: Helm, tmp_path: Path) -> None:
    keep = "helm.sh/resource-policy"
    storage = {"size": "300Gi", "annotations": {keep: "delete", "example.org/a": "b"}}
    labels = {"app.kubernetes.io/instance": "kps", "release": "kps"}
    values = {
        "testers": {"one": MINIMAL | {"storage": storage}},
        "podMonitor": {"enabled": True, "labels": labels},
    }
    objects = helm4.render(written(tmp_path, values))
    (claim,) = of_kind(objects, "PersistentVolumeClaim")
    (found,) = of_kind(objects, "PodMonitor")
    assert claim["metadata"]["annotations"] == {keep: "keep", "example.org/a": "b"}
    assert found["metadata"]["labels"].items() > {
        ("app.kubernetes.io/instance", "prod"),
        ("release", "kps"),
    }


def test_a_claim_that_is_there_already_is_taken(helm4: Helm, tmp_path: Path) -> None:
    tester = MINIMAL | {"storage": {"existingClaim": "old"}}
    objects = helm4.render(written(tmp_path, {"testers": {"one": tester}}))
    volumes = named(objects, "StatefulSet", "prod-one")["spec"]["template"]["spec"]["volumes"]
    assert of_kind(objects, "PersistentVolumeClaim") == []
    assert {"name": "node-data", "persistentVolumeClaim": {"claimName": "old"}} in volumes


@pytest.mark.parametrize(
    ("default", "own", "expected"),
    [
        pytest.param({"debug": True}, {"debug": False}, ["--no-debug"], id="false wins"),
        pytest.param({"diskFloor": 10}, {"diskFloor": 0}, ["--disk-floor=0"], id="zero wins"),
        pytest.param({"testbed": "big"}, {"testbed": None}, [], id="null takes away"),
        pytest.param({"testbed": "big"}, {"debug": True}, ["--debug", "--testbed=big"], id="maps are merged"),
        pytest.param({"crashLimit": 5000000}, {}, ["--crash-limit=5000000"], id="a large number stays one"),
    ],
)
def test_the_values_of_a_tester_win_over_defaults(
    helm4: Helm, tmp_path: Path, default: JsonObject, own: JsonObject, expected: list[str]
) -> None:
    monitor = MINIMAL["monitor"] | {"settings": own}  # type: ignore[operator] # a mapping, defined above
    stateful_set = _tester(helm4, tmp_path, defaults={"monitor": {"settings": default}}, monitor=monitor)
    flags = containers(stateful_set["spec"]["template"]["spec"])[0]["args"]
    ours = ("--debug", "--no-debug", "--disk-floor", "--testbed", "--crash-limit")
    assert [each for each in flags if each.startswith(ours)] == expected


@pytest.mark.parametrize(
    "path",
    [
        *("defaults/syncMode", "defaults/nativeSidecar", "defaults/terminationGracePeriodSeconds"),
        *("defaults/image/repository", "defaults/image/tag", "defaults/image/pullPolicy"),
        *("defaults/storage/accessMode", "defaults/monitor/port", "defaults/monitor/registry/caKey"),
        *("defaults/monitor/image/repository", "defaults/monitor/image/pullPolicy"),
        *("podMonitor/interval", "podMonitor/scheme", "networkPolicy/stakingPort"),
    ],
)
def test_a_required_value_cannot_be_removed(helm4: Helm, tmp_path: Path, path: str) -> None:
    where, _, name = path.rpartition("/")
    values: Any = None
    for part in reversed(path.split("/")):
        values = {part: values}
    with pytest.raises(RefusedError, match=f"^at '/{where}': missing property '{name}'$"):
        helm4.render(written(tmp_path, values))


@pytest.mark.parametrize("under", ["defaults", "tester"])
def test_a_variable_that_is_null_is_none(helm4: Helm, tmp_path: Path, under: str) -> None:
    node = {"node": {"env": {"A": None, "B": "null", "C": 1}}}
    of: JsonObject = {"defaults": node} if under == "defaults" else node
    (container,) = _tester(helm4, tmp_path, **of)["spec"]["template"]["spec"]["containers"]
    given = {each["name"]: each["value"] for each in container["env"] if not each["name"].startswith("AVAGO")}
    assert given == {"B": "null", "C": "1"}


def test_the_user_may_come_from_the_cluster(helm4: Helm, tmp_path: Path) -> None:
    nobody = {"runAsUser": None, "runAsGroup": None, "fsGroup": None}
    stateful_set = _tester(helm4, tmp_path, defaults={"securityContext": nobody})
    security = stateful_set["spec"]["template"]["spec"]["securityContext"]
    assert security.keys() == {"runAsNonRoot", "fsGroupChangePolicy", "seccompProfile"}


@pytest.mark.parametrize("length", [1, 44, 45, 46, 47])
def test_version_pods_are_called_as_the_monitor_calls_them(helm4: Helm, tmp_path: Path, length: int) -> None:
    key = f"{'a-' * 24}"[: length - 1] + "z"
    objects = helm4.render(written(tmp_path, {"testers": {key: MINIMAL}}))
    name = f"prod-{key}"
    (role,) = of_kind(objects, "Role")
    assert role["rules"][0]["resourceNames"] == [f"{name}-0", version_pod_name(name)]


def test_the_log_of_a_test_can_be_read_when_it_has_ended(rendered: list[JsonObject]) -> None:
    """Helm 3 deletes a hook with the policy `hook-succeeded` before it reads the log."""
    pods = of_kind(rendered, "Pod")
    hooks = {
        name: value
        for each in pods
        for name, value in each["metadata"]["annotations"].items()
        if name.startswith("helm.sh/")
    }
    assert hooks == {"helm.sh/hook": "test", "helm.sh/hook-delete-policy": "before-hook-creation"}


def test_a_test_reports_before_helm_gives_up(rendered: list[JsonObject]) -> None:
    for pod in of_kind(rendered, "Pod"):
        (container,) = pod["spec"]["containers"]
        command, *flags = container["args"]
        wait = parse(CheckSettings, command, flags, {}).wait
        assert wait is not None
        assert 60 <= wait < 300 <= pod["spec"]["activeDeadlineSeconds"]


def test_notes_say_what_to_do_next(helm4: Helm, tmp_path: Path) -> None:
    notes = helm4.notes(written(tmp_path, {"testers": {"one": MINIMAL}}))
    for note in (
        "prod-one: fuji, c-chain-state-sync",
        "helm test prod",
        "port-forward -n testers prod-one-0",
        "history",
        "kubectl delete pvc -n testers prod-one-data\n",
        "admissionPolicy.enabled=true",
    ):
        assert note in notes
    assert "No testers are configured" in helm4.notes(written(tmp_path, {}))
