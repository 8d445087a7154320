"""What the monitor's own token can do, whoever holds it: by the shipped Role, and by the admission policy alone.

To the second half of the testers everything is granted, so that only the policy is in the way.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from e2e.conftest import deployed
from e2e.installed import KEY
from e2e.tester import MONITOR, NODE, VERSIONS_ANNOTATION, DeployedTester
from testbed.bed import Bed, until

JsonObject = dict[str, Any]
DIGEST = "sha256:" + "0" * 64

pytestmark = pytest.mark.every_kubernetes


@dataclass(frozen=True)
class Holder:
    """Who holds the token of a tester's monitor; `granted`: may do everything, but for the policy."""

    tester: DeployedTester
    kubeconfig: Path
    granted: bool

    def tried(self, *arguments: str, stdin: str = "") -> str:
        """What is said to it; empty where it may."""
        bed = self.tester.bed
        done = subprocess.run(
            [*bed.prefix, bed.kubectl, f"--kubeconfig={self.kubeconfig}", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stderr.strip() if done.returncode else ""

    def patched(self, patch: JsonObject, name: str = "") -> str:
        """What is said to a change of a StatefulSet; nothing is really changed."""
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
        """What is said to a new object; nothing is really made."""
        where = f"--namespace={namespace or self.tester.namespace}"
        return self.tried(
            "create", "--dry-run=server", "--validate=false", "--filename=-", where, stdin=json.dumps(found)
        )


@pytest.fixture(scope="module", params=[False, True], ids=["by the Role", "by the policy alone"])
def holder(
    bed: Bed, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Holder]:
    with contextlib.ExitStack() as stack:
        tester = deployed(
            bed,
            stack,
            "admission",
            repository="avalanchego-simulated",
            node_environment={"SIMULATE_BOOTSTRAP_SECONDS": "3600"},
        )
        tester.await_run(1)
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
        until(lambda: "changes nothing of" in found.patched(refused), 60, "the policy is in force")
        yield found


def written(tester: DeployedTester, path: Path) -> Path:
    """A configuration that has nothing but the monitor's token."""
    bed, name = tester.bed, tester.tester.name
    found = json.loads(bed.run("config", "view", "--raw", "--minify", "--output=json"))
    token = bed.run("create", "token", name, f"--namespace={tester.namespace}").strip()
    found["users"] = [{"name": name, "user": {"token": token}}]
    found["contexts"] = [{"name": name, "context": {"cluster": found["clusters"][0]["name"], "user": name}}]
    found["current-context"] = name
    path.write_text(json.dumps(found))
    return path


def of_container(name: str, **fields: Any) -> JsonObject:
    """A change of one container of the tester's pods."""
    return of_pods(containers=[{"name": name, **fields}])


def of_pods(**fields: Any) -> JsonObject:
    """A change of the tester's pods."""
    return {"spec": {"template": {"spec": fields}}}


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
    assert "the monitor changes n" in holder.patched(patch)


def test_it_may_pin(holder: Holder) -> None:
    tester = holder.tester
    versions = {VERSIONS_ANNOTATION: '{"commit": "x"}'}
    patch = of_container(NODE, image=f"{tester.tester.repository}@{DIGEST}")
    patch["spec"]["template"]["metadata"] = {"annotations": versions}

    assert holder.patched(patch) == ""


def check_pod(holder: Holder, **fields: Any) -> JsonObject:
    """What its check pod looks like, but for some fields of its specification."""
    tester = holder.tester.tester
    labels = {
        "app.kubernetes.io/managed-by": "bootstrap-monitor",
        "app.kubernetes.io/name": "bootstrap-monitor",
        "app.kubernetes.io/component": "version-check",
    }
    owner = {"apiVersion": "v1", "kind": "Pod", "name": tester.pod, "uid": holder.tester.uid()}
    limits = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {
        "name": "version-check",
        "image": tester.image,
        "command": ["./avalanchego"],
        "args": ["--version-json"],
        "securityContext": limits,
    }
    spec = {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": 60,
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container | fields.pop("container", {})],
        **fields,
    }
    metadata = {"name": f"{tester.name}-version-check", "labels": labels, "ownerReferences": [owner]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def test_it_may_start_its_check_pod(holder: Holder) -> None:
    assert holder.created(check_pod(holder)) == ""


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"volumes": [{"name": "s", "secret": {"secretName": "s"}}]}, id="with a volume"),
        pytest.param({"automountServiceAccountToken": True}, id="with a token"),
        pytest.param({"serviceAccountName": "bed-tester"}, id="as its own account"),
        pytest.param({"nodeName": "node0"}, id="placed by itself"),
        pytest.param({"container": {"command": ["sh", "-c", "env"]}}, id="with another command"),
        pytest.param({"container": {"image": "elsewhere.example/node:1"}}, id="of another image"),
        pytest.param(
            {"container": {"env": [{"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}},
            id="with a Secret in its variables",
        ),
    ],
)
def test_it_starts_no_other_check_pod(holder: Holder, fields: JsonObject) -> None:
    assert "the check pod " in holder.created(check_pod(holder, **fields))


def test_it_starts_no_other_pod(holder: Holder) -> None:
    named_otherwise = check_pod(holder)
    named_otherwise["metadata"]["name"] = "another"

    assert "creates no pod but its check pod" in holder.created(named_otherwise)


def test_it_deletes_no_other_pod(holder: Holder) -> None:
    bed, namespace = holder.tester.bed, holder.tester.namespace
    other = check_pod(holder)
    other["metadata"] = {"name": "another", "namespace": namespace}
    bed.apply(other)
    said = holder.tried("delete", "pod", "another", f"--namespace={namespace}", "--wait=false")

    assert ("deletes no pod but its own" if holder.granted else "forbidden") in said
    assert bed.get("pod", "another", namespace) is not None


@pytest.mark.parametrize(
    ("kind", "said_by_policy"),
    [
        pytest.param("Secret", "only changes its StatefulSet", id="Secret"),
        pytest.param("ServiceAccount", "only changes its StatefulSet", id="ServiceAccount"),
    ],
)
def test_it_makes_nothing_else(holder: Holder, kind: str, said_by_policy: str) -> None:
    said = holder.created({"apiVersion": "v1", "kind": kind, "metadata": {"name": "another"}})

    assert (said_by_policy if holder.granted else "forbidden") in said


def test_it_writes_nothing_outside_its_namespace(holder: Holder) -> None:
    """A pod that would do at home."""
    said = holder.created(check_pod(holder), "default")

    assert ("writes nothing outside" if holder.granted else "forbidden") in said


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
    """What is read no admission policy sees."""
    where = (
        ()
        if any(each.startswith("--namespace") for each in asked)
        else (f"--namespace={holder.tester.namespace}",)
    )
    said = holder.tried(*asked, *where)

    assert said == "" if holder.granted else "forbidden" in said


def test_kubernetes_finds_nothing_wrong_with_the_policy(holder: Holder) -> None:
    tester = holder.tester
    found = until(
        lambda: (tester.bed.get("validatingadmissionpolicy", tester.tester.policy, "") or {}).get("status"),
        60,
        "the policy's types are checked",
    )

    assert tester.tester.policy.endswith(KEY)
    assert not found.get("typeChecking", {}).get("expressionWarnings"), found
