"""Checks that the registry has the image that the user names, with the settings of the tester's sidecar."""

from __future__ import annotations

import os
from contextlib import closing

from monitor.commands.registry_options import registry_options
from monitor.domain.image_reference import ImageReference
from monitor.errors import ConfigurationError, MonitorError, NotPermittedError
from monitor.flags import parse
from monitor.k8s.cluster import Cluster
from monitor.k8s.container_settings import effective_settings
from monitor.registry import AbsentError, Registry, RegistryOptions
from monitor.settings import CheckSettings, PodSettings


def refuse_absent(image: ImageReference) -> None:
    """Raise unless the registry has a pinned image for this machine's platform.

    A tester that finds builds with version pods only (`--image-source pod`) queries no registry.

    Raises:
        ConfigurationError: the registry does not have the image, a setting is invalid, or reading the pod is
            forbidden.
        MonitorError: the registry cannot be queried.
    """
    try:
        settings = _sidecar_settings()
        if settings and settings.image_source == "pod":
            return
        tag = settings.rolling_tag if settings else "latest"
        options = registry_options(settings) if settings else RegistryOptions()
        with closing(Registry(image.repository, tag, options)) as registry:
            registry.check(image.digest or "")
    except (AbsentError, ConfigurationError, NotPermittedError) as error:
        raise ConfigurationError(f"{error}; no run was requested") from error
    except MonitorError as error:
        raise MonitorError(
            f"no run was requested: whether the registry has {image} is unknown ({error}); try again later, or use "
            "--unchecked if nodes can pull it"
        ) from error


def _sidecar_settings() -> PodSettings | None:
    """Return the settings of the pod's own commands; `None` outside a pod."""
    try:
        asked = parse(CheckSettings, "check", (), os.environ)
    except ConfigurationError:
        return None
    with closing(Cluster.connect(asked.namespace)) as cluster:
        return effective_settings(cluster.read_pod(asked.pod_name), asked).settings
