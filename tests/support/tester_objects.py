"""A tester on a fake API server: its StatefulSet and pod, and the actions of the kubelet."""

from __future__ import annotations

import copy

from support.fake_cluster import FakeApiServer, JsonObject

from monitor.avalanchego.conventions import VERSIONS_ANNOTATION
from monitor.domain.build import Build, Versions

REPOSITORY = "10.0.0.1:5000/a/node"
D1, D2 = "sha256:" + "1" * 64, "sha256:" + "2" * 64
VERSIONS = Versions("avalanchego/1.14.2", "v1.4.5", 45, "c" * 40, "1.26.8")
BUILD = Build(f"{REPOSITORY}@{D1}", frozenset({D1}), VERSIONS)
NEW_BUILD = Build(f"{REPOSITORY}@{D2}", frozenset({D2}), VERSIONS)
POD, UID = "tester-0", "uid-a"
STATEFUL_SET_UID = "uid-of-the-set"
VERSION_POD = "tester-version-check"


class Pauses:
    """A pause that takes no time and records the requested durations, in seconds."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.stopping = False

    def __call__(self, seconds: float) -> bool:
        self.seconds.append(seconds)
        return self.stopping


class Clock:
    """A clock that only a pause moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> bool:
        """Advance the clock by the duration of the pause."""
        self.now += seconds
        return False


def stateful_set(data_dir: str = "/data", image: str = f"{REPOSITORY}:latest") -> JsonObject:
    """Return a tester's StatefulSet, in which the node is not container 0."""
    containers = [
        {
            "name": "monitor",
            "image": "monitor:1",
            "volumeMounts": [{"name": "volume", "mountPath": data_dir}],
        },
        {
            "name": "node",
            "image": image,
            "env": [
                {"name": "AVAGO_NETWORK_ID", "value": "fuji"},
                {"name": "AVAGO_DATA_DIR", "value": "/node"},
            ],
            "volumeMounts": [{"name": "volume", "mountPath": "/node", "subPath": "avalanchego"}],
        },
    ]
    return {
        "metadata": {"name": "tester", "generation": 1},
        "spec": {
            "template": {"spec": {"containers": containers}},
            "updateStrategy": {"type": "RollingUpdate"},
        },
        "status": {"observedGeneration": 1, "updateRevision": "tester-1"},
    }


def pod_of_template(found: JsonObject, uid: str = UID) -> JsonObject:
    """Return the pod that the StatefulSet controller creates from the template."""
    template = copy.deepcopy(found["spec"]["template"])
    return {
        "metadata": {
            "name": POD,
            "uid": uid,
            "labels": {"controller-revision-hash": found["status"]["updateRevision"], "app": "tester"},
            "annotations": template.get("metadata", {}).get("annotations", {}),
            "ownerReferences": [
                {"kind": "StatefulSet", "name": found["metadata"]["name"], "uid": STATEFUL_SET_UID}
            ],
        },
        "spec": template["spec"],
        "status": {},
    }


def add_tester(api: FakeApiServer, data_dir: str = "/data", pinned_to: Build | None = None) -> None:
    """Add the tester's StatefulSet and pod, pinned to a build or on the rolling tag."""
    found = stateful_set(data_dir, pinned_to.image if pinned_to else f"{REPOSITORY}:latest")
    if pinned_to and pinned_to.versions:
        annotations = {VERSIONS_ANNOTATION: pinned_to.versions.to_json()}
        found["spec"]["template"]["metadata"] = {"annotations": annotations}
    api.add(api.stateful_sets, found)
    api.add(api.pods, pod_of_template(found))


def observe(found: JsonObject) -> None:
    """Mark the last change as observed by the StatefulSet controller."""
    generation = found["metadata"]["generation"]
    found["status"] = {"observedGeneration": generation, "updateRevision": f"tester-{generation}"}


def node_of(pod: JsonObject) -> JsonObject:
    """Return the node's container in a pod."""
    found: JsonObject = next(each for each in pod["spec"]["containers"] if each["name"] == "node")
    return found


def run_version_pod(pod: JsonObject, digest: str = D2, **changes: object) -> None:
    """Set the status of a version pod as the kubelet does after its container ended."""
    status = {
        "name": "version-check",
        "imageID": f"{REPOSITORY}@{digest}",
        "state": {"terminated": {"exitCode": 0}},
        **changes,
    }
    pod["status"] = {"phase": "Succeeded", "containerStatuses": [status]}
