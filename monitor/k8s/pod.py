"""A pod of a StatefulSet as plain values, so that no other module parses it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor.domain.container import Container


@dataclass(frozen=True, slots=True)
class VolumeSource:
    """What a pod's volume is made of: its `kind` as the pod writes it, and the claim's name where it is one."""

    kind: str
    claim: str = ""


@dataclass(frozen=True, slots=True)
class Termination:
    """How a container ended; `message` is its termination message, which may be the end of its log."""

    exit_code: int
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class ContainerState:
    """A container as the kubelet sees it; `image_id` is what its runtime says it runs.

    `reason` says why it does not run, in the kubelet's word, and `message` in a sentence; empty while it runs.
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

    `containers` are all, init containers and native sidecars first.  `states` are of those that the kubelet
    has spoken of.  `stateful_set` is the owner's name, `stateful_set_uid` its UID.  `address` is empty until
    the pod has one.
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
        """The container of that name."""
        return next((each for each in self.containers if each.name == name), None)
