"""Lookup of the node's and the monitor's containers in a pod."""

from __future__ import annotations

import posixpath

from monitor.domain.container import Container
from monitor.errors import ConfigurationError
from monitor.k8s.cluster import listing
from monitor.k8s.pod import Pod


def node_container(pod: Pod, name: str) -> Container:
    """Return the node's container.

    Raises:
        ConfigurationError: the pod has no container of that name.
    """
    node = pod.container(name)
    if node is None:
        names = listing(tuple(container.name for container in pod.containers))
        raise ConfigurationError(
            f"pod {pod.name!r} has no container {name!r} (it has {names}): check --node-container-name"
        )
    return node


def monitor_container(pod: Pod, node_container_name: str, data_dir: str) -> Container:
    """Return the first container other than the node's that mounts a volume at `data_dir`.

    Raises:
        ConfigurationError: no such container exists.
    """
    data_dir = posixpath.normpath(data_dir)
    for container in pod.containers:
        if container.name != node_container_name and _mounts(container, data_dir):
            return container
    raise ConfigurationError(
        f"no container of pod {pod.name!r} except the node's mounts a volume at --data-dir {data_dir}: "
        "mount the node's volume there, or correct --data-dir"
    )


def _mounts(container: Container, path: str) -> bool:
    roots = (posixpath.normpath(mount.path) for mount in container.mounts)
    return any(path == root or path.startswith(root.rstrip("/") + "/") for root in roots)
