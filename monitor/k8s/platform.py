"""The node of a StatefulSet's pod, which this monitor shares: pinned through the template, recreated by hand.

A StatefulSet does not replace a pod that is stuck in an init container or never gets ready, even when its
template is mended.  So after a pin the monitor deletes its own pod, by UID: once the StatefulSet's controller
has observed the change (before, the pod would come back on the old revision), and only if the pod's revision
is not the updated one (else there is nothing to gain).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from monitor.avalanchego.node_config import check_node_data, configuration_of
from monitor.decide.events import Announcement
from monitor.domain.build import Build, Versions
from monitor.domain.container import Container
from monitor.domain.image_reference import ImageReference
from monitor.domain.workload import CRASH_LOOPING, START_FAILURES, NodeExit, NodeProcess, SyncMode, Workload
from monitor.errors import Cause, ConfigurationError, TemporaryError
from monitor.k8s.api import Pause, forever
from monitor.k8s.cluster import FIELD_MANAGER, Cluster
from monitor.k8s.containers import monitor_container, node_container
from monitor.k8s.objects import VERSIONS_ANNOTATION, StatefulSet, annotated_versions, pod_of
from monitor.k8s.pod import ContainerState, Pod

OUT_OF_MEMORY = "OOMKilled"  # the kubelet's word
LOG_LINES = 500

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OwnPod:
    """What names the node: its pod and container, and what of its configuration is settled by flags.

    Without `uid` it is that of the pod that has the name when it is first read.
    """

    pod_name: str
    node_container_name: str
    data_dir: str
    network: str | None = None
    sync_mode: SyncMode | None = None
    uid: str = ""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the parts of a recreation may take."""

    observed_seconds: float = 30.0
    """Until the StatefulSet's controller has seen a change."""
    poll_seconds: float = 1.0
    """Between two looks at it."""
    again_seconds: float = 300.0
    """Until the own pod, asked to end, is asked again."""
    end_seconds: float = 900.0
    """Until an `init` that waits for its end gives up."""


class KubernetesPlatform:
    """Implements `Platform` for the pod that this monitor runs in."""

    def __init__(
        self,
        cluster: Cluster,
        settings: OwnPod,
        *,
        patience: Patience | None = None,
        clock: Callable[[], float] = time.monotonic,
        pause: Pause = forever,
    ) -> None:
        """Take what it works with; nothing is read yet."""
        self._cluster = cluster
        self._settings = settings
        self._patience = patience or Patience()
        self._clock = clock
        self._pause = pause
        self._uid: str | None = None
        self._created: Pod | None = None
        self._stateful_set_name = self._stateful_set_uid = ""
        self._deleted_at: float | None = None
        self._unchanged = False

    @property
    def uid(self) -> str | None:
        """The own pod's UID; `None` until the pod was read."""
        return self._uid

    def workload(self) -> Workload:
        """What is set to run now, by the own pod."""
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
        )

    def repository(self) -> str:
        """Return the repository of the node's image."""
        return ImageReference.parse(self._node(self._as_created()).image).repository

    def pinned(self, digests: frozenset[str]) -> Build | None:
        """Return the build that the own pod is pinned to, if it has one of these digests and its versions are known."""
        pod = self._as_created()
        image = self._node(pod).image
        build = _build(pod, ImageReference.parse(image), image)
        if build is None or build.versions is None or build.digests.isdisjoint(digests):
            return None
        return build

    def pin(self, build: Build) -> None:
        """Set the StatefulSet's template to the build; nothing is written where it is so already."""
        name = self._stateful_set().name
        if self._cluster.pin(name, self._settings.node_container_name, build):
            _log.info("pinned StatefulSet %r to %s", name, build.image)

    def recreate(self, *, unchanged: bool) -> None:
        """Delete the own pod where it is not of the updated revision, or `unchanged` asks for it anyway.

        Raises:
            ConfigurationError: the StatefulSet would recreate the old revision.
            TemporaryError: its controller does not see the change.
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
        """Wait for this process to be ended, asking again meanwhile; return at the end or in despair."""
        begun = self._clock()
        while not stopping.wait(self._patience.again_seconds):
            if self._clock() - begun >= self._patience.end_seconds:
                return
            try:
                self.recreate(unchanged=self._unchanged)
            except TemporaryError as error:
                _log.warning("the pod could not be asked to end again: %s", error)

    def reverter(self) -> str:
        """Who last set the node's image in the StatefulSet, other than this monitor."""
        managers = self._stateful_set().image_managers.get(self._settings.node_container_name, ())
        others = [each for each in managers if each.name != FIELD_MANAGER]
        return max(others, key=lambda each: each.time).name if others else ""

    def announce(self, announcement: Announcement, made_at: float) -> None:
        """Write an Event about the StatefulSet."""
        if self._uid is None and self._own_pod() is None:
            raise self._gone()
        self._cluster.tell(
            self._stateful_set_name,
            self._stateful_set_uid,
            self._settings.pod_name,
            announcement,
            made_at,
        )

    def log_tail(self) -> str:
        """The end of what the node's process printed before it ended last, else of what it prints."""
        for previous in (True, False):
            text = self._cluster.read_log_end(
                self._settings.pod_name, self._settings.node_container_name, LOG_LINES, previous=previous
            )
            if text:
                return text
        return ""

    def _own_pod(self) -> Pod | None:
        """The own pod; `None` once it is gone, even if another one has its name by now."""
        if self._uid is None:
            pod = self._cluster.read_pod(self._settings.pod_name)
            if self._settings.uid not in {"", pod.uid}:
                return None
            self._uid = pod.uid
            self._stateful_set_name, self._stateful_set_uid = pod.stateful_set, pod.stateful_set_uid
            return pod
        found = self._cluster.find_pod(self._settings.pod_name)
        return pod_of(found) if found and found["metadata"]["uid"] == self._uid else None

    def _as_created(self) -> Pod:
        """Return the own pod, read once: its image and annotations stay for as long as it does."""
        if self._created is None:
            self._created = self._own_pod()
        if self._created is None:
            raise self._gone()
        return self._created

    def _gone(self) -> TemporaryError:
        return TemporaryError(
            f"pod {self._settings.pod_name!r} is gone or another one by now: this one is being ended"
        )

    def _node(self, pod: Pod) -> Container:
        return node_container(pod, self._settings.node_container_name)

    def _stateful_set(self) -> StatefulSet:
        if self._uid is None and self._own_pod() is None:
            raise self._gone()
        found = self._cluster.read_stateful_set(self._stateful_set_name)
        if found.partition > 0:
            raise ConfigurationError(
                f"StatefulSet {found.name!r} rolls out only from ordinal {found.partition} on, so its pod "
                "would come back on the old revision: set spec.updateStrategy.rollingUpdate.partition to 0",
                cause=Cause.STATEFULSET_PARTITIONED,
            )
        return found

    def _observed(self) -> StatefulSet:
        """The StatefulSet, once its controller has seen its last change."""
        begun = self._clock()
        while True:
            found = self._stateful_set()
            if found.observed_generation >= found.generation:
                return found
            late = self._clock() - begun >= self._patience.observed_seconds
            if late or self._pause(self._patience.poll_seconds):
                raise TemporaryError(
                    f"StatefulSet {found.name!r} is at generation {found.generation}, but its controller has "
                    f"observed {found.observed_generation}: check that the controller manager runs",
                    cause=Cause.STATEFULSET_NOT_OBSERVED,
                )

    def _asked_lately(self) -> bool:
        return (
            self._deleted_at is not None and self._clock() - self._deleted_at < self._patience.again_seconds
        )


def _process(state: ContainerState | None) -> NodeProcess | None:
    """`None` before the kubelet has spoken of the container."""
    if state is None:
        return None
    ended, waiting, message = state.last_termination, state.reason, state.message
    started = ended is None or ended.reason not in START_FAILURES
    if ended is not None and not started and waiting in CRASH_LOOPING:
        # The kubelet pauses between its tries to start a container as between crashes.
        waiting, message = ended.reason, ended.message
    return NodeProcess(
        running=state.running,
        waiting=waiting,
        restarts=state.restarts,
        last_exit=NodeExit(ended.exit_code, ended.reason == OUT_OF_MEMORY, ended.message, started)
        if ended
        else None,
        message="" if waiting in CRASH_LOOPING else message,
    )


def _build(pod: Pod, reference: ImageReference, image: str) -> Build | None:
    if reference.digest is None:
        return None
    return Build(image, frozenset({reference.digest}), _versions(pod, image))


def _versions(pod: Pod, image: str) -> Versions | None:
    try:
        return annotated_versions(pod.annotations.get(VERSIONS_ANNOTATION, ""), image)
    except (ValueError, TypeError) as error:
        _log.warning(
            "annotation %s of pod %r is no output of --version-json (%s): the build's versions are unknown",
            VERSIONS_ANNOTATION,
            pod.name,
            error,
        )
        return None
