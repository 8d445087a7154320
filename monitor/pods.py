"""What is read of a pod: plain values, so that nothing but `cluster` knows the Kubernetes client."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)")
"""`$(NAME)` in a container's words and variables, and the doubled sign that stands for itself."""


@dataclass(frozen=True, slots=True)
class EnvironmentVariable:
    """One entry of a container's `env`; `value` is `None` where it comes from `source` (`secretKeyRef` …)."""

    name: str
    value: str | None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Mount:
    """Where a container sees (a part of) a volume."""

    path: str
    volume: str
    sub_path: str = ""


@dataclass(frozen=True, slots=True)
class VolumeSource:
    """What a pod's volume is made of: its `kind` as the pod writes it, and the claim's name where it is one."""

    kind: str
    claim: str = ""


@dataclass(frozen=True, slots=True)
class Container:
    """A container as its pod specifies it.

    `environment_sources` names what `envFrom` would bring in, unseen: `configMap/x`, `secret/y`.
    """

    name: str
    image: str
    command: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    environment: tuple[EnvironmentVariable, ...] = ()
    environment_sources: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()


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


def expanded(text: str, values: Mapping[str, str]) -> str:
    """Expand `$(NAME)` as the kubelet does; what it does not know stays as it is."""

    def replacement(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return values.get(match[1], match[0])

    return REFERENCE.sub(replacement, text)
