"""The check pod as JSON: how it is made after the node's pod, and how what became of it is read.

It is placed and secured like the node's, so that it can be pulled and run wherever that one can, but has
neither its labels (no controller or Service takes it for a node) nor a token.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Mapping

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
_DEFAULT_COMMAND = ("./avalanchego",)  # where its image has it
_PULL_FAILURES = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"}
)
_START_FAILURES = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_IMAGE_ID = re.compile(r"(?:[a-z-]+://)?[^@]+@(?P<digest>[a-z0-9+._-]+:[0-9a-fA-F]{32,})")


def version_pod(
    own: JsonObject, node_container_name: str, image: str, *, deadline_seconds: float
) -> JsonObject:
    """The pod that prints the versions of `image`, made after the own pod."""
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
    """The one name that a StatefulSet's check pods have; too long a name is told apart by its hash."""
    room = _NAME_LENGTH - len(_SUFFIX)
    if len(stateful_set) <= room:
        return stateful_set + _SUFFIX
    mark = hashlib.sha256(stateful_set.encode()).hexdigest()[:8]
    return f"{stateful_set[: room - len(mark) - 1].rstrip('-.')}-{mark}{_SUFFIX}"


def parse_versions(log: str) -> Versions:
    """The versions in a log, which may hold other lines too.

    Raises:
        ValueError: there are none.
    """
    for found in json_objects_in(log):
        if "application" in found:
            return Versions.parse(json_text(found))
    raise ValueError(f"its log holds no versions but {log[:120].strip()!r}")


def _command(node: JsonObject) -> tuple[str, ...]:
    command = tuple(node.get("command", ()))
    # A shell would run its script, that is the whole node, and take `--version-json` for its argument.
    if not command or posixpath.basename(command[0]) in _SHELLS:
        return _DEFAULT_COMMAND
    return command


def node_of(own: JsonObject, name: str) -> JsonObject:
    """The node's container in the own pod.

    Raises:
        ConfigurationError: there is none of that name.
    """
    containers: list[JsonObject] = own["spec"]["containers"]
    for container in containers:
        if container["name"] == name:
            return container
    names = listing(tuple(each["name"] for each in containers))
    raise ConfigurationError(
        f"pod {own['metadata']['name']!r} has no container {name!r} but {names}: check --node-container-name"
    )


def _stateful_set_name(metadata: JsonObject) -> str:
    owners = metadata.get("ownerReferences", ())
    name: str = next((each["name"] for each in owners if each.get("kind") == "StatefulSet"), metadata["name"])
    return name


def container_status(pod: JsonObject) -> JsonObject:
    """What the kubelet says of the check pod's container; empty before it does."""
    statuses: list[JsonObject] = pod.get("status", {}).get("containerStatuses", [])
    return next((each for each in statuses if each["name"] == CONTAINER), {})


def digest_of(image_id: str, image: str) -> str:
    """The digest in an image ID, `[docker-pullable://]repository@digest`; empty while there is none.

    Raises:
        ConfigurationError: it names an image that only this machine has.
    """
    match = _IMAGE_ID.fullmatch(image_id)
    if match:
        return match["digest"]
    if image_id:
        raise ConfigurationError(
            f"the container runtime knows {image} only as {image_id}, which no registry has, so it cannot be "
            "pinned: push the image to a registry and let it be pulled from there"
        )
    return ""


def check_startable(name: str, image: str, state: Mapping[str, JsonObject]) -> None:
    """Stop waiting for a container that will not start.

    Raises:
        TemporaryError: its image cannot be pulled, or it cannot be created.
    """
    waiting = state.get("waiting", {})
    reason, message = waiting.get("reason", ""), " ".join(waiting.get("message", "").split())
    if reason in _PULL_FAILURES:
        raise TemporaryError(
            f"{image} cannot be pulled ({reason}: {message}): check the tag and the pull secrets",
            cause=Cause.CHECK_POD_FAILED,
        )
    if reason in _START_FAILURES:
        raise TemporaryError(
            f"check pod {name!r} cannot be started ({reason}: {message}): mend what it names",
            cause=Cause.CHECK_POD_FAILED,
        )


def unfinished(name: str, image: str, pod: JsonObject) -> str:
    """Why a look-up came to nothing, as far as the pod tells."""
    status = pod.get("status", {})
    conditions = [each for each in status.get("conditions", ()) if each.get("status") == "False"]
    said = status.get("message") or next((each["message"] for each in conditions if each.get("message")), "")
    detail = " ".join(f"{status.get('phase', 'Pending')}: {said}".split()).removesuffix(":")
    return (
        f"check pod {name!r} did not tell what {image} is ({detail}): see its events, or raise the deadline"
    )
