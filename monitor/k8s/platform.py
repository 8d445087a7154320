"""The platform for a node that shares a StatefulSet's pod with the monitor.

A build is pinned in the StatefulSet's template. A StatefulSet does not replace a pod that is stuck in an init
container or never becomes ready, even after its template is fixed. So after a pin the monitor deletes its own
pod, by UID, once two conditions hold:

- The StatefulSet controller has observed the change; until then, the pod would return on the old revision.
- The pod's revision is not the updated one; otherwise deleting the pod would change nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from monitor.avalanchego.conventions import VERSIONS_ANNOTATION
from monitor.avalanchego.node_config import check_node_data, configuration_of
from monitor.avalanchego.node_output import last_words, rejects_configuration
from monitor.decide.events import Announcement
from monitor.domain.build import Build, Versions
from monitor.domain.container import Container
from monitor.domain.image_reference import ImageReference
from monitor.domain.workload import NodeExit, NodeProcess, SyncMode, Workload
from monitor.errors import Cause, ConfigurationError, TemporaryError
from monitor.k8s.api import Pause, forever
from monitor.k8s.cluster import FIELD_MANAGER, Cluster
from monitor.k8s.containers import monitor_container, node_container
from monitor.k8s.objects import StatefulSet, annotated_versions, pod_of
from monitor.k8s.pod import ContainerState, Pod, Termination

OUT_OF_MEMORY = "OOMKilled"  # the kubelet's reason
# The kubelet's reason for a container in its restart backoff, and the reasons that it may report before.
_CRASH_LOOPING = frozenset({"CrashLoopBackOff", "Completed", "Error", OUT_OF_MEMORY})
# Reasons of the kubelet and of container runtimes for a container whose program could not be started.
_START_FAILURES = frozenset({"StartError", "ContainerCannotRun", "RunContainerError", "CreateContainerError"})
LOG_LINES = 500

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OwnPod:
    """The names of the node's pod and container, and the parts of its configuration that flags set.

    An empty `uid` stands for the UID of the pod that has the name at the first read.
    """

    pod_name: str
    node_container_name: str
    data_dir: str
    network: str | None = None
    sync_mode: SyncMode | None = None
    uid: str = ""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The timeouts and intervals of a recreation."""

    observed_seconds: float = 30.0
    """The timeout until the StatefulSet controller has observed a change, in seconds."""
    poll_seconds: float = 1.0
    """The interval between two polls of the StatefulSet, in seconds."""
    again_seconds: float = 300.0
    """The interval after which the monitor's pod is deleted again if it still exists, in seconds."""
    end_seconds: float = 900.0
    """The time for which `init` waits to be stopped, in seconds."""


class KubernetesPlatform:
    """The implementation of `Platform` for the pod that the monitor runs in."""

    def __init__(
        self,
        cluster: Cluster,
        settings: OwnPod,
        *,
        timeouts: Timeouts | None = None,
        clock: Callable[[], float] = time.monotonic,
        pause: Pause = forever,
    ) -> None:
        """Store the arguments; nothing is read from the cluster yet."""
        self._cluster = cluster
        self._settings = settings
        self._timeouts = timeouts or Timeouts()
        self._clock = clock
        self._pause = pause
        self._uid: str | None = None
        self._created: Pod | None = None
        self._stateful_set_name = self._stateful_set_uid = ""
        self._deleted_at: float | None = None
        self._unchanged = False

    @property
    def uid(self) -> str | None:
        """The UID of the monitor's pod; `None` until the pod has been read."""
        return self._uid

    def workload(self) -> Workload:
        """Return the workload that the monitor's pod is set to run."""
        pod = self._own_pod()
        if pod is None:
            raise self._gone()
        node = self._node(pod)
        build = _build(pod, ImageReference.parse(node.image), node.image)
        configuration = configuration_of(node, self._settings.network, self._settings.sync_mode)
        monitor = monitor_container(pod, node.name, self._settings.data_dir)
        check_node_data(node, monitor, self._settings.data_dir)
        return Workload(
            uid=pod.uid,
            image=node.image,
            build=build,
            network=configuration.network,
            sync_mode=configuration.sync_mode,
            settings_digest=configuration.settings_digest,
            process=_process(pod.states.get(node.name)),
            revision=pod.revision,
            alone=configuration.alone,
        )

    def repository(self) -> str:
        """Return the repository of the node's image."""
        return ImageReference.parse(self._node(self._as_created()).image).repository

    def pinned(self, digests: frozenset[str]) -> Build | None:
        """Return the build that the pod is pinned to, if it has one of `digests` and known versions."""
        pod = self._as_created()
        image = self._node(pod).image
        build = _build(pod, ImageReference.parse(image), image)
        if build is None or build.versions is None or build.digests.isdisjoint(digests):
            return None
        return build

    def pin(self, build: Build) -> None:
        """Set the StatefulSet's template to the build, unless it is already set."""
        name = self._stateful_set().name
        if self._cluster.pin(name, self._settings.node_container_name, build):
            _log.info("pinned StatefulSet %r to %s", name, build.image)

    def recreate(self, *, unchanged: bool) -> None:
        """Delete the monitor's pod if its revision is not the updated one, or if `unchanged` is true.

        Raises:
            ConfigurationError: the StatefulSet would recreate the old revision.
            TemporaryError: the StatefulSet controller has not observed the change.
        """
        self._unchanged = unchanged
        updated = self._observed()
        pod = self._own_pod()
        if pod is None or pod.terminating or self._asked_lately():
            return
        if unchanged or pod.revision != updated.update_revision:
            _log.info("deleting pod %r, so that it is recreated", pod.name)
            self._cluster.delete_pod(pod.name, pod.uid)
            self._deleted_at = self._clock()

    def await_end(self, stopping: threading.Event) -> None:
        """Wait until this process has to stop; at intervals, try again to recreate the pod.

        Return when `stopping` is set, or after `Timeouts.end_seconds`.
        """
        start = self._clock()
        while not stopping.wait(self._timeouts.again_seconds):
            if self._clock() - start >= self._timeouts.end_seconds:
                return
            try:
                self.recreate(unchanged=self._unchanged)
            except TemporaryError as error:
                _log.warning("the pod could not be deleted again: %s", error)

    def reverter(self) -> str:
        """Return the last client other than this monitor that set the node's image in the StatefulSet."""
        managers = self._stateful_set().image_managers.get(self._settings.node_container_name, ())
        others = [manager for manager in managers if manager.name != FIELD_MANAGER]
        return max(others, key=lambda manager: manager.time).name if others else ""

    def announce(self, announcement: Announcement, made_at: float) -> None:
        """Create an Event about the StatefulSet."""
        if self._uid is None and self._own_pod() is None:
            raise self._gone()
        self._cluster.create_event(
            self._stateful_set_name,
            self._stateful_set_uid,
            self._settings.pod_name,
            announcement,
            made_at,
        )

    def log_tail(self) -> str:
        """Return the log tail of the node's previous process, or of the current one if it is the first."""
        for previous in (True, False):
            text = self._cluster.read_log_end(
                self._settings.pod_name, self._settings.node_container_name, LOG_LINES, previous=previous
            )
            if text:
                return text
        return ""

    def _own_pod(self) -> Pod | None:
        """Return the monitor's pod; `None` once it is gone, even if another pod has its name now."""
        if self._uid is None:
            pod = self._cluster.read_pod(self._settings.pod_name)
            if self._settings.uid not in {"", pod.uid}:
                return None
            self._uid = pod.uid
            self._stateful_set_name, self._stateful_set_uid = pod.stateful_set, pod.stateful_set_uid
            return pod
        manifest = self._cluster.find_pod(self._settings.pod_name)
        return pod_of(manifest) if manifest and manifest["metadata"]["uid"] == self._uid else None

    def _as_created(self) -> Pod:
        """Return the monitor's pod as it was first read; its image and annotations do not change."""
        if self._created is None:
            self._created = self._own_pod()
        if self._created is None:
            raise self._gone()
        return self._created

    def _gone(self) -> TemporaryError:
        return TemporaryError(
            f"pod {self._settings.pod_name!r} was deleted or replaced: this monitor is being stopped"
        )

    def _node(self, pod: Pod) -> Container:
        return node_container(pod, self._settings.node_container_name)

    def _stateful_set(self) -> StatefulSet:
        if self._uid is None and self._own_pod() is None:
            raise self._gone()
        stateful_set = self._cluster.read_stateful_set(self._stateful_set_name)
        if stateful_set.partition_fault:
            raise ConfigurationError(
                f"StatefulSet {stateful_set.name!r} {stateful_set.partition_fault}",
                cause=Cause.STATEFULSET_PARTITIONED,
            )
        return stateful_set

    def _observed(self) -> StatefulSet:
        """Return the StatefulSet once its controller has observed its last change.

        Raises:
            TemporaryError: the controller does not observe the change in time, or the monitor is stopping.
        """
        start = self._clock()
        while True:
            stateful_set = self._stateful_set()
            if stateful_set.observed_generation >= stateful_set.generation:
                return stateful_set
            late = self._clock() - start >= self._timeouts.observed_seconds
            if late or self._pause(self._timeouts.poll_seconds):
                raise TemporaryError(
                    f"StatefulSet {stateful_set.name!r} is at generation {stateful_set.generation}, but its controller "
                    f"has observed {stateful_set.observed_generation}: check that the controller manager runs",
                    cause=Cause.STATEFULSET_NOT_OBSERVED,
                )

    def _asked_lately(self) -> bool:
        return (
            self._deleted_at is not None and self._clock() - self._deleted_at < self._timeouts.again_seconds
        )


def _process(state: ContainerState | None) -> NodeProcess | None:
    """Return the state of the node's process; `None` if the kubelet has not reported the container yet."""
    if state is None:
        return None
    ended, waiting, message = state.last_termination, state.reason, state.message
    failed_before = ended is not None and ended.reason in _START_FAILURES
    if ended is not None and failed_before and waiting in _CRASH_LOOPING:
        # The kubelet backs off between failed starts of a container, as it does between crashes.
        waiting, message = ended.reason, ended.message
    crash_looping = not state.running and waiting in _CRASH_LOOPING
    last_exit = _exit(ended, started=not failed_before) if ended else None
    return NodeProcess(
        running=state.running,
        waiting=waiting,
        restarts=state.restarts,
        last_exit=last_exit,
        message="" if crash_looping else message,
        crash_looping=crash_looping,
        failed_to_start=failed_before
        or waiting in _START_FAILURES
        or (last_exit is not None and last_exit.misconfigured),
    )


def _exit(ended: Termination, *, started: bool) -> NodeExit:
    words = last_words(ended.message)
    misconfigured = started and rejects_configuration(words)
    return NodeExit(ended.exit_code, ended.reason == OUT_OF_MEMORY, words, misconfigured)


def _build(pod: Pod, reference: ImageReference, image: str) -> Build | None:
    if reference.digest is None:
        return None
    return Build(image, frozenset({reference.digest}), _versions(pod, image))


def _versions(pod: Pod, image: str) -> Versions | None:
    try:
        return annotated_versions(pod.annotations.get(VERSIONS_ANNOTATION, ""), image)
    except (ValueError, TypeError) as error:
        _log.warning(
            "annotation %s of pod %r is not output of --version-json (%s): the build's versions are unknown",
            VERSIONS_ANNOTATION,
            pod.name,
            error,
        )
        return None
