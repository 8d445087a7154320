"""The permissions of the monitor's token, limited by the shipped Role or by the admission policy alone.

The second half of the testers may do everything, so that only the policy can refuse a request.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from e2e.conftest import made
from e2e.installed import Release
from e2e.tester import MONITOR, NODE, VERSIONS_ANNOTATION, DeployedTester
from testbed.bed import Bed, until

from monitor.k8s.version_pod_manifest import version_pod

JsonObject = dict[str, Any]
DIGEST = "sha256:" + "0" * 64
# The placement in the tester's values.
PLACEMENT = {
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "affinity": {
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {
                    "weight": 1,
                    "podAffinityTerm": {
                        "topologyKey": "kubernetes.io/hostname",
                        "labelSelector": {"matchLabels": {"app": "noisy"}, "matchExpressions": []},
                    },
                }
            ]
        }
    },
    "tolerations": [{"key": "testers", "operator": "Exists", "value": "", "effect": "NoSchedule"}],
    "runtimeClassName": "sandbox",
}
# Objects with which the cluster changes pods: a RuntimeClass that the values name, and a default priority.
SANDBOX = {
    "apiVersion": "node.k8s.io/v1",
    "kind": "RuntimeClass",
    "metadata": {"name": "sandbox"},
    "handler": "runc",
    "scheduling": {"tolerations": [{"key": "sandboxed", "operator": "Exists"}]},
}
ORDINARY = {
    "apiVersion": "scheduling.k8s.io/v1",
    "kind": "PriorityClass",
    "metadata": {"name": "ordinary"},
    "globalDefault": True,
    "value": 0,
}


@dataclass(frozen=True)
class Holder:
    """The token of a tester's monitor; `granted` means that only the policy limits what it may do."""

    tester: DeployedTester
    kubeconfig: Path
    granted: bool

    @property
    def bed(self) -> Bed:
        """The cluster, accessed with the monitor's token."""
        return replace(self.tester.bed, kubeconfig=self.kubeconfig)

    def tried(self, *arguments: str, stdin: str = "") -> str:
        """Run kubectl with the token; return the refusal, or an empty text if it is allowed."""
        try:
            self.bed.run(*arguments, stdin=stdin)
        except AssertionError as error:
            return str(error)
        return ""

    def patched(self, patch: JsonObject, name: str = "") -> str:
        """Try a change of a StatefulSet as a dry run; return the refusal, or an empty text."""
        return self.tried(
            "patch",
            "statefulset",
            name or self.tester.tester.name,
            f"--namespace={self.tester.namespace}",
            "--type=strategic",
            "--dry-run=server",
            f"--patch={json.dumps(patch)}",
        )

    def created(self, found: JsonObject, namespace: str = "") -> str:
        """Try to create an object as a dry run; return the refusal, or an empty text."""
        return self.tried(*self._making(namespace), stdin=json.dumps(found))

    def admitted(self, found: JsonObject) -> JsonObject:
        """Create an object as a dry run; return the object as the cluster would store it."""
        answer: JsonObject = json.loads(self.bed.run(*self._making(), stdin=json.dumps(found)))
        return answer

    def _making(self, namespace: str = "") -> tuple[str, ...]:
        where = f"--namespace={namespace or self.tester.namespace}"
        return ("create", "--dry-run=server", "--validate=false", "--output=json", where, "--filename=-")

    def version_pod(self) -> JsonObject:
        """Return the version pod that the monitor would create."""
        own = self.tester.pod()
        assert own is not None
        return version_pod(own, NODE, self.tester.tester.image, deadline_seconds=600)


@pytest.fixture(scope="module", params=[False, True], ids=["by the Role", "by the policy alone"])
def holder(
    bed: Bed, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Holder]:
    with contextlib.ExitStack() as stack:
        tester = placed(bed, stack)
        folder = tmp_path_factory.mktemp("holder")
        found = Holder(tester, written(tester, folder / "kubeconfig"), request.param)
        if found.granted:
            name = f"{tester.namespace}-all"
            account = f"{tester.namespace}:{tester.tester.name}"
            bed.run(
                "create",
                "clusterrolebinding",
                name,
                "--clusterrole=cluster-admin",
                f"--serviceaccount={account}",
            )
            stack.callback(bed.run, "delete", "clusterrolebinding", name)
            until(lambda: not found.tried("get", "secrets", "--all-namespaces"), 30, "all is granted to it")
        refused = {"spec": {"replicas": 2}}
        until(
            lambda: "may change only the node's image" in found.patched(refused), 60, "the policy is in force"
        )
        yield found


def placed(bed: Bed, stack: contextlib.ExitStack) -> DeployedTester:
    """Deploy a tester that uses every kind of placement, on a cluster that adds fields to its pods."""
    bed.apply(SANDBOX, ORDINARY)
    stack.callback(bed.run, "delete", "runtimeclass/sandbox", "priorityclass/ordinary")
    tester = made(
        bed,
        stack,
        "admission",
        repository="avalanchego-simulated",
        node_environment={"SIMULATE_BOOTSTRAP_SECONDS": "3600"},
        placement=PLACEMENT,
    )
    namespace = tester.namespace
    # Pod Security would refuse a request first, and so hide whether the policy refuses it.
    bed.run("label", "--overwrite", "namespace", namespace, "pod-security.kubernetes.io/enforce=privileged")
    # Without storage accounting in the kubelet, a request for this storage could not be scheduled.
    limits = {
        "type": "Container",
        "default": {"ephemeral-storage": "100Mi"},
        "defaultRequest": {"ephemeral-storage": "0"},
    }
    metadata = {"name": "limits", "namespace": namespace}
    bed.apply({"apiVersion": "v1", "kind": "LimitRange", "metadata": metadata, "spec": {"limits": [limits]}})
    Release(bed, [tester.tester]).install()
    tester.await_run(1)
    return tester


def written(tester: DeployedTester, path: Path) -> Path:
    """Write a kubeconfig that contains only the monitor's token, and return its path."""
    bed, name = tester.bed, tester.tester.name
    found = json.loads(bed.run("config", "view", "--raw", "--minify", "--output=json"))
    token = bed.run("create", "token", name, f"--namespace={tester.namespace}").strip()
    found["users"] = [{"name": name, "user": {"token": token}}]
    found["contexts"] = [{"name": name, "context": {"cluster": found["clusters"][0]["name"], "user": name}}]
    found["current-context"] = name
    path.write_text(json.dumps(found))
    return path


def of_container(name: str, **fields: Any) -> JsonObject:
    """Return a patch of one container of the tester's pods."""
    return of_pods(containers=[{"name": name, **fields}])


def of_pods(**fields: Any) -> JsonObject:
    """Return a patch of the tester's pods."""
    return {"spec": {"template": {"spec": fields}}}


@pytest.mark.every_kubernetes
@pytest.mark.parametrize(
    "patch",
    [
        pytest.param(of_container(NODE, command=["sh", "-c", "cat /data/*"]), id="the node's command"),
        pytest.param(of_container(NODE, args=["--http-host=0.0.0.0"]), id="the node's arguments"),
        pytest.param(of_container(NODE, env=[{"name": "X", "value": "y"}]), id="the node's variables"),
        pytest.param(
            of_container(NODE, image=f"elsewhere.example/node@{DIGEST}"), id="an image from elsewhere"
        ),
        pytest.param(
            of_container("another", image=f"elsewhere.example/node@{DIGEST}"), id="another container"
        ),
        pytest.param(
            of_pods(initContainers=[{"name": MONITOR, "image": f"elsewhere.example/monitor@{DIGEST}"}]),
            id="the monitor's image",
        ),
        pytest.param(of_pods(volumes=[{"name": "s", "secret": {"secretName": "s"}}]), id="a volume"),
        pytest.param(of_pods(serviceAccountName="default"), id="another service account"),
        pytest.param(of_pods(hostNetwork=True), id="the host's network"),
        pytest.param({"spec": {"replicas": 2}}, id="replicas"),
        pytest.param({"metadata": {"labels": {"a": "b"}}}, id="a label"),
        pytest.param({"spec": {"template": {"metadata": {"annotations": {"a": "b"}}}}}, id="an annotation"),
    ],
)
def test_it_changes_nothing_of_its_statefulset_but_image_and_versions(
    holder: Holder, patch: JsonObject
) -> None:
    assert "the monitor may change only" in holder.patched(patch)


@pytest.mark.every_kubernetes
def test_it_may_pin(holder: Holder) -> None:
    tester = holder.tester
    versions = {VERSIONS_ANNOTATION: '{"commit": "x"}'}
    patch = of_container(NODE, image=f"{tester.tester.repository}@{DIGEST}")
    patch["spec"]["template"]["metadata"] = {"annotations": versions}

    assert holder.patched(patch) == ""


@pytest.mark.every_kubernetes
def test_it_may_start_its_version_pod_whatever_the_cluster_adds(holder: Holder) -> None:
    spec = holder.admitted(holder.version_pod())["spec"]

    assert spec["priorityClassName"] == "ordinary"
    assert {each["key"] for each in spec["tolerations"]} > {"testers", "sandboxed"}
    assert spec["containers"][0]["resources"]["limits"].keys() == {"cpu", "memory", "ephemeral-storage"}


ELSEWHERE = {"apiVersion": "v1", "kind": "Pod", "name": "another", "uid": "1"}
PROBE = {"exec": {"command": ["env"]}}
ALL_ELSEWHERE = {
    "podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": "kubernetes.io/hostname", "labelSelector": {}, "namespaceSelector": {}}
        ]
    }
}
LIMITS = {"cpu": "1", "memory": "256Mi"}

OWN = "may create only its version pod"
BEARS = "may have only its labels and its owner"
NOTHING_BUT = "may have only one container"
TOKEN = "must run as the default ServiceAccount, without a token"
ENDS = "must end within monitor.settings.versionPodTimeout"
IS_PLACED = "must have the placement and the priority"
IS_RESTRICTED = "must be as restricted as its tester"
ASKS = "may have at most one CPU"
RUNS = "must run only the node's image"

# For each violation: the part of the version pod to change, the new fields, and the expected refusal.
# `None` deletes a field; a function returns the new value for the old one.
VIOLATIONS: dict[str, tuple[str, JsonObject, str]] = {
    "another name": ("metadata", {"name": "another"}, OWN),
    "no labels": ("metadata", {"labels": None}, OWN),
    "a label of the node's": ("labels", {"app.kubernetes.io/component": "tester"}, OWN),
    "one more label": ("labels", {"app": "another"}, OWN),
    "no owner": ("metadata", {"ownerReferences": None}, OWN),
    "another owner": ("metadata", {"ownerReferences": [ELSEWHERE]}, OWN),
    "a second owner": ("metadata", {"ownerReferences": lambda owners: [*owners, ELSEWHERE]}, OWN),
    "an annotation": ("metadata", {"annotations": {"a": "b"}}, BEARS),
    "a finalizer": ("metadata", {"finalizers": ["example.org/stay"]}, BEARS),
    "a volume": ("spec", {"volumes": [{"name": "s", "secret": {"secretName": "s"}}]}, NOTHING_BUT),
    "a node": ("spec", {"nodeName": "node0"}, NOTHING_BUT),
    "the host's network": ("spec", {"hostNetwork": True}, NOTHING_BUT),
    "the host's processes": ("spec", {"hostPID": True}, NOTHING_BUT),
    "the host's memory": ("spec", {"hostIPC": True}, NOTHING_BUT),
    "the host's users": ("spec", {"hostUsers": True}, NOTHING_BUT),
    "shared processes": ("spec", {"shareProcessNamespace": True}, NOTHING_BUT),
    "a device": ("spec", {"resourceClaims": [{"name": "d", "resourceClaimName": "d"}]}, NOTHING_BUT),
    "resources of the pod": ("spec", {"resources": {"limits": {"cpu": "64"}}}, NOTHING_BUT),
    "an init container": ("spec", {"initContainers": [{"name": "i", "image": "i"}]}, NOTHING_BUT),
    "a container for later": (
        "spec",
        {"ephemeralContainers": [{"name": "e", "image": "e"}]},
        "ephemeralContainers: Forbidden",  # refused by Kubernetes itself
    ),
    "a name server": ("spec", {"dnsConfig": {"nameservers": ["192.0.2.1"]}}, NOTHING_BUT),
    "names of hosts": ("spec", {"hostAliases": [{"ip": "192.0.2.1", "hostnames": ["a"]}]}, NOTHING_BUT),
    "a gate": ("spec", {"schedulingGates": [{"name": "example.org/never"}]}, NOTHING_BUT),
    "a token": ("spec", {"automountServiceAccountToken": True}, TOKEN),
    "a token by default": ("spec", {"automountServiceAccountToken": None}, TOKEN),
    "the monitor's account": ("spec", {"serviceAccountName": "bed-tester"}, TOKEN),
    "no deadline": ("spec", {"activeDeadlineSeconds": None}, ENDS),
    "a long deadline": ("spec", {"activeDeadlineSeconds": 3600}, ENDS),
    "a long farewell": ("spec", {"terminationGracePeriodSeconds": 3600}, ENDS),
    "a restart": ("spec", {"restartPolicy": "OnFailure"}, ENDS),
    "the highest priority": ("spec", {"priorityClassName": "system-node-critical"}, IS_PLACED),
    "no runtime": ("spec", {"runtimeClassName": None}, IS_PLACED),
    "another scheduler": ("spec", {"schedulerName": "another"}, IS_PLACED),
    "another node selector": ("spec", {"nodeSelector": {"kubernetes.io/hostname": "node0"}}, IS_PLACED),
    "no node selector": ("spec", {"nodeSelector": None}, IS_PLACED),
    "no affinity": ("spec", {"affinity": None}, IS_PLACED),
    "an affinity that keeps others off": ("spec", {"affinity": ALL_ELSEWHERE}, IS_PLACED),
    "a toleration of everything": ("spec", {"tolerations": [{"operator": "Exists"}]}, IS_PLACED),
    "no context": ("spec", {"securityContext": None}, IS_RESTRICTED),
    "root": ("podSecurity", {"runAsUser": 0, "runAsNonRoot": False}, IS_RESTRICTED),
    "another group": ("podSecurity", {"supplementalGroups": [0]}, IS_RESTRICTED),
    "a kernel parameter": ("podSecurity", {"sysctls": [{"name": "kernel.x", "value": "1"}]}, IS_RESTRICTED),
    "a label of SELinux": ("podSecurity", {"seLinuxOptions": {"type": "spc_t"}}, IS_RESTRICTED),
    "no filter": ("podSecurity", {"seccompProfile": {"type": "Unconfined"}}, IS_RESTRICTED),
    "a container without context": ("container", {"securityContext": None}, IS_RESTRICTED),
    "escalation": ("containerSecurity", {"allowPrivilegeEscalation": True}, IS_RESTRICTED),
    "a privileged container": (
        "containerSecurity",
        {"allowPrivilegeEscalation": None, "privileged": True},
        IS_RESTRICTED,
    ),
    "a capability": (
        "containerSecurity",
        {"capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]}},
        IS_RESTRICTED,
    ),
    "capabilities": ("containerSecurity", {"capabilities": None}, IS_RESTRICTED),
    "a container as root": ("containerSecurity", {"runAsUser": 0}, IS_RESTRICTED),
    "a container without filter": (
        "containerSecurity",
        {"seccompProfile": {"type": "Unconfined"}},
        IS_RESTRICTED,
    ),
    "no resources": ("container", {"resources": None}, ASKS),
    "as many CPUs as a node has": ("container", {"resources": {"limits": LIMITS | {"cpu": "64"}}}, ASKS),
    "as much memory as a node has": (
        "container",
        {"resources": {"limits": LIMITS | {"memory": "1Ti"}}},
        ASKS,
    ),
    "another resource": ("container", {"resources": {"limits": LIMITS | {"example.org/gpu": "1"}}}, ASKS),
    "two containers": (
        "spec",
        {"containers": lambda containers: [*containers, containers[0] | {"name": "second"}]},
        RUNS,
    ),
    "another image": ("container", {"image": "elsewhere.example/node:1"}, RUNS),
    "another command": ("container", {"command": ["sh", "-c", "env"]}, RUNS),
    "the image's command": ("container", {"command": None}, RUNS),
    "other arguments": ("container", {"args": ["--http-host=0.0.0.0"]}, RUNS),
    "a Secret in a variable": (
        "container",
        {"env": [{"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]},
        RUNS,
    ),
    "a Secret in its variables": ("container", {"envFrom": [{"secretRef": {"name": "s"}}]}, RUNS),
    "a port": ("container", {"ports": [{"containerPort": 80, "hostPort": 80}]}, RUNS),
    "a hook": ("container", {"lifecycle": {"postStart": PROBE}}, RUNS),
    "a startup probe": ("container", {"startupProbe": PROBE}, RUNS),
    "a readiness probe": ("container", {"readinessProbe": PROBE}, RUNS),
    "a liveness probe": ("container", {"livenessProbe": PROBE}, RUNS),
    "a terminal": ("container", {"tty": True, "stdin": True}, RUNS),
}


def changed(pod: JsonObject, part: str, fields: JsonObject) -> JsonObject:
    """Return a version pod with some fields of one part replaced."""
    (container,) = pod["spec"]["containers"]
    parts = {
        "metadata": pod["metadata"],
        "labels": pod["metadata"]["labels"],
        "spec": pod["spec"],
        "podSecurity": pod["spec"]["securityContext"],
        "container": container,
        "containerSecurity": container["securityContext"],
    }
    found: JsonObject = parts[part]
    found.update({name: value(found[name]) if callable(value) else value for name, value in fields.items()})
    return pod


@pytest.mark.parametrize(("part", "fields", "message"), VIOLATIONS.values(), ids=VIOLATIONS.keys())
def test_it_starts_no_other_version_pod(holder: Holder, part: str, fields: JsonObject, message: str) -> None:
    assert message in holder.created(changed(holder.version_pod(), part, fields))


@pytest.mark.every_kubernetes
def test_it_deletes_no_other_pod(holder: Holder) -> None:
    bed, namespace = holder.tester.bed, holder.tester.namespace
    other = holder.version_pod()
    other["metadata"] = {"name": "another", "namespace": namespace}
    bed.apply(other)
    message = holder.tried("delete", "pod", "another", f"--namespace={namespace}", "--wait=false")

    assert ("may delete only its own pod" if holder.granted else "forbidden") in message
    assert bed.get("pod", "another", namespace) is not None


@pytest.mark.every_kubernetes
@pytest.mark.parametrize(
    ("kind", "policy_message"),
    [
        pytest.param("Secret", "may only update its StatefulSet", id="Secret"),
        pytest.param("ServiceAccount", "may only update its StatefulSet", id="ServiceAccount"),
    ],
)
def test_it_makes_nothing_else(holder: Holder, kind: str, policy_message: str) -> None:
    message = holder.created({"apiVersion": "v1", "kind": kind, "metadata": {"name": "another"}})

    assert (policy_message if holder.granted else "forbidden") in message


@pytest.mark.every_kubernetes
def test_it_writes_nothing_outside_its_namespace(holder: Holder) -> None:
    """In the tester's namespace, this pod is allowed."""
    message = holder.created(holder.version_pod(), "default")

    assert ("may not write outside" if holder.granted else "forbidden") in message


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(("get", "secrets"), id="Secrets"),
        pytest.param(("get", "pods"), id="the list of pods"),
        pytest.param(("get", "pods", "--namespace=kube-system"), id="pods elsewhere"),
        pytest.param(("get", "configmaps", "kube-root-ca.crt"), id="ConfigMaps"),
    ],
)
def test_its_role_lets_it_read_nothing_else(holder: Holder, asked: tuple[str, ...]) -> None:
    """Admission policies do not see read requests."""
    where = (
        ()
        if any(each.startswith("--namespace") for each in asked)
        else (f"--namespace={holder.tester.namespace}",)
    )
    message = holder.tried(*asked, *where)

    assert message == "" if holder.granted else "forbidden" in message
