"""The version pod's manifest, and the interpretation of its status and log.

The version pod has the placement, pull secrets and security context of the node's pod. So its image can
be pulled and run wherever the node's can. It has no token. It has none of the node's labels either, so that
no controller or Service selects it as a node.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Mapping

from monitor.avalanchego.conventions import EXECUTABLE
from monitor.domain.build import Versions
from monitor.domain.json_text import JsonObject, json_objects_in, json_text
from monitor.errors import Cause, ConfigurationError, TemporaryError
from monitor.k8s.cluster import listing

_SUFFIX = "-version-check"
_NAME_LENGTH = 63  # the pod's name is also its host name
CONTAINER = "version-check"
MANAGED_BY = {"app.kubernetes.io/managed-by": "bootstrap-monitor"}
_LABELS = {
    **MANAGED_BY,
    "app.kubernetes.io/name": "bootstrap-monitor",
    "app.kubernetes.io/component": CONTAINER,
}
_PLACEMENT = (
    "imagePullSecrets",
    "securityContext",
    "nodeSelector",
    "affinity",
    "tolerations",
    "runtimeClassName",
    "priorityClassName",
)
_RESOURCES = {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}}
_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh"})
_DEFAULT_COMMAND = (f"./{EXECUTABLE}",)  # its path in AvalancheGo's image
_PULL_FAILURES = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"}
)
_START_FAILURES = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_IMAGE_ID = re.compile(r"(?:[a-z-]+://)?[^@]+@(?P<digest>[a-z0-9+._-]+:[0-9a-fA-F]{32,})")


def version_pod(
    own: JsonObject, node_container_name: str, image: str, *, deadline_seconds: float
) -> JsonObject:
    """Return the manifest of a pod that prints the versions of `image`, derived from the pod `own`."""
    node = node_of(own, node_container_name)
    metadata, spec = own["metadata"], own["spec"]
    container = {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": "Always",
        "command": list(_command(node)),
        "args": ["--version-json"],
        "resources": _RESOURCES,
    }
    if "securityContext" in node:
        container["securityContext"] = node["securityContext"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": version_pod_name(_stateful_set_name(metadata)),
            "labels": dict(_LABELS),
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
            ],
        },
        "spec": {
            **{key: spec[key] for key in _PLACEMENT if key in spec},
            "restartPolicy": "Never",
            "activeDeadlineSeconds": max(1, round(deadline_seconds)),
            "terminationGracePeriodSeconds": 5,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "containers": [container],
        },
    }


def version_pod_name(stateful_set: str) -> str:
    """Return the name of a StatefulSet's version pod; a long name is truncated and gets a hash."""
    room = _NAME_LENGTH - len(_SUFFIX)
    if len(stateful_set) <= room:
        return stateful_set + _SUFFIX
    mark = hashlib.sha256(stateful_set.encode()).hexdigest()[:8]
    return f"{stateful_set[: room - len(mark) - 1].rstrip('-.')}-{mark}{_SUFFIX}"


def parse_versions(log: str) -> Versions:
    """Return the versions in a log, which may also hold other lines.

    Raises:
        ValueError: the log holds no versions.
    """
    for answer in json_objects_in(log):
        if "application" in answer:
            return Versions.parse(json_text(answer))
    raise ValueError(f"its log holds no versions: {log[:120].strip()!r}")


def _command(node: JsonObject) -> tuple[str, ...]:
    command = tuple(node.get("command", ()))
    # A shell would run its script, which starts the node, and pass `--version-json` to the script.
    if not command or posixpath.basename(command[0]) in _SHELLS:
        return _DEFAULT_COMMAND
    return command


def node_of(own: JsonObject, name: str) -> JsonObject:
    """Return the node's container in the manifest of the monitor's pod.

    Raises:
        ConfigurationError: the pod has no container of that name.
    """
    containers: list[JsonObject] = own["spec"]["containers"]
    for container in containers:
        if container["name"] == name:
            return container
    names = listing(tuple(container["name"] for container in containers))
    raise ConfigurationError(
        f"pod {own['metadata']['name']!r} has no container {name!r} (it has {names}): check --node-container-name"
    )


def _stateful_set_name(metadata: JsonObject) -> str:
    owners = metadata.get("ownerReferences", ())
    name: str = next(
        (owner["name"] for owner in owners if owner.get("kind") == "StatefulSet"), metadata["name"]
    )
    return name


def container_status(pod: JsonObject) -> JsonObject:
    """Return the kubelet's status of the version pod's container; empty if not reported yet."""
    statuses: list[JsonObject] = pod.get("status", {}).get("containerStatuses", [])
    return next((status for status in statuses if status["name"] == CONTAINER), {})


def digest_of(image_id: str, image: str) -> str:
    """Return the digest in an image ID, `[docker-pullable://]repository@digest`; empty for an empty ID.

    Raises:
        ConfigurationError: the ID is that of a local image, which no registry has.
    """
    match = _IMAGE_ID.fullmatch(image_id)
    if match:
        return match["digest"]
    if image_id:
        raise ConfigurationError(
            f"the container runtime knows {image} only as {image_id}, which is not in a registry, so it cannot be "
            "pinned: push the image to a registry and pull it from there"
        )
    return ""


def check_startable(name: str, image: str, state: Mapping[str, JsonObject]) -> None:
    """Raise an error if the container will not start.

    Raises:
        TemporaryError: the image cannot be pulled, or the container cannot be created.
    """
    waiting = state.get("waiting", {})
    reason, message = waiting.get("reason", ""), " ".join(waiting.get("message", "").split())
    if reason in _PULL_FAILURES:
        raise TemporaryError(
            f"{image} cannot be pulled ({reason}: {message}): check the tag and the pull secrets",
            cause=Cause.VERSION_POD_FAILED,
        )
    if reason in _START_FAILURES:
        raise TemporaryError(
            f"version pod {name!r} cannot be started ({reason}: {message}): fix the cause",
            cause=Cause.VERSION_POD_FAILED,
        )


def unfinished(name: str, image: str, pod: JsonObject) -> str:
    """Return the error message of a failed lookup, with the details in the pod's status."""
    status = pod.get("status", {})
    unmet = (condition for condition in status.get("conditions", ()) if condition.get("status") == "False")
    message = status.get("message") or next(
        filter(None, (condition.get("message") for condition in unmet)), ""
    )
    detail = " ".join(f"{status.get('phase', 'Pending')}: {message}".split()).removesuffix(":")
    return (
        f"version pod {name!r} did not report the digest and the versions of {image} ({detail}): "
        "check its Events, or raise --version-pod-timeout"
    )
