"""A tester on a cluster, accessed as its operator does: with kubectl, its logs, and its web server."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import Any, ClassVar

from e2e.installed import Tester
from prometheus_client.parser import text_string_to_metric_families
from testbed import manifests
from testbed.bed import Bed, until

VERSIONS_ANNOTATION = "avalanche.avax.network/avalanchego-versions"
MARKER = "/data/avalanchego/marker"
NODE, MONITOR, INIT = "avalanchego", "bootstrap-monitor", "bootstrap-monitor-init"
WEB_PORT = 9641
ANSWER_SECONDS = 120.0
JsonObject = dict[str, Any]


class DeployedTester:
    """One tester on a cluster; `present` lists the testers that are not removed yet."""

    present: ClassVar[list[DeployedTester]] = []

    def __init__(self, bed: Bed, tester: Tester, repository: str) -> None:
        self.bed, self.tester, self._repository = bed, tester, repository
        self.namespace = tester.namespace

    def push(self, build: str) -> str:
        """Push a build under the rolling tag and return its digest."""
        return self.bed.push(self._repository, build, f"{self._repository}:{self.tester.rolling_tag}")

    def push_variant(self, behaviour: Mapping[str, str]) -> str:
        """Push a simulated build with this behaviour under the rolling tag, and return its digest."""
        variables = {f"SIMULATE_{name}": value for name, value in behaviour.items()}
        target = f"{self._repository}:{self.tester.rolling_tag}"
        return self.bed.push(self._repository, "first", target, variables)

    def events(self, reason: str, about: str) -> list[str]:
        """Return the messages of the Events about the StatefulSet with this reason that contain a text."""
        selector = f"involvedObject.kind=StatefulSet,involvedObject.name={self.tester.name},reason={reason}"
        text = self.bed.run(
            "get", "events", f"--namespace={self.namespace}", f"--field-selector={selector}", "--output=json"
        )
        messages = (str(each["message"]) for each in json.loads(text)["items"])
        return [each for each in messages if about in each]

    def version_pods_started(self) -> int:
        """Return how many version pods the kubelet has started, according to their Events."""
        text = self.bed.run(
            "get",
            "events",
            f"--namespace={self.namespace}",
            "--field-selector=reason=Started",
            "--output=json",
        )
        about = [each["involvedObject"] for each in json.loads(text)["items"]]
        return len({each["uid"] for each in about if each["name"] == f"{self.tester.name}-version-check"})

    def pod_events(self, container: str) -> list[str]:
        """Return "REASON: MESSAGE" of each Event about a container of the tester's pod."""
        path = f"spec.initContainers{{{container}}}"
        text = self.bed.run("get", "events", f"--namespace={self.namespace}", "--output=json")
        found = (
            each for each in json.loads(text)["items"] if each["involvedObject"].get("fieldPath") == path
        )
        return [f"{each['reason']}: {each['message']}" for each in found]

    def monitor(self, *arguments: str) -> str:
        """Return the output of a command of the monitor, run in its pod."""
        return self.bed.run(
            "exec",
            f"--namespace={self.namespace}",
            self.tester.pod,
            f"--container={MONITOR}",
            "--",
            "bootstrap-monitor",
            *arguments,
        )

    def prepare(self) -> None:
        """Create the tester's namespace and its volume."""
        DeployedTester.present.append(self)
        self.bed.apply(manifests.namespace(self.namespace))
        if self.tester.has_own_class:
            path = f"{self.bed.volumes}/{self.tester.volume}"
            self._on_node("mkdir", "-p", path)
            if self.tester.volume_mib:
                size = f"size={self.tester.volume_mib}m,mode=0777"
                self._on_node("mount", "-t", "tmpfs", "-o", size, "tmpfs", path)
            self.bed.apply(manifests.local_volume(self.tester.volume, path, self.bed.node))

    def remove(self) -> None:
        """Delete the tester's objects; the folder of its volume is deleted with the cluster."""
        DeployedTester.present.remove(self)
        for kind, name in (
            ("namespace", self.namespace),
            ("persistentvolume", self.tester.volume),
            ("validatingadmissionpolicybinding", self.tester.policy),
            ("validatingadmissionpolicy", self.tester.policy),
        ):
            self.bed.run("delete", kind, name, "--ignore-not-found", "--wait=false")

    def pod(self) -> JsonObject | None:
        """Return the current pod of the tester."""
        return self.bed.get("pod", self.tester.pod, self.namespace)

    def image(self) -> str:
        """Return the node's image in the StatefulSet's template."""
        return str(self._node(self._template()["spec"])["image"])

    def set_image(self, image: str) -> None:
        """Set the node's image in the StatefulSet, as an operator does."""
        self.bed.run(
            "set",
            "image",
            f"--namespace={self.namespace}",
            f"statefulset/{self.tester.name}",
            f"{NODE}={image}",
        )

    def versions(self) -> JsonObject:
        """Return the annotation with the versions in the StatefulSet's template."""
        text = self._template()["metadata"].get("annotations", {}).get(VERSIONS_ANNOTATION, "")
        found: JsonObject = json.loads(text or "{}")
        return found

    def recreate_service_account(self) -> None:
        """Delete the tester's ServiceAccount and create it again, as a reinstallation may."""
        found = self.bed.get("serviceaccount", self.tester.name, self.namespace)
        assert found is not None
        kept = {name: found["metadata"][name] for name in ("name", "namespace", "labels")}
        self.bed.run("delete", "serviceaccount", self.tester.name, f"--namespace={self.namespace}")
        automount = {"automountServiceAccountToken": found.get("automountServiceAccountToken", True)}
        self.bed.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": kept, **automount})

    def delete_pod(self) -> None:
        """Delete the tester's pod, as a drain does."""
        self.bed.run("delete", "pod", self.tester.pod, f"--namespace={self.namespace}", "--wait=false")

    def execute(self, command: str) -> str:
        """Run a shell command in the node's container."""
        arguments = (
            "exec",
            f"--namespace={self.namespace}",
            self.tester.pod,
            f"--container={NODE}",
        )
        return self.bed.run(*arguments, "--", "sh", "-c", command)

    def python(self, program: str) -> str:
        """Return the output of a Python program in the monitor's container, which has no shell."""
        where = ("exec", f"--namespace={self.namespace}", self.tester.pod, f"--container={MONITOR}")
        return self.bed.run(*where, "--", "python3", "-c", program)

    def mark(self) -> None:
        """Create a marker file in the node's data."""
        self.execute(f"touch {MARKER}")

    def marked(self) -> bool:
        """Return whether the marker file exists."""
        return self.execute(f"test -e {MARKER} && echo yes || echo no").strip() == "yes"

    def history(self) -> list[JsonObject]:
        """Return the tester's runs, newest first."""
        runs: list[JsonObject] = json.loads(self.served("/api/v1/history"))
        return runs

    def status(self) -> JsonObject:
        """Return the tester's status."""
        status: JsonObject = json.loads(self.served("/api/v1/status"))
        return status

    def samples(self) -> dict[str, list[tuple[dict[str, str], float]]]:
        """Return the labels and the value of each sample of the tester's metrics, by metric name."""
        found: dict[str, list[tuple[dict[str, str], float]]] = {}
        for family in text_string_to_metric_families(self.served("/metrics")):
            for sample in family.samples:
                found.setdefault(sample.name, []).append((dict(sample.labels), sample.value))
        return found

    def log(self, container: str, *, previous: bool = False) -> str:
        """Return the log of a container of the tester's pod."""
        arguments = ["logs", f"--namespace={self.namespace}", self.tester.pod, f"--container={container}"]
        return self.bed.run(*arguments, *(["--previous"] if previous else []), check=False)

    def log_until(self, container: str, words: str, seconds: float = 180) -> str:
        """Return the log of a container, once it contains a text."""

        def poll() -> str | None:
            text = self.log(container) + self.log(container, previous=True)
            return text if words in text else None

        return until(poll, seconds, f"{container} says {words!r}", self.details)

    def await_run(self, number: int, seconds: float = 240, *, uid_other_than: str = "") -> JsonObject:
        """Return a run as JSON, once it exists and the node's container runs."""

        def poll() -> JsonObject | None:
            pod = self.pod()
            if pod is None or pod["metadata"]["uid"] == uid_other_than or not _node_runs(pod):
                return None
            return self._run(number)

        return until(poll, seconds, f"run {number} is there", self.details)

    def await_end(self, number: int, seconds: float = 300) -> JsonObject:
        """Return a run as JSON, once it has an outcome."""

        def poll() -> JsonObject | None:
            run = self._run(number)
            return run if run and run["outcome"] else None

        return until(poll, seconds, f"run {number} has ended", self.details)

    def await_idle(self, seconds: float = 60) -> None:
        """Wait until the tester is idle and waits for the next build."""
        until(lambda: self.status().get("phase") == "idle", seconds, "it waits for a build", self.details)

    def await_other_pod(self, uid: str, seconds: float = 120) -> str:
        """Return the UID of the pod that replaced another one, once its node runs."""

        def poll() -> str | None:
            pod = self.pod()
            if pod is None or pod["metadata"]["uid"] == uid:
                return None
            return str(pod["metadata"]["uid"]) if _node_runs(pod) else None

        return until(poll, seconds, "another pod runs the node", self.details)

    def uid(self) -> str:
        """Return the UID of the tester's pod; empty without a pod."""
        pod = self.pod()
        return str(pod["metadata"]["uid"]) if pod else ""

    def details(self) -> str:
        """Return a description of the tester's pods and the ends of their logs, for failure reports."""
        parts = [
            self.bed.run("describe", "pods", f"--namespace={self.namespace}", check=False)[-6000:],
            *(f"--- {name}\n{self.log(name)[-3000:]}" for name in (INIT, MONITOR, NODE)),
        ]
        return "\n".join(parts)

    def served(self, path: str) -> str:
        """Return what the monitor serves at a path, once it answers: a busy machine may cut a request off."""
        return until(lambda: self.answer(path), ANSWER_SECONDS, f"{path} is served", self.details)

    def answer(self, path: str) -> str:
        """Return the answer of the monitor to one request; empty if it does not answer."""
        pod = f"/api/v1/namespaces/{self.namespace}/pods/{self.tester.pod}:{WEB_PORT}"
        try:
            return self.bed.run("get", "--raw", f"{pod}/proxy{path}")
        except AssertionError:
            return ""

    def healthy(self) -> bool:
        """Return whether `/-/healthy` is answered with 200."""
        return self.answer("/-/healthy").startswith("healthy")

    def restarts(self, container: str) -> int:
        """Return how often the kubelet restarted a container of the tester's pod."""
        status = (self.pod() or {}).get("status", {})
        states = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
        return int(next(each["restartCount"] for each in states if each["name"] == container))

    def sidecar_resident_mib(self) -> float:
        """Return the resident memory, in MiB, of the monitor: the first process of its container."""
        text = self.python("print(open('/proc/1/status').read())")
        return int(text.partition("VmRSS:")[2].split()[0]) / 1024

    def _run(self, number: int) -> JsonObject | None:
        """Return a run as JSON; `None` if it does not exist, or the monitor does not answer."""
        runs: list[JsonObject] = json.loads(self.answer("/api/v1/history") or "[]")
        return next((run for run in runs if run["run"] == number), None)

    def _template(self) -> JsonObject:
        found = self.bed.get("statefulset", self.tester.name, self.namespace)
        assert found is not None
        template: JsonObject = found["spec"]["template"]
        return template

    def _node(self, spec: JsonObject) -> JsonObject:
        return next(each for each in spec["containers"] if each["name"] == NODE)

    def _on_node(self, *command: str) -> None:
        subprocess.run([*self.bed.on_node, *command], check=True, capture_output=True)


def _node_runs(pod: JsonObject) -> bool:
    states = pod.get("status", {}).get("containerStatuses", ())
    return any(each["name"] == NODE and "running" in each["state"] for each in states)
