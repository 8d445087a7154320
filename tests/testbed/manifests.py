"""The manifests of a tester, and of the node that it bootstraps from: the one place that they come from.

A tester's pod passes Pod Security *restricted*, and its Role has what the monitor needs and no more.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

JsonObject = dict[str, Any]

USER = 10001
NODE, MONITOR, INIT = "avalanchego", "bootstrap-monitor", "bootstrap-monitor-init"
WEB_PORT = 9641
# Flags for tests that are not to wait long; of the last, `init` knows nothing.
QUICK = ("--soak=3s", "--health-check-interval=1s", "--disk-check-interval=5s", "--holder-timeout=10s")
QUICK_LOOKS = ("--image-check-interval=5s",)
RULES: tuple[JsonObject, ...] = (
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "create", "delete"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    {"apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": ["get", "patch"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},
)
_DATA, _NODE_DATA = "/data", "/node"
_QUICK_NODE = {
    "AVAGO_HEALTH_CHECK_FREQUENCY": "500ms",
    "AVAGO_FD_LIMIT": "8192",
    "AVAGO_SYSTEM_TRACKER_DISK_REQUIRED_AVAILABLE_SPACE_PERCENTAGE": "0",
    "AVAGO_SYSTEM_TRACKER_DISK_WARNING_AVAILABLE_SPACE_PERCENTAGE": "0",
}
_POD_ADDRESS = {"name": "AVAGO_PUBLIC_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
_RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


@dataclass(frozen=True)
class Tester:
    """One tester; `rules` are what its ServiceAccount may do.

    `pace` and `looks` are how quick it is: flags of both commands, and of `wait-for-completion` alone.
    With `volume_mib` its volume is a file system of that size, in memory.
    """

    namespace: str
    image: str
    monitor_image: str
    rolling_tag: str
    node_environment: Mapping[str, str]
    name: str = "tester"
    flags: Sequence[str] = ()
    pace: Sequence[str] = QUICK
    looks: Sequence[str] = QUICK_LOOKS
    rules: Sequence[JsonObject] = RULES
    node_resources: Mapping[str, Any] = field(default_factory=dict)
    volume_mib: int = 0

    @property
    def pod(self) -> str:
        """The name of its only pod."""
        return f"{self.name}-0"


def namespace(name: str, pod_security: str = "restricted") -> JsonObject:
    """A namespace that enforces a level of Pod Security."""
    labels = {"pod-security.kubernetes.io/enforce": pod_security}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def local_volume(name: str, path: str, node: str) -> JsonObject:
    """A volume in a folder of the cluster's node, for the claim `node-data` of one tester."""
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


def claim(tester: Tester, storage_class: str | None) -> JsonObject:
    """The claim of a tester's volume; it stays when the tester goes."""
    wanted = {} if storage_class is None else {"storageClassName": storage_class}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "node-data", "namespace": tester.namespace},
        "spec": {
            "accessModes": ["ReadWriteOncePod"],
            "resources": {"requests": {"storage": "1Gi"}},
            **wanted,
        },
    }


def access(tester: Tester) -> list[JsonObject]:
    """ServiceAccount, Role and RoleBinding of a tester."""
    metadata = {"name": tester.name, "namespace": tester.namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": tester.name}
    subject = {"kind": "ServiceAccount", **metadata}
    rbac = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": metadata}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {**rbac, "kind": "Role", "rules": list(tester.rules)},
        {**rbac, "kind": "RoleBinding", "roleRef": role, "subjects": [subject]},
    ]


def stateful_set(tester: Tester) -> JsonObject:
    """The tester; its node is not container 0."""
    labels = {"app": tester.name}
    spec = {
        "serviceAccountName": tester.name,
        "terminationGracePeriodSeconds": 10,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "initContainers": [_monitor(tester, INIT, "init")],
        "containers": [
            {
                **_monitor(tester, MONITOR, "wait-for-completion"),
                "ports": [{"name": "metrics", "containerPort": WEB_PORT}],
                "readinessProbe": {"httpGet": {"path": "/-/ready", "port": WEB_PORT}, "periodSeconds": 2},
                "livenessProbe": {"httpGet": {"path": "/-/healthy", "port": WEB_PORT}},
            },
            {
                "name": NODE,
                "image": tester.image,
                "env": [
                    *_variables({**_QUICK_NODE, "AVAGO_DATA_DIR": _NODE_DATA, **tester.node_environment}),
                    _POD_ADDRESS,
                ],
                "resources": dict(tester.node_resources),
                "securityContext": _RESTRICTED,
                "volumeMounts": [{"name": "node-data", "mountPath": _NODE_DATA, "subPath": "avalanchego"}],
            },
        ],
        "volumes": [{"name": "node-data", "persistentVolumeClaim": {"claimName": "node-data"}}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": tester.name, "namespace": tester.namespace},
        "spec": {
            "replicas": 1,
            "serviceName": tester.name,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def source(namespace: str, image: str, network: Mapping[str, Any]) -> JsonObject:
    """The node that has the network's history; a file /data/hold stops it and keeps its pod and address."""
    environment = {
        **_QUICK_NODE,
        "AVAGO_DATA_DIR": _DATA,
        "AVAGO_HTTP_HOST": "0.0.0.0",  # noqa: S104 - the probe asks from outside the pod
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
                    "env": [*_variables(environment), _POD_ADDRESS],
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


def full_sync(network: Mapping[str, Any], source_address: str) -> dict[str, str]:
    """The environment of a node that bootstraps the whole history from the source."""
    c_chain = base64.b64encode(json.dumps({"state-sync-enabled": False}).encode()).decode()
    chains = base64.b64encode(json.dumps({"C": {"Config": c_chain, "Upgrade": None}}).encode()).decode()
    return {
        **network["environment"],
        "AVAGO_BOOTSTRAP_IPS": f"{source_address}:9651",
        "AVAGO_BOOTSTRAP_IDS": network["node_id"],
        "AVAGO_CHAIN_CONFIG_CONTENT": chains,
    }


def _monitor(tester: Tester, name: str, command: str) -> JsonObject:
    plain = ["--registry-plain-http"]  # as the bed's registry speaks, whatever cluster it is
    watching = tester.looks if command == "wait-for-completion" else ()
    return {
        "name": name,
        "image": tester.monitor_image,
        "args": [
            command,
            f"--node-container-name={NODE}",
            f"--data-dir={_DATA}",
            f"--rolling-tag={tester.rolling_tag}",
            "--log-format=json",
            *tester.pace,
            *plain,
            *watching,
            *tester.flags,
        ],
        "env": [
            _field("POD_NAME", "metadata.name"),
            _field("POD_NAMESPACE", "metadata.namespace"),
            _field("POD_UID", "metadata.uid"),
        ],
        "securityContext": {**_RESTRICTED, "readOnlyRootFilesystem": True},
        "volumeMounts": [{"name": "node-data", "mountPath": _DATA}],
    }


def _variables(values: Mapping[str, str]) -> list[JsonObject]:
    return [{"name": name, "value": value} for name, value in values.items()]


def _field(name: str, path: str) -> JsonObject:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
