"""The registry options of a tester in a pod."""

from __future__ import annotations

from monitor.registry import RegistryOptions
from monitor.settings import PodSettings


def registry_options(settings: PodSettings) -> RegistryOptions:
    """Return the registry options from the settings.

    Raises:
        ConfigurationError: a file that the settings name cannot be used.
    """
    options = RegistryOptions(
        settings.registry_config,
        settings.registry_ca,
        settings.registry_plain_http,
        settings.registry_auth_host,
    )
    options.check()
    return options
