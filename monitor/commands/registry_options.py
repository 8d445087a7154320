"""How the registry is asked, by the settings of a tester in a pod."""

from __future__ import annotations

from monitor.registry import RegistryOptions
from monitor.settings import PodSettings


def registry_options(settings: PodSettings) -> RegistryOptions:
    """What its flags say.

    Raises:
        ConfigurationError: a file that they name cannot be used.
    """
    options = RegistryOptions(
        settings.registry_config,
        settings.registry_ca,
        settings.registry_plain_http,
        settings.registry_auth_host,
    )
    options.check()
    return options
