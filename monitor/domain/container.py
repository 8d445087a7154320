"""Container specifications of a pod or of the local platform, and the expansion of their variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)")
"""Pattern of `$(NAME)` in a container's arguments and variables, and of `$$`, which stands for `$`."""


@dataclass(frozen=True, slots=True)
class EnvironmentVariable:
    """Entry of a container's `env`.

    `value` is `None` if the value comes from `source`, such as `secretKeyRef`.
    """

    name: str
    value: str | None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Mount:
    """Mount of a volume, or of its `sub_path`, at a path in a container."""

    path: str
    volume: str
    sub_path: str = ""


@dataclass(frozen=True, slots=True)
class Container:
    """Container as its pod specifies it.

    `environment_sources` names the sources of `envFrom`, such as `configMap/x` or `secret/y`. The monitor
    does not read their content.
    """

    name: str
    image: str
    command: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    environment: tuple[EnvironmentVariable, ...] = ()
    environment_sources: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()


def expanded(text: str, values: Mapping[str, str]) -> str:
    """Expand `$(NAME)` as the kubelet does; leave unknown names unchanged."""

    def replacement(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return values.get(match[1], match[0])

    return REFERENCE.sub(replacement, text)
