"""The rules of the Pod Security standard *restricted*, and this project's further rules for its pods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chart.helm import JsonObject

_VOLUMES = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
TOKEN_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"


def pod_specs(objects: list[JsonObject]) -> Iterator[tuple[str, JsonObject]]:
    """Yield the name and the spec of each pod that the objects are or create."""
    for each in objects:
        if each["kind"] == "Pod":
            yield each["metadata"]["name"], each["spec"]
        elif each["kind"] == "StatefulSet":
            yield each["metadata"]["name"], each["spec"]["template"]["spec"]


def containers(spec: JsonObject) -> list[JsonObject]:
    """Return all containers of a pod, in start order."""
    return [*spec.get("initContainers", ()), *spec["containers"]]


def timeout_seconds(probe: JsonObject) -> float:
    """Return how many seconds a container may fail a probe before the kubelet acts, with default settings."""
    return float(probe.get("periodSeconds", 10) * probe.get("failureThreshold", 3))


def problems(spec: JsonObject) -> list[str]:
    """Return the violations of a pod."""
    return [*_of_pod(spec), *(problem for each in containers(spec) for problem in _of_container(each))]


def _of_pod(spec: JsonObject) -> Iterator[str]:
    security = spec.get("securityContext", {})
    for name in ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"):
        if spec.get(name):
            yield f"pod: {name}"
    if security.get("runAsNonRoot") is not True:
        yield "pod: runAsNonRoot"
    if security.get("seccompProfile", {}).get("type") not in {"RuntimeDefault", "Localhost"}:
        yield "pod: seccompProfile"
    if security.get("fsGroupChangePolicy") != "OnRootMismatch":
        yield "pod: fsGroupChangePolicy"
    if spec.get("automountServiceAccountToken") is not False:
        yield "pod: automountServiceAccountToken"
    for volume in spec.get("volumes", ()):
        for kind in volume.keys() - {"name"} - _VOLUMES:
            yield f"volume {volume['name']}: {kind}"


def _of_container(container: JsonObject) -> Iterator[str]:
    name, security = container["name"], container.get("securityContext", {})
    capabilities: dict[str, Any] = security.get("capabilities", {})
    if security.get("allowPrivilegeEscalation") is not False:
        yield f"{name}: allowPrivilegeEscalation"
    if capabilities.get("drop") != ["ALL"] or capabilities.get("add"):
        yield f"{name}: capabilities"
    if security.get("privileged"):
        yield f"{name}: privileged"
    if security.keys() & {"runAsUser", "runAsGroup"}:
        yield f"{name}: a user of its own"
    is_node = name == "avalanchego"
    if not is_node and security.get("readOnlyRootFilesystem") is not True:
        yield f"{name}: readOnlyRootFilesystem"
    has_token = any(mount["mountPath"] == TOKEN_FOLDER for mount in container["volumeMounts"])
    if has_token == is_node:
        yield f"{name}: token"
