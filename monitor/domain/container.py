"""A container as its pod or the local platform specifies it, and how its words are expanded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

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


def expanded(text: str, values: Mapping[str, str]) -> str:
    """Expand `$(NAME)` as the kubelet does; what it does not know stays as it is."""

    def replacement(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return values.get(match[1], match[0])

    return REFERENCE.sub(replacement, text)
