"""A pod of a StatefulSet as plain values, so that other modules do not parse JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor.domain.container import Container


@dataclass(frozen=True, slots=True)
class VolumeSource:
    """The source of a pod's volume: its `kind` as in the manifest, and the name of its claim, if any."""

    kind: str
    claim: str = ""


@dataclass(frozen=True, slots=True)
class Termination:
    """The end of a container's process; `message` is the termination message, which may be a log tail."""

    exit_code: int
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class ContainerState:
    """The kubelet's status of a container; `image_id` is the image that the container runtime reports.

    `reason` is the kubelet's reason why the container does not run, and `message` explains it in a sentence.
    Both are empty while the container runs.
    """

    running: bool
    reason: str = ""
    restarts: int = 0
    image_id: str = ""
    last_termination: Termination | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of a StatefulSet.

    `containers` holds all containers, with init containers and native sidecars first. `states` holds the
    containers that the kubelet has reported. `stateful_set` and `stateful_set_uid` are the owner's name and
    UID. `address` is empty until the pod has an IP address.
    """

    name: str
    uid: str
    stateful_set: str
    revision: str
    annotations: Mapping[str, str] = field(default_factory=dict)
    containers: tuple[Container, ...] = ()
    states: Mapping[str, ContainerState] = field(default_factory=dict)
    stateful_set_uid: str = ""
    terminating: bool = False
    volumes: Mapping[str, VolumeSource] = field(default_factory=dict)
    address: str = ""

    def container(self, name: str) -> Container | None:
        """Return the container of that name; `None` if the pod has none."""
        return next((container for container in self.containers if container.name == name), None)
