"""Lookup of the build under the rolling tag with a version pod, which prints the build's versions and exits.

The kubelet pulls the image and reports the digest; the log contains the versions. If the monitor is
killed, the version pod's deadline stops it. The next lookup deletes it; so does Kubernetes when its owner, the
monitor's own pod, is deleted.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from monitor.domain.build import Build, Versions
from monitor.domain.image_reference import ImageReference
from monitor.domain.json_text import JsonObject
from monitor.errors import Cause, ConfigurationError, MonitorError, OutageError, TemporaryError
from monitor.k8s.api import Pause, forever
from monitor.k8s.calls import UnavailableError
from monitor.k8s.cluster import Cluster
from monitor.k8s.version_pod_manifest import (
    CONTAINER,
    MANAGED_BY,
    check_startable,
    container_status,
    digest_of,
    node_of,
    parse_versions,
    unfinished,
    version_pod,
)

_log = logging.getLogger(__name__)

_LOG_LIMIT_BYTES = 64 * 1024
_TRIES = 3


@dataclass(frozen=True, slots=True)
class VersionPodTimeouts:
    """The timeouts and the poll interval of a lookup."""

    deadline_seconds: float = 600.0
    """The timeout of a lookup in seconds, including the image pull."""
    removal_seconds: float = 60.0
    """The timeout for the removal of an earlier version pod, in seconds."""
    poll_seconds: float = 1.0
    """The interval between two polls of the pod, in seconds."""


@dataclass(frozen=True, slots=True)
class _LookupResult:
    digest: str
    versions: Versions | None
    obstacle: str = ""


class VersionPodSource:
    """A source that looks up a build by running its image in a version pod."""

    def __init__(
        self,
        cluster: Cluster,
        pod_name: str,
        node_container_name: str,
        rolling_tag: str,
        *,
        timeouts: VersionPodTimeouts | None = None,
        clock: Callable[[], float] = time.monotonic,
        pause: Pause = forever,
    ) -> None:
        """Prepare lookups for the node in `pod_name`, the monitor's own pod."""
        self._cluster = cluster
        self._pod_name = pod_name
        self._node_container_name = node_container_name
        self._rolling_tag = rolling_tag
        self._timeouts = timeouts or VersionPodTimeouts()
        self._clock = clock
        self._pause = pause
        self._versionless: set[str] = set()

    def newest(self) -> Build:
        """Look up the build under the rolling tag of the node's repository.

        Raises:
            ConfigurationError, TemporaryError, OutageError: see `learn`.
        """
        own = self._cluster.pod_manifest(self._pod_name)
        repository = ImageReference.parse(node_of(own, self._node_container_name)["image"]).repository
        return self._run(own, f"{repository}:{self._rolling_tag}")

    def learn(self, image: str) -> Build:
        """Look up an image's build by running it, up to three times while it prints no versions.

        Raises:
            ConfigurationError: the image's digest is unknown, or another pod has the version pod's name.
            TemporaryError: the image could not be pulled or started, or not in time.
            OutageError: inconclusive, because the API server was unavailable or the monitor is stopping.
        """
        return self._run(self._cluster.pod_manifest(self._pod_name), image)

    def _run(self, own: JsonObject, image: str) -> Build:
        repository = ImageReference.parse(image).repository
        manifest = version_pod(
            own, self._node_container_name, image, deadline_seconds=self._timeouts.deadline_seconds
        )
        failed: dict[str, int] = {}
        while True:
            result = self._look_up(manifest)
            if result.versions is None and result.digest not in self._versionless:
                failed[result.digest] = failed.get(result.digest, 0) + 1
                _log.warning("%s@%s reported no versions: %s", repository, result.digest, result.obstacle)
                if failed[result.digest] < _TRIES:
                    continue
                self._versionless.add(result.digest)
            pinned = ImageReference(repository).with_digest(result.digest)
            return Build(pinned, frozenset({result.digest}), result.versions)

    def _look_up(self, manifest: JsonObject) -> _LookupResult:
        """Run the version pod once, and delete it in any case."""
        self._remove(manifest)
        try:
            return self._result(manifest, self._created(manifest))
        finally:
            self._remove_quietly(manifest)

    def _created(self, manifest: JsonObject) -> str:
        """Create the version pod and return its UID; a broken or slow admission webhook can block it."""
        with self._outage_only_if_reads_fail(manifest["metadata"]["name"]):
            return self._cluster.create_pod(manifest)

    def _result(self, manifest: JsonObject, uid: str) -> _LookupResult:
        name, image = manifest["metadata"]["name"], manifest["spec"]["containers"][0]["image"]
        started_at, digest = self._clock(), ""
        while True:
            pod = self._cluster.find_pod(name)
            if pod is None or pod["metadata"]["uid"] != uid:
                raise TemporaryError(
                    f"version pod {name!r} was deleted before it reported its image: try again later",
                    cause=Cause.VERSION_POD_FAILED,
                )
            status = container_status(pod)
            digest = digest_of(status.get("imageID", ""), image) or digest
            state: JsonObject = status.get("state", {})
            if digest and "terminated" in state:
                return self._versions(name, digest)
            ended = pod.get("status", {}).get("phase") in {"Failed", "Succeeded"} or "terminated" in state
            late = self._clock() - started_at >= self._timeouts.deadline_seconds
            if digest and (ended or late):
                return _LookupResult(digest, None, "it did not exit in time")
            check_startable(name, image, state)
            if ended or late:
                raise TemporaryError(unfinished(name, image, pod), cause=Cause.VERSION_POD_FAILED)
            if self._pause(self._timeouts.poll_seconds):
                raise OutageError(f"the lookup of {image} was cancelled: the monitor is stopping")

    def _versions(self, name: str, digest: str) -> _LookupResult:
        """Read the versions from the log; unknown if the API server cannot reach the pod's kubelet."""
        try:
            with self._outage_only_if_reads_fail(name):
                text = self._cluster.read_log(name, CONTAINER, limit_bytes=_LOG_LIMIT_BYTES)
            return _LookupResult(digest, parse_versions(text))
        except OutageError:
            raise
        except (MonitorError, ValueError, TypeError) as error:  # the build can be tested without its versions
            return _LookupResult(digest, None, str(error))

    @contextmanager
    def _outage_only_if_reads_fail(self, name: str) -> Iterator[None]:
        """Raise `OutageError` only if reads fail too; a call that fails alone may fail permanently.

        Raises:
            TemporaryError: the call failed, but the API server answers reads.
            OutageError: the API server does not answer reads either.
        """
        try:
            yield
        except UnavailableError as error:
            if not self._answers_a_read(name):
                raise
            raise TemporaryError(str(error), cause=error.cause) from error

    def _answers_a_read(self, name: str) -> bool:
        try:
            self._cluster.find_pod(name)
        except UnavailableError:
            return False
        return True

    def _remove(self, manifest: JsonObject) -> None:
        """Delete an earlier version pod, and wait until it is gone."""
        name = manifest["metadata"]["name"]
        started_at = self._clock()
        while (pod := self._cluster.find_pod(name)) is not None:
            labels = pod["metadata"].get("labels", {})
            if not MANAGED_BY.items() <= labels.items():
                raise ConfigurationError(
                    f"pod {name!r} in namespace {self._cluster.namespace!r} was not created by "
                    "bootstrap-monitor, which needs that name: delete or rename it"
                )
            if "deletionTimestamp" not in pod["metadata"]:
                with self._outage_only_if_reads_fail(name):
                    self._cluster.delete_pod(name, pod["metadata"]["uid"])
            late = self._clock() - started_at >= self._timeouts.removal_seconds
            if late or self._pause(self._timeouts.poll_seconds):
                raise TemporaryError(
                    f"pod {name!r} was not deleted in time: check why it is stuck",
                    cause=Cause.VERSION_POD_FAILED,
                )

    def _remove_quietly(self, manifest: JsonObject) -> None:
        """Delete the version pod without waiting, even if its creation was not confirmed.

        A failure is only logged, because an error would hide the result. The next lookup deletes the pod too,
        and the deadline stops it.
        """
        name = manifest["metadata"]["name"]
        try:
            pod = self._cluster.find_pod(name)
            if pod is not None and MANAGED_BY.items() <= pod["metadata"].get("labels", {}).items():
                self._cluster.delete_pod(name, pod["metadata"]["uid"])
        except MonitorError as error:
            _log.warning("version pod %r was not deleted yet: %s", name, error)
