"""Operations on the monitor's namespace, one method each.

Methods that write may be retried after any failure; repeating a completed change is harmless.
"""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from monitor.avalanchego.conventions import VERSIONS_ANNOTATION
from monitor.decide.events import Announcement
from monitor.domain.build import Build
from monitor.domain.json_text import JsonObject
from monitor.errors import Cause, ConfigurationError, TemporaryError
from monitor.k8s.api import Connection, Pause, forever
from monitor.k8s.calls import ApiCall, ApiResponse, group_of
from monitor.k8s.credentials import access_for
from monitor.k8s.objects import (
    Claim,
    StatefulSet,
    annotated_versions,
    claim_of,
    pod_of,
    stateful_set_of,
    versions_annotation,
)
from monitor.k8s.pod import Pod

FIELD_MANAGER = "bootstrap-monitor"
_CONFLICT_TRIES = 5
_CONFLICT_PAUSE_SECONDS = 0.2
_EVENT_MESSAGE_CHARACTERS = 1024  # the API server's limit
_LOG_READ_BYTES = 1 << 20  # the API server truncates the end of a longer log
_LOG_END_BYTES = 64 << 10


class Cluster:
    """A thin client for one namespace."""

    def __init__(self, connection: Connection, namespace: str, *, pause: Pause = forever) -> None:
        """Use a connection, which several threads may share."""
        self._connection = connection
        self._namespace = namespace
        self._pause = pause

    @classmethod
    def connect(
        cls,
        namespace: str,
        *,
        environment: Mapping[str, str] = os.environ,
        pause: Pause = forever,
        jitter: Callable[[], float] = random.random,
    ) -> Cluster:
        """Connect with the pod's ServiceAccount or, outside a pod, with a kubeconfig.

        Raises:
            ConfigurationError: the credentials are missing or unusable.
        """
        connection = Connection(access_for(environment), pause=pause, jitter=jitter)
        return cls(connection, namespace, pause=pause)

    @property
    def namespace(self) -> str:
        """The namespace of all objects that this client reads and writes."""
        return self._namespace

    def close(self) -> None:
        """Close the sockets."""
        self._connection.close()

    def read_pod(self, name: str) -> Pod:
        """Read a pod of a StatefulSet.

        Raises:
            ConfigurationError: the pod was not found, or no StatefulSet owns it.
        """
        return pod_of(self.pod_manifest(name))

    def pod_manifest(self, name: str) -> JsonObject:
        """Return a pod's full manifest, from which another pod can be derived.

        Raises:
            ConfigurationError: the pod was not found.
        """
        pod = self.find_pod(name)
        if pod is None:
            raise ConfigurationError(
                f"pod {name!r} not found in namespace {self._namespace!r}: check --pod-name and --namespace"
            )
        return pod

    def find_pod(self, name: str) -> JsonObject | None:
        """Return a pod's full manifest; `None` if the pod was not found."""
        answer = self._send("get", "pods", name)
        return None if answer.missing else answer.json()

    def create_pod(self, manifest: JsonObject) -> str:
        """Create a pod and return its UID.

        The call is not retried, because a lost response does not show whether the pod was created.

        Raises:
            ConfigurationError: the namespace was not found.
            TemporaryError: a pod of that name exists.
        """
        name = manifest["metadata"]["name"]
        answer = self._send("create", "pods", name, body=manifest, repeatable=False)
        if answer.missing:
            raise ConfigurationError(f"namespace {self._namespace!r} not found: check --namespace")
        if answer.conflict:
            raise TemporaryError(
                f"pod {name!r} cannot be created in namespace {self._namespace!r} ({answer.message}): "
                "try again later",
                cause=Cause.VERSION_POD_FAILED,
            )
        uid: str = answer.json()["metadata"]["uid"]
        return uid

    def delete_pod(self, name: str, uid: str) -> None:
        """Delete the pod with this UID, and no other pod of that name; do nothing if it is gone."""
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": uid}}
        self._send("delete", "pods", name, body=options)

    def read_log(self, name: str, container: str, *, limit_bytes: int) -> str:
        """Return the beginning of a container's log.

        Raises:
            TemporaryError: the pod is gone.
        """
        query = (("container", container), ("limitBytes", str(limit_bytes)))
        answer = self._send("get", "pods/log", name, query=query)
        if answer.missing:
            raise TemporaryError(
                f"no log of pod {name!r} in namespace {self._namespace!r} ({answer.message}): try again later"
            )
        return answer.body.decode(errors="replace")

    def read_log_end(self, name: str, container: str, lines: int, *, previous: bool) -> str:
        """Return the last lines of a container's log; with `previous`, of its previous process.

        The text is empty if the log does not exist.
        """
        query = (
            ("container", container),
            ("tailLines", str(lines)),
            ("limitBytes", str(_LOG_READ_BYTES)),
            ("previous", str(previous).lower()),
        )
        try:
            answer = self._send("get", "pods/log", name, query=query)
        except ConfigurationError:  # the API server answers 400 if there was no previous process
            return ""
        return "" if answer.missing else answer.body[-_LOG_END_BYTES:].decode(errors="replace")

    def create_event(
        self, name: str, uid: str, reporter: str, announcement: Announcement, made_at: float
    ) -> None:
        """Create an Event about the StatefulSet, with the time `made_at` (Unix seconds).

        The Event's name is derived from its content, so that a repeated call does not create a second Event.
        """
        identity = repr((uid, announcement.reason, announcement.message, made_at))
        mark = hashlib.sha256(identity.encode()).hexdigest()[:16]
        stamp = datetime.fromtimestamp(made_at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        about = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": name, "namespace": self._namespace}
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{name}.{mark}", "namespace": self._namespace},
            "involvedObject": about | {"uid": uid},
            "reason": announcement.reason,
            "message": announcement.message[:_EVENT_MESSAGE_CHARACTERS],
            "type": "Warning" if announcement.warning else "Normal",
            "source": {"component": FIELD_MANAGER},
            "reportingComponent": FIELD_MANAGER,
            "reportingInstance": reporter,
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
        }
        self._send("create", "events", "", body=event, repeatable=False)

    def read_stateful_set(self, name: str) -> StatefulSet:
        """Read a StatefulSet.

        Raises:
            ConfigurationError: the StatefulSet was not found.
        """
        answer = self._send("get", "statefulsets", name)
        if answer.missing:
            raise self._no_stateful_set(name)
        return stateful_set_of(answer.json())

    def find_claim(self, name: str) -> Claim | None:
        """Return a PersistentVolumeClaim; `None` if it was not found."""
        answer = self._send("get", "persistentvolumeclaims", name)
        return None if answer.missing else claim_of(answer.json())

    def granted(self, verb: str, resource: str, name: str) -> bool:
        """Return whether the caller has a permission in the namespace.

        An empty name stands for every object of the resource.
        """
        kind, _, subresource = resource.partition("/")
        attributes = {
            "namespace": self._namespace,
            "verb": verb,
            "group": group_of(kind),
            "resource": kind,
            "subresource": subresource,
            "name": name,
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        call = ApiCall("create", "selfsubjectaccessreviews", "", "", body=review)
        answer = self._connection.send(call, repeatable=True)  # a review changes nothing
        return answer.json().get("status", {}).get("allowed") is True

    def pin(self, name: str, container: str, build: Build) -> bool:
        """Set the image of a container in the StatefulSet's template to the build.

        Return false if the template already has the build. Unknown versions are written as an empty
        annotation, so that the versions of another build do not remain.

        Raises:
            ConfigurationError: the StatefulSet or the container was not found.
            TemporaryError: other clients keep changing the StatefulSet concurrently.
        """
        for _ in range(_CONFLICT_TRIES):
            current = self.read_stateful_set(name)
            if container not in current.images:
                raise ConfigurationError(
                    f"StatefulSet {name!r} has no container {container!r} "
                    f"(it has {listing(current.images)}): check --node-container-name"
                )
            if current.images[container] == build.image and _says(current.versions_annotation, build):
                return False
            answer = self._send(
                "patch",
                "statefulsets",
                name,
                query=(("fieldManager", FIELD_MANAGER),),
                body=_pin(container, build, current.resource_version),
            )
            if answer.missing:
                raise self._no_stateful_set(name)
            if not answer.conflict:
                return True
            if self._pause(_CONFLICT_PAUSE_SECONDS):
                break
        raise TemporaryError(
            f"StatefulSet {name!r} in namespace {self._namespace!r} was changed repeatedly "
            f"while the monitor tried to pin it to {build.image}: try again later"
        )

    def _send(
        self,
        verb: str,
        resource: str,
        name: str,
        *,
        query: tuple[tuple[str, str], ...] = (),
        body: JsonObject | None = None,
        repeatable: bool = True,
    ) -> ApiResponse:
        call = ApiCall(verb, resource, name, self._namespace, query, body)
        return self._connection.send(call, repeatable=repeatable)

    def _no_stateful_set(self, name: str) -> ConfigurationError:
        return ConfigurationError(
            f"StatefulSet {name!r} not found in namespace {self._namespace!r}, though it owns this pod: "
            "restore it"
        )


def listing(names: Mapping[str, object] | tuple[str, ...]) -> str:
    """Return the quoted names as a list for error messages."""
    return ", ".join(repr(name) for name in names) or "none"


def _says(annotation: str | None, build: Build) -> bool:
    if build.versions is None:
        return not annotation
    try:
        return annotated_versions(annotation or "", build.image) == build.versions
    except ValueError:
        return False


def _pin(container: str, build: Build, resource_version: str) -> JsonObject:
    # A strategic merge patch finds the container by name; the resource version makes the patch safe to retry.
    template = {
        "metadata": {"annotations": {VERSIONS_ANNOTATION: versions_annotation(build)}},
        "spec": {"containers": [{"name": container, "image": build.image}]},
    }
    return {"metadata": {"resourceVersion": resource_version}, "spec": {"template": template}}
