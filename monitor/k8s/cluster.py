"""What the monitor asks of its namespace, one method each.

A method that writes may be repeated after any failure: what is done already is done again without harm.
"""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from monitor.decide.events import Announcement
from monitor.domain.build import Build
from monitor.domain.json_text import JsonObject
from monitor.errors import Cause, ConfigurationError, TemporaryError
from monitor.k8s.api import Connection, Pause, forever
from monitor.k8s.calls import ApiCall, ApiResponse, group_of
from monitor.k8s.credentials import access_for
from monitor.k8s.objects import (
    VERSIONS_ANNOTATION,
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
_EVENT_MESSAGE_CHARACTERS = 1024  # as many as the API server takes
_LOG_READ_BYTES = 1 << 20  # the API server cuts the end off where it is more
_LOG_END_BYTES = 64 << 10


class Cluster:
    """A thin gateway to one namespace."""

    def __init__(self, connection: Connection, namespace: str, *, pause: Pause = forever) -> None:
        """Use an open connection; it is used from several threads."""
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
        """Connect as a pod does, else by kubeconfig.

        Raises:
            ConfigurationError: neither is there, or what is there is unusable.
        """
        connection = Connection(access_for(environment), pause=pause, jitter=jitter)
        return cls(connection, namespace, pause=pause)

    @property
    def namespace(self) -> str:
        """Where everything it knows lies."""
        return self._namespace

    def close(self) -> None:
        """Give up the sockets."""
        self._connection.close()

    def read_pod(self, name: str) -> Pod:
        """Read a pod of a StatefulSet.

        Raises:
            ConfigurationError: there is none, or no StatefulSet owns it.
        """
        return pod_of(self.pod_manifest(name))

    def pod_manifest(self, name: str) -> JsonObject:
        """A pod's whole object, of which another pod is made.

        Raises:
            ConfigurationError: there is none.
        """
        found = self.find_pod(name)
        if found is None:
            raise ConfigurationError(
                f"pod {name!r} not found in namespace {self._namespace!r}: check --pod-name and --namespace"
            )
        return found

    def find_pod(self, name: str) -> JsonObject | None:
        """A pod's whole object; `None` where there is none."""
        answer = self._send("get", "pods", name)
        return None if answer.missing else answer.json()

    def create_pod(self, manifest: JsonObject) -> str:
        """Create it and give its UID.  Sent once: whether a lost answer was a success cannot be told.

        Raises:
            TemporaryError: one of that name is there.
        """
        name = manifest["metadata"]["name"]
        answer = self._send("create", "pods", name, body=manifest, repeatable=False)
        if answer.missing:
            raise ConfigurationError(f"namespace {self._namespace!r} not found: check --namespace")
        if answer.conflict:
            raise TemporaryError(
                f"pod {name!r} cannot be created in namespace {self._namespace!r} ({answer.message}): "
                "try again later",
                cause=Cause.CHECK_POD_FAILED,
            )
        uid: str = answer.json()["metadata"]["uid"]
        return uid

    def delete_pod(self, name: str, uid: str) -> None:
        """Delete this very pod, and no namesake; one that is gone is as good as deleted."""
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": uid}}
        self._send("delete", "pods", name, body=options)

    def read_log(self, name: str, container: str, *, limit_bytes: int) -> str:
        """The beginning of a container's log.

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
        """The last lines of a container's log, of its process before the present one if `previous`.

        Empty where there is none.
        """
        query = (
            ("container", container),
            ("tailLines", str(lines)),
            ("limitBytes", str(_LOG_READ_BYTES)),
            ("previous", str(previous).lower()),
        )
        try:
            answer = self._send("get", "pods/log", name, query=query)
        except ConfigurationError:  # there was no process before, which the API server calls a bad request
            return ""
        return "" if answer.missing else answer.body[-_LOG_END_BYTES:].decode(errors="replace")

    def tell(self, name: str, uid: str, reporter: str, announcement: Announcement, made_at: float) -> None:
        """Write an Event about the StatefulSet, as of `made_at` (Unix seconds).

        The Event's name follows from what it says, so the API server keeps one, however often this is repeated.
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
        """Read it.

        Raises:
            ConfigurationError: there is none.
        """
        answer = self._send("get", "statefulsets", name)
        if answer.missing:
            raise self._no_stateful_set(name)
        return stateful_set_of(answer.json())

    def find_claim(self, name: str) -> Claim | None:
        """A PersistentVolumeClaim; `None` where there is none."""
        answer = self._send("get", "persistentvolumeclaims", name)
        return None if answer.missing else claim_of(answer.json())

    def granted(self, verb: str, resource: str, name: str) -> bool:
        """Whether whoever asks may do so here; an empty name stands for every object of the kind."""
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
        answer = self._connection.send(call, repeatable=True)  # it changes nothing
        return answer.json().get("status", {}).get("allowed") is True

    def pin(self, name: str, container: str, build: Build) -> bool:
        """Set a container of the StatefulSet's template, found by name, to the build; false if it was so.

        Unknown versions are an empty annotation, so that those of another build do not stay.

        Raises:
            ConfigurationError: there is no such StatefulSet or container.
            TemporaryError: others keep changing it at the same time.
        """
        for _ in range(_CONFLICT_TRIES):
            current = self.read_stateful_set(name)
            if container not in current.images:
                raise ConfigurationError(
                    f"StatefulSet {name!r} has no container {container!r} but {listing(current.images)}: "
                    "check --node-container-name"
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
            f"StatefulSet {name!r} in namespace {self._namespace!r} keeps being changed by others "
            f"while it is pinned to {build.image}: try again later"
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
    """Names as an error lists them."""
    return ", ".join(repr(each) for each in names) or "none"


def _says(annotation: str | None, build: Build) -> bool:
    if build.versions is None:
        return not annotation
    try:
        return annotated_versions(annotation or "", build.image) == build.versions
    except ValueError:
        return False


def _pin(container: str, build: Build, resource_version: str) -> JsonObject:
    # A strategic merge patch finds the container by its name; the resource version makes it safe to repeat.
    template = {
        "metadata": {"annotations": {VERSIONS_ANNOTATION: versions_annotation(build)}},
        "spec": {"containers": [{"name": container, "image": build.image}]},
    }
    return {"metadata": {"resourceVersion": resource_version}, "spec": {"template": template}}
