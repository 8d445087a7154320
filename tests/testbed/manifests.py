"""The objects around a tester in the test bed: its namespace, its volume, and its source node.

The shipped chart installs the tester itself; see `e2e.tester`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

JsonObject = dict[str, Any]

NODE = "avalanchego"
# Settings of a node that starts quickly on a small machine.
QUICK_NODE = {
    "AVAGO_HEALTH_CHECK_FREQUENCY": "500ms",
    "AVAGO_FD_LIMIT": "8192",
    "AVAGO_SYSTEM_TRACKER_DISK_REQUIRED_AVAILABLE_SPACE_PERCENTAGE": "0",
    "AVAGO_SYSTEM_TRACKER_DISK_WARNING_AVAILABLE_SPACE_PERCENTAGE": "0",
}
POD_ADDRESS = {"valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
_DATA = "/data"


def namespace(name: str, pod_security: str = "restricted") -> JsonObject:
    """Return a namespace that enforces a level of Pod Security."""
    labels = {"pod-security.kubernetes.io/enforce": pod_security}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def local_volume(name: str, path: str, node: str) -> JsonObject:
    """Return a volume in a folder of the cluster's node, for the claim of one tester."""
    on_node = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": "2Gi"},
            "accessModes": ["ReadWriteOncePod"],
            "storageClassName": name,
            "local": {"path": path},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [on_node]}]}},
        },
    }


def source(namespace: str, image: str, network: Mapping[str, Any]) -> JsonObject:
    """Return the pod of the source node; a file /data/hold stops the node and keeps its pod and address."""
    environment = {
        **QUICK_NODE,
        "AVAGO_DATA_DIR": _DATA,
        "AVAGO_HTTP_HOST": "0.0.0.0",  # noqa: S104 - the probe comes from outside the pod
        **network["environment"],
        **network["source_environment"],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "source", "namespace": namespace},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "containers": [
                {
                    "name": NODE,
                    "image": image,
                    "env": [*_variables(environment), {"name": "AVAGO_PUBLIC_IP", **POD_ADDRESS}],
                    "readinessProbe": {
                        "httpGet": {"path": "/ext/health/readiness", "port": 9650},
                        "periodSeconds": 1,
                    },
                    "volumeMounts": [{"name": "node-data", "mountPath": _DATA}],
                }
            ],
            "volumes": [{"name": "node-data", "emptyDir": {}}],
        },
    }


def _variables(values: Mapping[str, str]) -> list[JsonObject]:
    return [{"name": name, "value": value} for name, value in values.items()]
